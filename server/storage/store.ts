/**
 * What a relay needs of its storage, for one workspace. `commit` is one transaction and returns only when a crash or a
 * power cut cannot take it (P2); everything else reads. Calls are synchronous: SQLite is, on Node and in a Durable Object.
 */
import type { Chain } from '../../shared/causality/chain.ts'
import type { DotRange, VersionVector } from '../../shared/causality/version-vector.ts'
import type { DocumentId, OriginId, ReplicaId } from '../../shared/ids.ts'
import type { EpochStart } from '../../shared/sync/places.ts'
import type { DocumentRef, UpdateRecord } from '../../shared/update/record.ts'

/** Who this replica is. */
export interface Identity {
  replica: ReplicaId
  /** Under which updates are sealed here. */
  origin: OriginId
}

/** What is kept of a document beside its records. */
export interface StoredDocument extends DocumentRef {
  vector: VersionVector
  /** Bytes of all its records. */
  bytes: number
}

/** One entry of the log of a workspace. */
export interface LogEntry {
  offset: number
  where: DocumentRef
  record: UpdateRecord
}

export interface CommitBatch {
  /** Opens a new epoch of the log, before the entries. */
  epoch?: EpochStart
  /** New origin of this replica. */
  origin?: OriginId
  documents: readonly StoredDocument[]
  entries: readonly LogEntry[]
}

export interface RelayStore {
  identity(): Identity
  /** Oldest first, at most `EPOCHS_KEPT_MAX`. */
  epochs(): EpochStart[]
  /** Offset of the newest entry; 0 in an empty log. */
  head(): number
  /** Raises `storage-full` or `storage-failed`; then nothing of the batch is there. */
  commit(batch: CommitBatch): void
  document(id: DocumentId): StoredDocument | undefined
  /** All documents, ordered by id. */
  documents(): Iterable<StoredDocument>
  /** The chain of one record; `undefined` where it is not held. */
  chain(where: DocumentRef, origin: OriginId, seq: number): Chain | undefined
  /** Offsets of the records in these ranges, in the order of the log: each record finds what it builds on before it. */
  locate(where: DocumentRef, ranges: readonly DotRange[]): number[]
  /** The entry at an offset. Raises `corrupt` where it is not there or its checksum fails. */
  entry(offset: number): LogEntry
  /** All records of a document in the order of the log. Raises `corrupt` where a checksum fails. */
  history(where: DocumentRef): Iterable<UpdateRecord>
  /** Entries behind `offset` in order, lazily. Raises `corrupt` where a checksum fails. */
  read(offset: number): Iterable<LogEntry>
  close(): void
}
