/** What must stay bounded (P7): frames, what sockets hold unsent, dials, open connections, waiting timers. */
import {
  FRAME_BYTES_MAX,
  FRAME_BYTES_TARGET,
  SEND_BUFFER_BYTES_HIGH,
  UNACKNOWLEDGED_BYTES_MAX,
} from '../../../shared/limits.ts'
import type { Direction } from '../network/types.ts'

export interface Bounds {
  sent(from: string, size: number, direction: Direction, buffered: number): void
  /** A tab opens a socket; so many of its sockets are open or opening then. */
  dialled(tab: string, open: number): void
}

/** A tab has one connection, and one that is closing for a moment. */
const LINKS_MAX = 2
/** Backoff with full jitter: many quick tries in a row are possible, so many in a minute are a loop. */
const DIALS_PER_MINUTE_MAX = 100
const MINUTE_MS = 60_000
/** A relay stops feeding at the mark; what a commit tells all may come on top of it. */
const DOWN_BYTES_MAX = SEND_BUFFER_BYTES_HIGH + 2 * FRAME_BYTES_MAX
/** What a client offers waits for acknowledgements; comparing and awareness come on top. */
const UP_BYTES_MAX = UNACKNOWLEDGED_BYTES_MAX + FRAME_BYTES_MAX + FRAME_BYTES_TARGET

export function createBounds(now: () => number, fail: (what: string) => void): Bounds {
  const dials = new Map<string, number[]>()
  return {
    sent(from, size, direction, buffered) {
      if (size > FRAME_BYTES_MAX) fail(`[P7] ${from} sends a frame of ${size} bytes`)
      if (buffered > (direction === 'up' ? UP_BYTES_MAX : DOWN_BYTES_MAX)) {
        fail(`[P7] ${from} has ${buffered} bytes unsent in a socket`)
      }
    },
    dialled(tab, open) {
      if (open > LINKS_MAX) fail(`[P7] ${tab} has ${open} connections at once`)
      const times = (dials.get(tab) ?? []).filter((at) => at > now() - MINUTE_MS)
      times.push(now())
      dials.set(tab, times)
      if (times.length > DIALS_PER_MINUTE_MAX) fail(`[P7] ${tab} dials ${times.length} times within a minute`)
    },
  }
}
