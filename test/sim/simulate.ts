/**
 * Runs worlds from seeds: random edits under random faults, then everything is healed, and when it is quiet all replicas
 * must agree. A seed that fails is run again with fewer steps, until no step can be left out.
 */
import type { SimulateOptions, SimulateResult } from './run/options.ts'
import { runSeed } from './run/seed.ts'
import { shrink } from './run/shrink.ts'

/** Runs all seeds, one after the other; stops at none. Failures are told, not raised. */
export async function simulate(options: SimulateOptions): Promise<SimulateResult> {
  const { seeds, firstSeed = 1 } = options
  const list = typeof seeds === 'number' ? Array.from({ length: seeds }, (_, i) => firstSeed + i) : seeds
  const total: SimulateResult = {
    runs: 0,
    virtualMs: 0,
    realMs: 0,
    cpuMs: 0,
    speed: 0,
    cpuSpeed: 0,
    edits: 0,
    injected: {},
    failures: [],
  }
  for (const seed of list) {
    const result = await runSeed(seed, options)
    total.runs++
    total.virtualMs += result.virtualMs
    total.realMs += result.realMs
    total.cpuMs += result.cpuMs
    total.edits += result.edits
    for (const [kind, count] of Object.entries(result.injected)) {
      total.injected[kind] = (total.injected[kind] ?? 0) + count
    }
    if (result.failure !== undefined) {
      const shrunk = await shrink(seed, result.steps, options)
      const failure = { seed, failure: result.failure, steps: result.steps, shrunk }
      total.failures.push(failure)
      options.failed?.(failure)
    }
    options.progress?.(result)
  }
  total.speed = total.realMs === 0 ? 0 : total.virtualMs / total.realMs
  total.cpuSpeed = total.cpuMs === 0 ? 0 : total.virtualMs / total.cpuMs
  return total
}
