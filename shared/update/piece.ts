/**
 * A struct taken out of its update: what it is and which bytes its content lies in, so that structs can be cut, emptied
 * and written again without decoding any value. The bytes are shared with the update and must not change.
 */
import { type Cursor, codePointSize, skipString } from './cursor.ts'
import {
  ANY,
  DELETED,
  GC,
  HAS_KEY,
  HAS_ORIGIN,
  HAS_RIGHT_ORIGIN,
  JSON_LIST,
  KIND_BITS,
  NONE,
  STRING,
  type StructHead,
} from './struct.ts'
import { skipAny } from './values.ts'

export interface Piece {
  clock: number
  /** Clocks it covers. */
  length: number
  /** `GC` to `SUBDOCUMENT`; never `SKIP`. */
  kind: number
  /** `HAS_KEY` or 0. */
  key: number
  originClient: number
  originClock: number
  rightClient: number
  rightClock: number
  readonly bytes: Uint8Array
  /** Parent and key as they are written; empty where an origin stands for them. */
  parentFrom: number
  parentTo: number
  /** Content without the count in front of texts and lists; nothing for `DELETED` and `GC`. */
  from: number
  to: number
  /** `FRONT` and `BACK`: half a surrogate pair was cut off there, a unit that is written as U+FFFD and has no bytes here. */
  broken: number
}

/** Bits of `broken`. */
export const FRONT = 1
export const BACK = 2

/** The struct that ends at `end` in `bytes`. */
export function toPiece(bytes: Uint8Array, clock: number, head: StructHead, end: number): Piece {
  const kind = head.info & KIND_BITS
  // What is collected says nothing of its place: in `head` is that of the struct before it.
  const saysParent = kind !== GC && head.info < HAS_RIGHT_ORIGIN
  return {
    clock,
    length: head.length,
    kind,
    key: head.info & HAS_KEY,
    originClient: head.originClient,
    originClock: head.originClock,
    rightClient: head.rightClient,
    rightClock: head.rightClock,
    bytes,
    parentFrom: saysParent ? head.parentAt : 0,
    parentTo: saysParent ? head.contentAt : 0,
    from: contentStart(bytes, kind, head.contentAt, end),
    to: end,
    broken: 0,
  }
}

function contentStart(bytes: Uint8Array, kind: number, at: number, end: number): number {
  if (kind === DELETED || kind === GC) return end
  if (!hasCount(kind)) return at
  let start = at
  while ((bytes[start] as number) >= 0x80) start++
  return start + 1
}

/** Texts and lists: a count in front, and a content for each clock. */
export function hasCount(kind: number): boolean {
  return kind === STRING || kind === ANY || kind === JSON_LIST
}

/** The info byte that the piece is written with. */
export function infoOf(piece: Piece): number {
  const origin = piece.originClient === NONE ? 0 : HAS_ORIGIN
  return piece.kind | piece.key | origin | (piece.rightClient === NONE ? 0 : HAS_RIGHT_ORIGIN)
}

/**
 * Cuts the piece `at` clocks after its start, as Yjs splits an item: `piece` keeps the left part, the right part comes
 * back and has the last clock of the left as its origin. Cutting from left to right takes linear time in all.
 */
export function cut(piece: Piece, client: number, at: number): Piece {
  const right: Piece = { ...piece, clock: piece.clock + at, length: piece.length - at }
  if (piece.kind !== GC) {
    right.originClient = client
    right.originClock = right.clock - 1
    right.parentFrom = 0
    right.parentTo = 0
  }
  if (hasCount(piece.kind)) cutContent(piece, right, at)
  piece.length = at
  return right
}

function cutContent(left: Piece, right: Piece, at: number): void {
  if (left.kind === STRING) cutText(left, right, at)
  else {
    const cursor: Cursor = { bytes: left.bytes, at: left.from }
    const skip = left.kind === ANY ? skipAny : skipString
    for (let passed = 0; passed < at; passed++) skip(cursor)
    left.to = cursor.at
    right.from = cursor.at
  }
}

/** A cut inside a surrogate pair breaks it on both sides, as in Yjs. */
function cutText(left: Piece, right: Piece, at: number): void {
  const { bytes, to } = left
  let offset = left.from
  let passed = left.broken & FRONT
  if (left.broken === 0 && to - left.from === left.length) offset += at
  else {
    while (passed < at && offset < to) {
      const size = codePointSize(bytes, offset, to)
      passed += size === 4 ? 2 : 1
      if (passed > at) {
        left.to = offset
        right.from = offset + size
        right.broken |= FRONT
        left.broken |= BACK
        return
      }
      offset += size
    }
  }
  left.to = offset
  right.from = offset
  right.broken &= ~FRONT
  left.broken &= ~BACK
}

/** Drops the content; what the piece is next to, and in, stays. */
export function empty(piece: Piece): void {
  if (piece.kind === GC) return
  piece.kind = DELETED
  piece.from = piece.to
  piece.broken = 0
}
