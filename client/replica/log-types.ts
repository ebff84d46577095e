/** What the update log takes and gives. Its face is `UpdateLog`, opened by `openUpdateLog`. */
import type { Dot, VersionVector } from '../../shared/causality/version-vector.ts'
import type { RejoinError } from '../../shared/errors.ts'
import type { Hash64 } from '../../shared/hash.ts'
import type { DocumentId, OriginId, ReplicaId } from '../../shared/ids.ts'
import type { Compared } from '../../shared/sync/action.ts'
import type { DocumentRef, UpdateRecord } from '../../shared/update/record.ts'
import type { Ack, Entries, Piece, Place, Stamped, Vector } from '../../shared/wire/messages.ts'
import type { BranchRow, PeerRow, Row, Waiting } from './store.ts'

/** An edit as its tab hands it over. */
export interface Edit {
  where: DocumentRef
  n: number
  bytes: Uint8Array
  /** Yjs transactions in it. */
  count: number
  /** It is many updates, merged: joined they are smaller. */
  loose?: boolean
  /** It waited to be stored, or is what the Y.Doc holds of what was lost. */
  late?: boolean
}

/** What a replica holds of a document. */
export interface HeldDocument {
  ref: DocumentRef
  vector: VersionVector
  /** Yjs transactions that no relay has acknowledged. */
  unacknowledged: number
  /** Records of it wait for a relay, were it only under a new name. */
  waits?: boolean
  /** Relays had these dots of it, which were taken out as damaged and may not be here again. */
  lacks?: readonly Dot[]
  /** It was deleted, and not opened or written since: it is not listed. */
  deleted?: boolean
  /** No relay is known to have heard of its epoch: its tombstone is to be sent. */
  untold?: boolean
  /** It stays here, whatever the room. */
  pinned?: boolean
  /** It left to make room. `left`: nothing of it is here, or taken; `wanted`: it was asked for since, and is not whole yet. */
  away?: 'left' | 'wanted'
  /** When it was last opened or written here; absent: never. */
  usedAt?: number
  /** The moment of this tab at which it was read; see `UpdateLog.moment`. */
  at?: number
}

/** An edit that is stored: at which moment of the log, and the branch that it became, if it did. */
export interface Appended {
  branch?: BranchRow
  at: number
}

/** How much of a document a Y.Doc has been given. */
export interface Seen {
  vector: ReadonlyMap<OriginId, number>
  /** Highest number of each tab's edits. */
  edits: ReadonlyMap<string, number>
}

/** What a Y.Doc is to be given. */
export interface LoadedDocument extends HeldDocument {
  updates: Uint8Array[]
  /** What it has seen then. */
  seen: Seen
}

/** A record as it is offered to a relay. */
export interface Offered {
  offset: number
  where: DocumentRef
  record: UpdateRecord
  /** Sealed by another tab, which has a connection of its own. */
  foreign: boolean
}

/** What a transaction added to the log: the rows behind `before`, up to `head`. */
export interface Added {
  before: number
  head: number
}

/** What was sealed of a document. */
export interface Sealed {
  records: Waiting[]
  /** They, as they lie in the log: nothing else was added there. */
  offered: Offered[]
  added: Added
  /** The document as it is then; `undefined`: it is not known. */
  held: HeldDocument | undefined
}

/** What came from a relay, to be taken in one transaction. */
export type Incoming =
  /** The relay has this document in this epoch: greater than here it is adopted, equal it is the receipt of a tombstone. */
  | { type: 'deleted'; ref: DocumentRef }
  /** Not the last one of its transfer: it is kept. With the last one they become part of the document. */
  | { type: 'piece'; piece: Piece }
  | { type: 'entries'; entries: Entries }
  | { type: 'ack'; ack: Ack }
  /** What the relay says it holds of a document: what others have brought there is acknowledged too. */
  | { type: 'held'; where: DocumentRef; vector: VersionVector }
  | { type: 'stamped'; stamped: Stamped; edits: readonly Row<'edits'>[]; bytes: Uint8Array }

