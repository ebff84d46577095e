/**
 * A workspace on this device: one replica, one connection, many documents. `openWorkspace` is where an app begins. It ties
 * the parts together and knows none of their insides: documents feed the update log, the conversation drains and fills it,
 * tabs tell one another.
 */
import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { type Environment, systemEnvironment } from '../shared/environment.ts'
import { type ErrorCode, RejoinError } from '../shared/errors.ts'
import { checkDocumentId, checkWorkspaceId, type DocumentId, FIRST_EPOCH } from '../shared/ids.ts'
import type { Scope } from '../shared/wire/messages.ts'
import { createConnector, type Ended } from './connection/connector.ts'
import { createConversation } from './connection/conversation.ts'
import { type Dial, dialWebSocket } from './connection/socket.ts'
import { type DocumentHandle, type OpenDocument, openDocument } from './document.ts'
import { openIndexedDbStore } from './replica/indexeddb.ts'
import { createMemoryReplicaStore } from './replica/memory.ts'
import type { ReplicaStore } from './replica/store.ts'
import { openUpdateLog } from './replica/update-log.ts'
import { type Connection, createStatus, type Readable, type WorkspaceStatus } from './status.ts'
import { openTabChannel } from './tabs/channel.ts'

export interface WorkspaceOptions {
  /** The workspace: 1 to 80 bytes, no slashes. */
  id: string
  /** Whose replica this is: each user of a browser has a database of their own. */
  user?: string
  /** Addresses of relays, `ws:` or `wss:`, tried in turn. Without any the workspace stays on this device. */
  relays?: readonly string[]
  /** Permission for the relay; asked for at every connection. */
  token?: string | (() => string | Promise<string>)
  /** `indexeddb` (the default), `memory`, or a store of your own. */
  storage?: 'indexeddb' | 'memory' | ReplicaStore
  /** Which documents are kept here: `all` of the workspace (the default with durable storage), or those `opened`. */
  sync?: Scope
  /** `false`: stay offline until `connect()`. */
  connect?: boolean
  /** Clock, chance and timers; for tests. */
  environment?: Environment
  /** How a socket is opened; for tests and platforms without WebSocket. */
  dial?: Dial
}

export interface OpenOptions {
  /** Your own Y.Doc; what it holds becomes part of the document. */
  doc?: Y.Doc
  /** Your own awareness of it. */
  awareness?: Awareness
  /** Yjs' setting, fixed when the document is created; `true` by default. */
  gc?: boolean
}

/** Edits that a relay refused for good, kept on this device. */
export interface Branch {
  document: DocumentId
  code: ErrorCode
  detail: string
  /** One Yjs update with everything that was not acknowledged. */
  update: Uint8Array
}

export interface WorkspaceEvents {
  /** A relay refused a document's edits: its handles have ended. Open it again for what the relay accepted. */
  refused(branch: Branch): void
  /** Two contents were found under one name, as after the copy of a profile; both are kept. */
  forked(fork: { document: DocumentId; origin: string }): void
  /** Something failed that nobody waits for. */
  error(error: unknown): void
}

export interface Workspace {
  readonly id: string
  readonly status: Readable<WorkspaceStatus>
  /** Ids of the documents that this device knows, sorted. */
  readonly documents: Readable<readonly DocumentId[]>
  /** Opens a document; every handle wants to be closed. Raises `invalid-id`, `bad-option` and `closed`. */
  open(id: DocumentId, options?: OpenOptions): DocumentHandle
  connect(): void
  disconnect(): void
  /** Refused edits that this device keeps. */
  branches(): Promise<Branch[]>
  on<E extends keyof WorkspaceEvents>(event: E, listener: WorkspaceEvents[E]): () => void
  /** Deletes everything on this device. Raises `unacknowledged` while edits are only here, unless forced. */
  clear(options?: { force?: boolean }): Promise<void>
  /** Stores what is typed, ends the connection and all handles. Idempotent. */
  close(): Promise<void>
}

/** How long a workspace without durable storage stays for the relay's answer when it is closed. */
const LINGER_MS_MAX = 1_000

