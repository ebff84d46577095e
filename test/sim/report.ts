/** What a simulation tells while it runs and at its end. */
import type { Failure, SeedResult, SimulateResult } from './run/options.ts'

export interface Report {
  ran(result: SeedResult): void
  /** `repeat`: the command that shows the failure again. */
  failed(failure: Failure, repeat: string): void
  end(result: SimulateResult): void
}

export interface ReportOptions {
  /** How many seeds there are. */
  total: number
  say(line: string): void
  /** Real time between two lines of progress; 2,000 by default. */
  everyMs?: number
}

export function createReport({ total, say, everyMs = 2000 }: ReportOptions): Report {
  const startedAt = performance.now()
  let saidAt = startedAt
  let runs = 0
  let failures = 0
  let virtualMs = 0
  let cpuMs = 0
  return {
    ran(result) {
      runs++
      virtualMs += result.virtualMs
      cpuMs += result.cpuMs
      const now = performance.now()
      if (now - saidAt < everyMs || runs === total) return
      saidAt = now
      say(`${runs} of ${total} seeds, ${rate(virtualMs, now - startedAt, cpuMs)}, ${failures} failures`)
    },
    failed(failure, repeat) {
      failures++
      for (const line of describeFailure(failure, repeat)) say(line)
    },
    end(result) {
      for (const line of faultTable(result.injected)) say(line)
      const { edits, realMs } = result
      say(`${runs} seeds, ${minutes(virtualMs)} virtual minutes, ${edits} edits, ${rate(virtualMs, realMs, cpuMs)}`)
      say(`${result.failures.length} failures`)
    },
  }
}

function describeFailure({ seed, failure, steps, shrunk }: Failure, repeat: string): string[] {
  return [
    '',
    `seed ${seed} fails: ${failure}`,
    `${shrunk.length} of its ${steps.length} steps are enough:`,
    ...shrunk.map(({ at, kind, seed: of }) => `  ${(at / 1000).toFixed(3).padStart(8)} s  ${kind}  (${of})`),
    `repeat: ${repeat}`,
    '',
  ]
}

/** Kinds and how often they happened, in columns. */
function faultTable(injected: Readonly<Record<string, number>>): string[] {
  const kinds = Object.entries(injected).sort(([a, times], [b, others]) => others - times || (a < b ? -1 : 1))
  if (kinds.length === 0) return ['no faults']
  const width = Math.max(...kinds.map(([kind]) => kind.length))
  return ['faults injected:', ...kinds.map(([kind, times]) => `  ${kind.padEnd(width)}  ${String(times).padStart(7)}`)]
}

const rate = (virtualMs: number, realMs: number, cpuMs: number): string =>
  `${times(virtualMs, realMs)} times real time (${times(virtualMs, cpuMs)} by CPU time)`

const times = (virtualMs: number, ms: number): number => (ms === 0 ? 0 : Math.round(virtualMs / ms))

const minutes = (ms: number): number => Math.round(ms / 60_000)
