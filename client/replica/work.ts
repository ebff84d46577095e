/** The work of one `take`: rows are read once, changed in memory and written at the end. */
import type { Head } from '../../shared/causality/version-vector.ts'
import type { Environment } from '../../shared/environment.ts'
import type { DocumentId, OriginId, ReplicaId } from '../../shared/ids.ts'
import type { DocumentRef, UpdateRecord } from '../../shared/update/record.ts'
import { adopt } from './deletion.ts'
import type { Taken } from './log-types.ts'
import { putRecord } from './record-rows.ts'
import { hasLeft } from './room.ts'
import { newDocument, refOf, vectorOf } from './rows.ts'
import type { Bad } from './soundness.ts'
import type { CheckpointRow, DocumentRow, ReplicaRow, WriteTransaction } from './store.ts'

export interface Work {
  readonly transaction: WriteTransaction
  readonly environment: Environment
  readonly self: ReplicaRow
  readonly rows: Map<DocumentId, Entered>
  readonly taken: Taken
  /** The relay that it comes from. */
  readonly from: ReplicaId
  /** Rows that were found damaged. */
  readonly bad: Bad[]
}

/** A document that is worked on. */
export interface Entered {
  row: DocumentRow
  vector: Map<OriginId, Head>
  /** As it was read, for as long as nothing of this work changes it. */
  checkpoint?: { readonly row: CheckpointRow | undefined }
}

/**
 * The document as it is now. A greater epoch is adopted; `undefined` where the one here is greater, and what came is of a
 * document that was deleted, and where it left this device.
 */
export function enter(work: Work, where: DocumentRef): Promise<Entered | undefined> | Entered | undefined {
  const entered = work.rows.get(where.document)
  if (entered === undefined || where.epoch !== entered.row.epoch) return enterAnew(work, where)
  return stays(entered, where) ? entered : undefined
}

/** Who wants deleted content kept wins; see the relay. False: the document has left this device. */
function stays(entered: Entered, { gc }: DocumentRef): boolean {
  const { row } = entered
  if (hasLeft(row)) return false
  if (row.gc && !gc) entered.row = { ...row, gc }
  return true
}

async function enterAnew(work: Work, where: DocumentRef): Promise<Entered | undefined> {
  const entered = work.rows.get(where.document) ?? (await read(work, where))
  if (where.epoch < entered.row.epoch) {
    if (!work.taken.outdated.some(({ document }) => document === where.document)) {
      work.taken.outdated.push(refOf(entered.row))
    }
    return undefined
  }
  if (where.epoch > entered.row.epoch) await adoptIn(work, entered, where)
  if (!stays(entered, where)) return undefined
  work.rows.set(where.document, entered)
  return entered
}

/** The checkpoint of a document, read once. */
export async function checkpointOf({ transaction }: Work, entered: Entered): Promise<CheckpointRow | undefined> {
  entered.checkpoint ??= { row: await transaction.get('checkpoints', [entered.row.document]) }
  return entered.checkpoint.row
}

async function read({ transaction }: Work, where: DocumentRef): Promise<Entered> {
  const row = (await transaction.get('documents', [where.document])) ?? newDocument(where)
  return { row, vector: vectorOf(row) }
}

/** The document was deleted: what it held is gone, and what only this replica had of it becomes a branch. */
async function adoptIn(work: Work, entered: Entered, ref: DocumentRef): Promise<void> {
  const { transaction, environment, taken, from, self } = work
  // Records of this very `take` are to be seen by it.
  transaction.put('documents', [ref.document], entered.row)
  const { row, branch, empty } = await adopt(transaction, entered.row, ref, environment)
  self.head++
  transaction.put('log', [self.head], tombstoneRow(ref, { relay: from }))
  entered.row = row
  entered.vector = new Map()
  entered.checkpoint = undefined
  taken.deleted.push({ ref: refOf(row), branch, empty })
  taken.arrived.delete(ref.document)
  taken.pieces.delete(ref.document)
}

export const tombstoneRow = ({ document }: DocumentRef, from: { relay: ReplicaId } | { tab: string }) => ({
  document,
  origin: '',
  seq: 0,
  from,
  kind: 'tombstone' as const,
})

export function takeRecord(work: Work, entered: Entered, record: UpdateRecord, own: boolean): void {
  const { document } = entered.row
  const { origin, seq, bytes, chain } = record
  work.self.head++
  putRecord(work.transaction, document, record, work.self.head, { relay: work.from })
  entered.vector.set(origin, { seq, chain })
  const arrived = work.taken.arrived.get(document)
  if (arrived === undefined) work.taken.arrived.set(document, [{ origin, seq, bytes, own }])
  else arrived.push({ origin, seq, bytes, own })
}

/** Records of this origin up to `seq` are acknowledged. */
export function settle(entered: Entered, origin: OriginId, seq: number): void {
  const { row } = entered
  if (!row.waiting.some((waiting) => waiting.origin === origin && waiting.seq <= seq)) return
  entered.row = { ...row, waiting: row.waiting.filter((each) => each.origin !== origin || each.seq > seq) }
}
