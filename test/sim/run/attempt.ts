/** One seed, and where it fails, fewer steps that fail as well. */
import type { Failure, SeedResult, SimulateOptions } from './options.ts'
import { runSeed } from './seed.ts'
import { shrink } from './shrink.ts'

export interface Attempt {
  result: SeedResult
  failure?: Failure
}

export async function attempt(seed: number, options: Omit<SimulateOptions, 'seeds'>): Promise<Attempt> {
  const result = await runSeed(seed, options)
  const { failure, steps } = result
  if (failure === undefined) return { result }
  return { result, failure: { seed, failure, steps, shrunk: await shrink(seed, steps, options) } }
}
