/**
 * The values inside an update, lib0's `any` and JSON, checked in place without building them: complete, no deeper than
 * `VALUE_DEPTH_MAX`, no key `__proto__` (it would choose the prototype of what a reader builds).
 */
import { type Cursor, invalid, readCount, readVarUint, skipBytes, skipString, utf16Length } from './cursor.ts'
import { checkJson } from './json.ts'
import { NAME_BYTES_MAX, VALUE_DEPTH_MAX } from './limits.ts'

const decoder = new TextDecoder()
const PROTO = new TextEncoder().encode('__proto__')
const UNDEFINED = new TextEncoder().encode('undefined')

/** Steps over a name: a string of bounded length that is not `__proto__`. */
export function skipName(cursor: Cursor): void {
  const from = cursor.at
  skipString(cursor)
  if (cursor.at - from > NAME_BYTES_MAX) invalid('a name is too long')
  if (endsIn(cursor.bytes, cursor.at, PROTO) && readVarUint({ bytes: cursor.bytes, at: from }) === PROTO.length) {
    invalid('a name is __proto__')
  }
}

/** Steps over a lib0 `any`. */
export function skipAny(cursor: Cursor, depth = 0): void {
  if (cursor.at >= cursor.bytes.length) invalid('it ends in a value')
  const type = cursor.bytes[cursor.at++] as number
  switch (type) {
    case 127: // undefined
    case 126: // null
    case 121: // false
    case 120: // true
      break
    case 125: // integer: seven bits with the sign first, but as long and as bounded as an unsigned one
      readVarUint(cursor)
      break
    case 124: // float32
      skipBytes(cursor, 4)
      break
    case 123: // float64
    case 122: // bigint
      skipBytes(cursor, 8)
      break
    case 119:
      skipString(cursor)
      break
    case 118:
      skipObject(cursor, depth)
      break
    case 117:
      skipArray(cursor, depth)
      break
    case 116: // Uint8Array
      skipBytes(cursor, readVarUint(cursor))
      break
    default:
      invalid('a value has an unknown type')
  }
}

function skipArray(cursor: Cursor, depth: number): void {
  if (depth >= VALUE_DEPTH_MAX) invalid('a value is nested too deeply')
  for (let left = readCount(cursor, 1); left > 0; left--) skipAny(cursor, depth + 1)
}

function skipObject(cursor: Cursor, depth: number): void {
  if (depth >= VALUE_DEPTH_MAX) invalid('a value is nested too deeply')
  for (let left = readCount(cursor, 2); left > 0; left--) {
    skipName(cursor)
    skipAny(cursor, depth + 1)
  }
}

/** Steps over the options of a subdocument: an object, since Yjs reads its fields, without what Yjs would call. */
export function skipSubdocumentOptions(cursor: Cursor): void {
  if (cursor.bytes[cursor.at] !== 118) invalid('the options of a subdocument are no object')
  cursor.at++
  for (let left = readCount(cursor, 2); left > 0; left--) {
    const from = cursor.at
    skipName(cursor)
    if (decoder.decode(cursor.bytes.subarray(from + 1, cursor.at)) === 'gcFilter')
      invalid('a subdocument has a gcFilter')
    skipAny(cursor, 1)
  }
}

/** Steps over a string that holds one JSON text. */
export function skipJson(cursor: Cursor): void {
  const length = readCount(cursor, 1)
  const from = cursor.at
  cursor.at = from + length
  utf16Length(cursor.bytes, from, cursor.at)
  checkJson(cursor.bytes, from, cursor.at)
}

/** Steps over an element of a JSON list: a JSON text or the word `undefined`. */
export function skipJsonElement(cursor: Cursor): void {
  const from = cursor.at
  skipString(cursor)
  if (cursor.at - from === UNDEFINED.length + 1 && endsIn(cursor.bytes, cursor.at, UNDEFINED)) return
  cursor.at = from
  skipJson(cursor)
}

function endsIn(bytes: Uint8Array, to: number, text: Uint8Array): boolean {
  const from = to - text.length
  let left = text.length
  while (left > 0 && bytes[from + left - 1] === text[left - 1]) left--
  return left === 0
}
