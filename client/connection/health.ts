/**
 * Which of several relays to dial, and when: a circuit breaker for each. A relay that fails is left alone for a while that grows,
 * with full jitter (open); then it is tried again (half-open), and after a connection that lasted it is as good as any (closed).
 * Among those that may be tried it is the turn of the one that was tried longest ago.
 */

import { backoff } from '../../shared/backoff.ts'
import type { Environment } from '../../shared/environment.ts'

export interface Health {
  /** Whose turn it is, and in how many milliseconds. */
  next(): { url: string; delayMs: number }
  /** It is dialled. */
  dialled(url: string): void
  /** A connection with it has lasted. */
  lasted(url: string): void
  /**
   * It does not answer, or a connection ended; it is not to be tried before `retryAfterMs`. `isOwed`: something of it is to be fetched
   * again, which others may not have: it is the next to be tried.
   */
  ended(url: string, retryAfterMs: number, isOwed?: boolean): void
  /** The relay that is connected has many clients: those who are cut together come back within so many milliseconds. */
  spread(withinMs: number): void
  /** Something has changed: all may be tried. */
  forgive(): void
}

interface Relay {
  url: string
  /** Connections in a row that did not last. */
  failures: number
  /** Not to be tried before. */
  openUntil: number
  dialledAt: number
}

/** Raises nothing; `urls` holds one at least. */
export function createHealth(urls: readonly string[], environment: Environment): Health {
  const relays: Relay[] = urls.map((url) => ({ url, failures: 0, openUntil: 0, dialledAt: 0 }))
  let dials = 0
  /** No relay is to be dialled before. */
  let notBefore = 0
  let spreadMs = 0

  const relayAt = (url: string): Relay | undefined => relays.find((each) => each.url === url)

  /** A clock that was put back does not make a relay wait for as long. */
  function waitOf({ openUntil }: Relay, now: number): number {
    const waitMs = Math.max(0, openUntil - now, notBefore - now)
    return waitMs > WAIT_MS_MAX ? 0 : waitMs
  }

  return {
    next() {
      const now = environment.now()
      let best: Relay | undefined
      for (const relay of relays) {
        const sooner = best === undefined ? -1 : waitOf(relay, now) - waitOf(best, now)
        if (best === undefined || sooner < 0 || (sooner === 0 && relay.dialledAt < best.dialledAt)) best = relay
      }
      return { url: best?.url ?? '', delayMs: best === undefined ? 0 : waitOf(best, now) }
    },
    dialled(url) {
      const relay = relayAt(url)
      if (relay !== undefined) relay.dialledAt = ++dials
    },
    lasted(url) {
      const relay = relayAt(url)
      if (relay !== undefined) relay.failures = 0
    },
    ended(url, retryAfterMs, isOwed = false) {
      const relay = relayAt(url)
      if (relay === undefined) return
      const pauseMs = backoff(environment, relay.failures++, retryAfterMs, spreadMs)
      relay.openUntil = environment.now() + pauseMs
      if (isOwed) {
        notBefore = relay.openUntil
        relay.dialledAt = -1
        return
      }
      // Those who were cut together do not come to another relay together.
      notBefore = environment.now() + Math.min(pauseMs, retryAfterMs + Math.max(TURN_MS_MAX, spreadMs))
    },
    spread(withinMs) {
      spreadMs = withinMs
    },
    forgive() {
      notBefore = 0
      for (const relay of relays) {
        relay.failures = 0
        relay.openUntil = 0
      }
    },
  }
}

/** Before another relay is tried. */
const TURN_MS_MAX = 250
/** No relay is left alone for longer, whatever it announced. */
const WAIT_MS_MAX = 120_000
