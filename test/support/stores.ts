/**
 * Stores of replicas, as tests need them: copied as a profile is copied, and damaged as a disk damages them. And update logs on
 * them, with someone who types and a relay that answers.
 */
import * as Y from 'yjs'
import { createMemoryReplicaStore } from '../../client/replica/memory.ts'
import {
  type Key,
  type ReadTransaction,
  type ReplicaStore,
  type Row,
  TABLE_NAMES,
  type TableName,
  type WriteTransaction,
} from '../../client/replica/store.ts'

import {
  type Answer,
  type HeldDocument,
  openUpdateLog,
  type PeerNote,
  type Taken,
  type UpdateLog,
} from '../../client/replica/update-log.ts'
import { CHAIN_START } from '../../shared/causality/version-vector.ts'
import { type Environment, systemEnvironment } from '../../shared/environment.ts'
import { FIRST_EPOCH } from '../../shared/ids.ts'
import { toEntries } from '../../shared/sync/runs.ts'
import { joinUpdates } from '../../shared/update/join.ts'
import type { DocumentRef, UpdateRecord } from '../../shared/update/record.ts'
import { seal } from '../../shared/update/seal.ts'
import type { Ack, Entries, Piece } from '../../shared/wire/messages.ts'

/** All rows of all tables. */
export type Dump = { [T in TableName]: Row<T>[] }

export async function dump(store: ReplicaStore): Promise<Dump> {
  return store.read(TABLE_NAMES, async (transaction) => {
    const tables: Partial<Record<TableName, unknown>> = {}
    for (const table of TABLE_NAMES) tables[table] = await transaction.range(table, [])
    return tables as unknown as Dump
  })
}

/** Writes rows as they are into a store. */
export async function fill(store: ReplicaStore, rows: Dump): Promise<ReplicaStore> {
  await store.write(TABLE_NAMES, async (transaction) => {
    // Of an older version it has fewer tables.
    for (const table of TABLE_NAMES) for (const { key, value } of rows[table] ?? []) transaction.put(table, key, value)
  })
  return store
}

/** A durable store with the same content: a copied browser profile, or a backup. */
export const copyOf = async (store: ReplicaStore): Promise<ReplicaStore> =>
  fill(createMemoryReplicaStore({ durable: true }), structuredClone(await dump(store)))

/** Flips a bit in the bytes of a stored record, edit or piece. */
export async function damage(store: ReplicaStore, table: 'records' | 'edits' | 'pieces', key: Key): Promise<void> {
  await store.write([table], async (transaction) => {
    const row = await transaction.get(table, key)
    if (row === undefined) throw new Error(`no row ${key.join('/')} in ${table}`)
    const bytes = row.bytes.slice()
    bytes[bytes.length - 2] = (bytes[bytes.length - 2] ?? 0) ^ 1
    transaction.put(table, key, { ...row, bytes })
  })
}

/** A caller's own store: all it knows of the port is what the port says. `close` keeps what it holds, as a disk does. */
export function createOwnStore(): ReplicaStore & { transactions: number } {
  let inner = createMemoryReplicaStore()
  let transactions = 0
  return {
    durable: true,
    get transactions() {
      return transactions
    },
    read<R>(tables: readonly TableName[], body: (transaction: ReadTransaction) => Promise<R>) {
      transactions++
      return inner.read(tables, body)
    },
    write<R>(tables: readonly TableName[], body: (transaction: WriteTransaction) => Promise<R>) {
      transactions++
      return inner.write(tables, body)
    },
    close() {},
    async destroy() {
      inner = createMemoryReplicaStore()
    },
  }
}

export const NOTE: DocumentRef = { document: 'note', epoch: FIRST_EPOCH, gc: true }
export const RELAY = 'f'.repeat(16)
export const PEER: PeerNote = { replica: RELAY, url: 'ws://relay', round: 1 }

export const durable = (): ReplicaStore => createMemoryReplicaStore({ durable: true })

/** A log, and everything that it tells of damage: document and rows. */
export const openLog = (
  store: ReplicaStore,
  damaged: (document: string, rows: number) => void = () => {},
  environment: Environment = systemEnvironment,
): Promise<UpdateLog> => openUpdateLog(store, environment, (document, rows) => damaged(document, rows))

