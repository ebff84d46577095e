/**
 * A workspace on this device: one replica, one connection, many documents. `openWorkspace` is where an app begins. It ties
 * the parts together and knows none of their insides: documents feed the update log, the conversation drains and fills it,
 * tabs tell one another.
 */
import { systemEnvironment } from '../shared/environment.ts'
import { RejoinError, toRejoinError } from '../shared/errors.ts'
import { type DocumentId, FIRST_EPOCH } from '../shared/ids.ts'
import type { Acting } from './acting.ts'
import { type DocumentHandle, type OpenDocument, openDocument } from './document.ts'
import { createDocuments } from './documents.ts'
import { type Branch, createEvents, toBranch, type WorkspaceEvents } from './events.ts'
import type { Evicting } from './evicting.ts'
import { createHearing } from './hearing.ts'
import { createLink } from './link.ts'
import {
  checkOptions,
  type MoveOptions,
  type OpenOptions,
  openStore,
  syncUrl,
  type WorkspaceOptions,
} from './options.ts'
import { importedParts, loaded } from './parts.ts'
import type { Compacting } from './replica/compacting.ts'
import { openDeviceLog } from './replica/device-log.ts'
import type { ReplicaStore } from './replica/store.ts'
import type { WholeLog } from './replica/update-log.ts'
import { createStanding } from './standing.ts'
import { type Kept, keptOf, type Readable, toTrouble, type WorkspaceStatus } from './status.ts'
import type { TabNews, TabRequest } from './tabs/channel.ts'
import { createTeam } from './team.ts'

export type { Branch, WorkspaceEvents } from './events.ts'
export type { OpenOptions, WorkspaceOptions } from './options.ts'

/** An open workspace. */
export interface Workspace {
  readonly id: string
  readonly status: Readable<WorkspaceStatus>
  /** Ids of the documents that this device knows, sorted. */
  readonly documents: Readable<readonly DocumentId[]>
  /** Those of them that are pinned, or not wholly on this device; all others are here. */
  readonly kept: Readable<ReadonlyMap<DocumentId, Kept>>
  /**
   * Opens a document, whether it is there already or not; every handle wants to be closed. Ids are 1 to 512 bytes of text
   * without control characters. Raises `invalid-id`, `closed`, and `bad-option` where it is open with another Y.Doc.
   */
  open(id: DocumentId, options?: OpenOptions): DocumentHandle
  /** Tries the relays, now and whenever the connection is lost. Nothing happens where it does so already. */
  connect(): void
  /** Ends the connection and stays offline until `connect`. */
  disconnect(): void
  /**
   * All that this device holds of a document, as one Yjs update (v1), without opening it: `Y.applyUpdate` and `toJSON` do the rest.
   * Rejects with `closed` for one that is not known here, `not-here` for one that is not wholly, with `not-loaded`, and what storage says.
   */
  export(id: DocumentId): Promise<Uint8Array>
  /** Refused edits that this device keeps, of all sessions, until they are dismissed. */
  branches(): Promise<Branch[]>
  /**
   * Deletes a document, here at once and at every relay and device as they hear of it; its handles end with the code `deleted`.
   * Works offline, and also for one that this device does not have. Edits that others made meanwhile and no relay had are kept with
   * them as branches. Opening the id again begins a new, empty document. Rejects with `invalid-id`, `closed`, `not-loaded`, and what storage says.
   */
  delete(id: DocumentId): Promise<void>
  /**
   * A pinned document never leaves this device to make room, and comes back if it has; with `sync: 'opened'` it is kept up to date
   * while it is not open, too. For this profile, until it is unpinned or deleted. Works offline; idempotent. Rejects with `invalid-id`,
   * `closed`, and what storage says.
   */
  pin(id: DocumentId): Promise<void>
  /** It may leave this device again where there is no room. */
  unpin(id: DocumentId): Promise<void>
  /** Deletes a branch from this device for ever: export what is worth keeping first. Idempotent. */
  dismiss(branch: Pick<Branch, 'document' | 'id'>): Promise<void>
  /** Calls `listener` at every such event; returns what ends it. */
  on<E extends keyof WorkspaceEvents>(event: E, listener: WorkspaceEvents[E]): () => void
  /**
   * Closes, and deletes everything on this device. Rejects with `unacknowledged` while edits are only here, stored or not yet, unless
   * forced.
   */
  clear(options?: { force?: boolean }): Promise<void>
  /**
   * Stores what is typed, ends the connection and all handles. Where nothing is kept here it waits for the relay's receipt
   * before, at most a second. Idempotent.
   */
  close(): Promise<void>
}

