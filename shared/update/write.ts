/**
 * Pieces as a Yjs v1 update: client ids from high to low as Yjs writes them, gaps as Skips, and runs joined. Two pieces are
 * a run where Yjs would split one item into exactly these two: then the joined item and the two are the same thing.
 */
import {
  createEncoder,
  type Encoder,
  length as lengthOf,
  toUint8Array,
  writeBinaryEncoder,
  writeUint8,
  writeUint8Array,
  writeVarUint,
} from 'lib0/encoding'
import { EMPTY_LENGTH_MAX } from './limits.ts'
import type { Log } from './log.ts'
import { BACK, FRONT, hasCount, infoOf, type Piece } from './piece.ts'
import type { RangeList } from './ranges.ts'
import { STEP_BYTES, STEP_STRUCTS, type Steps } from './steps.ts'
import { DELETED, GC, NONE, SKIP, STRING } from './struct.ts'

/** U+FFFD, which stands for each half of a broken surrogate pair. */
const REPLACEMENT = new Uint8Array([0xef, 0xbf, 0xbd])

/** The update that holds what the log holds. */
export function* writeLog(log: Log): Steps<Uint8Array> {
  const encoder = createEncoder()
  writeVarUint(encoder, log.structs.size)
  for (const client of [...log.structs.keys()].sort((a, b) => b - a)) {
    yield* writeClient(encoder, client, log.structs.get(client) ?? [])
  }
  writeDeletes(encoder, log.deletes)
  return toUint8Array(encoder)
}

function* writeClient(encoder: Encoder, client: number, pieces: readonly Piece[]): Steps<void> {
  const body = createEncoder()
  const first = pieces[0] as Piece
  let clock = first.clock
  let count = 0
  let paused = 0
  for (let from = 0; from < pieces.length; ) {
    const head = pieces[from] as Piece
    if (head.clock > clock) {
      writeUint8(body, SKIP)
      writeVarUint(body, head.clock - clock)
      count++
    }
    const to = runEnd(pieces, from, client)
    const last = pieces[to - 1] as Piece
    clock = last.clock + last.length
    writeRun(body, pieces, from, to, clock - head.clock)
    count++
    from = to
    if (count % STEP_STRUCTS !== 0 && lengthOf(body) - paused < STEP_BYTES) continue
    paused = lengthOf(body)
    yield
  }
  writeVarUint(encoder, count)
  writeVarUint(encoder, client)
  writeVarUint(encoder, first.clock)
  writeBinaryEncoder(encoder, body)
}

/** Index after the run that starts at `from`. */
function runEnd(pieces: readonly Piece[], from: number, client: number): number {
  const head = pieces[from] as Piece
  let to = from + 1
  for (let left = head, right = pieces[to]; right !== undefined; left = right, right = pieces[++to]) {
    if (!isRun(left, right, client)) break
    const isEmpty = right.kind === GC || right.kind === DELETED
    if (isEmpty && right.clock + right.length - head.clock > EMPTY_LENGTH_MAX) break
  }
  return to
}

function isRun(left: Piece, right: Piece, client: number): boolean {
  if (left.kind !== right.kind || left.clock + left.length !== right.clock) return false
  if (left.kind === GC) return true
  if (
    right.originClient !== client ||
    right.originClock !== right.clock - 1 ||
    right.rightClient !== left.rightClient ||
    (right.rightClient !== NONE && right.rightClock !== left.rightClock)
  ) {
    return false
  }
  if (left.kind === STRING || left.kind === DELETED) return true
  // values of one map key follow one another like a list, but each is deleted by the next: they stay apart
  return hasCount(left.kind) && left.key === 0 && right.key === 0
}

function writeRun(encoder: Encoder, pieces: readonly Piece[], from: number, to: number, length: number): void {
  const head = pieces[from] as Piece
  if (head.kind === GC) {
    writeUint8(encoder, GC)
    writeVarUint(encoder, length)
    return
  }
  writePlace(encoder, head)
  if (head.kind === DELETED) writeVarUint(encoder, length)
  else if (head.kind === STRING) writeVarUint(encoder, textBytes(pieces, from, to))
  else if (hasCount(head.kind)) writeVarUint(encoder, length)
  for (let i = from; i < to; i++) writeContent(encoder, pieces[i] as Piece)
}

function writePlace(encoder: Encoder, piece: Piece): void {
  writeUint8(encoder, infoOf(piece))
  if (piece.originClient !== NONE) {
    writeVarUint(encoder, piece.originClient)
    writeVarUint(encoder, piece.originClock)
  }
  if (piece.rightClient !== NONE) {
    writeVarUint(encoder, piece.rightClient)
    writeVarUint(encoder, piece.rightClock)
  }
  if (piece.parentTo > piece.parentFrom)
    writeUint8Array(encoder, piece.bytes.subarray(piece.parentFrom, piece.parentTo))
}

function textBytes(pieces: readonly Piece[], from: number, to: number): number {
  let length = 0
  for (let i = from; i < to; i++) {
    const piece = pieces[i] as Piece
    length += piece.to - piece.from
    if ((piece.broken & FRONT) !== 0) length += REPLACEMENT.length
    if ((piece.broken & BACK) !== 0) length += REPLACEMENT.length
  }
  return length
}

function writeContent(encoder: Encoder, piece: Piece): void {
  if ((piece.broken & FRONT) !== 0) writeUint8Array(encoder, REPLACEMENT)
  if (piece.to > piece.from) writeUint8Array(encoder, piece.bytes.subarray(piece.from, piece.to))
  if ((piece.broken & BACK) !== 0) writeUint8Array(encoder, REPLACEMENT)
}

function writeDeletes(encoder: Encoder, deletes: ReadonlyMap<number, RangeList>): void {
  writeVarUint(encoder, deletes.size)
  for (const client of [...deletes.keys()].sort((a, b) => b - a)) {
    const ranges = deletes.get(client) ?? []
    writeVarUint(encoder, client)
    writeVarUint(encoder, ranges.length / 2)
    for (let i = 0; i < ranges.length; i += 2) {
      const start = ranges[i] as number
      writeVarUint(encoder, start)
      writeVarUint(encoder, (ranges[i + 1] as number) - start)
    }
  }
}
