/**
 * Whether updates say the same of the clocks that they have in common: one clock, one content (P8). Structs may be split or
 * joined otherwise, and what either has deleted or collected says nothing.
 */
import { CLOCK_MAX, type UpdateLimits } from './limits.ts'
import { type Log, readLog, withoutDeleted } from './log.ts'
import type { Piece } from './piece.ts'
import { addRanges, type RangeList } from './ranges.ts'
import { finish } from './steps.ts'
import { DELETED, GC } from './struct.ts'
import { NO_LIMITS } from './walk.ts'
import { writeLog } from './write.ts'

/**
 * The Yjs client id of which `held` and `others` hold two contents under one clock; `undefined` where they agree. Time grows with
 * the bytes of both. Raises `invalid-update`, and `too-big` for others beyond `limits`.
 */
export function findContradiction(
  held: readonly Uint8Array[],
  others: readonly Uint8Array[],
  limits: UpdateLimits,
): number | undefined {
  const theirs = finish(readLog(others, limits))
  const mine = finish(readLog(held, NO_LIMITS))
  for (const [client, pieces] of theirs.structs) {
    const known = mine.structs.get(client)
    if (known === undefined) continue
    const hidden: RangeList = []
    for (const ranges of [gapsOf(pieces), gapsOf(known), theirs.deletes.get(client), mine.deletes.get(client)]) {
      if (ranges !== undefined) addRanges(hidden, ranges)
    }
    if (!sameBytes(written(pieces, hidden, client), written(known, hidden, client))) return client
  }
  return undefined
}

/** The clocks that none of these covers; they are in order and disjoint. */
function gapsOf(pieces: readonly Piece[]): number[] {
  const gaps: number[] = []
  let end = 0
  for (const { clock, length } of pieces) {
    if (clock > end) gaps.push(end, clock)
    end = clock + length
  }
  gaps.push(end, CLOCK_MAX)
  return gaps
}

/** The pieces without what is hidden, in the one form that they have. */
function written(pieces: readonly Piece[], hidden: RangeList, client: number): Uint8Array {
  const shown = withoutDeleted(pieces, hidden, client).filter(({ kind }) => kind !== DELETED && kind !== GC)
  // Without a parent the mark of a key is left over, and merging loses it.
  for (const piece of shown) if (piece.parentTo === piece.parentFrom) piece.key = 0
  const log: Log = { structs: new Map(shown.length === 0 ? [] : [[client, shown]]), deletes: new Map() }
  return finish(writeLog(log))
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