/** How long a workspace without durable storage stays for the relay's answer when it is closed. */
const LINGER_MS_MAX = 1_000

/**
 * Opens a workspace. Never waits for the network. Rejects with `invalid-id`, `bad-option`, `storage-unavailable`,
 * `storage-failed` and `storage-full`; with `not-loaded` where the code did not come that works in memory, as was asked for or as storage
 * does not open.
 */
export async function openWorkspace(options: WorkspaceOptions): Promise<Workspace> {
  checkOptions(options)
  const { environment = systemEnvironment, parts = importedParts } = options
  const name = nameOf(options)
  const { store, unopened, reopen } = await openStore(options.storage, name, parts)
  if (unopened === undefined || reopen === undefined) return beginWorkspace(options, store, unopened)
  const { openRecovering } = await loaded(parts.recovering())
  return openRecovering({ options, environment, memory: store, unopened, begin: beginWorkspace, reopen })
}

/** A workspace that can take the place of another. */
export interface BegunWorkspace extends Workspace {
  open(id: DocumentId, options?: MoveOptions): DocumentHandle
}

/** The name of the replica in its browser. */
const nameOf = ({ id, user = '' }: WorkspaceOptions): string =>
  `rejoin:${encodeURIComponent(user)}:${encodeURIComponent(id)}`

