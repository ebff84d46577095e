/**
 * What a relay needs of its storage, for one workspace. `commit` is one transaction and returns only when a crash or a
 * power cut cannot take it (P2); everything else reads. Calls are synchronous: SQLite is, on Node and in a Durable Object.
 */
import type { Chain } from '../../shared/causality/chain.ts'
import type { DotRange, VersionVector } from '../../shared/causality/version-vector.ts'
import type { Hash64 } from '../../shared/hash.ts'
import type { DocumentId, OriginId, ReplicaId } from '../../shared/ids.ts'
import type { EpochStart } from '../../shared/sync/places.ts'
import type { PieceBytes } from '../../shared/update/piece-bytes.ts'
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
  /** Bytes of its records, and of its checkpoint as it is stored. */
  bytes: number
  /** When it was last written, in milliseconds. */
  touched?: number
  /** When it was deleted, in milliseconds; `TOMBSTONE_EXPIRED` when that was long ago. Absent while it is there. */
  deleted?: number
}

/** A tombstone that is not told of any more: all that is left of the document is its epoch. */
export const TOMBSTONE_EXPIRED = -1

export interface StoreTotals {
  documents: number
  bytes: number
}

/** A record in the log of a workspace. */
export interface LogEntry {
  offset: number
  where: DocumentRef
  record: UpdateRecord
}

/** Stands in the log where a checkpoint came from outside: whoever reads on from before it is to get the checkpoint. */
export interface RestoredEntry {
  offset: number
  where: DocumentRef
  restored: true
}

/** Stands in the log where a document was deleted: nothing before it is there any more, and it is in this epoch. */
export interface TombstoneEntry {
  offset: number
  where: DocumentRef
  tombstone: true
}

/** What the log of a workspace holds. */
export type AnyEntry = LogEntry | RestoredEntry | TombstoneEntry

/** The content of a document up to some offset of the log, joined and compacted. It stands for the records before that. */
export interface Checkpoint {
  /** Another one with every change: the same id, the same pieces. */
  id: Hash64
  /** The pieces say all that these dots say. */
  vector: VersionVector
  /** All records of the document up to this offset are in it. */
  through: number
  /** How many pieces: Yjs updates that need none but the ones before them. */
  pieces: number
  /** Bytes of the pieces as they are stored, deflated. */
  bytes: number
  /** Bytes of the pieces inflated. */
  size: number
  /** Of `size`, what was there when all of it was last compacted together; the rest was appended since. */
  compacted: number
  /** What the pieces hold, as an `IntervalIndex` writes it. */
  intervals: Uint8Array
}

/** A change of a document's checkpoint. */
export interface Fold {
  where: DocumentRef
  checkpoint: Checkpoint
  /** So many pieces of the checkpoint before it stay; others are replaced. */
  keep: number
  /** Follow those. */
  pieces: readonly PieceBytes[]
  /** The document's transfer is over: its pieces follow these, or what they say is in these. */
  transfer?: 'adopted' | 'joined'
  /** No entry of the document before `through` stays in the log: the checkpoint stands alone. */
  alone?: boolean
}

/** Pieces that came from outside and are not all there yet: no part of their document until they are. */
export interface Transfer {
  where: DocumentRef
  id: Hash64
  pieces: number
  /** Bytes deflated, and inflated. */
  bytes: number
  size: number
  /** When the last one came; milliseconds. */
  at: number
}

/** The next piece of a transfer; index 0 begins one, in the place of any other of the document. */
export interface TransferPiece {
  where: DocumentRef
  id: Hash64
  index: number
  piece: PieceBytes
  at: number
}

/** A moment in the life of the log: what stands up to `offset` was there at `at`, and came to `bytes` in all. */
export interface Mark {
  offset: number
  /** Milliseconds. */
  at: number
  bytes: number
}

/** A Yjs client id of a document that is somebody's. */
export interface Writer {
  where: DocumentRef
  client: number
  /** Whose: a hash of the subject. */
  owner: Hash64
  /** Milliseconds. */
  used: number
}

/** An origin that is somebody's. */
export interface OriginOwner {
  origin: OriginId
  owner: Hash64
  used: number
}

/** Where something came from, as far as that is known. */
export interface Source {
  subject?: string
  address?: string
  /** Counted since the relay started. */
  connection?: number
  /** Another relay. */
  relay?: string
}

/** Things at which the relay failed that are kept of a workspace: what one fault of it can bring, and more says nothing new. */
export const QUARANTINED_MAX = 64

/** Something at which the relay failed. */
export interface Quarantined {
  id: Hash64
  document: DocumentId
  what: string
  source: Source
  /** Milliseconds. */
  at: number
  error: string
  /** Of all of it; `bytes` may be its beginning. */
  size: number
  bytes: Uint8Array
}

