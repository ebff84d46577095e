/** Checksums of what is stored: how damaged rows are told from sound ones. */
import type { DotRange } from '../../shared/causality/version-vector.ts'
import type { Hash64 } from '../../shared/hash.ts'
import type { DocumentId, OriginId } from '../../shared/ids.ts'
import { type DocumentRef, isSound, recordChecksum } from '../../shared/update/record.ts'
import { toRecord } from './rows.ts'
import type { EditRow, Row } from './store.ts'

/** A record that is not what was sealed, or that is not there although it is held; or a piece. */
export interface Bad {
  document: DocumentId
  /** Empty, and 0, of a piece. */
  origin: OriginId
  seq: number
  piece?: { id: Hash64; index: number }
}

/** Edits have no dot yet; their checksum covers document, epoch and bytes. */
export const editChecksum = (where: DocumentRef, bytes: Uint8Array): Hash64 =>
  recordChecksum(where, { origin: '0'.repeat(16), seq: 0, kind: 'yjs-v1', bytes })

export const toEdit = (where: DocumentRef, bytes: Uint8Array, count: number, late = false, loose = false): EditRow => ({
  bytes,
  count,
  checksum: editChecksum(where, bytes),
  ...(late && { late }),
  ...(loose && { loose }),
})

export const isSoundEdit = (where: DocumentRef, { bytes, checksum }: EditRow): boolean =>
  editChecksum(where, bytes) === checksum

export const isSoundRow = (where: DocumentRef, { key, value }: Row<'records'>): boolean =>
  isSound(where, toRecord(key, value))

/** The first record of a range that is not among `rows`, which are of this range, in order; a store may lose what it was given. */
export function firstMissing(
  document: DocumentId,
  { origin, from, to }: DotRange,
  rows: readonly Row<'records'>[],
): Bad | undefined {
  if (rows.length === to - from + 1) return undefined
  const at = rows.findIndex(({ key }, index) => Number(key[2]) !== from + index)
  return { document, origin, seq: from + (at < 0 ? rows.length : at) }
}
