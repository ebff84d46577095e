/** The rows of a document's checkpoint and its pieces, and of a transfer that is not complete. */
import type { Chain } from '../../shared/causality/chain.ts'
import { headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import type { Hash64 } from '../../shared/hash.ts'
import type { DocumentId, OriginId } from '../../shared/ids.ts'
import { type PieceBytes, pieceChecksum } from '../../shared/update/piece-bytes.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import { coveredBy } from './rows.ts'
import type {
  CheckpointRow,
  DocumentRow,
  PieceRange,
  PieceRow,
  ReadTransaction,
  Row,
  WriteTransaction,
} from './store.ts'

/** One piece of a checkpoint by its number among all; `undefined` where there are fewer. */
export function placeOfPiece(ranges: readonly PieceRange[], number: number): { id: Hash64; index: number } | undefined {
  let before = 0
  for (const { id, from, count } of ranges) {
    if (number < before + count) return { id, index: from + number - before }
    before += count
  }
  return undefined
}

export const countPieces = (ranges: readonly PieceRange[]): number => ranges.reduce((sum, { count }) => sum + count, 0)

/** Puts pieces under an id, from `from` on. */
export function putPieces(
  transaction: WriteTransaction,
  where: DocumentRef,
  id: Hash64,
  pieces: readonly PieceBytes[],
  from = 0,
): PieceRange[] {
  return putPieceRows(transaction, where, id, toPieceRows(where, id, pieces, from), from)
}

const toPieceRows = (where: DocumentRef, id: Hash64, pieces: readonly PieceBytes[], from: number): PieceRow[] =>
  pieces.map((piece, at) => toPieceRow(where, id, from + at, piece))

export const toPieceRow = (where: DocumentRef, id: Hash64, index: number, { size, bytes }: PieceBytes): PieceRow => ({
  size,
  bytes,
  checksum: pieceChecksum(where, id, index, { size, bytes }),
})

export function putPieceRows(
  transaction: WriteTransaction,
  { document }: DocumentRef,
  id: Hash64,
  rows: readonly PieceRow[],
  from = 0,
): PieceRange[] {
  for (const [at, row] of rows.entries()) transaction.put('pieces', [document, id, from + at], row)
  return rows.length === 0 ? [] : [{ id, from, count: rows.length }]
}

export function deletePieces(transaction: WriteTransaction, document: DocumentId, ranges: readonly PieceRange[]): void {
  for (const { id, from, count } of ranges) {
    for (let index = from; index < from + count; index++) transaction.delete('pieces', [document, id, index])
  }
}

/** Forgets the transfer that is under way, if there is one. */
export async function dropPartial(transaction: WriteTransaction, document: DocumentId): Promise<void> {
  const partial = await transaction.get('partials', [document])
  if (partial === undefined) return
  deletePieces(transaction, document, [{ id: partial.as, from: 0, count: partial.pieces }])
  transaction.delete('partials', [document])
}

/** Forgets the checkpoint; what its dots say is here no more. */
export async function dropCheckpoint(transaction: WriteTransaction, document: DocumentId): Promise<void> {
  const checkpoint = await transaction.get('checkpoints', [document])
  if (checkpoint === undefined) return
  deletePieces(transaction, document, checkpoint.pieces)
  if (checkpoint.logged !== undefined) transaction.delete('log', [checkpoint.logged.offset])
  transaction.delete('checkpoints', [document])
}

/**
 * What follows when something that a document held was taken out: what was told of it is not so any more, so pieces that
 * answer that are not to be trusted, nor is a transfer that began with it.
 */
export async function shrunk(transaction: WriteTransaction, row: DocumentRow): Promise<DocumentRow> {
  await dropPartial(transaction, row.document)
  return { ...row, shrunk: (row.shrunk ?? 0) + 1 }
}

/** The chain at a dot that is held; `undefined` where its record is gone. */
export async function chainAt(
  transaction: ReadTransaction,
  document: DocumentId,
  vector: VersionVector,
  checkpoint: CheckpointRow | undefined,
  origin: OriginId,
  seq: number,
): Promise<Chain | undefined> {
  const held = headOf(vector, origin)
  if (held.seq === seq) return held.chain
  const covered = checkpoint?.vector.find((head) => head.origin === origin)
  if (covered?.seq === seq) return covered.chain
  return (await transaction.get('records', [document, origin, seq]))?.chain
}

/** Records that the checkpoint does not cover, by their origins, in the order of their dots. */
export async function readBeyond(
  transaction: ReadTransaction,
  document: DocumentId,
  vector: VersionVector,
  checkpoint: CheckpointRow | undefined,
  limit?: number,
): Promise<Row<'records'>[]> {
  const covered = coveredBy(checkpoint)
  const found: Row<'records'>[] = []
  for (const [origin, { seq }] of vector) {
    const from = headOf(covered, origin).seq + 1
    if (from <= seq) found.push(...(await transaction.range('records', [document, origin], { from, limit })))
  }
  return found
}
