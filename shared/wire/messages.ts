/**
 * The messages of protocol version 1, as types. `codec.ts` holds their bytes, `docs/protocol.md` says when each is sent.
 * "Here" is the sender, "there" the receiver.
 */
import type { Chain } from '../causality/chain.ts'
import type { Dot, VersionVector } from '../causality/version-vector.ts'
import type { ErrorCode } from '../errors.ts'
import type { Hash64 } from '../hash.ts'
import type { LogEpoch, OriginId, RelayId, ReplicaId } from '../ids.ts'
import type { Role } from '../roles.ts'
import type { DocumentRef, UpdateKind } from '../update/record.ts'

/** A place in the log of the replica that the connection leads to. */
export interface Place {
  epoch: LogEpoch
  /** The reader holds everything up to this offset, included; 0 is the start of the log. */
  offset: number
}

/** `all`: every document of the workspace that the peer may read. `opened`: those that it opens on this connection. */
export type Scope = 'all' | 'opened'

/** First message of the side that connects. */
export interface Hello {
  type: 'hello'
  oldestVersion: number
  newestVersion: number
  replica: ReplicaId
  scope: Scope
  /** Where this replica last stopped reading the other's log; absent on a first meeting. */
  place?: Place
  /** Permission to enter; empty where none is asked for. */
  token: string
}

/** The answer to hello. */
export interface Welcome {
  type: 'welcome'
  version: number
  replica: ReplicaId
  epoch: LogEpoch
  /** Offset of the newest log entry here. The stream that follows starts behind it, or behind the place if `resumed`. */
  head: number
  /** The place was valid: the stream starts there. Otherwise documents are compared first. */
  resumed: boolean
}

/** The log here has entered a new epoch at `start`: offsets that follow belong to it. */
export interface EpochMessage {
  type: 'epoch'
  epoch: LogEpoch
  start: number
}

/** Documents here with the fingerprints of their version vectors; in parts, the last one marked. */
export interface Catalog {
  type: 'catalog'
  documents: readonly CatalogEntry[]
  last: boolean
}

export interface CatalogEntry extends DocumentRef {
  fingerprint: Hash64
}

/** Part of a message of a digest session, in order; see `shared/digest`. */
export interface DigestPart {
  type: 'digest'
  /** The last part of its message. */
  last: boolean
  bytes: Uint8Array
}

/** Asks for a document's awareness and, in scope `opened`, for its updates. */
export interface Open extends DocumentRef {
  type: 'open'
  /** Where given, the receiver answers `same` or `vector`. */
  fingerprint?: Hash64
}

export interface Close extends DocumentRef {
  type: 'close'
}

/** The fingerprint given with `open` is the fingerprint here. */
export interface Same extends DocumentRef {
  type: 'same'
}

/** What is held here of a document. The receiver sends what this lacks and, if `reply`, its own vector after that. */
export interface Vector extends DocumentRef {
  type: 'vector'
  vector: VersionVector
  reply: boolean
  /** Yjs state vector of the log here: what it covers may be left out of a checkpoint that is sent in answer. */
  stateVector?: Uint8Array
  /** The first pieces of a transfer that was cut short: it may go on behind them. */
  partial?: { id: Hash64; pieces: number }
}

/** Records that follow one another: `first`, first + 1, ... of one origin. */
export interface Run {
  origin: string
  first: number
  /** The chain after the first record. */
  chain: Chain
  updates: readonly { kind: UpdateKind; bytes: Uint8Array }[]
}

/** Records of one document. */
export interface Entries extends DocumentRef {
  type: 'entries'
  /** Offset in the log here of the last record; 0 where they answer a vector or come from an outbox. */
  through: number
  runs: readonly Run[]
}

/**
 * One of the pieces that stand for many records, each a Yjs update that needs no more than the ones before it: a document's
 * checkpoint, whole or without what the receiver's state vector covers, or some records of the log joined into one piece. When
 * all are there the receiver holds, with what it held before, all that `vector` names.
 */
export interface Piece extends DocumentRef {
  type: 'piece'
  /** As in `entries`; 0 in all but the last. */
  through: number
  /** Names the transfer: the same id, the same pieces. */
  id: Hash64
  /** From 0 to count - 1. */
  index: number
  count: number
  /** Bytes when inflated. */
  size: number
  /** The update, deflated (raw). */
  bytes: Uint8Array
  /** In the last piece, and only there. */
  vector?: VersionVector
  /**
   * With `vector`: the heads here that the pieces continue, of origins that they do not hold from the first record on. Who holds
   * another chain there has a fork; who holds less, or cannot tell, compares the document.
   */
  base?: VersionVector
}

/** The receiver's records up to (origin, seq) are durable here. Comes in the order of the log here. */
export interface Ack extends DocumentRef, Dot {
  type: 'ack'
  /** As in `entries`; 0 where the record was held before. */
  through: number
  chain: Chain
}

/** The document was deleted: it is in this epoch now, in which nothing need be yet. What it was before is gone. */
export interface Tombstone extends DocumentRef {
  type: 'tombstone'
  /** As in `entries`; 0 where it answers somebody in an older epoch, or comes from an outbox. */
  through: number
}

