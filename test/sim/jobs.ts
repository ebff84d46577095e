/**
 * Seeds side by side, in as many processes as there are jobs. A seed decides everything about its world, so it does not
 * matter which process runs it, nor what else ran there: the results are those of one process.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Attempt } from './run/attempt.ts'
import type { SimulateOptions, SimulateResult } from './run/options.ts'
import { createTotal } from './run/total.ts'

export interface JobsOptions extends Pick<SimulateOptions, 'progress' | 'failed'> {
  /** Processes at once. */
  jobs: number
  seeds: readonly number[]
  /** Module that says what world a seed has; functions do not pass from one process to another. */
  world: string
  /** What that module is told, besides the seed. */
  argv?: readonly string[]
}

/** What such a module exports. It must depend on nothing but what it is given. */
export interface WorldModule {
  worldOf(
    seed: number,
    argv: readonly string[],
  ): Omit<SimulateOptions, 'seeds'> | Promise<Omit<SimulateOptions, 'seeds'>>
}

/** Memory for what lives in one process, in MiB. A world takes some tens; what takes so much never gives anything back. */
const HEAP_MIB_MAX = 1024

/** Runs all seeds, the next one wherever a process is free. Also a process that dies is told as the failure of its seed. */
export async function simulateInJobs(options: JobsOptions): Promise<SimulateResult> {
  const startedAt = performance.now()
  const total = createTotal(options)
  const waiting = [...options.seeds]
  const children = new Set<ChildProcess>()

  async function work(): Promise<void> {
    let child: ChildProcess | undefined
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
      if (child === undefined || isOver(child)) {
        child = start(options)
        children.add(child)
      }
      total.add(await ask(child, seed))
    }
  }

  try {
    await Promise.all(Array.from({ length: Math.min(options.jobs, waiting.length) }, work))
  } finally {
    for (const child of children) if (child.connected) child.disconnect()
  }
  return total.end(options.jobs > 1 ? performance.now() - startedAt : undefined)
}

/** Beside this file, in sources as in what is built from them. */
const JOB = new URL(import.meta.url.endsWith('.ts') ? './job.ts' : './job.js', import.meta.url)

/**
 * What V8 is told of its memory. What lives for a moment is collected less often where there is more room for it; and processes share
 * the cores, so a collection has none to run on beside its own.
 */
const V8_FLAGS = [
  `--max-old-space-size=${HEAP_MIB_MAX}`,
  '--initial-old-space-size=256',
  '--min-semi-space-size=32',
  '--max-semi-space-size=32',
  '--single-threaded-gc',
]

const start = ({ world, argv = [] }: JobsOptions): ChildProcess => fork(JOB, [world, ...argv], { execArgv: V8_FLAGS })

const isOver = ({ connected, exitCode, signalCode }: ChildProcess): boolean =>
  !connected || exitCode !== null || signalCode !== null

async function ask(child: ChildProcess, seed: number): Promise<Attempt> {
  const settled = new AbortController()
  const { signal } = settled
  try {
    const answer = once(child, 'message', { signal }).then(([attempt]): Attempt => attempt)
    const end = once(child, 'exit', { signal }).then(([code, by]) => ended(seed, by ?? `code ${code}`))
    // Where it cannot be sent any more the process has ended, which is heard of all the same.
    child.send(seed, () => {})
    return await Promise.race([answer, end])
  } finally {
    settled.abort()
  }
}

/** All that is known of a seed whose process did not live to tell. */
function ended(seed: number, how: string): Attempt {
  const failure = `its process ended with ${how}`
  const nothing = { hash: '', injected: {}, virtualMs: 0, realMs: 0, cpuMs: 0, edits: 0, frames: 0 }
  return { result: { ...nothing, seed, failure, steps: [] }, failure: { seed, failure, steps: [], shrunk: [] } }
}
