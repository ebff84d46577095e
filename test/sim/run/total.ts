/** What many seeds amount to. */
import type { Attempt } from './attempt.ts'
import type { SimulateOptions, SimulateResult } from './options.ts'

export interface Total {
  add(attempt: Attempt): void
  /** Of seeds that ran side by side, with the time that all of them took; else it is the sum of theirs. */
  end(realMs?: number): SimulateResult
}

export function createTotal({ progress, failed }: Pick<SimulateOptions, 'progress' | 'failed'>): Total {
  const sum = { runs: 0, virtualMs: 0, realMs: 0, cpuMs: 0, edits: 0 }
  const injected: SimulateResult['injected'] = {}
  const failures: SimulateResult['failures'] = []
  return {
    add({ result, failure }) {
      sum.runs++
      sum.virtualMs += result.virtualMs
      sum.realMs += result.realMs
      sum.cpuMs += result.cpuMs
      sum.edits += result.edits
      for (const [kind, times] of Object.entries(result.injected)) injected[kind] = (injected[kind] ?? 0) + times
      if (failure !== undefined) {
        failures.push(failure)
        failed?.(failure)
      }
      progress?.(result)
    },
    end(realMs = sum.realMs) {
      const { virtualMs, cpuMs } = sum
      failures.sort((a, b) => a.seed - b.seed)
      return { ...sum, realMs, speed: rate(virtualMs, realMs), cpuSpeed: rate(virtualMs, cpuMs), injected, failures }
    },
  }
}

const rate = (virtualMs: number, ms: number): number => (ms === 0 ? 0 : virtualMs / ms)
