/**
 * Work that nobody waits for, a step at a time with a pause between, so that those who do wait are served first (P9). One job
 * of a relay runs at a time: what it costs does not grow with the number of workspaces.
 */
import type { Environment } from '../../shared/environment.ts'
import type { Steps } from '../../shared/update/steps.ts'

export interface Background {
  /** Begins the job when those before it are done; what it raises is reported. The returned function takes it back. */
  run(job: () => Steps<void>): () => void
  readonly busy: boolean
  close(): void
}

/** Steps take some milliseconds: half of the time is others'. */
const PAUSE_MS = 5

export function createBackground(environment: Environment, report: (error: unknown) => void): Background {
  const jobs = new Set<() => Steps<void>>()
  let current: { job: () => Steps<void>; steps: Steps<void> } | undefined
  let cancelTimer: (() => void) | undefined

  function plan(): void {
    if (cancelTimer === undefined && (current !== undefined || jobs.size > 0)) {
      cancelTimer = environment.setTimer(step, PAUSE_MS)
    }
  }

  function step(): void {
    cancelTimer = undefined
    const [next] = jobs
    if (current === undefined && next !== undefined) current = { job: next, steps: next() }
    if (current !== undefined && isDone(current.steps)) end(current.job)
    plan()
  }

  function isDone(steps: Steps<void>): boolean {
    try {
      return steps.next().done === true
    } catch (error) {
      report(error)
      return true
    }
  }

  function end(job: () => Steps<void>): void {
    jobs.delete(job)
    if (current?.job === job) current = undefined
  }

  return {
    run(job) {
      jobs.add(job)
      plan()
      return () => end(job)
    },
    get busy() {
      return current !== undefined || jobs.size > 0
    },
    close() {
      jobs.clear()
      current = undefined
      cancelTimer?.()
      cancelTimer = undefined
    },
  }
}
