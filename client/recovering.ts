/**
 * A workspace whose storage did not open: it works in memory, and tries the storage again. When that opens, a workspace on it takes
 * over: documents that are open move there with their Y.Docs, and so does what was typed in others, so that the app goes on
 * with what it has in its hands. Only workspaces that need this come here.
 */
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { backoff } from '../shared/backoff.ts'
import { type Environment, randomFraction } from '../shared/environment.ts'
import { RejoinError, toRejoinError } from '../shared/errors.ts'
import type { DocumentId } from '../shared/ids.ts'
import type { DocumentHandle, SavedLevel } from './document.ts'
import { createEvents, type WorkspaceEvents } from './events.ts'
import { type Following, follow } from './following.ts'
import type { OpenOptions, WorkspaceOptions } from './options.ts'
import type { ReplicaStore } from './replica/store.ts'
import { type DocumentStatus, type StorageTrouble, toTrouble } from './status.ts'
import type { BegunWorkspace, Workspace } from './workspace.ts'

export interface RecoveringOptions {
  options: WorkspaceOptions
  environment: Environment
  /** In which it works meanwhile. */
  memory: ReplicaStore
  /** Why the storage did not open. */
  unopened: RejoinError
  /** Begins a workspace on a store. */
  begin(options: WorkspaceOptions, store: ReplicaStore, unopened?: RejoinError): Promise<BegunWorkspace>
  /** Tries the storage again; rejects where it does not open. */
  reopen(): Promise<ReplicaStore>
}

/** A document that is open, with what stays its own when the workspace behind it changes. */
interface Note {
  readonly doc: Y.Doc
  readonly awareness: Awareness
  /** Of the app's own, which go on. */
  readonly own: Pick<OpenOptions, 'doc' | 'awareness'>
  readonly status: Following<DocumentStatus>
  readonly whenLoaded: Promise<void>
  readonly whenSynced: Promise<void>
  handle: DocumentHandle
  handles: number
  synced(): void
}

const EVENTS: readonly (keyof WorkspaceEvents)[] = ['refused', 'forked', 'deleted', 'error']

