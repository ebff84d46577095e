/** What a Y.Doc is given of a document: the pieces of its checkpoint, the records beside it, and edits. */
import { covers, headOf } from '../../shared/causality/version-vector.ts'
import { type DocumentId, FIRST_EPOCH } from '../../shared/ids.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { LoadedDocument, Seen } from './log-types.ts'
import type { FoundPiece } from './pieces.ts'
import { coveredBy, inOrder, newDocument, seqsOf, toHeld, vectorOf, wanted } from './rows.ts'
import { type Bad, firstMissing, isSoundEdit, isSoundRow } from './soundness.ts'
import type { DocumentRow, ReadTransaction, ReplicaStore, Row } from './store.ts'

/** What reads checkpoints: loaded when there is one. */
export interface Checkpoints {
  readPieces: typeof import('./pieces.ts').readPieces
  inflateInSteps: typeof import('./inflating.ts').inflateInSteps
}

export const NOTHING_SEEN: Seen = { vector: new Map(), edits: new Map() }

/** What of a document is not seen yet, as it is stored. */
interface Found {
  row: DocumentRow
  pieces: FoundPiece[]
  records: Row<'records'>[]
  edits: Row<'edits'>[]
  /** The first one of an origin's records that is not there although it is held. */
  missing: Bad[]
}

/** What is to be done first: it takes `Checkpoints`, or the document is to be made known, a new one or not. */
export type Before = 'checkpoints' | 'ensure' | 'new'

/**
 * Reads what is not `seen` yet; `bad` and `lost` are damaged records and pieces, and how many damaged edits there are. `opening`: it is
 * to be known then, and wanted; `unnoted`: where it is not, that cannot be. Nothing is found of a document that is not known.
 */
export async function load(
  store: ReplicaStore,
  document: DocumentId,
  seen: Seen,
  pause: () => Promise<void>,
  checkpoints: Checkpoints | undefined,
  opening: DocumentRef | undefined,
  unnoted: boolean,
): Promise<{ loaded: LoadedDocument; bad: Bad[]; lost: number } | Before> {
  const found = await store.read(['documents', 'records', 'edits', 'checkpoints', 'pieces'], (transaction) =>
    find(transaction, document, seen, checkpoints, opening, unnoted),
  )
  if (typeof found === 'string') return found
  const { row, pieces, records, edits, missing } = found
  const { updates = [], damaged = [] } = (await checkpoints?.inflateInSteps(pieces, pause)) ?? {}
  const bad: Bad[] = [...missing]
  for (const { id, index } of damaged) bad.push({ document, origin: '', seq: 0, piece: { id, index } })
  for (const each of records) {
    if (!isSoundRow(row, each)) bad.push({ document, origin: String(each.key[1]), seq: Number(each.key[2]) })
  }
  for (const { value } of inOrder(records)) updates.push(value.bytes)
  const seenEdits = new Map(seen.edits)
  let lost = 0
  for (const { key, value } of edits) {
    const tab = String(key[1])
    const n = Number(key[2])
    if (n <= (seen.edits.get(tab) ?? -1)) continue
    if (isSoundEdit(row, value)) updates.push(value.bytes)
    else lost++
    seenEdits.set(tab, Math.max(n, seenEdits.get(tab) ?? 0))
  }
  const held = toHeld(
    row,
    edits.reduce((sum, { value }) => sum + value.count, 0),
  )
  // An origin that the log has left counts from 0 again.
  const vector = new Map([...[...seen.vector.keys()].map((origin) => [origin, 0] as const), ...seqsOf(held.vector)])
  return { loaded: { ...held, updates, seen: { vector, edits: seenEdits } }, bad, lost }
}

async function find(
  transaction: ReadTransaction,
  document: DocumentId,
  seen: Seen,
  checkpoints: Checkpoints | undefined,
  opening: DocumentRef | undefined,
  unnoted: boolean,
): Promise<Found | Before> {
  // All at once: a reader waits for each answer of the browser.
  const [known, checkpoint, edits] = await Promise.all([
    transaction.get('documents', [document]),
    transaction.get('checkpoints', [document]),
    transaction.range('edits', [document]),
  ])
  if (opening !== undefined && known === undefined && !unnoted) return 'new'
  if (opening !== undefined && known !== undefined && wanted(known) !== known) return 'ensure'
  const row = known ?? newDocument(opening ?? { document, epoch: FIRST_EPOCH, gc: true })
  const covered = coveredBy(checkpoint)
  const seenHeads = new Map([...seen.vector].map(([origin, seq]) => [origin, { seq, chain: '' }]))
  const isNews = !covers(seenHeads, covered)
  if (isNews && checkpoints === undefined) return 'checkpoints'
  const pieces = (isNews && (await checkpoints?.readPieces(transaction, row, checkpoint?.pieces ?? []))) || []
  const records: Row<'records'>[] = []
  const missing: Bad[] = []
  for (const [origin, { seq: to }] of vectorOf(row)) {
    const from = 1 + Math.max(seen.vector.get(origin) ?? 0, isNews ? headOf(covered, origin).seq : 0)
    if (from > to) continue
    const found = await transaction.range('records', [document, origin], { from, limit: to - from + 1 })
    records.push(...found)
    const gone = firstMissing(document, { origin, from, to }, found)
    if (gone !== undefined) missing.push(gone)
  }
  return { row, pieces, records, edits, missing }
}
