/** The seed of a run: `REJOIN_SEED`, or another one each time. It is printed where a test fails. */
import { onTestFailed } from 'vitest'

/** To be called inside of a test. */
export function seedOfTest(): number {
  const seed = Number(process.env.REJOIN_SEED ?? Date.now() % 1_000_000)
  onTestFailed(() => console.error(`repeat with REJOIN_SEED=${seed}`))
  return seed
}
