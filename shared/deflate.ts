/** Raw deflate (RFC 1951), bounded when read: what a few bytes may claim to be is never taken on trust (P7). */
import { deflateSync } from 'fflate'
import { RejoinError } from './errors.ts'
import { inflateExactly } from './inflate.ts'

export const deflate = (bytes: Uint8Array): Uint8Array => deflateSync(bytes, { level: 9 })

/** Inflates to exactly `size` bytes. Raises `bad-frame` for anything else. */
export function inflate(bytes: Uint8Array, size: number): Uint8Array {
  try {
    return inflateExactly(bytes, size)
  } catch (error) {
    throw new RejoinError('bad-frame', `deflated bytes: ${error instanceof Error ? error.message : 'no stream'}`)
  }
}