/** Opens a workspace. Raises `invalid-id`, `bad-option`, `storage-unavailable` and `storage-failed`. Never waits for the network. */
export async function openWorkspace(options: WorkspaceOptions): Promise<Workspace> {
  checkWorkspaceId(options.id)
  const environment = options.environment ?? systemEnvironment
  const urls = (options.relays ?? []).map((relay) => syncUrl(relay, options.id))
  const name = `rejoin:${encodeURIComponent(options.user ?? '')}:${encodeURIComponent(options.id)}`
  const store = await openStore(options.storage ?? 'indexeddb', name)
  const log = await openUpdateLog(store, environment, damaged)
  const scope = options.sync ?? (log.durable ? 'all' : 'opened')

  const open = new Map<DocumentId, { document: OpenDocument; handles: number }>()
  const unacknowledged = new Map<DocumentId, number>()
  const ids = createStatus<{ ids: readonly DocumentId[] }>({ ids: [] })
  const listeners = new Map<string, Set<(detail: never) => void>>()
  /** Documents without a handle that still store what was typed last. */
  const endings = new Set<Promise<unknown>>()
  let connection: Connection = 'offline'
  let caughtUp = false
  let error: WorkspaceStatus['error']
  let closed = false
  let closing: Promise<void> | undefined

  const status = createStatus<WorkspaceStatus>({
    connection,
    unacknowledged: 0,
    storage: log.durable ? 'ok' : 'memory',
    lastSyncedAt: 0,
  })

  for (const { ref, unacknowledged: count } of await log.documents()) {
    unacknowledged.set(ref.document, count)
  }
  knowDocuments()

  const channel = log.durable ? openTabChannel(name, heard) : undefined
  const connector = createConnector({
    urls,
    dial: options.dial ?? dialWebSocket,
    environment,
    async converse(url, socket, ended) {
      const { token = '' } = options
      try {
        return converse(url, socket, ended, typeof token === 'string' ? token : await token())
      } catch (problem) {
        report(problem)
        throw problem
      }
    },
    changed(state, stopped) {
      error = stopped
      connection = state === 'open' ? 'syncing' : state
      if (state !== 'offline') return show()
      caughtUp = false
      for (const { document } of open.values()) document.disconnected()
      show()
    },
  })
  if (options.connect ?? true) connector.connect()

  function converse(
    url: string,
    socket: Parameters<typeof createConversation>[0]['socket'],
    ended: Ended,
    token: string,
  ) {
    connection = 'syncing'
    show()
    return createConversation({
      log,
      socket,
      url,
      scope,
      token,
      environment,
      host: {
        opened: () => [...open.values()].map(({ document }) => document.where),
        entered: (id) => open.get(id)?.document.connected(),
        arrived(id, records) {
          open.get(id)?.document.arrived(records)
          channel?.tell([id])
        },
        sealed: (id, records) => open.get(id)?.document.sealed(records),
        changed(documents) {
          for (const held of documents) {
            unacknowledged.set(held.ref.document, held.unacknowledged)
            open.get(held.ref.document)?.document.changed(held)
          }
          knowDocuments()
          channel?.tell(documents.map(({ ref }) => ref.document))
          show()
        },
        fetched(id) {
          if (id === undefined) caughtUp = true
          for (const { document } of id === undefined ? open.values() : [open.get(id)].filter((each) => !!each)) {
            document.fetched()
          }
          show()
        },
        awareness: (id, bytes) => open.get(id)?.document.receiveAwareness(bytes),
        refused,
        forked(document, origin) {
          open.get(document)?.document.forked(origin)
          emit('forked', { document, origin })
        },
        hopeless: (document, code, detail) =>
          report(new RejoinError(code, `edits of ${JSON.stringify(document)} cannot be sent: ${detail}`)),
        ended(code, detail, retryAfterMs) {
          // Networks come and go; anything else is worth knowing, although it is tried again.
          if (code !== 'timeout' && code !== 'stopping' && code !== 'closed') report(new RejoinError(code, detail))
          ended(code, detail, retryAfterMs)
        },
      },
    })
  }

  async function refused(id: DocumentId, code: ErrorCode, detail: string): Promise<void> {
    const document = open.get(id)?.document
    const branches: Branch[] = []
    // What is typed while a branch is made becomes one as well.
    for (let edits: number | undefined = -1, now = await document?.flush(); now !== edits; ) {
      edits = now
      const branch = await log.refuse(id, code, detail)
      if (branch !== undefined) branches.push(toBranch(branch))
      now = await document?.flush()
    }
    document?.refuse(new RejoinError(code, `a relay refused edits of ${JSON.stringify(id)}: ${detail}`))
    open.delete(id)
    unacknowledged.set(id, 0)
    show()
    for (const branch of branches) emit('refused', branch)
  }

  function damaged(id: DocumentId, rows: number): void {
    report(new RejoinError('corrupt', `${rows} rows of ${JSON.stringify(id)} were damaged on this device`))
    connector.conversation?.repair(id)
  }

  /** Another tab has written to the log. */
  function heard(documents: readonly DocumentId[]): void {
    for (const id of documents) {
      log.held(id).then((held) => {
        if (held === undefined || closed) return
        unacknowledged.set(id, held.unacknowledged)
        void open.get(id)?.document.catchUp()
        knowDocuments()
        show()
      }, report)
    }
  }

  function knowDocuments(): void {
    if (unacknowledged.size !== ids.get().ids.length) ids.set({ ids: [...unacknowledged.keys()].sort() })
  }

  function show(): void {
    let total = 0
    for (const count of unacknowledged.values()) total += count
    let unstored = false
    let degraded = false
    for (const { document } of open.values()) {
      const { receipt, storage } = document.status.get()
      unstored ||= receipt === 'memory' && log.durable
      degraded ||= storage === 'degraded'
    }
    const settled = scope === 'opened' || caughtUp
    const now = connection === 'syncing' && settled && total === 0 && !unstored ? 'synced' : connection
    const lastSyncedAt = now === 'synced' ? environment.now() : status.get().lastSyncedAt
    const wasSynced = status.get().connection === 'synced'
    status.set({
      connection: now,
      unacknowledged: total,
      storage: degraded ? 'degraded' : log.durable ? 'ok' : 'memory',
      lastSyncedAt: wasSynced && now === 'synced' ? status.get().lastSyncedAt : lastSyncedAt,
      error,
    })
    for (const { document } of open.values()) {
      const waiting = document.status.get().unacknowledged > 0
      document.status.set({ connection: connection === 'syncing' && settled && !waiting ? 'synced' : connection })
    }
  }

  function report(problem: unknown): void {
    emit('error', problem)
  }

  function emit<E extends keyof WorkspaceEvents>(event: E, detail: Parameters<WorkspaceEvents[E]>[0]): void {
    const those = listeners.get(event)
    if (event === 'error' && (those === undefined || those.size === 0)) console.error('Rejoin:', detail)
    for (const listener of those ?? []) listener(detail as never)
  }

  function openHere(id: DocumentId, { doc, awareness, gc }: OpenOptions): OpenDocument {
    const document = openDocument({
      where: { document: id, epoch: FIRST_EPOCH, gc: gc ?? doc?.gc ?? true },
      log,
      environment,
      doc,
      awareness,
      stored(stored) {
        connector.conversation?.edited(stored)
        channel?.tell([stored])
        const { unacknowledged: count } = document.status.get()
        unacknowledged.set(stored, count)
        knowDocuments()
        show()
      },
      sendAwareness: (where, bytes) => connector.conversation?.awareness(where, bytes),
      report,
    })
    document.status.set({ connection })
    let { storage } = document.status.get()
    document.status.subscribe((now) => {
      if (now.storage === storage) return
      storage = now.storage
      show()
    })
    document.whenLoaded.then(() => {
      if (!unacknowledged.has(id)) unacknowledged.set(id, 0)
      knowDocuments()
      if (caughtUp) document.fetched()
      connector.conversation?.open(document.where)
      show()
    }, report)
    return document
  }

  return {
    id: options.id,
    status,
    documents: {
      get: () => ids.get().ids,
      subscribe: (listener) => ids.subscribe(({ ids: now }) => listener(now)),
    },
    open(id, { doc, awareness, gc } = {}) {
      if (closed) throw new RejoinError('closed', 'the workspace is closed')
      checkDocumentId(id)
      let entry = open.get(id)
      if (entry !== undefined && doc !== undefined && entry.document.doc !== doc) {
        throw new RejoinError('bad-option', `${JSON.stringify(id)} is open with another Y.Doc`)
      }
      if (entry === undefined) {
        entry = { document: openHere(id, { doc, awareness, gc }), handles: 0 }
        open.set(id, entry)
      }
      entry.handles++
      const entered = entry
      return toHandle(id, entered.document, () => letGo(id, entered))
    },
    connect: () => connector.connect(),
    disconnect: () => connector.disconnect(),
    branches: async () => (await log.branches()).map(toBranch),
    on(event, listener) {
      const those = listeners.get(event) ?? new Set()
      listeners.set(event, those)
      those.add(listener as never)
      return () => those.delete(listener as never)
    },
    async clear({ force = false } = {}) {
      const count = status.get().unacknowledged
      if (count > 0 && !force) {
        throw new RejoinError('unacknowledged', `${count} edits of this workspace are on this device only`)
      }
      await close()
      await store.destroy()
    },
    close,
  }

  function letGo(id: DocumentId, entry: { document: OpenDocument; handles: number }): void {
    entry.handles--
    if (entry.handles > 0) return
    // A document that was refused is not the one of this name any more.
    if (open.get(id) === entry) {
      open.delete(id)
      connector.conversation?.close(entry.document.where)
    }
    const ending = entry.document.close().catch(report)
    endings.add(ending)
    void ending.then(() => endings.delete(ending))
  }

  /** Waits until what was typed last is acknowledged, as nothing here keeps it: not without a relay, and not for long. */
  function delivered(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = environment.setTimer(resolve, LINGER_MS_MAX)
      status.subscribe(({ connection: now, unacknowledged: count }) => {
        if (count > 0 && now === 'syncing') return
        cancel()
        resolve()
      })
    })
  }

  function close(): Promise<void> {
    closing ??= (async () => {
      closed = true
      const documents = [...open.values()].map(({ document }) => document)
      open.clear()
      await Promise.all([...endings, ...documents.map((document) => document.close().catch(report))])
      if (!log.durable) await delivered()
      connector.disconnect()
      channel?.close()
      log.close()
      connection = 'offline'
      show()
    })()
    return closing
  }
}

