import { type Environment, randomFraction } from './environment.ts'

/** First pause before trying again. */
const BACKOFF_MS_FIRST = 250
/** Longest pause: who was away is found within half a minute. */
const BACKOFF_MS_MAX = 30_000

/**
 * The pause before the nth try (0, 1, ...): full jitter, so that those who were cut together do not come back together
 * (Brooker, "Exponential Backoff and Jitter"). At least `retryAfterMs`; where a relay has many clients it begins with `spreadMs`.
 */
export function backoff(environment: Environment, tries: number, retryAfterMs = 0, spreadMs = 0): number {
  const first = Math.max(BACKOFF_MS_FIRST, spreadMs)
  const most = Math.max(spreadMs, Math.min(BACKOFF_MS_MAX, first * 2 ** Math.min(tries, 16)))
  return retryAfterMs + Math.floor(randomFraction(environment) * most)
}
