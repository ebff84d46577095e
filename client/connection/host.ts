/** Whom a conversation tells what it learns, and what its parts work with. */
import type { Environment } from '../../shared/environment.ts'
import type { ErrorCode, RejoinError } from '../../shared/errors.ts'
import type { DocumentId, ReplicaId } from '../../shared/ids.ts'
import type { Role } from '../../shared/roles.ts'
import type { Compared } from '../../shared/sync/action.ts'
import type { Action, Session } from '../../shared/sync/session.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { Confirmed, Message, Scope } from '../../shared/wire/messages.ts'
import type { BranchRow, Waiting } from '../replica/store.ts'
import type { Arrived, ArrivedPieces, HeldDocument, UpdateLog } from '../replica/update-log.ts'
import type { Offers } from './offers.ts'
import type { Permission } from './permission.ts'
import type { Progress } from './progress.ts'

/** Whom a conversation tells what it learns. */
export interface ConversationHost {
  /** The relay gave a sign of life. */
  heard(): void
  /** The relay has let this replica in. */
  greeted(relay: ReplicaId): void
  /** What this replica may do there, where the relay says so. */
  permitted(role: Role): void
  /** When the connection is lost, it is to be dialled again within this time. */
  spread(withinMs: number): void
  /** Documents that somebody has open. */
  opened(): Iterable<DocumentRef>
  /** The relay knows that this document is open here: people in it may be shown. */
  entered(document: DocumentId): void
  /** Records that are stored and are to be shown in open documents. */
  arrived(document: DocumentId, records: readonly Arrived[]): void
  /** Pieces of a transfer that are stored and are to be shown in open documents. */
  arrivedPieces(document: DocumentId, pieces: ArrivedPieces): void
  /** So many of the pieces of a document that is being fetched are here. */
  progress(document: DocumentId, pieces: number, count: number): void
  /** The document was deleted elsewhere, and is in this epoch now; `empty`: nothing of it was here. */
  deleted(where: DocumentRef, empty: boolean, branch: BranchRow | undefined): void
  /** Edits that the device's storage refuses: they are sent without being sealed, and the relay names them. */
  unstored(document: DocumentId, relay: ReplicaId): { bytes: Uint8Array; relayed(): void } | undefined
  /** Whether what came could be stored, and why not. */
  storing(error: RejoinError | undefined): void
  /** What the device's storage refuses of others: shown all the same, and fetched again later. */
  passed(document: DocumentId, relay: ReplicaId, updates: readonly Uint8Array[]): void
  /** Edits have become records. */
  sealed(document: DocumentId, records: readonly Waiting[]): void
  /** Documents whose receipts or vectors changed. */
  changed(documents: readonly HeldDocument[]): void
  /** This document has been fetched; `undefined`: all of them. */
  fetched(document: DocumentId | undefined): void
  awareness(document: DocumentId, bytes: Uint8Array): void
  /** These records are durable at so many relays. */
  confirmed(confirmed: Omit<Confirmed, 'type'>): void
  /** What the relay told of a document rests on so many of all relays. */
  harvested(document: DocumentId, harvest: { answered: number; all: number }): void
  refused(document: DocumentId, code: ErrorCode, detail: string): Promise<void>
  forked(document: DocumentId, origin: string): void
  /** Edits of this document stay unacknowledged: they rest on what neither side has. */
  hopeless(document: DocumentId, code: ErrorCode, detail: string): void
  /** What the relay sends of this document cannot be read: nothing more of it is asked for by this conversation. */
  setAside(document: DocumentId, error: RejoinError): void
  /** With equal versions the relay has another content of this document: it is being mended. */
  differs(document: DocumentId): void
  /** Nothing of this replica is on its way: what is still shown as unacknowledged is counted again. */
  recount(): Promise<void>
  /** It is over: whether to come back, and when. */
  ended(code: ErrorCode, detail: string, retryAfterMs: number): void
}

/** What the parts of one conversation share. */
export interface Talk {
  readonly log: UpdateLog
  readonly host: ConversationHost
  readonly scope: Scope
  readonly environment: Environment
  readonly session: Session
  readonly offers: Offers
  readonly permission: Permission
  readonly progress: Progress
  /** Puts a message into the next frame. */
  put(message: Message): void
  /** Resolves when the socket has room for more. */
  room(): Promise<void>
  /** What is held of a document, as it is told when it is compared. */
  ask(where: DocumentRef): Promise<Compared>
  /** These are compared by version vector; nothing that came of them before counts. `last`: the catalog held no more. */
  differ(documents: readonly Compared[], last?: boolean): void
  /** This document is compared by what is here now; where it is being compared, when that is over. */
  differAgain(where: DocumentRef): Promise<void>
  /** What came of this document cannot be read: this conversation leaves it out (P9). */
  setAside(document: DocumentId, error: RejoinError): void
  isSetAside(document: DocumentId): boolean
  /** Whether the relay was asked what it has of the document, and what it lacks is not sent yet. */
  isComparing(document: DocumentId): boolean
  /** Something that came did not fit: until what is missing is fetched there is no place to go on from. */
  leavePlace(): void
  /** These are to be checked against what the relay holds, soon. */
  doubt(documents: readonly DocumentId[]): void
  /** Carries out what the session says. */
  perform(actions: readonly Action[]): void
  /** Does it when everything before it is done: one thing at a time touches the log. */
  later(work: () => Promise<void>): void
}

export { refOf } from '../../shared/update/record.ts'
