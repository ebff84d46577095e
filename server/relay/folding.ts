/**
 * Folding: records become pieces of their document's checkpoint. Two ways, both without a Y.Doc and in steps: the records
 * after the checkpoint are joined and appended to it, which costs what they cost; or everything is compacted together, which
 * costs what the document costs and drops what was deleted. Neither changes what the document holds.
 */
import type { VersionVector } from '../../shared/causality/version-vector.ts'
import type { Hash64 } from '../../shared/hash.ts'
import { PIECE_BYTES_TARGET } from '../../shared/limits.ts'
import { COMPACT_BYTES, compactToPieces, hasTooManyPieces } from '../../shared/update/fold.ts'
import { inflatePiece } from '../../shared/update/inflate-piece.ts'
import { inspectUpdate } from '../../shared/update/inspect.ts'
import { createIntervalIndex, decodeIntervalIndex, type IntervalIndex } from '../../shared/update/intervals.ts'
import type { PieceBytes } from '../../shared/update/piece-bytes.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { Steps } from '../../shared/update/steps.ts'
import type { Checkpoint, Fold, LogEntry, RelayStore } from '../storage/store.ts'
import { refOf, type Tail } from './documents.ts'

/** Bytes appended to a checkpoint before all of it is compacted together: these, and a quarter of what was compacted. */
export const COMPACT_APPENDED_BYTES_MIN = 32 * 1024
/** Inflated bytes of a document that is compacted together: it is in memory for that, and to split it takes a step of its own. */
export const COMPACT_SIZE_MAX = 4 * 1024 * 1024

/** Bytes of records in one fold: they are in memory for it. The rest is for the next. */
const FOLD_BYTES_MAX = 16 * 1024 * 1024

export type FoldKind = 'append' | 'compact'

/** Whether a document is to be folded. */
export const isFoldDue = (tail: Tail, recordsMax: number): boolean =>
  tail.records > recordsMax || tail.bytes > COMPACT_BYTES

/** How it is to be folded. */
export function foldKind(checkpoint: Checkpoint | undefined, tail: Tail): FoldKind {
  const { size, compacted, pieces } = checkpoint ?? { size: 0, compacted: 0, pieces: 0 }
  if (size + tail.bytes > COMPACT_SIZE_MAX) return 'append'
  const appended = size - compacted + tail.bytes
  const isDue = compacted === 0 || appended >= Math.max(COMPACT_APPENDED_BYTES_MIN, compacted / 4)
  return isDue || hasTooManyPieces(pieces, size) ? 'compact' : 'append'
}

/** A document's content as it stands in a store: the checkpoint's pieces and the records after it. Raises `corrupt`. */
export function* contentOf(store: RelayStore, where: DocumentRef): Generator<Uint8Array, void> {
  const checkpoint = store.checkpoint(where)
  if (checkpoint !== undefined) for (const piece of store.pieces(where, 0)) yield inflatePiece(piece)
  for (const { record } of store.history(where, checkpoint?.through)) yield record.bytes
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
  const read = yield* readBatches(store, where, before, kind, bytesMax)
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
    intervals: index.encode(),
  }
  return { where, checkpoint, keep, pieces }
}

function* addAll(index: IntervalIndex, updates: readonly Uint8Array[]): Steps<void> {
  let bytes = 0
  for (const update of updates) {
    index.add(inspectUpdate(update))
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
  where: DocumentRef,
  before: Checkpoint | undefined,
  kind: FoldKind,
  bytesMax: number,
): Steps<Batches> {
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
      batch.push(record.bytes)
      bytes += record.bytes.length
      total += record.bytes.length
      vector.set(record.origin, { seq: record.seq, chain: record.chain })
      through = offset
    }
    if (total >= bytesMax) break
    yield
  }
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
