/** Raw deflate (RFC 1951). Inflating is a file of its own: who only reads does not load this. */
import { deflateSync } from 'fflate'

/** Shorter bytes become no shorter, and the tables for them take 50 microseconds and 200 kB of memory. */
const DEFLATED_BYTES_MIN = 128

export const deflate = (bytes: Uint8Array): Uint8Array =>
  bytes.length < DEFLATED_BYTES_MIN ? store(bytes) : deflateSync(bytes, { level: 9 })

/** One last block of bytes as they are: its type, their number, and that number inverted. */
function store(bytes: Uint8Array): Uint8Array {
  const { length } = bytes
  const stored = new Uint8Array(5 + length)
  stored.set([1, length, 0, length ^ 0xff, 0xff])
  stored.set(bytes, 5)
  return stored
}
