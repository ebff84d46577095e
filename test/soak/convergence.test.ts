/** `npm run soak`: as many seeds as REJOIN_SEEDS says, from REJOIN_SEED on; 10,000 from 1 by default. */
import { expect, test } from 'vitest'
import { simulate } from '../sim/simulate.ts'

const seeds = Number(process.env.REJOIN_SEEDS ?? 10_000)
const firstSeed = Number(process.env.REJOIN_SEED ?? 1)
/** Seeds between two lines of progress. */
const REPORT_EVERY = 250

test(`[P1][P2][P4][P8][P10] ${seeds} seeds converge`, async () => {
  const failures: string[] = []
  const injected: Record<string, number> = {}
  let virtualMs = 0
  let realMs = 0
  for (let done = 0; done < seeds; done += REPORT_EVERY) {
    const count = Math.min(REPORT_EVERY, seeds - done)
    const relays = 1 + ((done / REPORT_EVERY) % 3)
    const result = await simulate({ seeds: count, firstSeed: firstSeed + done, relays })
    virtualMs += result.virtualMs
    realMs += result.realMs
    for (const [kind, times] of Object.entries(result.injected)) injected[kind] = (injected[kind] ?? 0) + times
    for (const { seed, failure, shrunk } of result.failures) {
      failures.push(`seed ${seed}, ${relays} relays: ${failure}\n${JSON.stringify(shrunk)}`)
      console.error(failures.at(-1))
    }
    console.log(`${done + count} seeds, ${Math.round(virtualMs / realMs)} times real time, ${failures.length} failures`)
  }
  console.table(injected)
  expect(failures).toEqual([])
})
