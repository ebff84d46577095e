import { type Environment, randomFraction } from './environment.ts'

/** First pause before trying again. */
const BACKOFF_MS_FIRST = 250
/** Longest pause: who was away is found within half a minute. */
const BACKOFF_MS_MAX = 30_000

/**
 * The pause before the nth try (0, 1, ...): full jitter, so that those who were cut together do not come back together
 * (Brooker, "Exponential Backoff and Jitter"). At least `retryAfterMs`.
 */
export function backoff(environment: Environment, tries: number, retryAfterMs: number): number {
  const most = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_FIRST * 2 ** Math.min(tries, 16))
  return retryAfterMs + Math.floor(randomFraction(environment) * most)
}
