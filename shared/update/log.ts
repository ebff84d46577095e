/**
 * Updates taken apart and laid over one another: for each client id its structs, disjoint and in order, and its deleted
 * clocks. A clock that comes more than once keeps the form that says most: content before a tombstone, a tombstone
 * (which knows its parent) before a collected struct (which does not).
 */
import type { UpdateLimits } from './limits.ts'
import { cut, empty, type Piece, toPiece } from './piece.ts'
import { addRanges, type RangeList } from './ranges.ts'
import { STEP_BYTES, STEP_STRUCTS, type Steps } from './steps.ts'
import { DELETED, GC, KIND_BITS, SKIP, STRING } from './struct.ts'
import { startWalk, type UpdateVisitor, walkOn } from './walk.ts'

/** What updates hold together. */
export interface Log {
  readonly structs: Map<number, Piece[]>
  readonly deletes: Map<number, RangeList>
}

/**
 * Takes updates apart, without the structs that end at or below the clocks of `known`. Raises `invalid-update` or `too-big`
 * as `walkUpdate` does. The log shares the bytes of the updates.
 */
export function* readLog(
  updates: readonly Uint8Array[],
  limits: UpdateLimits,
  known?: ReadonlyMap<number, number>,
): Steps<Log> {
  const reading: Reading = { bytes: new Uint8Array(), known, structs: new Map(), deletions: new Map() }
  for (const update of updates) {
    reading.bytes = update
    const walk = startWalk(update, limits)
    while (!walkOn(walk, take, reading, STEP_STRUCTS, STEP_BYTES)) yield
  }
  const deletes = new Map<number, RangeList>()
  for (const [client, ranges] of reading.deletions) deletes.set(client, joined(ranges))
  yield
  let laid = 0
  for (const [client, pieces] of reading.structs) {
    reading.structs.set(client, disjoint(pieces, client))
    laid += pieces.length
    if (laid < STEP_STRUCTS) continue
    laid = 0
    yield
  }
  return { structs: reading.structs, deletes }
}

interface Reading {
  bytes: Uint8Array
  readonly known: ReadonlyMap<number, number> | undefined
  readonly structs: Map<number, Piece[]>
  /** Flat ranges in the order in which they came. */
  readonly deletions: Map<number, number[]>
}

const take: UpdateVisitor<Reading> = {
  struct(reading, client, clock, head, end) {
    const kind = head.info & KIND_BITS
    if (kind === SKIP) return
    if (kind === GC || kind === DELETED) this.deletion(reading, client, clock, head.length)
    if (reading.known !== undefined && clock + head.length <= (reading.known.get(client) ?? 0)) return
    listOf(reading.structs, client).push(toPiece(reading.bytes, clock, head, end))
  },
  deletion(reading, client, clock, length) {
    listOf(reading.deletions, client).push(clock, clock + length)
  },
}

function listOf<Value>(lists: Map<number, Value[]>, client: number): Value[] {
  let list = lists.get(client)
  if (list === undefined) {
    list = []
    lists.set(client, list)
  }
  return list
}

function joined(ranges: readonly number[]): RangeList {
  const list: RangeList = []
  addRanges(list, ranges)
  return list
}

/** One piece for a clock, the same whatever order the pieces came in. */
function disjoint(pieces: Piece[], client: number): Piece[] {
  if (isDisjoint(pieces)) return pieces
  pieces.sort((a, b) => a.clock - b.clock)
  if (isDisjoint(pieces)) return pieces
  pieces.sort((a, b) => a.clock - b.clock || b.length - a.length || compareContent(a, b))
  const forms: Piece[][] = [[], [], [], []]
  for (const piece of pieces) forms[formOf(piece)]?.push(piece)
  return forms.reduce((laid, form) => (form.length > 0 ? fill(laid, form, client) : laid), [])
}

/** Which form of a clock a piece is, the one that says most first: whole content, broken text, tombstone, collected. */
function formOf(piece: Piece): 0 | 1 | 2 | 3 {
  if (piece.kind === GC) return 3
  if (piece.kind === DELETED) return 2
  return piece.kind === STRING && hasReplacement(piece) ? 1 : 0
}

/** Where Yjs splits a surrogate pair, also in passing, its documents hold U+FFFD twice and others still the pair. */
function hasReplacement({ bytes, from, to }: Piece): boolean {
  for (let at = from; at < to - 2; at++) {
    if (bytes[at] === 0xef && bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd) return true
  }
  return false
}

function compareContent(a: Piece, b: Piece): number {
  const length = Math.min(a.to - a.from, b.to - b.from)
  for (let i = 0; i < length; i++) {
    const difference = (a.bytes[a.from + i] as number) - (b.bytes[b.from + i] as number)
    if (difference !== 0) return difference
  }
  return a.to - a.from - (b.to - b.from)
}

function isDisjoint(pieces: readonly Piece[]): boolean {
  let end = 0
  for (const { clock, length } of pieces) {
    if (clock < end) return false
    end = clock + length
  }
  return true
}

/** `kept`, and of `added` what falls into its gaps; both in order, `kept` and the result disjoint. */
function fill(kept: readonly Piece[], added: readonly Piece[], client: number): Piece[] {
  const filled: Piece[] = []
  let next = 0
  let end = 0
  const take = (piece: Piece) => {
    filled.push(piece)
    end = endOf(piece)
  }
  for (const piece of added) {
    let rest: Piece | undefined = piece
    while (rest !== undefined) {
      for (
        let ahead = kept[next];
        ahead !== undefined && ahead.clock <= Math.max(rest.clock, end);
        ahead = kept[++next]
      ) {
        take(ahead)
      }
      const open: Piece | undefined = from(rest, end, client)
      if (open === undefined) break
      const ahead = kept[next]
      rest = ahead !== undefined && ahead.clock < endOf(open) ? cut(open, client, ahead.clock - open.clock) : undefined
      take(open)
    }
  }
  for (let ahead = kept[next]; ahead !== undefined; ahead = kept[++next]) take(ahead)
  return filled
}

function endOf(piece: Piece): number {
  return piece.clock + piece.length
}

/** What of the piece lies at or after `clock`. */
function from(piece: Piece, clock: number, client: number): Piece | undefined {
  if (clock <= piece.clock) return piece
  return clock < endOf(piece) ? cut(piece, client, clock - piece.clock) : undefined
}

/** The pieces with the content of deleted clocks dropped; where a piece is deleted in part it is cut. */
export function withoutDeleted(pieces: readonly Piece[], deletes: RangeList, client: number): Piece[] {
  const kept: Piece[] = []
  let at = 0
  for (const piece of pieces) {
    let taken = piece
    for (;;) {
      while (at < deletes.length && (deletes[at + 1] as number) <= taken.clock) at += 2
      const isDeleted = at < deletes.length && (deletes[at] as number) <= taken.clock
      const until = deletes[isDeleted ? at + 1 : at] ?? Number.POSITIVE_INFINITY
      const rest: Piece | undefined = until < endOf(taken) ? cut(taken, client, until - taken.clock) : undefined
      if (isDeleted) empty(taken)
      kept.push(taken)
      if (rest === undefined) break
      taken = rest
    }
  }
  return kept
}
