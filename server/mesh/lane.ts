/** Work for one peer that is done piece by piece while there is any, one at a time, and tried again later where it fails. */
import { backoff } from '../../shared/backoff.ts'
import type { Environment } from '../../shared/environment.ts'
import { TRIES_MAX } from './bounds.ts'
import type { Peer } from './port.ts'

export interface Lane {
  /** There is work: now, or when what is being done is done. Tries again at once where it had failed. */
  run(): void
  /** There is work, and more may come within this time. */
  runAfter(delayMs: number): void
  close(): void
}

export interface LaneOptions {
  environment: Environment
  peer: Peer
  /** Does some of it. */
  work(): Promise<void>
  isIdle(): boolean
  failed(error: unknown): void
}

export function createLane({ environment, peer, work, isIdle, failed }: LaneOptions): Lane {
  let cancelTimer: (() => void) | undefined
  let busy = false
  let tries = 0
  let closed = false

  async function workOn(): Promise<void> {
    busy = true
    try {
      while (!closed && !isIdle() && peer.reachable) {
        await work()
        tries = 0
      }
      busy = false
    } catch (error) {
      busy = false
      failed(error)
      tries++
      if (tries < TRIES_MAX && peer.mayRetry?.() !== false) runAfter(backoff(environment, tries - 1))
    }
  }

  function runAfter(delayMs: number): void {
    if (closed || busy || cancelTimer !== undefined) return
    cancelTimer = environment.setTimer(() => {
      cancelTimer = undefined
      void workOn()
    }, delayMs)
  }

  return {
    run() {
      if (closed || busy) return
      cancelTimer?.()
      cancelTimer = undefined
      tries = 0
      void workOn()
    },
    runAfter,
    close() {
      closed = true
      cancelTimer?.()
      cancelTimer = undefined
    },
  }
}