/** Someone who types into one document of a log. */
export function typist(log: UpdateLog, where: DocumentRef = NOTE) {
  const doc = new Y.Doc()
  let updates: Uint8Array[] = []
  let n = 0
  doc.on('update', (update, origin) => {
    if (origin !== log) updates.push(update)
  })
  return {
    doc,
    /** Types each word in a transaction of its own, and stores them as one edit. */
    async type(...words: string[]): Promise<Uint8Array> {
      updates = []
      for (const word of words) doc.getText('text').insert(doc.getText('text').length, word)
      const bytes = joinUpdates(updates)
      await log.append({ where, n: ++n, bytes, count: words.length })
      return bytes
    },
    /** Sees what the log holds. */
    async look(): Promise<void> {
      for (const bytes of (await log.load(where.document)).updates) Y.applyUpdate(doc, bytes, log)
    },
  }
}

/** What a log yields when it is opened. */
export async function read(log: UpdateLog, document = 'note'): Promise<string> {
  const doc = new Y.Doc()
  const { updates } = await log.load(document)
  if (updates.length > 0) Y.applyUpdate(doc, joinUpdates(updates))
  return doc.getText('text').toString()
}

export const records = (log: UpdateLog, document = 'note'): Promise<UpdateRecord[]> => log.lacking(document, new Map())

export async function held(log: UpdateLog, document = 'note'): Promise<HeldDocument> {
  const found = await log.held(document)
  if (found === undefined) throw new Error(`${document} is not known`)
  // When it was read is no part of what is held.
  const { at: _, ...rest } = found
  return rest
}

/** What a relay answers that holds the record with this number. */
export async function ackOf(log: UpdateLog, seq: number, change: Partial<Ack> = {}): Promise<Ack> {
  const known = (each: UpdateRecord) =>
    each.seq === seq && (change.origin === undefined || each.origin === change.origin)
  const { origin = '', chain = '' } = (await records(log)).find(known) ?? {}
  return { type: 'ack', ...NOTE, origin, seq, chain, through: seq, ...change }
}

export const entriesOf = (...those: UpdateRecord[]): { type: 'entries'; entries: Entries } => ({
  type: 'entries',
  entries: toEntries(NOTE, those, 0),
})

/** Records of another replica, each a word longer. */
export function otherRecords(count: number, origin = 'a'.repeat(16), word = 'a'): UpdateRecord[] {
  const doc = new Y.Doc()
  const made: UpdateRecord[] = []
  doc.on('update', (bytes) => {
    const last = made.at(-1)
    const record = { origin, seq: made.length + 1, kind: 'yjs-v1' as const, bytes }
    made.push(seal(NOTE, record, last?.chain ?? CHAIN_START))
  })
  for (let i = 0; i < count; i++) doc.getText('text').insert(i, word)
  return made
}

/** All that is here of a document is acknowledged. */
export async function acknowledge(log: UpdateLog, where: DocumentRef = NOTE): Promise<void> {
  const { vector } = await held(log, where.document)
  await log.take([{ type: 'held', where, vector }], PEER)
}

/** Folds all that is acknowledged, and drops what nobody is owed. */
export async function foldAll(log: UpdateLog, document = 'note'): Promise<void> {
  await log.compact(document, async () => {})
}

/** All pieces of an answer, from where it begins. */
export async function piecesOf({ transfer }: Answer): Promise<Piece[]> {
  const pieces: Piece[] = []
  for (let index = transfer?.from ?? 0; index < (transfer?.count ?? 0); index++) {
    const piece = await transfer?.read(index)
    if (piece === undefined) throw new Error(`piece ${index} is gone`)
    pieces.push(piece)
  }
  return pieces
}

/** What one log answers when the other one compares itself with it. */
export async function answerOf(from: UpdateLog, to: UpdateLog, document = 'note'): Promise<Answer> {
  return from.answer(document, (await to.compared(document, from.replica)) ?? { vector: new Map() })
}

/** Takes an answer as a conversation does: a piece at a time, then the records. */
export async function takeAnswer(to: UpdateLog, from: UpdateLog, answer: Answer, where = NOTE): Promise<Taken[]> {
  const peer = { ...PEER, replica: from.replica }
  const taken: Taken[] = []
  for (const piece of await piecesOf(answer)) taken.push(await to.take([{ type: 'piece', piece }], peer))
  if (answer.records.length > 0) {
    taken.push(await to.take([{ type: 'entries', entries: toEntries(where, answer.records, 0) }], peer))
  }
  return taken
}

/** Everything that the one lacks of the other. */
export const fetchFrom = async (to: UpdateLog, from: UpdateLog, document = 'note'): Promise<Taken[]> =>
  takeAnswer(to, from, await answerOf(from, to, document), { ...NOTE, document })
