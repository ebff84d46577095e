/** Rows of the store as what seals, takes and mends writes them: records, with their rows in the log. */
import type { Chain } from '../../shared/causality/chain.ts'
import { type Head, headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import type { Environment } from '../../shared/environment.ts'
import { type DocumentId, type OriginId, randomId } from '../../shared/ids.ts'
import type { DocumentRef, UpdateRecord } from '../../shared/update/record.ts'
import { readSelf, toRecord } from './rows.ts'
import type {
  DocumentRow,
  Key,
  LogRow,
  ReadTransaction,
  RecordRow,
  ReplicaRow,
  Row,
  TableName,
  Waiting,
  WriteTransaction,
} from './store.ts'

/** The tables that taking from a relay touches, and giving up edits. */
export const ALL_WRITTEN: readonly TableName[] = [
  ...(['meta', 'documents', 'edits', 'records', 'log', 'peers', 'branches'] as const),
  ...(['checkpoints', 'pieces', 'partials'] as const),
]

export function rowsOf(vector: VersionVector): DocumentRow['vector'] {
  const rows: DocumentRow['vector'][number][] = []
  for (const [origin, { seq, chain }] of vector) rows.push({ origin, seq, chain })
  return rows
}

/** Puts a record at `offset` of the log; `place` is where it comes in the order of what builds on what, if not there. */
export function putRecord(
  transaction: WriteTransaction,
  document: DocumentId,
  record: UpdateRecord,
  offset: number,
  from: LogRow['from'],
  place = offset,
): void {
  const { origin, seq, kind, bytes, checksum, chain } = record
  const logged = place === offset ? undefined : { logged: offset }
  transaction.put('records', [document, origin, seq], { offset: place, kind, bytes, checksum, chain, ...logged })
  transaction.put('log', [offset], { document, origin, seq, from })
}

/** Deletes the row that a record has in the log; false where it is not known which that is, of one that was sealed again long ago. */
export async function deleteLogged(transaction: WriteTransaction, key: Key, record: RecordRow): Promise<boolean> {
  const offset = record.logged ?? record.offset
  const row = await transaction.get('log', [offset])
  if (row === undefined) return true
  if (row.document !== key[0] || row.origin !== key[1] || row.seq !== key[2]) return false
  transaction.delete('log', [offset])
  return true
}

/** Leaves the origin of this replica for a new one, under which nothing was sealed yet. */
export async function leaveOrigin(transaction: WriteTransaction, environment: Environment): Promise<ReplicaRow> {
  const self = { ...(await readSelf(transaction)), origin: randomId(environment) }
  transaction.put('meta', ['replica'], self)
  return self
}

/** Takes an origin back to before `seq` in `vector` and returns the rows from there on, which it deletes. */
export async function cutOrigin(
  transaction: WriteTransaction,
  document: DocumentId,
  vector: Map<OriginId, Head>,
  origin: OriginId,
  seq: number,
): Promise<Row<'records'>[]> {
  const gone = await transaction.range('records', [document, origin], { from: seq })
  for (const { key } of gone) transaction.delete('records', key)
  if (headOf(vector, origin).seq < seq) return gone
  const chain = seq > 1 ? await chainBefore(transaction, document, origin, seq) : undefined
  if (chain === undefined) vector.delete(origin)
  else vector.set(origin, { seq: seq - 1, chain })
  return gone
}

async function chainBefore(
  transaction: ReadTransaction,
  document: DocumentId,
  origin: OriginId,
  seq: number,
): Promise<Chain | undefined> {
  const record = await transaction.get('records', [document, origin, seq - 1])
  if (record !== undefined) return record.chain
  const checkpoint = await transaction.get('checkpoints', [document])
  return checkpoint?.vector.find((head) => head.origin === origin && head.seq === seq - 1)?.chain
}

/** The first record of each origin that waits. */
export function firstWaiting(waiting: readonly Waiting[]): Map<OriginId, number> {
  const first = new Map<OriginId, number>()
  for (const { origin, seq } of waiting) first.set(origin, Math.min(seq, first.get(origin) ?? seq))
  return first
}

export async function readRecord(
  transaction: ReadTransaction,
  where: DocumentRef,
  origin: OriginId,
  seq: number,
): Promise<UpdateRecord | undefined> {
  const key = [where.document, origin, seq]
  const row = await transaction.get('records', key)
  return row && toRecord(key, row)
}