/** A record that has become part of this replica. */
export interface Arrived {
  origin: OriginId
  seq: number
  bytes: Uint8Array
  /** It was made of edits of this replica. */
  own: boolean
}

/** Pieces of a transfer that have become part of this replica. */
export interface ArrivedPieces {
  /** In order: each rests on those before it. Applied, the document has all of `vector` beside what it had. */
  updates: readonly Uint8Array[]
  vector: VersionVector
  /** What was here before them: they need it, and do not bring it again. */
  before: VersionVector
}

export interface Taken {
  /**
   * Transfers that are complete, by document. One of more than a megabyte is not among them: the vector in `documents` shows it,
   * and `load` gives it.
   */
  pieces: Map<DocumentId, ArrivedPieces[]>
  /** Documents whose transfer goes on: how many of its pieces are here. */
  progress: { document: DocumentId; pieces: number; count: number }[]
  /** Documents that turned out to be deleted. Where nobody else had something of one, a copy of it is a branch; `empty`: nothing was there. */
  deleted: { ref: DocumentRef; branch?: BranchRow; empty: boolean }[]
  /** What came for an older epoch than these are in: the relay is to be told by a tombstone. */
  outdated: DocumentRef[]
  /** Records new to this replica, by document. */
  arrived: Map<DocumentId, Arrived[]>
  /** Documents that changed in any way, as they are now. */
  documents: HeldDocument[]
  /**
   * Runs that do not connect: records are missing before them, or they rest on another history. The origin is empty where pieces
   * do not: they came out of order, or answer what is not so any more.
   */
  unfit: { where: DocumentRef; origin: OriginId; code: 'gap' | 'fork' }[]
  /** Documents of which something came that cannot be read: nothing of that is here. */
  unreadable: { where: DocumentRef; error: RejoinError }[]
  /** Documents that were joined with what this relay holds though neither knows the other's history: see `UpdateLog.doubted`. */
  doubted: DocumentId[]
  /** What was added to the log, where there is nothing to offer to this relay among that. */
  added?: Added
}

/** What is told of a document when it is compared; see `Vector` of the wire. */
export type ToCompare = Compared

/** The pieces of a checkpoint that are sent to somebody, one by one. */
export interface Transfer {
  id: Hash64
  count: number
  /** The first one that is to be sent: those before it are there. */
  from: number
  /** What the receiver holds with the last one. */
  vector: VersionVector
  /** A piece as it travels; `undefined` where it is gone meanwhile, or damaged: then the transfer ends, and what is new is compared. */
  read(index: number): Promise<Piece | undefined>
}

/** What is sent to somebody who lacks it: the pieces first, then the records, which may rest on them. */
export interface Answer {
  transfer?: Transfer
  records: UpdateRecord[]
  /**
   * An origin of which it is known no more what the receiver's records rest on, while the receiver holds what is not here: nothing is
   * to be sent, as that may be another history.
   */
  unproven?: OriginId
}

/** The tail of the log, for a relay. */
export interface Outbox {
  offered: Offered[]
  /** Where that ends. */
  through: number
  /** Documents that hold something in pieces which may not be there: they are to be compared. */
  compare: DocumentRef[]
  /** Documents that were deleted. */
  tombstones: { offset: number; ref: DocumentRef }[]
}

/** What is to be noted of a relay in the same transaction. */
export interface PeerNote {
  replica: ReplicaId
  url: string
  /** The number of the round as it was read, or wished for: begun, it gets one of its own, for which this log then takes it. */
  round: number
  place?: Place
  watermark?: number
  /** A comparison has ended: the note begins a new round, whatever was there. */
  begin?: boolean
  /** Records or pieces are taken with it: where the place does not move then, they lie behind it. */
  brings?: boolean
  /**
   * What came before could not be stored: what is taken lies beyond the place that is noted. That goes then, or a relay that is put
   * back to there would be taken for one that still has it.
   */
  lost?: boolean
}

