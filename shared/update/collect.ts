/**
 * Garbage as Yjs collects it: what lies in a deleted type is of no use to anybody, and becomes GC, which joins into runs of
 * two or three bytes. A Y.Doc that integrates the log does the same by its own rule (yjs `Item.getMissing`): an item whose
 * parent is gone or whose neighbour is GC turns into GC. So only deleted items that it would turn are turned here.
 */
import { readVarUint } from './cursor.ts'
import type { Log } from './log.ts'
import type { Piece } from './piece.ts'
import { addRange, hasRange, type RangeList } from './ranges.ts'
import { DELETED, GC, NONE, ROOT } from './struct.ts'

/**
 * Passes over all clients. What rests on an item of another client may need one more; what is not reached stays a
 * tombstone, which is larger and as good.
 */
const PASSES_MAX = 4

/** client id -> clocks that a Y.Doc turns into GC. */
type Collected = Map<number, RangeList>

/** Turns the tombstones of a log into GC where a Y.Doc would. The content of deleted clocks must be dropped already. */
export function collectGarbage(log: Log): void {
  const collected: Collected = new Map()
  for (let passes = 0; passes < PASSES_MAX; passes++) {
    let found = false
    for (const [client, pieces] of log.structs) found = collectClient(client, pieces, log, collected) || found
    if (!found) break
  }
  for (const [client, pieces] of log.structs) {
    for (const piece of pieces) if (piece.kind === DELETED && isIn(collected, client, piece.clock)) turnIntoGc(piece)
  }
}

/** One pass over a client, whose pieces rest on earlier ones of their own; whether it found more than the last. */
function collectClient(client: number, pieces: readonly Piece[], log: Log, collected: Collected): boolean {
  const before = collected.get(client)
  const now: RangeList = []
  collected.set(client, now)
  let found = false
  for (const piece of pieces) {
    const isKnown = before !== undefined && hasRange(before, piece.clock, piece.clock + 1)
    if (!isKnown && piece.kind !== GC && !isLost(piece, log, collected)) continue
    addRange(now, piece.clock, piece.clock + piece.length)
    found ||= !isKnown
  }
  return found
}

/** Whether a Y.Doc finds no parent for the piece. */
function isLost(piece: Piece, log: Log, collected: Collected): boolean {
  const { originClient, originClock, rightClient, rightClock } = piece
  return (
    (originClient !== NONE && isIn(collected, originClient, originClock)) ||
    (rightClient !== NONE && isIn(collected, rightClient, rightClock)) ||
    isInDeleted(piece, log.deletes)
  )
}

/** Whether the piece names its parent by id, and that is deleted. */
function isInDeleted({ bytes, parentFrom, parentTo }: Piece, deletes: ReadonlyMap<number, RangeList>): boolean {
  if (parentTo === parentFrom) return false
  const cursor = { bytes, at: parentFrom }
  if (readVarUint(cursor) === ROOT) return false
  return isIn(deletes, readVarUint(cursor), readVarUint(cursor))
}

function isIn(ranges: ReadonlyMap<number, RangeList>, client: number, clock: number): boolean {
  const list = ranges.get(client)
  return list !== undefined && hasRange(list, clock, clock + 1)
}

/** Drops also place and parent. */
export function turnIntoGc(piece: Piece): void {
  piece.kind = GC
  piece.originClient = NONE
  piece.rightClient = NONE
}
