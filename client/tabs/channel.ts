/**
 * What the tabs of a replica tell one another. The log is the truth, and every tab reads and writes it; the channel only says
 * where to look, spares others the reading, and carries what is never stored: who is here, and what the storage refuses.
 */
import type { VersionVector } from '../../shared/causality/version-vector.ts'
import type { ErrorCode } from '../../shared/errors.ts'
import type { DocumentId, OriginId, ReplicaId } from '../../shared/ids.ts'
import type { Role } from '../../shared/roles.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { Arrived, HeldDocument } from '../replica/log-types.ts'
import type { Waiting } from '../replica/store.ts'

/** Records of a document that are to be, or are, at so many relays. */
export interface Confirmation {
  where: DocumentRef
  vector: VersionVector
  relays: number
}

/** What any tab tells of the log. */
export type TabNews =
  /** The log has news of these documents; with `held` they are told, without they are to be looked for. */
  | { type: 'changed'; documents: readonly DocumentId[]; held?: readonly HeldDocument[] }
  /** What this tab typed was stored, as its nth edit, of so many Yjs transactions. */
  | { type: 'edited'; document: DocumentId; tab: string; n: number; count: number; bytes: Uint8Array }
  /** These have come from the relay. */
  | { type: 'arrived'; document: DocumentId; records: readonly Arrived[] }
  /** Edits have become these records: whoever has them has the records. */
  | { type: 'sealed'; document: DocumentId; records: readonly Waiting[] }
  /** Under this origin the log holds, or will hold, other records than before. */
  | { type: 'forked'; document: DocumentId; origin: OriginId }
  /** The document was deleted: what of it is open is no use. */
  | { type: 'deleted'; document: DocumentId }
  /** A relay refused edits of this document for good: what rests on them is no use. */
  | { type: 'refused'; document: DocumentId; code: ErrorCode; detail: string }
  /** What the relay sends of this document cannot be read. */
  | { type: 'unreadable'; document: DocumentId; code: ErrorCode; detail: string }
  /** What the storage refuses: shown, and kept by whoever hears of it until it can be stored. `relay` has it, if any does. */
  | { type: 'unstored'; document: DocumentId; relay: ReplicaId; updates: readonly Uint8Array[] }

/** What a tab asks of others. */
export type TabRequest =
  /** Something of this document is not here: the leader fetches it. */
  | { type: 'repair'; document: DocumentId }
  /** What nobody else had of it is here no more: whoever has it open gives it back. */
  | { type: 'rescue'; document: DocumentId }
  /** The store has no room: the leader makes some. */
  | { type: 'full' }
  /** Everything on this device is deleted. */
  | { type: 'cleared' }

/** What the leader tells those who follow. */
export type LeaderNews =
  /** It lives, and stands so: told at every change and to whoever asks. Without a name it cannot do anything for others yet. */
  | ({ type: 'standing'; tab: string } & LeaderStanding)
  /** The relay knows that this document is open in this profile. */
  | { type: 'entered'; document: DocumentId }
  /** The document is in the log as the relay has it; `undefined`: all are. */
  | { type: 'fetched'; document?: DocumentId }
  | { type: 'progress'; document: DocumentId; pieces: number; count: number }
  /** These records are at so many relays. */
  | { type: 'confirmed'; confirmation: Confirmation }
  /** What is told of a document rests on so many of all relays. */
  | { type: 'harvest'; document: DocumentId; harvest: { answered: number; all: number } }
  /** What the tab handed over under this number is at the relay. */
  | { type: 'relayed'; tab: string; number: number }

export interface LeaderStanding {
  connection: 'offline' | 'connecting' | 'syncing'
  /** The relay has let this replica in. */
  greeted: boolean
  /** All that it had then is here. */
  caughtUp: boolean
  /** Why what it sends cannot be stored. */
  full?: { code: ErrorCode; detail: string; remedy: string }
  /** The relay, once it has greeted. */
  relay: ReplicaId
  /** What waits for the relay, in all documents. */
  unacknowledged: number
  /** When everything was last known to be in sync, in milliseconds since 1970, or 0. */
  lastSyncedAt: number
  /** What may be done at the relay, where it says so. */
  role: Role | undefined
  /** Why the connection was given up for good. */
  error?: { code: ErrorCode; detail: string }
}

/** What those who follow tell the leader. */
export type FollowerNews =
  /** Are you there? */
  | { type: 'ask' }
  /** The app wants to be connected, although the connection was given up for good. */
  | { type: 'connect' }
  | { type: 'opened'; tab: string; where: DocumentRef }
  /** It waits until these records are at so many relays. */
  | { type: 'confirm'; confirmation: Confirmation }
  | { type: 'closed'; tab: string; where: DocumentRef }
  /** For the relay to store and name, as this device cannot. */
  | { type: 'submit'; tab: string; number: number; document: DocumentId; bytes: Uint8Array }

/** States of people in a document, from the relay or from a tab; those of a tab the leader sends on. */
export type PeopleNews = {
  type: 'people'
  document: DocumentId
  bytes: Uint8Array
  from?: { tab: string; where: DocumentRef }
}

export type TabMessage = TabNews | TabRequest | LeaderNews | FollowerNews | PeopleNews

export interface TabChannel {
  tell(message: TabMessage): void
  close(): void
}

/** A channel among tabs that opened the same replica; where the platform has none, nobody is told. */
export function openTabChannel(name: string, heard: (message: TabMessage) => void): TabChannel {
  if (typeof BroadcastChannel === 'undefined') return { tell() {}, close() {} }
  const channel = new BroadcastChannel(name)
  channel.onmessage = ({ data }) => heard(data as TabMessage)
  // On Node an open channel would keep the process alive.
  ;(channel as { unref?: () => void }).unref?.()
  return {
    tell: (message) => channel.postMessage(message),
    close: () => channel.close(),
  }
}
