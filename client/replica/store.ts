/**
 * The store port: what a client's replica needs of its storage. A few tables of rows under ordered keys, and transactions.
 * IndexedDB and memory implement it; so can anybody's store (a file, SQLite, React Native). What the rows mean is the update
 * log's affair, not the store's.
 */
import type { Chain } from '../../shared/causality/chain.ts'
import type { Dot } from '../../shared/causality/version-vector.ts'
import type { ErrorCode } from '../../shared/errors.ts'
import type { Hash64 } from '../../shared/hash.ts'
import type { DocumentId, OriginId, ReplicaId } from '../../shared/ids.ts'
import type { PieceBytes } from '../../shared/update/piece-bytes.ts'
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
  /** The newest round that was begun with any relay; absent: none since there are numbers for them. */
  rounds?: number
  /** The highest offset whose row was trimmed, as a checkpoint holds it; absent: none was. */
  trimmed?: number
  /** The newest term of leadership among the tabs, and which tab has it; absent: none was taken yet. */
  term?: { number: number; tab: string }
}

/** Under ['edits', document]: a store may lose a row without a sign of it. */
export interface EditCountRow {
  /** How many edits of the document were stored, and neither sealed nor given up since. */
  edits: number
}

/** Under [document]. */
export interface DocumentRow extends DocumentRef {
  vector: readonly { origin: OriginId; seq: number; chain: Chain }[]
  /** Records sealed here that no relay has acknowledged, oldest first. */
  waiting: readonly Waiting[]
  /** How often edits that nobody had acknowledged were given up here, and why last: no receipt covers them. */
  refused?: { times: number; code: ErrorCode; detail: string }
  /** How often something that it held was taken out: pieces that answer an older vector are not for this one. */
  shrunk?: number
  /** When something was last found lost here that no relay is known to have, in milliseconds since 1970. */
  lostAt?: number
  /** Relays had these dots, which were taken out as damaged: until they are here again it cannot be told what rests on the lost. */
  lacks?: readonly Dot[]
  /** It was deleted, and not opened or written since. */
  deleted?: true
  /** No relay is known to have heard of its epoch. */
  untold?: true
  /** It stays on this device, whatever the room. */
  pinned?: true
  /** When it was last opened or written here, in milliseconds since 1970, to the minute; absent: never. */
  usedAt?: number
  /** It left this device to make room, and is not wholly here again. */
  away?: Away
  /** Names under which it was joined with what a relay holds though that did not know the history here any more, and not checked since. */
  doubted?: readonly Doubt[]
}

export interface Doubt {
  relay: ReplicaId
  origin: OriginId
}

/** A document that left this device: relays have it. */
export interface Away {
  /** What was held of it: no claim, but what has to be here again before it is whole. */
  vector: DocumentRow['vector']
  /** Where relays' logs had been read up to: what they brought of it since then was not taken. */
  places: readonly Pick<PeerRow, 'replica' | 'round' | 'place'>[]
  /** It was opened, written or pinned since: it is fetched. Until then nothing of it is taken. */
  wanted?: true
}

/** A sealed record that waits for a relay, and the edits that it holds, all or a part of each. */
export interface Waiting {
  origin: OriginId
  seq: number
  /** Yjs transactions in it; of edits in several records the last has them all. */
  count: number
  edits: readonly EditRange[]
  /** Dots under which it waited before it was sealed again. */
  was?: readonly Dot[]
}

/** Edits of one tab by their numbers, both included. */
export interface EditRange {
  tab: string
  from: number
  to: number
}

/** Under [document, tab, n]: an edit that is not sealed yet. */
export interface EditRow {
  bytes: Uint8Array
  /** Yjs transactions in it. */
  count: number
  checksum: Hash64
  /** It was made of others: the edits that it is a part of, none where it was made of records. It is submitted before other edits. */
  of?: readonly EditRange[]
  /** It waited to be stored: records that rest on it may have been stored before. */
  late?: boolean
  /** It was merged of many: joined it is smaller. */
  loose?: boolean
}

/** Under [document, origin, seq]. */
export interface RecordRow {
  /**
   * Its place in the order in which each record finds what it builds on: the offset of its row in the log, or of the row of
   * the record that was sealed again as this one.
   */
  offset: number
  kind: UpdateKind
  bytes: Uint8Array
  checksum: Hash64
  chain: Chain
  /** The offset of its row in the log where `offset` is another's. */
  logged?: number
}

