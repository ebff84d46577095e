/**
 * Runs worlds from seeds: random edits under random faults, then everything is healed, and when it is quiet all replicas
 * must agree. A seed that fails is run again with fewer steps, until no step can be left out.
 */
import { attempt } from './run/attempt.ts'
import type { SimulateOptions, SimulateResult } from './run/options.ts'
import { createTotal } from './run/total.ts'

/** Runs all seeds, one after the other; stops at none. Failures are told, not raised. */
export async function simulate(options: SimulateOptions): Promise<SimulateResult> {
  const total = createTotal(options)
  for (const seed of listSeeds(options)) total.add(await attempt(seed, options))
  return total.end()
}

/** The seeds that are asked for, in their order. */
export function listSeeds({ seeds, firstSeed = 1 }: Pick<SimulateOptions, 'seeds' | 'firstSeed'>): readonly number[] {
  return typeof seeds === 'number' ? Array.from({ length: seeds }, (_, i) => firstSeed + i) : seeds
}