/** Edits to be submitted as one update. */
export interface Unsent {
  where: DocumentRef
  edits: Row<'edits'>[]
  bytes: Uint8Array
  /** The document has more, to be asked for when this is acknowledged. */
  more: boolean
}

/** What was not acknowledged at one moment; see `isAcknowledged`. */
export interface Outstanding {
  edits: { tab: string; n: number }[]
  records: { origin: OriginId; seq: number }[]
  /** How often edits of the document had been given up already. */
  refused: number
}

/** What opens documents, stores what is typed, and reads receipts. */
export interface DeviceLog {
  readonly replica: ReplicaId
  readonly durable: boolean
  /** This tab, as its edits are keyed. */
  readonly tab: string
  documents(): Promise<HeldDocument[]>
  /**
   * The document, which is known here from now on. One that was deleted goes on in its epoch, which the caller did not know. Damaged
   * records are taken out, so that they are fetched again.
   */
  open(where: DocumentRef): Promise<LoadedDocument>
  /** The document, or what of it is not `seen` yet. Damaged records are taken out, so that they are fetched again. */
  load(document: DocumentId, seen?: Seen): Promise<LoadedDocument>
  held(document: DocumentId): Promise<HeldDocument | undefined>
  /** The next number of this tab's edits of a document: given once, though the document is closed and opened again. */
  nextEdit(document: DocumentId): number
  /**
   * Numbers what happens in this tab, a transaction by its begin: one of a greater number sees what those before it wrote, and what
   * other tabs had told of by then.
   */
  moment(): number
  /**
   * Resolves when the edit is as durable as the store is. One of an epoch that is no more becomes a branch of code `deleted`, or
   * joins it; returns that, and the moment of the transaction.
   */
  append(edit: Edit): Promise<Appended>
  branches(): Promise<BranchRow[]>
  /** Forgets a branch; one that is not there is forgotten already. */
  dismiss(document: DocumentId, id: string): Promise<void>
  outstanding(document: DocumentId): Promise<Outstanding>
  /** Rejects with the code of a refusal where edits were given up since: what is gone then was not acknowledged. */
  isAcknowledged(document: DocumentId, outstanding: Outstanding): Promise<boolean>
  /**
   * From now on this tab is the one that seals, takes, folds and notes; when another one begins after it, these reject with
   * `fenced` here. Until it is called nothing is fenced: the tabs act side by side.
   */
  lead(): Promise<void>
  /** The term of this tab is over: what is fenced rejects. */
  resign(): void
  close(): void
}