/** A workspace on a store that is open. `unopened`: why it is not the one that was wished for. */
export async function beginWorkspace(
  options: WorkspaceOptions,
  store: ReplicaStore,
  unopened?: RejoinError,
): Promise<BegunWorkspace> {
  const { environment = systemEnvironment, parts = importedParts } = options
  const name = nameOf(options)
  const urls = (options.relays ?? []).map((relay) => syncUrl(relay, options.id))
  const log = await openDeviceLog(store, environment, whole, () => loaded(parts.inflating()))
  const scope = options.sync ?? (log.durable ? 'all' : 'opened')

  const events = createEvents()
  const { report } = events
  const documents = createDocuments({ make, left, report })
  const standing = createStanding({
    environment,
    scope,
    durable: log.durable,
    unopened: unopened && toTrouble(unopened),
    opened: documents.all,
    unsaved: documents.unsaved,
  })
  // When whoever opens it can listen.
  if (unopened !== undefined) environment.setTimer(() => report(unopened), 0)
  const { status } = standing
  const hearing = createHearing({
    log,
    end,
    touched,
    documents,
    standing,
    events,
    team: () => team,
  })
  let rest: Promise<WholeLog> | undefined
  let compacting: Compacting | undefined
  /** Loaded with the connection. */
  let evicting: Evicting | undefined
  let closed = false
  let closing: Promise<void> | undefined

  for (const held of log.opened) {
    const { ref, unacknowledged, deleted, untold } = held
    if (deleted) standing.forget(ref.document, untold)
    else standing.count(ref.document, unacknowledged)
    standing.keep(ref.document, keptOf(held))
  }
  standing.show()

  const link = createLink({
    environment,
    async load() {
      const [{ createRelaying }, complete] = await Promise.all([loaded(parts.relaying()), whole()])
      const relaying = createRelaying({
        options,
        urls,
        scope,
        log: complete,
        environment,
        hearing,
        documents,
        standing,
        events,
        team,
        end,
        recount,
        changed: connectionChanged,
      })
      evicting = relaying.evicting
      if (closed) evicting.close()
      return relaying.connector
    },
    changed: connectionChanged,
    again: () => team.passOn(),
    report,
  })
  const team = createTeam({
    name,
    log,
    environment,
    documents,
    standing,
    link,
    heard: fromTab,
    woke,
    recount,
    report,
  })
  if (options.connect ?? true) connect()

  /** The rest of the log, which is loaded when it is first needed. */
  function whole(): Promise<WholeLog> {
    rest ??= loadRest().catch((error: unknown) => {
      rest = undefined
      throw error
    })
    return rest
  }

  async function loadRest(): Promise<WholeLog> {
    const { createCompacting, openWhole } = await loaded(parts.log())
    const complete = openWhole({ log, documents, team, askFor, report })
    if (!closed) compacting = createCompacting(complete, environment, report)
    return complete
  }

  /** The log has news of this document: it may want to be folded. What cannot be loaded is told where it is missed. */
  function touched(id: DocumentId): void {
    evicting?.touch(id)
    if (compacting !== undefined) compacting.touch(id)
    else
      whole().then(
        () => compacting?.touch(id),
        () => {},
      )
  }

  function connectionChanged(state: 'offline' | 'connecting', error?: WorkspaceStatus['error']): void {
    standing.connect(state, error)
    if (state === 'offline') for (const document of documents.all()) document.disconnected()
    standing.show()
    team.stands()
  }

  /** Without an address this tab is no leader to others. */
  function connect(): void {
    if (urls.length > 0) team.join()
  }

  status.subscribe(({ connection, trouble }) => {
    if (trouble?.code === 'storage-full') makeRoom()
    else if (connection === 'synced') evicting?.look()
  })

  function makeRoom(): void {
    if (team.role === 'following') team.tell({ type: 'full' })
    else evicting?.full()
  }

  function left({ where }: OpenDocument): void {
    team.closed(where)
    evicting?.used(where.document)
  }

  /** What other tabs have told meanwhile was not heard. */
  function woke(): void {
    for (const document of documents.all()) void document.catchUp()
    recount().catch(report)
  }

  /** Several tabs write, and what one was told last may have been read before: it would show that for as long as nothing changes. */
  async function recount(): Promise<void> {
    for (const [document, count] of standing.waiting()) {
      const held = await log.held(document)
      if (held !== undefined && held.unacknowledged !== count) hearing.changed([held])
    }
  }

  /** What another tab took out of the log is fetched by whoever is connected. */
  function fromTab(news: TabNews | TabRequest): void {
    if (news.type === 'cleared') return clearedElsewhere()
    if (news.type === 'rescue') return void documents.get(news.document)?.rescue()
    if (news.type === 'full') return evicting?.full()
    if (news.type === 'repair' || news.type === 'forked') link.conversation?.repair(news.document)
    if (news.type !== 'repair') hearing.fromTab(news)
  }

  /** What is here is gone: nothing is typed into nowhere, and nothing makes it anew. */
  function clearedElsewhere(): void {
    if (closed) return
    closed = true
    team.close()
    link.disconnect()
    log.close()
    const error = new RejoinError('closed', 'the workspace was cleared in another tab')
    for (const document of documents.all()) {
      documents.cutOff(document.where.document)
      document.refuse(error)
      document.end()
    }
    report(error)
    void close().then(() => {
      standing.connect('offline', { code: error.code, detail: error.detail })
      standing.show()
    }, report)
  }

  function make(id: DocumentId, { doc, awareness, gc, received }: MoveOptions): OpenDocument {
    const document: OpenDocument = openDocument({
      where: { document: id, epoch: FIRST_EPOCH, gc: gc ?? doc?.gc ?? true },
      log,
      environment,
      doc,
      awareness,
      received,
      before: documents.writers(id),
      stored(stored, n, count, bytes, at) {
        team.stored(stored, n, count, bytes)
        if (team.role !== 'following') touched(stored)
        evicting?.used(stored)
        const now = documents.get(stored)
        // One whose handles are closed stores what it could not before.
        if (now !== document) now?.edited(log.tab, n, bytes)
        standing.add(stored, count, at)
        // Also where it is being closed.
        document.counted(standing.countOf(stored))
        standing.show()
      },
      stuck: (document) => team.stuck(document),
      lacking: askFor,
      buried: (branch) => events.emit('deleted', { document: id, branch: toBranch(branch) }),
      confirm: (confirmation) => team.confirm(confirmation),
      sendAwareness: (where, bytes) => team.showed(where, bytes),
      report,
    })
    document.status.set({ connection: standing.connection })
    let { storage, unacknowledged } = document.status.get()
    document.status.subscribe((now) => {
      if (now.storage === storage && now.unacknowledged === unacknowledged) return
      ;({ storage, unacknowledged } = now)
      // What is stored is counted first.
      standing.show()
      const current = documents.get(id)
      // It counts what one whose handles are closed does not have at a relay yet.
      if (current !== document) current?.look()
    })
    document.whenLoaded.then(() => {
      standing.know(id)
      const { kept, pinned } = document.status.get()
      standing.keep(id, { at: kept, pinned })
      evicting?.used(id)
      if (standing.caughtUp) void document.fetched()
      team.opened(document.where)
      standing.show()
    }, fail)
    return document

    function fail(problem: unknown): void {
      documents.cutOff(id)
      document.refuse(toRejoinError(problem, 'storage-failed', `${JSON.stringify(id)} does not open`))
      report(problem)
      standing.show()
    }
  }

  async function end(...what: Parameters<Acting['end']>): Promise<void> {
    await (await acting()).end(...what)
  }

  async function acting(): Promise<Acting> {
    const [{ createActing }, complete] = await Promise.all([loaded(parts.log()), whole()])
    return createActing({ log: complete, documents, standing, events, hearing, team, link, askFor })
  }

  /** What is not here is fetched by whoever is connected. */
  function askFor(id: DocumentId): void {
    link.conversation?.repair(id)
    team.tell({ type: 'repair', document: id })
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
      compacting?.close()
      evicting?.close()
      const gone = await documents.close()
      if (gone > 0) {
        const what = 'edits neither stored nor at a relay when the workspace was closed'
        report(new RejoinError('storage-failed', `${what}: ${gone}`))
      }
      if (!log.durable) await delivered()
      team.close()
      link.disconnect()
      log.close()
      standing.connect('offline')
      standing.show()
    })()
    return closing
  }

  return {
    id: options.id,
    status,
    documents: standing.documents,
    kept: standing.kept,
    open(id, how = {}) {
      if (closed) throw new RejoinError('closed', 'the workspace is closed')
      return documents.open(id, how)
    },
    connect,
    disconnect: () => team.leave(),
    export: async (id) => (await acting()).export(id),
    pin: async (id) => (await acting()).pin(id, true),
    unpin: async (id) => (await acting()).pin(id, false),
    branches: async () => (await log.branches()).map(toBranch),
    async delete(id) {
      if (closed) throw new RejoinError('closed', 'the workspace is closed')
      await (await acting()).delete(id)
    },
    dismiss: ({ document, id }) => log.dismiss(document, id),
    on: events.on,
    async clear({ force = false } = {}) {
      // What is typed and not stored yet is only here too.
      await documents.flush()
      standing.show()
      const count = status.get().unacknowledged
      if (count > 0 && !force) {
        throw new RejoinError('unacknowledged', `${count} edits of this workspace are on this device only`)
      }
      team.tell({ type: 'cleared' })
      await close()
      await store.destroy()
    },
    close,
  }
}
