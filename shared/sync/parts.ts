/** Messages of a digest session in parts, so that other messages get through in between (P9). */
import { RejoinError } from '../errors.ts'
import { DIGEST_BYTES_MAX, DIGEST_PART_BYTES_MAX } from '../limits.ts'
import type { DigestPart } from '../wire/messages.ts'

export function inParts(bytes: Uint8Array): DigestPart[] {
  const parts: DigestPart[] = []
  for (let at = 0; at === 0 || at < bytes.length; at += DIGEST_PART_BYTES_MAX) {
    const end = at + DIGEST_PART_BYTES_MAX
    parts.push({ type: 'digest', last: end >= bytes.length, bytes: bytes.subarray(at, end) })
  }
  return parts
}

/** Puts parts together again. */
export interface Assembly {
  /** The message, with its last part. Raises `too-big` beyond `DIGEST_BYTES_MAX`. */
  add(part: DigestPart): Uint8Array | undefined
}

export function createAssembly(): Assembly {
  let parts: Uint8Array[] = []
  let length = 0
  return {
    add({ bytes, last }) {
      length += bytes.length
      if (length > DIGEST_BYTES_MAX) throw new RejoinError('too-big', `a digest of more than ${DIGEST_BYTES_MAX} bytes`)
      parts.push(bytes)
      if (!last) return undefined
      const whole = concatenated(parts, length)
      parts = []
      length = 0
      return whole
    },
  }
}

function concatenated(parts: readonly Uint8Array[], length: number): Uint8Array {
  const [only] = parts
  if (only !== undefined && parts.length === 1) return only
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
