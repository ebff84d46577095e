/**
 * Reading hostile bytes: every read is bounded by the bytes that are left and raises `invalid-update` beyond them. Reads
 * give what lib0's decoder gives for the same bytes, or refuse.
 */
import { RejoinError } from '../errors.ts'

/** A position in bytes. */
export interface Cursor {
  readonly bytes: Uint8Array
  at: number
}

/** Raises `invalid-update`. */
export function invalid(what: string): never {
  throw new RejoinError('invalid-update', `No valid Yjs v1 bytes: ${what}`)
}

/** An unsigned integer, at most 2^53-1, in its one shortest form. */
export function readVarUint(cursor: Cursor): number {
  const { bytes } = cursor
  const at = cursor.at
  if (at >= bytes.length) invalid('it ends in a number')
  const first = bytes[at] as number
  cursor.at = at + 1
  return first < 0x80 ? first : readLongVarUint(cursor, first & 0x7f)
}

function readLongVarUint(cursor: Cursor, first: number): number {
  const { bytes } = cursor
  const end = Math.min(bytes.length, cursor.at + 7)
  let at = cursor.at
  let value = first
  let scale = 128
  while (at < end) {
    const byte = bytes[at++] as number
    value += (byte & 0x7f) * scale
    if (byte < 0x80) {
      if (value > Number.MAX_SAFE_INTEGER) invalid('a number is beyond 2^53-1')
      if (byte === 0) invalid('a number has a longer form than it needs')
      cursor.at = at
      return value
    }
    scale *= 128
  }
  return invalid('a number does not end')
}

/** A number of things that take at least `bytesEach` bytes, so that a count cannot promise more than the bytes hold. */
export function readCount(cursor: Cursor, bytesEach: number): number {
  const count = readVarUint(cursor)
  if (count * bytesEach > cursor.bytes.length - cursor.at) invalid('a count is larger than the bytes that are left')
  return count
}

/** Steps over `length` bytes. */
export function skipBytes(cursor: Cursor, length: number): void {
  if (length > cursor.bytes.length - cursor.at) invalid('it ends in a value')
  cursor.at += length
}

/** Steps over a string with its length in front; returns its UTF-16 units. */
export function skipString(cursor: Cursor): number {
  const length = readCount(cursor, 1)
  const from = cursor.at
  cursor.at = from + length
  return utf16Length(cursor.bytes, from, cursor.at)
}

/** The UTF-16 units of bytes[from, to); raises `invalid-update` where a strict UTF-8 decoder would. */
export function utf16Length(bytes: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to && (bytes[at] as number) < 0x80) at++
  return at === to ? to - from : at - from + utf16LengthBeyondAscii(bytes, at, to)
}

function utf16LengthBeyondAscii(bytes: Uint8Array, from: number, to: number): number {
  let at = from
  let units = 0
  while (at < to) {
    const size = codePointSize(bytes, at, to)
    units += size === 4 ? 2 : 1
    at += size
  }
  return units
}

/** The bytes of the code point at `at`, checked by the table of well-formed sequences (Unicode, table 3-7). */
export function codePointSize(bytes: Uint8Array, at: number, to: number): 1 | 2 | 3 | 4 {
  const first = bytes[at] as number
  if (first < 0x80) return 1
  const size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  if (first < 0xc2 || first > 0xf4 || at + size > to) return invalid('a string is no UTF-8')
  const second = bytes[at + 1] as number
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return invalid('a string is no UTF-8')
  for (let next = at + 2; next < at + size; next++) {
    if (((bytes[next] as number) & 0xc0) !== 0x80) return invalid('a string is no UTF-8')
  }
  return size
}
