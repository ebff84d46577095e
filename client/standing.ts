/** Where a workspace stands: what connection, documents and storage say, put together for its status and theirs. */
import type { Environment } from '../shared/environment.ts'
import type { ErrorCode } from '../shared/errors.ts'
import type { DocumentId, ReplicaId } from '../shared/ids.ts'
import type { Role } from '../shared/roles.ts'
import type { Scope } from '../shared/wire/messages.ts'
import type { OpenDocument } from './document.ts'
import {
  type Connection,
  createStatus,
  type Kept,
  type Readable,
  type StorageTrouble,
  type WorkspaceStatus,
} from './status.ts'
import type { LeaderStanding } from './tabs/channel.ts'

/** How old `lastSyncedAt` may be while the relay is heard. */
const HEARD_EVERY_MS = 1_000

/** Where a document is of which nothing else is said. */
const HERE: Kept = { at: 'device', pinned: false }

export interface StandingOptions {
  environment: Environment
  scope: Scope
  durable: boolean
  /** Why there is no durable storage, where it was wished for. */
  unopened?: StorageTrouble
  opened(): readonly OpenDocument[]
  /** Edits that are typed and neither stored nor at a relay. */
  unsaved(): number
}

export interface Standing {
  readonly status: Readable<WorkspaceStatus>
  /** Ids of the documents that this device knows, sorted. */
  readonly documents: Readable<readonly DocumentId[]>
  /** Those of them that are pinned, or not wholly here. */
  readonly kept: Readable<ReadonlyMap<DocumentId, Kept>>
  readonly connection: LeaderStanding['connection']
  /** Whether everything that the relay had when it greeted has arrived. */
  readonly caughtUp: boolean
  /**
   * So many transactions of a document are not acknowledged, read at this moment of the log, or told by another tab; known documents
   * are counted, with 0 too.
   */
  count(document: DocumentId, unacknowledged: number, at?: number): void
  /** So many more were stored, or heard of, at this moment of the log: what is read before and comes later does not have them. */
  add(document: DocumentId, count: number, at: number): void
  /** How many transactions of a document are not acknowledged. */
  countOf(document: DocumentId): number
  know(document: DocumentId): void
  /** Where a document is kept. */
  keep(document: DocumentId, kept: Kept): void
  /** Documents of which something is not acknowledged, and how many transactions. */
  waiting(): (readonly [document: DocumentId, unacknowledged: number])[]
  /** It is not there any more; `untold`: and no relay has heard of that yet. */
  forget(document: DocumentId, untold?: boolean): void
  connect(connection: LeaderStanding['connection'], error?: WorkspaceStatus['error']): void
  /** The relay has let this replica in. */
  greet(relay: ReplicaId): void
  /** What may be done at the relay. */
  permit(role: Role): void
  /** The relay gave a sign of life, now or then. */
  heard(at?: number): void
  /** As another tab is told. */
  tell(): LeaderStanding
  /** Stands as the tab does that has the connection. */
  follow(leader: LeaderStanding): void
  catchUp(): void
  /** What the relay sends of this document cannot be read; says whether that is news. */
  setAside(document: DocumentId, code: ErrorCode): boolean
  isSetAside(document: DocumentId): boolean
  /** It is here as the relay has it. */
  fetched(document: DocumentId): void
  /** What keeps what comes from the relay from being stored, if anything; says whether that is news. */
  storing(trouble: StorageTrouble | undefined): boolean
  /** Tells what has changed. */
  show(): void
}

/** How much of a document is not acknowledged: as it was read at a moment of the log, and what was added at later ones. */
interface Count {
  readonly total: number
  readonly at: number
  readonly added: readonly { readonly count: number; readonly at: number }[]
}

const NONE: Count = { total: 0, at: 0, added: [] }

/** Additions that a read which is under way may not have: what is older is no more news to any. */
const ADDED_MAX = 16

function added(before: Count, more: Count['added'][number]): Count {
  const all = [...before.added, more]
  const [first] = all
  const total = before.total + more.count
  if (first === undefined || all.length <= ADDED_MAX) return { total, at: before.at, added: all }
  return { total, at: first.at, added: all.slice(1) }
}

