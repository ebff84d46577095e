/** What an app can show of its sync: small stores with `get` and `subscribe`, as Svelte, Vue and React take them. */
import type { ErrorCode, RejoinError } from '../shared/errors.ts'
import type { Role } from '../shared/roles.ts'
import type { HeldDocument } from './replica/log-types.ts'

export type { Role } from '../shared/roles.ts'

/** A value that changes. */
export interface Readable<T> {
  /** The value now: the same object until it changes. */
  get(): T
  /** Calls `listener` at once and at every change; returns what ends it. */
  subscribe(listener: (value: T) => void): () => void
}

export interface Writable<T> extends Readable<T> {
  /** Tells listeners if any of these differ from what is there. */
  set(change: Partial<T>): void
  /** Changes it without telling: who asks next sees it. */
  setQuietly(change: Partial<T>): void
}

/**
 * `offline`: no relay is reached, and none is tried now; `connecting`; `syncing`: something is still to come or to be
 * acknowledged; `synced`: neither.
 */
export type Connection = 'offline' | 'connecting' | 'syncing' | 'synced'

/**
 * `ok`: what is written survives a crash; `memory`: nothing is kept on this device, as asked for; `degraded`: what was last to
 * be written could not be. It is kept in memory, tried again, and still sent where the storage is only full.
 */
export type StorageHealth = 'ok' | 'memory' | 'degraded'

/** Why the storage of this device is degraded. */
export interface StorageTrouble {
  code: ErrorCode
  detail: string
  /** What a person can do about it, and what is done without them. */
  remedy: string
}

/** Where a workspace stands. */
export interface WorkspaceStatus {
  connection: Connection
  /** Yjs transactions of this replica, in all documents, and deletions that no relay has acknowledged. */
  unacknowledged: number
  storage: StorageHealth
  /** While the storage is degraded. */
  trouble?: StorageTrouble
  /**
   * When everything was last known to be in sync with a relay, in milliseconds since 1970; 0: not since the workspace was
   * opened. While `synced` that is the relay's last sign of life, at most 20 s or so ago; it moves without calling listeners,
   * so read it with `get()`. After that it stays.
   */
  lastSyncedAt: number
  /** What may be done at the relay, where that says so: with `read` and `comment` it takes no edits. The last one that was told. */
  role?: Role
  /** Why the connection was given up for good, if it was; with the code `not-loaded`, why it cannot be tried: that is tried again. */
  error?: { code: ErrorCode; detail: string }
}

/** How safe edits are: `memory` (nowhere else yet), `device` (survives a crash here), `relay` (and there). */
export type Receipt = 'memory' | 'device' | 'relay'

/**
 * Where a document is: on this `device`, as far as it was synced; `relay`: it left this device to make room, and comes back when it
 * is opened or pinned; `coming`: that was done, and it is fetched as soon as a relay is reached.
 */
export type KeptAt = 'device' | 'coming' | 'relay'

/** Where a document of the workspace is, and whether it may leave this device to make room. */
export interface Kept {
  at: KeptAt
  pinned: boolean
}

/** Where a document stands. */
export interface DocumentStatus {
  connection: Connection
  /** Yjs transactions of this document that no relay has acknowledged. */
  unacknowledged: number
  /** How safe everything typed so far is. */
  receipt: Receipt
  storage: StorageHealth
  /** While the storage is degraded. */
  trouble?: StorageTrouble
  /** As the workspace's, for this document: see there. 0: not since it was opened. */
  lastSyncedAt: number
  /** `coming`: it left this device to make room, and what is shown is not the whole document yet, for as long as no relay is reached. */
  kept: 'device' | 'coming'
  /** It never leaves this device to make room. */
  pinned: boolean
  /** While a large document is being fetched: how many of its pieces are here, and how many there are. */
  progress?: { pieces: number; count: number }
  /**
   * What the relay sends of it cannot be read here, so it is not all shown; the other documents go on. It is asked for again at the
   * next connection.
   */
  unreadable?: { code: ErrorCode; detail: string }
  /** When it was opened, so many of all relays of its mesh told what they have in time: what is shown rests on them. */
  harvest?: { answered: number; all: number }
  /**
   * The document was ended: it does not open, or a relay refused its edits for good. Those are kept as a branch. Open it again
   * for what was accepted.
   */
  error?: { code: ErrorCode; detail: string }
}

/** Where an app is told that a document is. */
export const keptOf = ({ away, pinned = false }: Pick<HeldDocument, 'away' | 'pinned'>): Kept => ({
  at: away === undefined ? 'device' : away === 'left' ? 'relay' : 'coming',
  pinned,
})

export const toTrouble = ({ code, detail, remedy }: RejoinError): StorageTrouble => ({ code, detail, remedy })

export function createStatus<T extends object>(initial: T): Writable<T> {
  let value = initial
  const listeners = new Set<(value: T) => void>()
  return {
    get: () => value,
    subscribe(listener) {
      listeners.add(listener)
      listener(value)
      return () => listeners.delete(listener)
    },
    set(change) {
      if (!differs(value, change)) return
      value = { ...value, ...change }
      for (const listener of [...listeners]) listener(value)
    },
    setQuietly(change) {
      value = { ...value, ...change }
    },
  }
}

/** Most of what is set is there already: that is to cost nothing. */
function differs<T extends object>(value: T, change: Partial<T>): boolean {
  for (const key in change) if (!Object.is(value[key], change[key])) return true
  return false
}
