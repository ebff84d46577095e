/** The checkpoint of a document and its pieces, as they are read. */
import type { Hash64 } from '../../shared/hash.ts'
import { type PieceBytes, pieceChecksum } from '../../shared/update/piece-bytes.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { PieceRange, PieceRow, ReadTransaction } from './store.ts'

/** A piece as it was found: `undefined` where its row is gone. */
export interface FoundPiece {
  id: Hash64
  index: number
  row: PieceBytes | undefined
  readonly isSound: boolean
}

/** Pieces that are read at a time: to get megabytes out of IndexedDB is one task of the page. */
const READ_PIECES = 8

/** The pieces of a checkpoint in their order. */
export async function readPieces(
  transaction: ReadTransaction,
  where: DocumentRef,
  ranges: readonly PieceRange[],
): Promise<FoundPiece[]> {
  const found: FoundPiece[] = []
  for (const { id, from, count } of ranges) {
    const byIndex = new Map<number, PieceRow>()
    for (let at = from; at < from + count; at += READ_PIECES) {
      const limit = Math.min(READ_PIECES, from + count - at)
      const rows = await transaction.range('pieces', [where.document, id], { from: at, limit })
      for (const { key, value } of rows) byIndex.set(Number(key[2]), value)
    }
    for (let index = from; index < from + count; index++) {
      const row = byIndex.get(index)
      found.push(toFound(where, id, index, row))
    }
  }
  return found
}

/** Looked into at the first question: a transaction has no time for megabytes of checksums. */
function toFound(where: DocumentRef, id: Hash64, index: number, row: PieceRow | undefined): FoundPiece {
  let sound: boolean | undefined
  return {
    id,
    index,
    row,
    get isSound() {
      sound ??= row !== undefined && row.checksum === pieceChecksum(where, id, index, row)
      return sound
    },
  }
}