export function createStanding(options: StandingOptions): Standing {
  const { environment, scope, durable, opened, unopened } = options
  const unacknowledged = new Map<DocumentId, Count>()
  const ids = createStatus<{ ids: readonly DocumentId[] }>({ ids: [] })
  const exceptions = createStatus<{ kept: ReadonlyMap<DocumentId, Kept> }>({ kept: new Map() })
  const well = durable ? 'ok' : 'memory'
  const status = createStatus<WorkspaceStatus>({
    connection: 'offline',
    unacknowledged: 0,
    storage: well,
    lastSyncedAt: 0,
  })
  /** Documents of which something cannot be read, since this connection began; and what was told of them. */
  const aside = new Set<DocumentId>()
  const unreadable = new Map<DocumentId, ErrorCode>()
  const untoldDeletions = new Set<DocumentId>()
  let known = 0
  let connection: LeaderStanding['connection'] = 'offline'
  let relay: ReplicaId = ''
  let greeted = false
  let caughtUp = false
  let full: StorageTrouble | undefined
  let error: WorkspaceStatus['error']

  const countOf = (document: DocumentId): number => unacknowledged.get(document)?.total ?? 0

  function show(): void {
    if (unacknowledged.size !== known) {
      known = unacknowledged.size
      ids.set({ ids: [...unacknowledged.keys()].sort() })
    }
    const all = opened()
    for (const document of all) document.counted(countOf(document.where.document))
    let total = untoldDeletions.size + options.unsaved()
    for (const count of unacknowledged.values()) total += count.total
    let unstored = false
    let trouble = unopened ?? full
    for (const document of all) {
      const { receipt, trouble: of } = document.status.get()
      unstored ||= receipt === 'memory' && durable
      trouble ??= of
    }
    const settled = scope === 'opened' ? greeted && all.every((document) => document.isFetched) : caughtUp
    const synced = connection === 'syncing' && settled && aside.size === 0 && total === 0 && !unstored
    const storage = trouble === undefined ? well : 'degraded'
    status.set({ ...moved(status, synced), unacknowledged: total, storage, trouble, error })
    for (const document of all) {
      const isHere = document.isFetched && !aside.has(document.where.document)
      const waiting = document.status.get().unacknowledged > 0
      const change = moved(document.status, connection === 'syncing' && isHere && !waiting)
      if (change !== undefined) document.status.set(change)
    }
  }

  function keep(document: DocumentId, { at, pinned }: Kept): void {
    const { kept } = exceptions.get()
    const before = kept.get(document) ?? HERE
    if (before.at === at && before.pinned === pinned) return
    const next = new Map(kept)
    if (at === HERE.at && pinned === HERE.pinned) next.delete(document)
    else next.set(document, { at, pinned })
    exceptions.set({ kept: next })
  }

  /** `undefined`: its connection is what it was, as mostly. */
  function moved(from: Readable<{ connection: Connection; lastSyncedAt: number }>, synced: boolean) {
    const { connection: before, lastSyncedAt } = from.get()
    const now: Connection = synced ? 'synced' : connection
    if (now === before) return undefined
    return { connection: now, lastSyncedAt: synced ? environment.now() : lastSyncedAt }
  }

  /** Whatever was in sync still is. */
  function heard(now = environment.now()): void {
    if (isDue(status, now)) status.setQuietly({ lastSyncedAt: now })
    for (const document of opened()) {
      if (isDue(document.status, now)) document.status.setQuietly({ lastSyncedAt: now })
    }
  }

  function isDue(of: Readable<{ connection: Connection; lastSyncedAt: number }>, now: number): boolean {
    const { connection, lastSyncedAt } = of.get()
    return connection === 'synced' && Math.abs(now - lastSyncedAt) >= HEARD_EVERY_MS
  }

  return {
    status,
    documents: {
      get: () => ids.get().ids,
      subscribe: (listener) => ids.subscribe(({ ids: now }) => listener(now)),
    },
    kept: {
      get: () => exceptions.get().kept,
      subscribe: (listener) => exceptions.subscribe(({ kept }) => listener(kept)),
    },
    keep,
    get connection() {
      return connection
    },
    get caughtUp() {
      return caughtUp
    },
    count(document, count, at) {
      const before = unacknowledged.get(document) ?? NONE
      if (at !== undefined && at < before.at) return
      const since = at === undefined ? [] : before.added.filter((each) => each.at > at)
      const total = since.reduce((sum, each) => sum + each.count, count)
      unacknowledged.set(document, { total, at: at ?? before.at, added: since })
      // What is written in the new epoch tells of it.
      untoldDeletions.delete(document)
    },
    add(document, count, at) {
      const before = unacknowledged.get(document) ?? NONE
      if (at > before.at) unacknowledged.set(document, added(before, { count, at }))
      untoldDeletions.delete(document)
    },
    countOf,
    know(document) {
      if (!unacknowledged.has(document)) unacknowledged.set(document, NONE)
    },
    waiting: () => [...unacknowledged.keys()].map((id) => [id, countOf(id)] as const).filter(([, count]) => count > 0),
    forget(document, untold = false) {
      unacknowledged.delete(document)
      keep(document, HERE)
      if (untold) untoldDeletions.add(document)
      else untoldDeletions.delete(document)
    },
    connect(now, stopped) {
      connection = now
      error = stopped
      if (now !== 'offline') return
      aside.clear()
      greeted = false
      caughtUp = false
      relay = ''
    },
    greet(by) {
      greeted = true
      relay = by
      show()
    },
    permit: (role) => status.set({ role }),
    heard,
    tell() {
      const { lastSyncedAt, role, unacknowledged } = status.get()
      return { connection, greeted, caughtUp, full, relay, lastSyncedAt, role, unacknowledged, error }
    },
    follow(leader) {
      const { lastSyncedAt, role } = leader
      if (role !== undefined) status.set({ role })
      ;({ connection, greeted, caughtUp, full, relay, error } = leader)
      show()
      if (lastSyncedAt > status.get().lastSyncedAt) heard(lastSyncedAt)
    },
    storing(trouble) {
      if (full?.code === trouble?.code) return false
      full = trouble
      show()
      return true
    },
    catchUp() {
      caughtUp = true
    },
    setAside(document, code) {
      aside.add(document)
      if (unreadable.get(document) === code) return false
      unreadable.set(document, code)
      return true
    },
    isSetAside: (document) => aside.has(document),
    fetched(document) {
      aside.delete(document)
      unreadable.delete(document)
    },
    show,
  }
}