function toHandle(id: DocumentId, document: OpenDocument, letGo: () => void): DocumentHandle {
  let open = true
  return {
    id,
    doc: document.doc,
    get awareness() {
      return document.awareness
    },
    status: document.status,
    whenLoaded: document.whenLoaded,
    whenSynced: document.whenSynced,
    saved: (level, { signal } = {}) => document.saved(level, signal),
    close() {
      if (!open) return
      open = false
      letGo()
    },
  }
}

const toBranch = (row: { document: DocumentId; code: ErrorCode; detail: string; bytes: Uint8Array }): Branch => ({
  document: row.document,
  code: row.code,
  detail: row.detail,
  update: row.bytes,
})

async function openStore(storage: 'indexeddb' | 'memory' | ReplicaStore, name: string): Promise<ReplicaStore> {
  if (storage === 'memory') return createMemoryReplicaStore()
  return storage === 'indexeddb' ? openIndexedDbStore(name) : storage
}

/** The address of a workspace at a relay. Raises `bad-option` for what is no `ws:` or `wss:` (or `http(s):`) address. */
function syncUrl(relay: string, workspace: string): string {
  const url = URL.canParse(relay) ? new URL(relay) : undefined
  if (url === undefined || !/^(ws|http)s?:$/.test(url.protocol)) {
    throw new RejoinError(
      'bad-option',
      `${JSON.stringify(relay)} is no address of a relay such as wss://relay.example.com`,
    )
  }
  url.protocol = url.protocol.replace('http', 'ws')
  return `${url.href.replace(/\/$/, '')}/sync/${encodeURIComponent(workspace)}`
}