export async function openRecovering(settings: RecoveringOptions): Promise<Workspace> {
  const { options, environment, memory, unopened, begin, reopen } = settings
  const trouble: StorageTrouble = toTrouble(unopened)
  let inner = await begin(options, memory, unopened)
  const { on, emit, report } = createEvents()
  const notes = new Map<DocumentId, Note>()
  /** Documents that were closed before a relay had all that was typed in them. */
  const left = new Set<DocumentId>()
  /** What was asked for and the storage is to know, by what it is about. */
  const wishes = new Map<string, (workspace: Workspace) => Promise<void>>()
  const status = follow(inner.status)
  const documents = follow(inner.documents)
  const kept = follow(inner.kept)
  let isWanted = options.connect ?? true
  let isRecovered = false
  let closed = false
  let tries = 0
  let cancel: (() => void) | undefined
  const unhear = hear(inner)
  let nowOver: (error?: RejoinError) => void = () => {}
  /** Resolves when the storage is in use, and rejects when the workspace is closed before. */
  const whenOver = new Promise<void>((resolve, reject) => {
    nowOver = (error) => (error === undefined ? resolve() : reject(error))
  })
  whenOver.catch(() => {})
  plan()

  function hear(workspace: Workspace): () => void {
    const ends = EVENTS.map((event) => workspace.on(event, (detail: never) => emit(event, detail)))
    return () => {
      for (const end of ends) end()
    }
  }

  function plan(): void {
    cancel = environment.setTimer(() => void attempt(), backoff(environment, tries++))
  }

  async function attempt(): Promise<void> {
    try {
      const store = await reopen()
      if (closed) return store.close()
      await recover(store)
    } catch (error) {
      const { code } = toRejoinError(error, 'storage-failed', 'the storage does not open')
      if (closed) return
      if (code === 'storage-failed' || code === 'storage-full') plan()
      else report(error)
    }
  }

  async function recover(store: ReplicaStore): Promise<void> {
    const next = await begin({ ...options, connect: false }, store)
    hear(next)
    try {
      // From here on nothing comes, nor any receipt: what is told of a document is told to the one that takes over.
      inner.disconnect()
      for (const wish of wishes.values()) await wish(next)
      await bringBranches(store)
      const moved = new Map<Note, DocumentHandle>()
      // More may be opened while these load.
      for (let those = [...notes]; those.length > 0; those = [...notes].filter(([, note]) => !moved.has(note))) {
        for (const [id, note] of those) moved.set(note, openOn(next, id, note))
        await Promise.all(those.map(([, note]) => moved.get(note)?.whenLoaded))
      }
      await bringClosed(next)
      if (closed) throw new RejoinError('closed', 'the workspace is closed')
      await takeOver(next, moved)
    } catch (error) {
      if (inner !== next) await next.close()
      if (isWanted && !closed) inner.connect()
      throw error
    }
  }

  async function takeOver(next: BegunWorkspace, moved: ReadonlyMap<Note, DocumentHandle>): Promise<void> {
    const before = inner
    inner = next
    isRecovered = true
    unhear()
    for (const [note, handle] of moved) {
      const { handle: old } = note
      note.handle = handle
      note.status.turn(handle.status)
      handle.whenSynced.then(note.synced, () => {})
      if (note.handles === 0) handle.close()
      old.close()
    }
    status.turn(next.status)
    documents.turn(next.documents)
    kept.turn(next.kept)
    await before.close()
    if (isWanted && !closed) next.connect()
    nowOver()
  }

  const openOn = (
    workspace: BegunWorkspace,
    id: DocumentId,
    { doc, awareness, handle }: Pick<Note, 'doc' | 'awareness'> & Partial<Note>,
  ) => workspace.open(id, { doc, awareness, received: handle?.status.get().unacknowledged === 0 })

  /** What was typed in documents that are closed by now. */
  async function bringClosed(next: BegunWorkspace): Promise<void> {
    for (const id of left) {
      if (notes.has(id)) continue
      const update = await inner.export(id)
      const handle = next.open(id)
      try {
        await handle.whenLoaded
        Y.applyUpdate(handle.doc, update)
        await handle.saved('device')
      } finally {
        handle.close()
      }
    }
  }

  async function bringBranches(store: ReplicaStore): Promise<void> {
    const branches = await memory.read(['branches'], (transaction) => transaction.range('branches', []))
    if (branches.length === 0) return
    await store.write(['branches'], async (transaction) => {
      for (const { key, value } of branches) transaction.put('branches', key, value)
    })
  }

  function make(id: DocumentId, { doc: ownDoc, awareness: ownAwareness, gc }: OpenOptions): Note {
    const doc = ownDoc ?? new Y.Doc({ gc: gc ?? true, guid: id })
    // The awareness that is made of it tells relays its id: in a simulated world that is chance like any other.
    if (ownDoc === undefined) doc.clientID = Math.floor(randomFraction(environment) * 2 ** 32)
    const awareness = ownAwareness ?? new Awareness(doc)
    const handle = openOn(inner, id, { doc, awareness })
    let synced = (): void => {}
    const whenSynced = new Promise<void>((resolve) => {
      synced = resolve
    })
    handle.whenSynced.then(synced, () => {})
    const shown = follow(
      handle.status,
      (now): DocumentStatus => (isRecovered ? now : { ...now, storage: 'degraded', trouble: now.trouble ?? trouble }),
    )
    const own = { doc: ownDoc, awareness: ownAwareness }
    return { doc, awareness, own, status: shown, whenLoaded: handle.whenLoaded, whenSynced, handle, handles: 0, synced }
  }

  function letGo(id: DocumentId, note: Note): void {
    note.handles--
    if (note.handles > 0) return
    if (notes.get(id) === note) notes.delete(id)
    note.status.end()
    if (!isRecovered && note.handle.status.get().unacknowledged > 0) left.add(id)
    note.handle.close()
    if (note.own.awareness === undefined) note.awareness.destroy()
    if (note.own.doc === undefined) note.doc.destroy()
  }

  /** A document whose handles have ended belongs to nobody any more. */
  function noteOf(id: DocumentId, how: OpenOptions): Note {
    const known = notes.get(id)
    const isOpen = known !== undefined && known.handle.status.get().error === undefined
    if (isOpen && how.doc !== undefined && how.doc !== known.doc) {
      throw new RejoinError('bad-option', `${JSON.stringify(id)} is open with another Y.Doc`)
    }
    const note = isOpen ? known : make(id, how)
    notes.set(id, note)
    return note
  }

  async function saved(note: Note, level: SavedLevel, how: { signal?: AbortSignal }): Promise<void> {
    if (level === 'device' && !isRecovered) await unless(how.signal, whenOver)
    const { handle } = note
    try {
      await handle.saved(level, how)
    } catch (error) {
      // It was closed as another one took its place.
      if (handle === note.handle || !(error instanceof RejoinError && error.code === 'closed')) throw error
      await note.handle.saved(level, how)
    }
  }

  function toHandle(id: DocumentId, note: Note): DocumentHandle {
    let open = true
    return {
      id,
      doc: note.doc,
      awareness: note.awareness,
      status: note.status,
      whenLoaded: note.whenLoaded,
      whenSynced: note.whenSynced,
      saved: (level, how = {}) => saved(note, level, how),
      init: (seedId, fill) => note.handle.init(seedId, fill),
      close() {
        if (!open) return
        open = false
        letGo(id, note)
      },
    }
  }

  /** Done now, and again when there is storage. */
  function wish(about: string, act: (workspace: Workspace) => Promise<void>): Promise<void> {
    if (!isRecovered) wishes.set(about, act)
    return act(inner)
  }

  async function close(): Promise<void> {
    closed = true
    cancel?.()
    nowOver(new RejoinError('closed', 'the workspace is closed'))
    await inner.close()
  }

  return {
    id: options.id,
    status,
    documents,
    kept,
    open(id, how = {}) {
      if (closed) throw new RejoinError('closed', 'the workspace is closed')
      const note = noteOf(id, how)
      note.handles++
      return toHandle(id, note)
    },
    connect() {
      isWanted = true
      inner.connect()
    },
    disconnect() {
      isWanted = false
      inner.disconnect()
    },
    export: (id) => inner.export(id),
    branches: () => inner.branches(),
    delete: (id) => wish(`delete ${id}`, (workspace) => workspace.delete(id)),
    pin: (id) => wish(`pin ${id}`, (workspace) => workspace.pin(id)),
    unpin: (id) => wish(`pin ${id}`, (workspace) => workspace.unpin(id)),
    dismiss: (branch) => inner.dismiss(branch),
    on,
    async clear(how) {
      await inner.clear(how)
      await close()
      // What lies in the storage that did not open is to go too; where it still does not, the caller is told.
      if (!isRecovered) await (await reopen()).destroy()
    },
    close,
  }
}

function unless(signal: AbortSignal | undefined, work: Promise<void>): Promise<void> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
