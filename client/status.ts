/** What an app can show of its sync: small stores with `get` and `subscribe`, as Svelte, Vue and React take them. */
import type { ErrorCode } from '../shared/errors.ts'

/** A value that changes. */
export interface Readable<T> {
  get(): T
  /** Calls `listener` at once and at every change; returns what ends it. */
  subscribe(listener: (value: T) => void): () => void
}

export interface Writable<T> extends Readable<T> {
  /** Tells listeners if any of these differ from what is there. */
  set(change: Partial<T>): void
}

/** `offline`: no relay is reached; `syncing`: something is still to come or to be acknowledged. */
export type Connection = 'offline' | 'connecting' | 'syncing' | 'synced'

/** `degraded`: what was last to be written could not be; it is kept in memory, still synced, and tried again. */
export type StorageHealth = 'ok' | 'memory' | 'degraded'

export interface WorkspaceStatus {
  connection: Connection
  /** Yjs transactions of this replica that no relay has acknowledged, in all documents. */
  unacknowledged: number
  storage: StorageHealth
  /** When everything was last in sync with a relay, in milliseconds since 1970; 0: not since the workspace was opened. */
  lastSyncedAt: number
  /** Why the connection was given up for good, if it was. */
  error?: { code: ErrorCode; detail: string }
}

/** The receipt of the last edit: `memory` (nowhere else yet), `device` (survives a crash here), `relay` (and there). */
export type Receipt = 'memory' | 'device' | 'relay'

export interface DocumentStatus {
  connection: Connection
  /** Yjs transactions of this document that no relay has acknowledged. */
  unacknowledged: number
  /** How safe everything typed so far is. */
  receipt: Receipt
  storage: StorageHealth
  lastSyncedAt: number
  /** The document was ended: a relay refused its edits for good. They are kept as a branch. */
  error?: { code: ErrorCode; detail: string }
}

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
      const keys = Object.keys(change) as (keyof T)[]
      if (keys.every((key) => Object.is(value[key], change[key]))) return
      value = { ...value, ...change }
      for (const listener of [...listeners]) listener(value)
    },
  }
}