export interface CommitBatch {
  /** Before all else: of these something is damaged, and they go, with the names and the places that rest on them. */
  givenUp?: readonly DocumentId[]
  /** Opens a new epoch of the log, before the entries. */
  epoch?: EpochStart
  /** New origin of this replica. */
  origin?: OriginId
  documents: readonly StoredDocument[]
  /** In order. With a tombstone everything that was there of its document is gone. */
  entries: readonly AnyEntry[]
  /** After the entries. */
  folds?: readonly Fold[]
  transfers?: readonly TransferPiece[]
  /** Transfers of these documents are dropped, before others are begun. */
  dropped?: readonly DocumentId[]
  mark?: Mark
  /** The digest summary of all documents, as of this head of the log. */
  summary?: StoredSummary
  /** After the documents. */
  writers?: readonly Writer[]
  owners?: readonly OriginOwner[]
}

export interface StoredSummary {
  head: number
  bytes: Uint8Array
}

/** What a trim took out of the log. */
export interface Trimmed {
  /** Entries. */
  count: number
  /** Bytes of records, by document. */
  bytes: ReadonlyMap<DocumentId, number>
}

/** What is left of a document of which something is damaged. */
export interface Salvage {
  where: DocumentRef
  /** What is sound, in its order; the later ones may rest on what is not there any more. */
  updates: readonly Uint8Array[]
  /** Rows that did not match their checksums, and those that are missing. */
  damaged: number
}

export interface RelayStore {
  identity(): Identity
  /** Oldest first, at most `EPOCHS_KEPT_MAX`. */
  epochs(): EpochStart[]
  /** Offset of the newest entry; 0 in an empty log. */
  head(): number
  /** The highest offset that was trimmed: a place before it is none any more. */
  low(): number
  /** Raises `storage-full` or `storage-failed`; then nothing of the batch is there. */
  commit(batch: CommitBatch): void
  document(id: DocumentId): StoredDocument | undefined
  /** All documents, ordered by id. */
  documents(): Iterable<StoredDocument>
  /** The digest summary that was stored last. */
  summary(): StoredSummary | undefined
  /** Documents that are there and were not written since, at most `count`. */
  untouched(since: number, count: number): DocumentId[]
  /** Documents that were deleted before, and whose tombstones are not expired; at most `count`. */
  buried(before: number, count: number): DocumentId[]
  /** How many documents there are, and the sum of their `bytes`. */
  totals(): StoreTotals
  /** The chain of one record; `undefined` where it is not held. Raises `corrupt` where it is not what was written. */
  chain(where: DocumentRef, origin: OriginId, seq: number): Chain | undefined
  /** Offsets of the records in these ranges, in the order of the log: each record finds what it builds on before it. */
  locate(where: DocumentRef, ranges: readonly DotRange[]): number[]
  /** The record at an offset. Raises `corrupt` where it is not there or its checksum fails. */
  entry(offset: number): LogEntry
  /** Records of a document behind `after`, in the order of the log. Raises `corrupt` where a checksum fails. */
  history(where: DocumentRef, after?: number): Iterable<LogEntry>
  /** Entries behind `offset` in order, lazily. Raises `corrupt` where a checksum fails. */
  read(offset: number): Iterable<AnyEntry>
  /** Raises `corrupt` where its checksum fails. */
  checkpoint(where: DocumentRef): Checkpoint | undefined
  /** Pieces of the checkpoint from number `from` on, lazily. Raises `corrupt` where a checksum fails. */
  pieces(where: DocumentRef, from: number): Iterable<PieceBytes>
  transfer(id: DocumentId): Transfer | undefined
  transfers(): Iterable<Transfer>
  /** The pieces of a transfer. Raises `corrupt` where a checksum fails. */
  transferPieces(id: DocumentId): Iterable<PieceBytes>
  /** Whose the Yjs client ids of a document are, as far as that is known. Raises `corrupt` where a checksum fails. */
  writers(where: DocumentRef): Iterable<Writer>
  /** Raises `corrupt` where its checksum fails. */
  owner(origin: OriginId): OriginOwner | undefined
  /** Forgets owners of names that were not used since, `count` of each kind at most. Raises as `commit` does. */
  forgetOwners(since: number, count: number): void
  /** What was set aside, oldest first, at most `QUARANTINED_MAX`. What is damaged is left out. */
  quarantined(): Quarantined[]
  isSetAside(id: Hash64): boolean
  /** In the place of the oldest where there are too many. Raises as `commit` does. */
  setAside(quarantined: Quarantined): void
  /** Whether it was there. Raises as `commit` does. */
  letGo(id: Hash64): boolean
  /** In the order of the log. */
  marks(): Mark[]
  /**
   * Takes entries that a checkpoint covers out of the log, at most `count` of those up to offset `through`, and marks before
   * that. The newest entry stays, as it tells the head. Raises as `commit` does.
   */
  trim(through: number, count: number): Trimmed
  /** How often it could not be read or written since it was opened; that it is full does not count. */
  failures(): number
  /** What was found damaged since the last call, and what became of it. */
  troubles(): readonly string[]
  /** Documents of which something that was read since the last call is damaged, and cannot be made anew here. */
  damaged(): readonly DocumentId[]
  /** Something of a document that should be there was not found, so that it is one of those, or is not what it should be. */
  miss(id: DocumentId): void
  /** What of a document is sound; `undefined` where nothing is damaged, and nothing is missing. */
  salvage(id: DocumentId): Salvage | undefined
  /** Gives space that nothing uses back to the system, some `pages` of it; whether there is more. */
  shrink(pages: number): boolean
  close(): void
}
