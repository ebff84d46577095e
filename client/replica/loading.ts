/** What a Y.Doc is given of a document: the pieces of its checkpoint, the records beside it, and edits. */
import { covers, headOf } from '../../shared/causality/version-vector.ts'
import { isOfStorage, RejoinError } from '../../shared/errors.ts'
import { type DocumentId, FIRST_EPOCH } from '../../shared/ids.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { LoadedDocument, Seen } from './log-types.ts'
import type { FoundPiece } from './pieces.ts'
import { coveredBy, editCount, inOrder, newDocument, seqsOf, sumOf, toHeld, vectorOf, wanted } from './rows.ts'
import { type Bad, firstMissing, isSoundEdit, isSoundRow } from './soundness.ts'
import type { DocumentRow, ReadTransaction, ReplicaStore, Row } from './store.ts'

/** What reads checkpoints: loaded when there is one. */
export interface Checkpoints {
  readPieces: typeof import('./pieces.ts').readPieces
  inflateInSteps: typeof import('./inflating.ts').inflateInSteps
}

type Inflated = Awaited<ReturnType<Checkpoints['inflateInSteps']>>

/** What of a document is not seen yet, as it is stored. */
interface Found {
  row: DocumentRow
  pieces: FoundPiece[]
  records: Row<'records'>[]
  edits: Row<'edits'>[]
  /** The first one of an origin's records that is not there although it is held. */
  missing: Bad[]
  /** How many edits are to be there, at least. */
  count: number
}

/** What is asked for. */
interface Wish {
  document: DocumentId
  /** What of it is not to be read. */
  seen: Seen
  /** It is opened so: it is to be known then, and wanted. */
  opening: DocumentRef | undefined
}

/** It is to be made known here first, or wanted again. */
interface Unnoted {
  opening: DocumentRef
  isNew: boolean
}

export interface LoadingOptions {
  store: ReplicaStore
  pause(): Promise<void>
  inflating(): Promise<Checkpoints>
  /** Takes damaged rows out. */
  mend(document: DocumentId, bad: readonly Bad[]): Promise<void>
  /** Makes a document known here, and wanted. */
  ensure(where: DocumentRef): Promise<void>
}

/** Reads what is not `seen` of a document; nothing is found of one that is not known. See `DeviceLog.open` and `load`. */
export type Load = (document: DocumentId, seen?: Seen, opening?: DocumentRef) => Promise<LoadedDocument>

/** What has to be done before a document can be loaded is done, and then it is read again. */
export function createLoading({ store, pause, inflating, mend, ensure }: LoadingOptions): Load {
  let checkpoints: Checkpoints | undefined

  /** Whether it is now. A store that cannot note a new one keeps nobody from writing it: with what is stored of it later it is known, too (P6). */
  async function isNoted({ opening, isNew }: Unnoted): Promise<boolean> {
    try {
      await ensure(opening)
      return true
    } catch (error) {
      if (isNew && error instanceof RejoinError && isOfStorage(error)) return false
      throw error
    }
  }

  return async (document, seen = { vector: new Map(), edits: new Map() }, opening) => {
    const wish = { document, seen, opening }
    for (let mayNote = true; ; ) {
      const found = await store.read(
        ['documents', 'records', 'edits', 'checkpoints', 'pieces', 'meta'],
        (transaction) => find(transaction, wish, checkpoints, mayNote),
      )
      if (found === 'checkpoints') checkpoints = await inflating()
      else if ('opening' in found) mayNote = await isNoted(found)
      else {
        const inflated = await checkpoints?.inflateInSteps(found.pieces, pause)
        const { loaded, bad, lost } = toLoaded(found, wish, inflated)
        if (bad.length + lost === 0) return loaded
        await mend(document, bad)
      }
    }
  }
}

/** What was found, as a Y.Doc takes it; `bad` and `lost` are damaged records and pieces, and how many damaged edits there are. */
function toLoaded(
  { row, records, edits, missing, count }: Found,
  { document, seen }: Wish,
  { updates, damaged }: Inflated = { updates: [], damaged: [] },
): { loaded: LoadedDocument; bad: Bad[]; lost: number } {
  const bad: Bad[] = [...missing]
  for (const { id, index } of damaged) bad.push({ document, origin: '', seq: 0, piece: { id, index } })
  for (const each of records) {
    if (!isSoundRow(row, each)) bad.push({ document, origin: String(each.key[1]), seq: Number(each.key[2]) })
  }
  for (const { value } of inOrder(records)) updates.push(value.bytes)
  const seenEdits = new Map(seen.edits)
  let lost = Math.max(0, count - edits.length)
  for (const { key, value } of edits) {
    const tab = String(key[1])
    const n = Number(key[2])
    if (n <= (seen.edits.get(tab) ?? -1)) continue
    if (isSoundEdit(row, value)) updates.push(value.bytes)
    else lost++
    seenEdits.set(tab, Math.max(n, seenEdits.get(tab) ?? 0))
  }
  const held = toHeld(row, sumOf(edits))
  // An origin that the log has left counts from 0 again.
  const vector = new Map([...[...seen.vector.keys()].map((origin) => [origin, 0] as const), ...seqsOf(held.vector)])
  return { loaded: { ...held, updates, seen: { vector, edits: seenEdits } }, bad, lost }
}

/** What of it can be read; `checkpoints`: it takes what reads them. */
async function find(
  transaction: ReadTransaction,
  { document, seen, opening }: Wish,
  checkpoints: Checkpoints | undefined,
  mayNote: boolean,
): Promise<Found | Unnoted | 'checkpoints'> {
  // All at once: a reader waits for each answer of the browser.
  const [known, checkpoint, edits, count] = await Promise.all([
    transaction.get('documents', [document]),
    transaction.get('checkpoints', [document]),
    transaction.range('edits', [document]),
    editCount(transaction, document),
  ])
  const isNew = known === undefined
  if (opening !== undefined && (isNew ? mayNote : wanted(known) !== known)) return { opening, isNew }
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
  return { row, pieces, records, edits, missing, count: isNew ? 0 : count }
}
