/**
 * Folding: what makes pieces of a checkpoint out of records, and what of a checkpoint is sent. Pure, and the same at relay and
 * client. It does not know what anybody holds, nor how pieces are stored.
 */
import { createEncoder, toUint8Array, writeUint8Array, writeVarUint } from 'lib0/encoding'
import { fromHex, type Hash64, hash64 } from '../hash.ts'
import { PIECE_BYTES_TARGET } from '../limits.ts'
import { compactSteps } from './compact.ts'
import { type Cursor, readCount, readVarUint } from './cursor.ts'
import { deflatePiece } from './deflate-piece.ts'
import { inflatePiece } from './inflate-piece.ts'
import { inspectUpdate, type StructRange } from './inspect.ts'
import { joinSteps, joinUpdates } from './join.ts'
import type { PieceBytes } from './piece-bytes.ts'
import { splitSteps } from './split.ts'
import { cutUpdate } from './state-vector.ts'
import { finish, type Steps } from './steps.ts'

/** Records beside a checkpoint that are worth folding, and their bytes: reading them takes longer than reading pieces. */
export const COMPACT_RECORDS = 512
export const COMPACT_BYTES = 256 * 1024
/** Bytes of records that are always worth it: what arrives as pieces folds them at once, in one step. */
export const COMPACT_BYTES_MAX = 1024 * 1024
/** Pieces that a checkpoint may have beyond twice what its bytes need: each arrival adds one or two. */
export const COMPACT_PIECES = 64

/** A document's stored log in numbers. */
export interface LogSize {
  /** Records that the checkpoint does not cover and that may be folded. */
  records: number
  recordBytes: number
  /** Pieces of the checkpoint, and their bytes when inflated. */
  pieces: number
  bytes: number
}

/** Whether folding pays: seldom enough that a record is rewritten a few times in all. */
export function wantsFolding({ records, recordBytes, pieces, bytes }: LogSize): boolean {
  if (records > COMPACT_RECORDS) return true
  if (recordBytes > Math.min(Math.max(COMPACT_BYTES, bytes / 4), COMPACT_BYTES_MAX)) return true
  return hasTooManyPieces(pieces, bytes)
}

/** Pieces are at least half full when they are made, so what was just made is never too many. */
export const hasTooManyPieces = (pieces: number, bytes: number): boolean =>
  pieces > COMPACT_PIECES + 2 * Math.ceil(bytes / PIECE_BYTES_TARGET)

/** Updates, in an order in which each rests on those before it, as pieces that say the same: the cheap way, nothing is dropped. */
export const joinToPieces = (updates: readonly Uint8Array[]): PieceBytes[] => finish(joinToPiecesSteps(updates))

/** `joinToPieces` in steps, to let others run between them. */
export function* joinToPiecesSteps(updates: readonly Uint8Array[]): Steps<PieceBytes[]> {
  if (updates.length === 0) return []
  return yield* toPieces(updates.length === 1 ? joinUpdates(updates) : yield* joinSteps(updates, (log) => log))
}

/** The compacting way, in steps: one run of structs, and where the document collects garbage no content of what was deleted. */
export function* compactToPieces(updates: readonly Uint8Array[], options: { gc: boolean }): Steps<PieceBytes[]> {
  if (updates.length === 0) return []
  return yield* toPieces(yield* compactSteps(updates, options))
}

/** To deflate a piece takes some milliseconds. */
function* toPieces(update: Uint8Array): Steps<PieceBytes[]> {
  yield
  const pieces: PieceBytes[] = []
  for (const part of yield* splitSteps(update, PIECE_BYTES_TARGET)) {
    yield
    pieces.push(deflatePiece(part))
  }
  return pieces
}

/** What a holder of `stateVector` lacks of a piece; `undefined` where that is nothing. Raises what `cutUpdate` raises. */
export function cutPiece(piece: PieceBytes, stateVector: Uint8Array): PieceBytes | undefined {
  const cut = cutUpdate(inflatePiece(piece), stateVector)
  return inspectUpdate(cut).empty ? undefined : deflatePiece(cut)
}

/** Names the transfer of a checkpoint, whole or cut by a state vector: the same name, the same pieces. */
export function transferId(checkpoint: Hash64, stateVector?: Uint8Array): Hash64 {
  if (stateVector === undefined) return checkpoint
  const encoder = createEncoder()
  writeUint8Array(encoder, fromHex(checkpoint))
  writeUint8Array(encoder, stateVector)
  return hash64(toUint8Array(encoder))
}

/** Yjs client id -> clock below which everything is known: a state vector as it is counted on. */
export type Clocks = Map<number, number>

/** Raises clocks by ranges that follow on; a range beyond a gap says nothing. */
export function raiseClocks(clocks: Clocks, ranges: Iterable<StructRange>): void {
  for (const { client, clock, length } of ranges) {
    const known = clocks.get(client) ?? 0
    if (clock <= known && clock + length > known) clocks.set(client, clock + length)
  }
}

/** Clocks as a Yjs v1 state vector, in Yjs's own order. */
export function encodeClocks(clocks: ReadonlyMap<number, number>): Uint8Array {
  const encoder = createEncoder()
  writeVarUint(encoder, clocks.size)
  for (const [client, clock] of [...clocks].sort(([a], [b]) => b - a)) {
    writeVarUint(encoder, client)
    writeVarUint(encoder, clock)
  }
  return toUint8Array(encoder)
}

/** Clocks as `encodeClocks` wrote them, however many: for what was stored, not for what a peer sends. Raises `invalid-update`. */
export function decodeClocks(bytes: Uint8Array): Clocks {
  const cursor: Cursor = { bytes, at: 0 }
  const clocks: Clocks = new Map()
  for (let left = readCount(cursor, 2); left > 0; left--) clocks.set(readVarUint(cursor), readVarUint(cursor))
  return clocks
}
