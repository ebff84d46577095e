/**
 * The store port: what a client's replica needs of its storage. A few tables of rows under ordered keys, and transactions.
 * IndexedDB and memory implement it; so can anybody's store (a file, SQLite, React Native). What the rows mean is the update
 * log's affair, not the store's.
 */
import type { Chain } from '../../shared/causality/chain.ts'
import type { ErrorCode } from '../../shared/errors.ts'
import type { Hash64 } from '../../shared/hash.ts'
import type { DocumentId, OriginId, ReplicaId } from '../../shared/ids.ts'
import type { DocumentRef, UpdateKind } from '../../shared/update/record.ts'
import type { Place } from '../../shared/wire/messages.ts'

/** Text and whole numbers from 0 on, ordered like IndexedDB's array keys: by part, numbers before text. */
export type Key = readonly (string | number)[]

/** Under ['replica']: who this replica is. */
export interface ReplicaRow {
  replica: ReplicaId
  origin: OriginId
  /** Offset of the newest row of the log. */
  head: number
}

/** Under [document]. */
export interface DocumentRow extends DocumentRef {
  vector: readonly { origin: OriginId; seq: number; chain: Chain }[]
  /** Records sealed here that no relay has acknowledged, oldest first. */
  waiting: readonly Waiting[]
}

/** A sealed record that waits for a relay, and the edits that it holds. */
export interface Waiting {
  origin: OriginId
  seq: number
  /** Yjs transactions in it. */
  count: number
  edits: readonly { tab: string; from: number; to: number }[]
}

/** Under [document, tab, n]: an edit that is not sealed yet. */
export interface EditRow {
  bytes: Uint8Array
  /** Yjs transactions in it. */
  count: number
  checksum: Hash64
}

/** Under [document, origin, seq]. */
export interface RecordRow {
  /** Of its row in the log: records are offered in this order, in which each finds what it builds on. */
  offset: number
  kind: UpdateKind
  bytes: Uint8Array
  checksum: Hash64
  chain: Chain
}

/** Under [offset]: the order in which records came to this replica. */
export interface LogRow {
  document: DocumentId
  origin: OriginId
  seq: number
  /** The relay that sent it, or the tab that sealed it here. */
  from: { relay: ReplicaId } | { tab: string }
}

/** Under [replica id of the relay]. */
export interface PeerRow {
  replica: ReplicaId
  url: string
  /** Where this replica has read the relay's log up to. */
  place: Place
  /** Offset in this replica's log up to which the relay holds everything. */
  watermark: number
  /** Counts comparisons: a place is only moved on by sessions that rest on the last one. */
  round: number
  usedAt: number
}

/** Under [document, id]: edits that a relay refused for good, kept to be exported. */
export interface BranchRow extends DocumentRef {
  id: string
  code: ErrorCode
  detail: string
  bytes: Uint8Array
}

export interface Tables {
  meta: ReplicaRow
  documents: DocumentRow
  edits: EditRow
  records: RecordRow
  log: LogRow
  peers: PeerRow
  branches: BranchRow
}

export type TableName = keyof Tables

export const TABLE_NAMES: readonly TableName[] = ['meta', 'documents', 'edits', 'records', 'log', 'peers', 'branches']

export interface Row<T extends TableName> {
  key: Key
  value: Tables[T]
}

export interface ReadTransaction {
  get<T extends TableName>(table: T, key: Key): Promise<Tables[T] | undefined>
  /** Rows whose keys begin with `prefix`, in order; with `from`, those whose next part is at least that number. */
  range<T extends TableName>(table: T, prefix: Key, options?: { from?: number; limit?: number }): Promise<Row<T>[]>
}

export interface WriteTransaction extends ReadTransaction {
  put<T extends TableName>(table: T, key: Key, value: Tables[T]): void
  delete(table: TableName, key: Key): void
}

export interface ReplicaStore {
  /** What was written survives the crash of the process. Only then updates are sealed here and receipts say `device`. */
  readonly durable: boolean
  /** Runs `body` on a consistent view. It awaits nothing but what it asks of the transaction. */
  read<R>(tables: readonly TableName[], body: (transaction: ReadTransaction) => Promise<R>): Promise<R>
  /**
   * Runs `body` alone on its tables; resolves when everything it wrote is durable. Where it throws or the store fails, nothing of it
   * is there. Rejects with `storage-full` or `storage-failed`.
   */
  write<R>(tables: readonly TableName[], body: (transaction: WriteTransaction) => Promise<R>): Promise<R>
  /** Idempotent. Calls after it reject with `closed`. */
  close(): void
  /** Closes and deletes everything. */
  destroy(): Promise<void>
}