/** And what relays are told and tell, folding, deletion, and what mends. */
export interface UpdateLog extends DeviceLog {
  /** Documents with edits that are not sealed, or submitted, yet; and the offset of the newest row of the log. */
  waiting(): Promise<{ unsealed: DocumentId[]; head: number }>
  /** Joins a document's edits into records and seals them: damaged edits are left out and told. Only for durable stores. */
  seal(document: DocumentId): Promise<Sealed>
  /** A document's edits joined, for `submit`, or a first part of them that a relay takes. Only for stores that are not durable. */
  unsent(document: DocumentId): Promise<Unsent | undefined>
  /** Updates that cannot be stored, joined, in parts that a relay takes one by one. Rejects with `invalid-update` and `too-big`. */
  inParts(updates: readonly Uint8Array[]): Promise<Uint8Array[]>
  take(incoming: readonly Incoming[], peer: PeerNote): Promise<Taken>
  note(peer: PeerNote): Promise<void>
  /** The relay that was last met under this address. */
  peer(url: string): Promise<PeerRow | undefined>
  head(): Promise<number>
  /** Records behind `offset` that did not come from this relay, at most `limit` rows of the log, and where that ends. */
  outbox(offset: number, relay: ReplicaId, limit: number): Promise<Outbox>
  /** The records that a version vector lacks of a document, as far as they are here as such, in the order of the log. */
  lacking(document: DocumentId, theirs: VersionVector): Promise<UpdateRecord[]>
  /**
   * All that a version vector lacks of a document. Where records of it are gone, that begins with the checkpoint, without what
   * the state vector covers, and behind the pieces that are there. `strict`: nothing is believed of chains that are not known any more.
   */
  answer(
    document: DocumentId,
    theirs: Pick<Vector, 'vector' | 'stateVector' | 'partial'>,
    strict?: boolean,
  ): Promise<Answer>
  /**
   * What is to be told of a document when it is compared with this relay. Pieces that are taken from then on are taken as the
   * answer, so it is to be sent, and nothing of the document that was sent before it taken any more. `mends`: also of dots that are held, as their content may
   * be lost. `undefined`: it is not known.
   */
  compared(document: DocumentId, relay: ReplicaId, mends?: boolean): Promise<ToCompare | undefined>
  /** Documents that may hold what this relay does not under the same names, and the first of these; to be checked against what it holds. */
  doubted(relay: ReplicaId): Promise<Map<DocumentId, OriginId>>
  /** The document was checked against this relay. */
  trust(document: DocumentId, relay: ReplicaId): Promise<void>
  /** Whether `compact` would pay. */
  wantsCompaction(document: DocumentId): Promise<boolean>
  /**
   * Folds what is acknowledged into the checkpoint and trims records that nobody is owed: in steps of a few milliseconds, with
   * `pause` between them. Returns whether anything was folded; not if the document's checkpoint was changed meanwhile.
   */
  compact(document: DocumentId, pause?: () => Promise<void>): Promise<boolean>
  /** All that is here of a document, as one update. Raises `not-here` for one that left, and is not whole again. */
  export(document: DocumentId): Promise<Uint8Array>
  /** Pins a document to this device, or no longer; makes it known, and wanted where it left. */
  pin(document: DocumentId, pinned: boolean): Promise<HeldDocument>
  /** These were opened or written: what was used last leaves last. */
  used(documents: Iterable<DocumentId>): Promise<void>
  /** Bytes that a document takes up, without what surrounds its rows. */
  size(document: DocumentId): Promise<number>
  /**
   * A document leaves this device to make room: what is told of it from then on claims nothing. Only what relays have acknowledged
   * entirely, and what is not pinned; `undefined`: it stays. `freed`: the bytes that it took up.
   */
  evict(document: DocumentId): Promise<{ held: HeldDocument; freed: number } | undefined>
  /** Keeps some bytes for when the store is full, or gives them up: a document that leaves has to be noted, too. */
  spare(kept: boolean): Promise<void>
  /** What left and was wanted was compared with this relay: it is whole where all is here that was. Returns it where that is news. */
  home(document: DocumentId, relay: ReplicaId): Promise<HeldDocument | undefined>
  /** Deletes a document here and everywhere: its next epoch begins, in which nothing is there. Edits that nobody has are gone too. */
  delete(document: DocumentId): Promise<DocumentRef>
  /**
   * The records of an origin that has forked give up their names, and so does what waits here, as it may rest on them: all
   * of it is sealed again under a new origin, or becomes edits where nothing is sealed, so that nothing is lost (P8).
   */
  unseal(document: DocumentId, origin: OriginId): Promise<HeldDocument | undefined>
  /**
   * Ends what a relay refused for good: all that is unacknowledged of the document becomes a branch. Called again for the same
   * reason before anything more is sealed or submitted, what was typed meanwhile joins that branch.
   */
  refuse(document: DocumentId, code: RejoinError['code'], detail: string): Promise<BranchRow | undefined>
  /**
   * A relay lacks what edits of the document rest on. Where that was lost here, and nothing else is missing, they become a branch:
   * returns the document then.
   */
  giveUp(document: DocumentId): Promise<HeldDocument | undefined>
  /**
   * The document was compared with a relay. What was taken out of it as damaged, and is still not here, that relay has not either:
   * a Y.Doc that is open may be the only one who has it.
   */
  compensate(document: DocumentId): Promise<void>
}