/** Under [offset]: the order in which records, and what stands for many of them, came to this replica. */
export interface LogRow {
  document: DocumentId
  /** Empty, and 0, where `kind` is given. */
  origin: OriginId
  seq: number
  /** The relay that sent it, or the tab that sealed it here. */
  from: { relay: ReplicaId } | { tab: string }
  /** No record: the document's checkpoint took in what a relay sent, or the document was deleted. */
  kind?: 'checkpoint' | 'tombstone'
}

/**
 * Under [document]: what stands for many records. It is self-contained: its pieces, applied in order to an empty document, yield
 * all that the dots of `vector` say. Records beside it may overlap it.
 */
export interface CheckpointRow {
  /** Random; another one with every change. */
  id: Hash64
  vector: DocumentRow['vector']
  pieces: readonly PieceRange[]
  /** Of all pieces, inflated. */
  bytes: number
  /** Yjs state vector of its content. */
  stateVector: Uint8Array
  /** Its newest row in the log, where a relay sent some of it. */
  logged?: { offset: number; relay: ReplicaId }
}

/** Rows of `pieces`: `count` from `from` on, under one id. */
export interface PieceRange {
  id: Hash64
  from: number
  count: number
}

/** Under [document, id, index]: a Yjs update that needs those before it. */
export interface PieceRow extends PieceBytes {
  /** Of document, epoch, id, index, size and deflated bytes. */
  checksum: Hash64
}

/** Under [document]: a transfer of which the first pieces are here. They are no part of the document yet. */
export interface PartialRow extends Grounding {
  id: Hash64
  /** The id of its rows in `pieces`: a transfer may come twice. */
  as: Hash64
  count: number
  /** How many are here, and their bytes when inflated. */
  pieces: number
  bytes: number
  relay: ReplicaId
  /** The state vector that was told with the vector that it answers. */
  told?: Uint8Array
  /** Milliseconds, when the last piece came. */
  touchedAt: number
}

/** What updates hold and rest on, by Yjs client ids. */
export interface Grounding {
  /** Clocks from `from` to before `to`. */
  holds: readonly (readonly [client: number, from: number, to: number])[]
  /** What is to be known before: all clocks below. */
  needs: readonly (readonly [client: number, clock: number])[]
}

/** Under [replica id of the relay]. */
export interface PeerRow {
  replica: ReplicaId
  url: string
  /** Where this replica has read the relay's log up to. */
  place: Place
  /** Something of the relay is here that lies behind the place: a relay that was put back in between would not show in the place. */
  beyond?: true
  /** Offset in this replica's log up to which the relay holds everything. */
  watermark: number
  /** Names the comparison that place and watermark rest on; only its own session moves them. Later ones have greater numbers. */
  round: number
  /** When it was met last, to the hour. */
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
  meta: ReplicaRow | EditCountRow
  documents: DocumentRow
  edits: EditRow
  records: RecordRow
  log: LogRow
  peers: PeerRow
  branches: BranchRow
  checkpoints: CheckpointRow
  pieces: PieceRow
  partials: PartialRow
}

export type TableName = keyof Tables

/** Tables by the version that brought them: a store that holds an older one adds what came since, empty. */
export const TABLES_OF_VERSION: readonly (readonly TableName[])[] = [
  ['meta', 'documents', 'edits', 'records', 'log', 'peers', 'branches'],
  ['checkpoints', 'pieces', 'partials'],
]

export const TABLE_NAMES: readonly TableName[] = TABLES_OF_VERSION.flat()

export interface Row<T extends TableName> {
  key: Key
  value: Tables[T]
}

export interface ReadTransaction {
  get<T extends TableName>(table: T, key: Key): Promise<Tables[T] | undefined>
  /**
   * Rows whose keys begin with `prefix`, in order, at most `limit` of them; with `from`, those whose next part is at least that
   * number. A `limit` of 0 yields none.
   */
  range<T extends TableName>(table: T, prefix: Key, options?: { from?: number; limit?: number }): Promise<Row<T>[]>
}

export interface WriteTransaction extends ReadTransaction {
  /** Bytes in `value` are copied: they may be part of a larger buffer, and change later. */
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
   * is there. Rejects with `storage-full`, `storage-failed`, or the code of the error that `body` throws.
   */
  write<R>(tables: readonly TableName[], body: (transaction: WriteTransaction) => Promise<R>): Promise<R>
  /** Idempotent. Calls after it reject with `closed`. */
  close(): void
  /** Closes and deletes everything. */
  destroy(): Promise<void>
}
