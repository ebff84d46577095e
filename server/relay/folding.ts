/**
 * Folding: records become pieces of their document's checkpoint. Two ways, both without a Y.Doc and in steps: the records
 * after the checkpoint are joined and appended to it, which costs what they cost; or everything is compacted together, which
 * costs what the document costs and drops what was deleted. Neither changes what the document holds.
 */
import type { VersionVector } from '../../shared/causality/version-vector.ts'
import type { Hash64 } from '../../shared/hash.ts'
import { PIECE_BYTES_TARGET } from '../../shared/limits.ts'
import { deflatePiece } from '../../shared/update/deflate-piece.ts'
import { compactToPieces, hasTooManyPieces, joinToPieces } from '../../shared/update/fold.ts'
import { inspectHeld } from '../../shared/update/held.ts'
import { inflatePiece } from '../../shared/update/inflate-piece.ts'
import { decodeIntervalIndex, encodeIntervals } from '../../shared/update/interval-bytes.ts'
import { createIntervalIndex, type IntervalIndex } from '../../shared/update/intervals.ts'
import { EMPTY_UPDATE } from '../../shared/update/join.ts'
import type { PieceBytes } from '../../shared/update/piece-bytes.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { Steps } from '../../shared/update/steps.ts'
import type { Checkpoint, Fold, LogEntry, RelayStore, StoredDocument } from '../storage/store.ts'
import { createUnbroken, readTail } from '../storage/unbroken.ts'
import { refOf } from './documents.ts'
import { COMPACT_SIZE_MAX, type Tail } from './tail.ts'

/** Bytes appended to a checkpoint before all of it is compacted together: these, and a quarter of what was compacted. */
const COMPACT_APPENDED_BYTES_MIN = 32 * 1024
/** Bytes of records in one fold: they are in memory for it. The rest is for the next. */
const FOLD_BYTES_MAX = 16 * 1024 * 1024

export type FoldKind = 'append' | 'compact'

/** How a document is to be folded. */
export function foldKind(checkpoint: Checkpoint | undefined, tail: Tail): FoldKind {
  const { size, compacted, pieces } = checkpoint ?? { size: 0, compacted: 0, pieces: 0 }
  if (size + tail.bytes > COMPACT_SIZE_MAX) return 'append'
  const appended = size - compacted + tail.bytes
  const isDue = compacted === 0 || appended >= Math.max(COMPACT_APPENDED_BYTES_MIN, compacted / 4)
  return isDue || hasTooManyPieces(pieces, size) ? 'compact' : 'append'
}

/** Updates in their order, as many together as fill a piece; without those that say nothing. */
export function batches(updates: Iterable<Uint8Array>): Uint8Array[][] {
  const made: Uint8Array[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const update of updates) {
    if (update.length <= EMPTY_UPDATE.length) continue
    if (bytes + update.length > PIECE_BYTES_TARGET) {
      made.push([])
      bytes = 0
    }
    made.at(-1)?.push(update)
    bytes += update.length
  }
  return made
}

/** Updates in their order, as pieces that say the same. */
export const toPieces = (updates: Iterable<Uint8Array>): PieceBytes[] => batches(updates).flatMap(joinToPieces)

/**
 * Whether pieces that came are to be joined before they are kept. What is cut for its receiver leaves nothing of most pieces, or only
 * what they delete: kept as they are, they would be sent back, and kept there, twice as many with each turn.
 */
export const isScattered = ({ pieces, size }: Pick<Checkpoint, 'pieces' | 'size'>): boolean =>
  pieces > 1 + 2 * Math.ceil(size / PIECE_BYTES_TARGET)

/** What a checkpoint of these pieces counts. */
export const totalOf = (pieces: readonly PieceBytes[]): Pick<Checkpoint, 'pieces' | 'bytes' | 'size'> => ({
  pieces: pieces.length,
  bytes: pieces.reduce((sum, { bytes }) => sum + bytes.length, 0),
  size: pieces.reduce((sum, { size }) => sum + size, 0),
})

/** Pieces that are scattered, inflated, as few that say the same: one at least, as the last one tells what is held with it. */
export function gather(updates: Iterable<Uint8Array>): PieceBytes[] {
  const pieces = toPieces(updates)
  return pieces.length > 0 ? pieces : [deflatePiece(EMPTY_UPDATE)]
}

