/** What is offered to a relay: the tail of the log, and what a version vector lacks. */
import { lacking } from '../../shared/causality/comparing.ts'
import { headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import type { DocumentId, ReplicaId } from '../../shared/ids.ts'
import type { DocumentRef, UpdateRecord } from '../../shared/update/record.ts'
import { isFit } from './fitness.ts'
import type { Outbox } from './log-types.ts'
import { readRecord } from './record-rows.ts'
import { coveredBy, inOrder, readSelf, refOf, toRecord, vectorOf } from './rows.ts'
import type { Bad } from './soundness.ts'
import type { DocumentRow, LogRow, ReadTransaction, Row } from './store.ts'

/** `tab`: the one that asks, where others have connections of their own; `undefined` where it is the only one. */
export async function readOutbox(
  transaction: ReadTransaction,
  offset: number,
  relay: ReplicaId,
  limit: number,
  tab: string | undefined,
  bad: Bad[],
): Promise<Outbox> {
  const rows = await transaction.range('log', [], { from: offset + 1, limit })
  const outbox: Outbox = { offered: [], through: Number(rows.at(-1)?.key[0] ?? offset), compare: [], tombstones: [] }
  const compare = new Map<DocumentId, DocumentRef>()
  const { trimmed = 0 } = await readSelf(transaction)
  if (offset < trimmed) for (const where of await readFolded(transaction)) compare.set(where.document, where)
  const documents = new Map<DocumentId, DocumentRow | undefined>()
  const news = rows.filter(({ value: { from } }) => !('relay' in from && from.relay === relay))
  const records = await readNamed(
    transaction,
    news.map(({ value }) => value),
  )
  for (const { key, value } of news) {
    if (!documents.has(value.document)) {
      documents.set(value.document, await transaction.get('documents', [value.document]))
    }
    const where = documents.get(value.document)
    if (where === undefined) continue
    const at = Number(key[0])
    if (value.kind === 'tombstone') outbox.tombstones.push({ offset: at, ref: refOf(where) })
    else if (value.kind === 'checkpoint') compare.set(where.document, refOf(where))
    else {
      const record = records.get(value) ?? (await readRecord(transaction, where, value.origin, value.seq))
      const foreign = tab !== undefined && 'tab' in value.from && value.from.tab !== tab
      if (record === undefined) {
        // One that was taken out (damaged, forked, refused) is nothing to offer, unless a piece holds it.
        if (await isFolded(transaction, value)) compare.set(where.document, refOf(where))
        else if (headOf(vectorOf(where), value.origin).seq >= value.seq) {
          bad.push({ document: where.document, origin: value.origin, seq: value.seq })
        }
      } else if (isFit(where, record, bad)) outbox.offered.push({ offset: at, where: refOf(where), record, foreign })
    }
  }
  outbox.compare.push(...compare.values())
  return outbox
}

/** The records that rows of the log name: those of an origin follow one another, mostly, and are read together. */
async function readNamed(transaction: ReadTransaction, rows: readonly LogRow[]): Promise<Map<LogRow, UpdateRecord>> {
  const found = new Map<LogRow, UpdateRecord>()
  for (const those of Map.groupBy(rows, ({ document, origin }) => `${document}/${origin}`).values()) {
    const { document, origin, seq: from } = those[0] as LogRow
    const range = { from, limit: those.length }
    for (const { key, value } of await transaction.range('records', [document, origin], range)) {
      const record = toRecord(key, value)
      const row = those[record.seq - from]
      if (row?.seq === record.seq) found.set(row, record)
    }
  }
  return found
}

/** Documents whose records may have been trimmed. */
async function readFolded(transaction: ReadTransaction): Promise<DocumentRef[]> {
  const found: DocumentRef[] = []
  for (const { key } of await transaction.range('checkpoints', [])) {
    const where = await transaction.get('documents', key)
    if (where !== undefined) found.push(refOf(where))
  }
  return found
}

async function isFolded(transaction: ReadTransaction, { document, origin, seq }: LogRow): Promise<boolean> {
  return headOf(coveredBy(await transaction.get('checkpoints', [document])), origin).seq >= seq
}

export async function readLacking(
  transaction: ReadTransaction,
  document: DocumentId,
  theirs: VersionVector,
  bad: Bad[],
): Promise<UpdateRecord[]> {
  const where = await transaction.get('documents', [document])
  if (where === undefined) return []
  const found: Row<'records'>[] = []
  for (const { origin, from } of lacking(theirs, vectorOf(where))) {
    found.push(...(await transaction.range('records', [document, origin], { from })))
  }
  return inOrder(found)
    .map(({ key, value }) => toRecord(key, value))
    .filter((record) => isFit(where, record, bad))
}
