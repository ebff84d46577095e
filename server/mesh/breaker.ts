/**
 * A circuit breaker: after some failures in a row a peer is left alone for a while, which grows and is jittered; then one request
 * may try (Nygard, "Release It!"). Beside it a budget: of what fails only a share is tried again, so that a peer that is
 * overloaded is not asked more the worse it answers.
 */
import { backoff } from '../../shared/backoff.ts'
import type { Environment } from '../../shared/environment.ts'
import { FAILURES_MAX } from './bounds.ts'

export interface Breaker {
  /** `closed`: all requests go; `open`: none; `half-open`: one, to find out. */
  readonly state: 'closed' | 'open' | 'half-open'
  /** Whether the peer may be tried, to find out if it is there. */
  mayProbe(): boolean
  /** Whether what failed may be tried again; it is counted. */
  mayRetry(): boolean
  /** It has given a sign of life by itself: it may be tried at once. */
  hurry(): void
  succeeded(): void
  failed(): void
}

/** Tries again for each request that succeeds, and at most so many at once. */
const RETRIES_EARNED = 0.1
const RETRIES_MAX = 10

export function createBreaker(environment: Environment): Breaker {
  let failures = 0
  let openings = 0
  let openedAt = 0
  let openMs = 0
  let probing = false
  let retries = RETRIES_MAX

  function state(): Breaker['state'] {
    if (failures < FAILURES_MAX) return 'closed'
    // A clock that is put back meanwhile leaves nobody alone for as long.
    return Math.abs(environment.now() - openedAt) >= openMs ? 'half-open' : 'open'
  }

  return {
    get state() {
      return state()
    },
    mayProbe() {
      if (state() === 'open' || (failures >= FAILURES_MAX && probing)) return false
      probing = true
      return true
    },
    mayRetry() {
      if (retries < 1) return false
      retries--
      return true
    },
    hurry() {
      openMs = 0
    },
    succeeded() {
      failures = 0
      openings = 0
      probing = false
      retries = Math.min(RETRIES_MAX, retries + RETRIES_EARNED)
    },
    failed() {
      failures++
      probing = false
      if (failures < FAILURES_MAX) return
      openedAt = environment.now()
      openMs = backoff(environment, openings++)
    },
  }
}
