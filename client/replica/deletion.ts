/**
 * Deletion: a document's next epoch, in which nothing is there yet. The greater epoch wins; whoever hears of one drops what it
 * held of the older one. What only this replica had of it is kept as a branch, unless it was deleted here.
 */
import type { Environment } from '../../shared/environment.ts'
import { nextEpoch } from '../../shared/epochs.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import { givenUp, putBranch, type Reason } from './branches.ts'
import { dropCheckpoint, dropPartial } from './checkpoints.ts'
import { inflateAll } from './inflating.ts'
import { readPieces } from './pieces.ts'
import { deleteLogged } from './record-rows.ts'
import { dotOf, inOrder, newDocument, putEditCount, toRecord } from './rows.ts'
import { isSoundEdit, isSoundRow } from './soundness.ts'
import type { BranchRow, DocumentRow, Row, WriteTransaction } from './store.ts'

const DELETED: Reason = { code: 'deleted', detail: 'the document was deleted' }

/**
 * Drops all that is here of a document, and begins the epoch of `ref`. Where something of it was nobody else's, a copy of the
 * whole becomes a branch: edits alone could not be read. `empty`: nothing was there to be dropped.
 */
export async function adopt(
  transaction: WriteTransaction,
  row: DocumentRow,
  ref: DocumentRef,
  environment: Environment,
): Promise<{ row: DocumentRow; branch?: BranchRow; empty: boolean }> {
  const checkpoint = await transaction.get('checkpoints', [row.document])
  const pieces = await readPieces(transaction, row, checkpoint?.pieces ?? [])
  const { records, waits, edits } = await drop(transaction, row)
  const isGivenUp = waits + edits.length > 0
  const fresh = begin(row, ref, isGivenUp)
  transaction.put('documents', [ref.document], fresh)
  const empty = pieces.length + records.length + edits.length === 0 && row.away === undefined
  if (!isGivenUp) return { row: fresh, empty }
  const rest = [
    ...inOrder(records).filter((each) => isSoundRow(row, each)),
    ...edits.filter(({ value }) => isSoundEdit(row, value)),
  ].map(({ value }) => value.bytes)
  const updates = [...inflateAll(pieces.filter(({ isSound }) => isSound)), ...rest]
  if (updates.length === 0) return { row: fresh, empty }
  return { row: fresh, empty, branch: await putBranch(transaction, row, updates, DELETED, undefined, environment) }
}

/** Begins the next epoch of a document, by this replica's will. Relays are still to be told. */
export async function deleteHere(
  transaction: WriteTransaction,
  row: DocumentRow,
  environment: Environment,
): Promise<DocumentRow> {
  const { waits, edits } = await drop(transaction, row)
  const ref = { ...row, epoch: nextEpoch(row.epoch, environment) }
  const fresh: DocumentRow = { ...begin(row, ref, waits + edits.length > 0), untold: true }
  transaction.put('documents', [row.document], fresh)
  return fresh
}

/** Edits that were typed into an epoch that is no more: they join what became a branch before, if anything did. */
export async function branchEdit(
  transaction: WriteTransaction,
  where: DocumentRef,
  update: Uint8Array,
  environment: Environment,
): Promise<BranchRow> {
  const branches = await transaction.range('branches', [where.document])
  const known = branches.find(({ value }) => value.code === DELETED.code && value.epoch === where.epoch)?.value
  return putBranch(transaction, newDocument(where), [update], DELETED, known?.id, environment)
}

/** Whoever waits for a receipt of what was given up is to be told. */
function begin(row: DocumentRow, ref: DocumentRef, isGivenUp: boolean): DocumentRow {
  const fresh: DocumentRow = { ...newDocument(ref), deleted: true, shrunk: (row.shrunk ?? 0) + 1, refused: row.refused }
  return isGivenUp ? givenUp(fresh, DELETED) : fresh
}

/** Deletes all rows of the document but its own; returns them, and how many records nobody had acknowledged. */
async function drop(
  transaction: WriteTransaction,
  row: DocumentRow,
): Promise<{ records: Row<'records'>[]; waits: number; edits: Row<'edits'>[] }> {
  const { document } = row
  await dropPartial(transaction, document)
  await dropCheckpoint(transaction, document)
  const records = await transaction.range('records', [document])
  for (const { key, value } of records) {
    transaction.delete('records', key)
    // The same dot may name another record in the next epoch.
    await deleteLogged(transaction, key, value)
  }
  const edits = await transaction.range('edits', [document])
  for (const { key } of edits) transaction.delete('edits', key)
  putEditCount(transaction, document, 0)
  const waits = new Set(row.waiting.map(dotOf))
  return { records, waits: records.filter(({ key, value }) => waits.has(dotOf(toRecord(key, value)))).length, edits }
}
