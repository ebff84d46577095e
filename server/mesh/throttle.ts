/** What all peers together may send in a second: a flood is refused before it is read, and clients are served meanwhile (P9). */
import type { Environment } from '../../shared/environment.ts'
import { RejoinError } from '../../shared/errors.ts'

export interface Throttle {
  /** Raises `overloaded`. */
  take(bytes: number): void
}

/** Requests and bytes in a second: several times what a relay can commit. Twice as much may come at once. */
const REQUESTS_PER_SECOND = 2_000
const BYTES_PER_SECOND = 64 * 1024 * 1024

export function createThrottle(environment: Environment): Throttle {
  let requests = 2 * REQUESTS_PER_SECOND
  let bytesLeft = 2 * BYTES_PER_SECOND
  let at = environment.now()
  return {
    take(bytes) {
      const seconds = Math.abs(environment.now() - at) / 1000
      at = environment.now()
      requests = Math.min(2 * REQUESTS_PER_SECOND, requests + seconds * REQUESTS_PER_SECOND)
      bytesLeft = Math.min(2 * BYTES_PER_SECOND, bytesLeft + seconds * BYTES_PER_SECOND)
      if (requests < 1 || bytesLeft < bytes) throw new RejoinError('overloaded', 'relays send more than this one takes')
      requests--
      bytesLeft -= bytes
    },
  }
}
