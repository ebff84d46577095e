/** Raw deflate (RFC 1951). Inflating is a file of its own: who only reads does not load this. */
import { deflateSync } from 'fflate'

export const deflate = (bytes: Uint8Array): Uint8Array => deflateSync(bytes, { level: 9 })