/** A document's content as it stands in a store: the checkpoint's pieces and the records after it. Raises `corrupt`. */
export function* contentOf(store: RelayStore, where: DocumentRef): Generator<Uint8Array, void> {
  const checkpoint = store.checkpoint(where)
  if (checkpoint !== undefined) for (const piece of store.pieces(where, 0)) yield inflatePiece(piece)
  for (const { record } of readTail(store, where, checkpoint)) yield record.bytes
}

/**
 * The fold of a document as it stands in the store now, or where that is more of the first `bytesMax` after the checkpoint; the
 * new checkpoint gets this id. `undefined` where there is nothing to fold. Raises `corrupt` where something stored is damaged.
 */
export function* foldSteps(
  store: RelayStore,
  { document: name }: DocumentRef,
  id: Hash64,
  kind: FoldKind,
  bytesMax: number = FOLD_BYTES_MAX,
): Steps<Fold | undefined> {
  const document = store.document(name)
  if (document === undefined) return undefined
  const where = refOf(document)
  const before = store.checkpoint(where)
  const kept = kind === 'append' ? before : undefined
  const index = kept === undefined ? createIntervalIndex() : decodeIntervalIndex(kept.intervals)
  const pieces: PieceBytes[] = []
  const read = yield* readBatches(store, document, before, kind, bytesMax)
  if (read.through === 0) return undefined
  for (const batch of read.batches) {
    yield* addAll(index, batch)
    pieces.push(...(yield* compactToPieces(batch, { gc: document.gc })))
  }
  const keep = kept?.pieces ?? 0
  const size = sum(pieces, (piece) => piece.size)
  const checkpoint: Checkpoint = {
    id,
    vector: read.vector,
    through: read.through,
    pieces: keep + pieces.length,
    bytes: (kept?.bytes ?? 0) + sum(pieces, (piece) => piece.bytes.length),
    size: (kept?.size ?? 0) + size,
    compacted: kind === 'compact' ? size : (before?.compacted ?? 0),
    intervals: encodeIntervals(index),
  }
  return { where, checkpoint, keep, pieces }
}

function* addAll(index: IntervalIndex, updates: readonly Uint8Array[]): Steps<void> {
  let bytes = 0
  for (const update of updates) {
    index.add(inspectHeld(update))
    bytes += update.length
    if (bytes < PIECE_BYTES_TARGET) continue
    yield
    bytes = 0
  }
}

/** What is to be folded: all of it in one batch, or what comes after the checkpoint, each batch as much as fits a piece. */
interface Batches {
  batches: Uint8Array[][]
  through: number
  vector: VersionVector
}

function* readBatches(
  store: RelayStore,
  document: StoredDocument,
  before: Checkpoint | undefined,
  kind: FoldKind,
  bytesMax: number,
): Steps<Batches> {
  const where = refOf(document)
  const unbroken = createUnbroken(store, where, before)
  const vector = new Map(before?.vector)
  let through = before?.through ?? 0
  let batch: Uint8Array[] = []
  const batches = [batch]
  let bytes = 0
  let total = 0
  if (kind === 'compact') {
    for (const piece of store.pieces(where, 0)) {
      batch.push(inflatePiece(piece))
      yield
    }
  }
  for (const page of pages(store, where, through, store.head())) {
    for (const { offset, record } of page) {
      if (kind === 'append' && batch.length > 0 && bytes + record.bytes.length > PIECE_BYTES_TARGET) {
        batch = []
        batches.push(batch)
        bytes = 0
      }
      unbroken.take(record)
      batch.push(record.bytes)
      bytes += record.bytes.length
      total += record.bytes.length
      vector.set(record.origin, { seq: record.seq, chain: record.chain })
      through = offset
    }
    if (total >= bytesMax) return { batches, through, vector }
    yield
  }
  unbroken.end(document.vector)
  return { batches, through, vector }
}

/** Records read at a time: between them others may write. */
const PAGE = 512

function* pages(store: RelayStore, where: DocumentRef, after: number, through: number): Generator<LogEntry[]> {
  for (let from = after; ; ) {
    const page = pageOf(store.history(where, from), through)
    const last = page.at(-1)
    if (last === undefined) return
    yield page
    from = last.offset
  }
}

function pageOf(entries: Iterable<LogEntry>, through: number): LogEntry[] {
  const page: LogEntry[] = []
  for (const entry of entries) {
    if (entry.offset > through) break
    page.push(entry)
    if (page.length === PAGE) break
  }
  return page
}

function sum<T>(list: readonly T[], of: (each: T) => number): number {
  return list.reduce((total, each) => total + of(each), 0)
}
