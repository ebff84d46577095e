import type { Dot, Head, VersionVector } from '../../shared/causality/version-vector.ts'
import type { DocumentId, OriginId } from '../../shared/ids.ts'
import { type DocumentRef, refOf, type UpdateRecord } from '../../shared/update/record.ts'
import type { HeldDocument } from './log-types.ts'
import type {
  CheckpointRow,
  DocumentRow,
  Key,
  ReadTransaction,
  RecordRow,
  ReplicaRow,
  Row,
  WriteTransaction,
} from './store.ts'

export { refOf } from '../../shared/update/record.ts'

export const newDocument = (where: DocumentRef): DocumentRow => ({ ...refOf(where), vector: [], waiting: [] })

export function vectorOf(row: Pick<DocumentRow, 'vector'>): Map<OriginId, Head> {
  const vector = new Map<OriginId, Head>()
  for (const { origin, seq, chain } of row.vector) vector.set(origin, { seq, chain })
  return vector
}

/** The vector of a checkpoint, of nothing where there is none. */
export const coveredBy = (checkpoint: CheckpointRow | undefined): VersionVector =>
  checkpoint === undefined ? new Map() : vectorOf(checkpoint)

export const seqsOf = (vector: VersionVector): Map<OriginId, number> =>
  new Map([...vector].map(([origin, { seq }]) => [origin, seq]))

export const countOf = (row: DocumentRow): number => row.waiting.reduce((sum, waiting) => sum + waiting.count, 0)

/** Yjs transactions in these edits. */
export const sumOf = (edits: readonly Row<'edits'>[]): number => edits.reduce((sum, { value }) => sum + value.count, 0)

export const toHeld = (row: DocumentRow, edits: number, vector: VersionVector = vectorOf(row)): HeldDocument => ({
  ref: refOf(row),
  vector,
  unacknowledged: countOf(row) + edits,
  waits: row.waiting.length > 0 || undefined,
  lacks: row.lacks,
  deleted: (row.deleted && edits === 0) || undefined,
  untold: row.untold,
  pinned: row.pinned,
  away: row.away && (row.away.wanted ? 'wanted' : 'left'),
  usedAt: row.usedAt,
})

/** `at`: the moment at which the transaction began. */
export async function readHeld(
  transaction: ReadTransaction,
  document: DocumentId,
  at: number,
): Promise<HeldDocument | undefined> {
  const row = await transaction.get('documents', [document])
  return row && heldOf(transaction, row, at)
}

/** The same of the row that is there; `vector` is what it says of that. */
export async function heldOf(
  transaction: ReadTransaction,
  row: DocumentRow,
  at: number,
  vector?: VersionVector,
): Promise<HeldDocument> {
  const edits = await transaction.range('edits', [row.document])
  return { ...toHeld(row, sumOf(edits), vector), at }
}

export async function readDocuments(transaction: ReadTransaction): Promise<HeldDocument[]> {
  // Both at once: an app waits for them before it shows anything.
  const [rows, typed] = await Promise.all([transaction.range('documents', []), transaction.range('edits', [])])
  const edits = new Map<string, number>()
  for (const { key, value } of typed) {
    const id = String(key[0])
    edits.set(id, (edits.get(id) ?? 0) + value.count)
  }
  return rows.map(({ value }) => toHeld(value, edits.get(value.document) ?? 0))
}

/** `undefined`: nothing was ever stored here. */
export const findSelf = (transaction: ReadTransaction): Promise<ReplicaRow | undefined> =>
  transaction.get('meta', ['replica']) as Promise<ReplicaRow | undefined>

export const readSelf = findSelf as (transaction: ReadTransaction) => Promise<ReplicaRow>

/** How many edits of the document are to be there, at least: those that an older version stored are not counted. */
export async function editCount(transaction: ReadTransaction, document: DocumentId): Promise<number> {
  const row = await transaction.get('meta', ['edits', document])
  return row !== undefined && 'edits' in row ? row.edits : 0
}

export function putEditCount(transaction: WriteTransaction, document: DocumentId, edits: number): void {
  if (edits > 0) transaction.put('meta', ['edits', document], { edits })
  else transaction.delete('meta', ['edits', document])
}

export const dotOf = ({ origin, seq }: Dot): string => `${origin}/${seq}`

export const inOrder = (rows: readonly Row<'records'>[]): Row<'records'>[] =>
  rows.toSorted((a, b) => a.value.offset - b.value.offset)

export function toRecord(key: Key, { kind, bytes, checksum, chain }: RecordRow): UpdateRecord {
  return { origin: String(key[1]), seq: Number(key[2]), kind, bytes, checksum, chain }
}

/** The document is written or opened: it is there again. */
export function alive(row: DocumentRow): DocumentRow {
  if (!row.deleted) return row
  const { deleted: _, ...rest } = row
  return rest
}

/** The row of a document that is opened, written or pinned: deleted or not, it is there, and it is to come back if it left. */
export function wanted(row: DocumentRow): DocumentRow {
  const here = alive(row)
  return here.away === undefined || here.away.wanted ? here : { ...here, away: { ...here.away, wanted: true } }
}