/**
 * Asks whether a document has the same content there, which equal versions promise; or answers that with what is here. Where it
 * has not, each side sends all it has: the relay as pieces, the client as updates to be sealed.
 */
export interface Content extends DocumentRef {
  type: 'content'
  /** The version of the document, as digests name it, at which this is its content. Hashes are compared only where versions are equal. */
  version: Hash64
  /** The hash of the joined log. */
  hash: Hash64
}

/** An update of a replica that has no origin of its own: the receiver seals it. */
export interface Submit extends DocumentRef {
  type: 'submit'
  /** Chosen by the sender, counts up per connection. */
  request: number
  kind: UpdateKind
  bytes: Uint8Array
}

/** A submitted update is durable here, under this dot; seq 0 where it held nothing new. */
export interface Stamped extends DocumentRef, Dot {
  type: 'stamped'
  request: number
  through: number
  chain: Chain
}

/** Something that was sent is not accepted: the records from (origin, seq) on, or a submitted update. */
export interface Refused extends DocumentRef, Dot {
  type: 'refused'
  /** The number of the submit; 0 for records. */
  request: number
  code: ErrorCode
  /** For `gap` and `fork`: highest seq of the origin that is held here. */
  held: number
  detail: string
}

/** y-protocols' awareness update of people in a document; never stored. */
export interface AwarenessMessage extends DocumentRef {
  type: 'awareness'
  bytes: Uint8Array
}

/** A newer permission of the one who said hello, before the old one ends. The receiver answers with `access`. */
export interface Token {
  type: 'token'
  token: string
}

/** What the receiver may do here; sent where tokens are asked for, behind `welcome` and after each `token`. */
export interface Access {
  type: 'access'
  role: Role
  /** The token ends in so long: then the connection does, unless a newer one was sent. 0: it does not end. */
  expiresInMs: number
}

/** How many are connected: if all lose the relay at once, they come back within this time, and not sooner. */
export interface Spread {
  type: 'spread'
  withinMs: number
}

/** The connection ends. */
export interface Failure {
  type: 'failure'
  code: ErrorCode
  detail: string
  /** Come back no sooner than this; 0: as you like. */
  retryAfterMs: number
}

/** First in every request and answer between relays: who speaks, and where its log of the workspace is. */
export interface Exchange {
  type: 'exchange'
  oldestVersion: number
  newestVersion: number
  /** The relay that speaks: another one with every start. */
  relay: RelayId
  /** Its replica of the workspace with the place of that log; absent in an exchange across workspaces. */
  place?: Place & { replica: ReplicaId }
  /** The digest session that the `digest` messages here are part of; one that is not known begins. */
  session?: Hash64
  /** Of an answer: not all that was asked for is in it. What has no vector at its end is to be asked for again. */
  more: boolean
}

/** Across workspaces: a relay is there, and this is what it knows of the others. */
export interface Heartbeat {
  type: 'heartbeat'
  /** Where it takes exchanges, as a URL; empty where nobody can reach it. */
  address: string
  /** Over the versions of all documents of all workspaces: equal here and there, equal content. */
  root: Hash64
  /** Hash of the addresses of all relays that it knows, its own included. */
  known: Hash64
  /** Those addresses, in an answer to somebody who knows others. */
  members: readonly string[]
}

/** Whose names are, as far as a relay knows: between relays, for one document. */
export interface Owners extends DocumentRef {
  type: 'owners'
  claims: readonly Claim[]
}

/** An origin, or a Yjs client id of the document, is somebody's: a hash of the subject. */
export interface Claim {
  name: OriginId | number
  owner: Hash64
  /** When it was last noted there to be in use, in milliseconds. */
  used: number
}

/** Whose tokens count no more, as a relay knows it: between relays, beside a heartbeat. */
export interface RevokedMessage {
  type: 'revoked'
  /** Hash of all that it knows. */
  known: Hash64
  /** Those, to somebody who knows others; in several messages where they are many. */
  entries: readonly { subject: string; at: number }[]
}

/** Asks to be told when the records up to these heads are durable at so many relays, this one included. */
export interface Confirm extends DocumentRef {
  type: 'confirm'
  vector: VersionVector
  relays: number
}

/** The records up to these heads are durable at so many relays. */
export interface Confirmed extends DocumentRef {
  type: 'confirmed'
  vector: VersionVector
  relays: number
}

/** What is told of a document when it was opened is what so many relays of all hold. */
export interface HarvestMessage extends DocumentRef {
  type: 'harvest'
  answered: number
  all: number
}

export type Message =
  | Exchange
  | Heartbeat
  | RevokedMessage
  | Owners
  | Confirm
  | Confirmed
  | HarvestMessage
  | Hello
  | Welcome
  | EpochMessage
  | Catalog
  | DigestPart
  | Content
  | Open
  | Close
  | Same
  | Vector
  | Entries
  | Piece
  | Tombstone
  | Ack
  | Submit
  | Stamped
  | Refused
  | AwarenessMessage
  | Token
  | Access
  | Spread
  | Failure
