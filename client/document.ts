/**
 * One open document of a tab: a Y.Doc that is fed from the update log, and what is typed into it on its way to the log. An
 * edit waits for nothing (P6) and nothing here throws into Yjs: a throw inside an `update` listener would silence the
 * Y.Doc for good.
 */
import * as encoding from 'lib0/encoding'
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { Environment } from '../shared/environment.ts'
import { type ErrorCode, RejoinError, toRejoinError } from '../shared/errors.ts'
import type { DocumentId, OriginId } from '../shared/ids.ts'
import { inspectUpdate } from '../shared/update/inspect.ts'
import { createIntervalIndex } from '../shared/update/intervals.ts'
import { joinUpdates } from '../shared/update/join.ts'
import type { DocumentRef } from '../shared/update/record.ts'
import { backoff } from './connection/backoff.ts'
import type { Waiting } from './replica/store.ts'
import type { Arrived, HeldDocument, LoadedDocument, Outstanding, UpdateLog } from './replica/update-log.ts'
import { createStatus, type DocumentStatus, type Readable, type Receipt, type Writable } from './status.ts'

/** How far `saved` waits: written to this device, or acknowledged by a relay, which has it durably. */
export type SavedLevel = 'device' | 'relay'

/** A document that is open here. */
export interface DocumentHandle {
  readonly id: DocumentId
  readonly doc: Y.Doc
  /** Made at first use; its own timer ends with the last handle. */
  readonly awareness: Awareness
  readonly status: Readable<DocumentStatus>
  /** What this device holds is in `doc`. Never waits for the network. */
  readonly whenLoaded: Promise<void>
  /** What a relay holds is in `doc` too, for the first time since it was opened. */
  readonly whenSynced: Promise<void>
  /**
   * Resolves when every edit before the call is saved as far as asked; waits while offline. Rejects with the code of a
   * refusal, with `storage-unavailable` where this replica has no durable storage, with `closed`, or with the signal's reason.
   */
  saved(level: SavedLevel, options?: { signal?: AbortSignal }): Promise<void>
  /** Ends this handle; edits that are not saved yet still are. Idempotent. */
  close(): void
}

/** Origin of transactions in which stored updates are applied. */
export const STORED = Symbol('rejoin')

/** Edits of this long share a transaction of the store. */
const APPEND_AFTER_MS = 4

export interface DocumentOptions {
  where: DocumentRef
  log: UpdateLog
  environment: Environment
  doc?: Y.Doc
  /** The app's own; it is not ended with the document. */
  awareness?: Awareness
  /** Edits are stored: send them soon. */
  stored(document: DocumentId): void
  /** Awareness of this tab for the relay. */
  sendAwareness(where: DocumentRef, bytes: Uint8Array): void
  /** Something failed that nobody waits for. */
  report(error: unknown): void
}

/** The document as its workspace sees it. */
export interface OpenDocument {
  readonly where: DocumentRef
  readonly doc: Y.Doc
  readonly awareness: Awareness
  readonly status: Writable<DocumentStatus>
  readonly whenLoaded: Promise<void>
  readonly whenSynced: Promise<void>
  saved(level: SavedLevel, signal?: AbortSignal): Promise<void>
  arrived(records: readonly Arrived[]): void
  sealed(records: readonly Waiting[]): void
  /** The replica's view of the document has changed. */
  changed(held: HeldDocument): void
  /** Under this origin the log may hold other records than the Y.Doc was given. */
  forked(origin: OriginId): void
  /** The log may hold more than the Y.Doc was given. */
  catchUp(): Promise<void>
  fetched(): void
  connected(): void
  disconnected(): void
  receiveAwareness(bytes: Uint8Array): void
  /** Stores what is typed; resolves to the number of edits until then. */
  flush(): Promise<number>
  /** A relay refused its edits: the Y.Doc is cut off. */
  refuse(error: RejoinError): void
  /** Stores what is typed and lets go. */
  close(): Promise<void>
}

export function openDocument(options: DocumentOptions): OpenDocument {
  const { where, log, environment, report } = options
  const doc = options.doc ?? new Y.Doc({ gc: where.gc, guid: where.document })
  const ownDoc = options.doc === undefined
  const status = createStatus<DocumentStatus>({
    connection: 'offline',
    unacknowledged: 0,
    receipt: log.durable ? 'device' : 'memory',
    storage: log.durable ? 'ok' : 'memory',
    lastSyncedAt: 0,
  })
  const seenVector = new Map<OriginId, number>()
  const seenEdits = new Map<string, number>()
  const waiters = new Set<() => void>()
  let typed: Uint8Array[] = []
  let typedCount = 0
  let storing = false
  let stored: Promise<void> = Promise.resolve()
  let storedEdits = 0
  let allEdits = 0
  let numbers = 0
  let tries = 0
  let heldUnacknowledged = 0
  let cancelAppend: (() => void) | undefined
  let ended: RejoinError | undefined
  let closed = false
  let loaded = false
  let hurryLoad: () => void = () => {}
  let awareness: Awareness | undefined
  let forgetAwareness: (() => void) | undefined
  let nowSynced: () => void = () => {}
  const whenSynced = new Promise<void>((resolve) => {
    nowSynced = resolve
  })
  // What the app's Y.Doc holds already is adopted as an edit, as far as the log does not have it.
  const brought = doc.store.clients.size > 0 ? Y.encodeStateAsUpdate(doc) : undefined

  const typedSomething = (update: Uint8Array, origin: unknown): void => {
    if (origin === STORED || ended !== undefined) return
    typed.push(update)
    typedCount++
    allEdits++
    show()
    if (loaded) appendSoon()
  }
  doc.on('update', typedSomething)
  const whenLoaded = load()

  async function load(): Promise<void> {
    const held = await loadHeld()
    apply(held.updates)
    see(held.seen)
    if (brought !== undefined) adopt(brought, held.updates)
    loaded = true
    changed(held)
    doc.emit('load', [doc])
    if (typed.length > 0) appendSoon()
  }

  /** Tries again for as long as the store fails: what is typed meanwhile is kept and shown as degraded (P5, P6). */
  async function loadHeld(): Promise<LoadedDocument> {
    for (let failed = 0; ; failed++) {
      try {
        await log.ensure(where)
        const held = await log.load(where.document)
        status.set({ storage: log.durable ? 'ok' : 'memory' })
        return held
      } catch (error) {
        const { code } = toRejoinError(error, 'storage-failed', 'the document does not load')
        if (closed || (code !== 'storage-failed' && code !== 'storage-full')) throw error
        status.set({ storage: 'degraded' })
        report(error)
        await new Promise<void>((resolve) => {
          hurryLoad = resolve
          environment.setTimer(resolve, backoff(environment, failed, 0))
        })
      }
    }
  }

  function adopt(state: Uint8Array, updates: readonly Uint8Array[]): void {
    const index = createIntervalIndex()
    for (const update of updates) index.add(inspectUpdate(update))
    if (!index.adds(inspectUpdate(state))) return
    typed.unshift(Y.diffUpdate(state, index.stateVector()))
    typedCount++
    allEdits++
  }

  function apply(updates: readonly Uint8Array[]): void {
    if (updates.length === 0 || ended !== undefined) return
    try {
      Y.applyUpdate(doc, joinUpdates(updates), STORED)
      // Batches that need each other can stick; the doc's own state, applied once more, frees them.
      if (doc.store.pendingStructs !== null) Y.applyUpdate(doc, Y.encodeStateAsUpdate(doc), STORED)
    } catch (error) {
      report(error)
    }
  }

  function see(seen: { vector: ReadonlyMap<OriginId, number>; edits: ReadonlyMap<string, number> }): void {
    for (const [origin, seq] of seen.vector) seenVector.set(origin, seq)
    for (const [tab, n] of seen.edits) seenEdits.set(tab, Math.max(n, seenEdits.get(tab) ?? 0))
  }

  function appendSoon(): void {
    if (storing || cancelAppend !== undefined) return
    cancelAppend = environment.setTimer(() => {
      cancelAppend = undefined
      void append()
    }, APPEND_AFTER_MS)
  }

  async function flush(): Promise<number> {
    cancelAppend?.()
    cancelAppend = undefined
    await stored
    await append()
    return allEdits
  }

  /** Stores what was typed; what cannot be stored now is kept, shown as degraded, and tried again (P5, P6). */
  function append(): Promise<void> {
    if (!storing && typed.length > 0) stored = appendTyped()
    return stored
  }

  async function appendTyped(): Promise<void> {
    storing = true
    const updates = typed
    const count = typedCount
    typed = []
    typedCount = 0
    try {
      const n = ++numbers
      await log.append([{ where, n, bytes: joinUpdates(updates), count }])
      seenEdits.set(log.tab, n)
      storedEdits += count
      heldUnacknowledged += count
      tries = 0
      status.set({ storage: log.durable ? 'ok' : 'memory' })
      options.stored(where.document)
    } catch (error) {
      typed = [...updates, ...typed]
      typedCount += count
      status.set({ storage: 'degraded' })
      report(error)
      if (!closed) environment.setTimer(appendSoon, backoff(environment, tries++, 0))
    } finally {
      storing = false
    }
    show()
    if (typed.length > 0 && status.get().storage !== 'degraded') appendSoon()
  }

  function changed(held: HeldDocument): void {
    heldUnacknowledged = held.unacknowledged
    for (const [origin, { seq }] of held.vector) {
      if (loaded && seq > (seenVector.get(origin) ?? 0)) {
        void catchUp()
        break
      }
    }
    show()
  }

  let catching: Promise<void> | undefined
  function catchUp(): Promise<void> {
    if (!loaded || closed) return Promise.resolve()
    catching ??= log
      .load(where.document, { vector: seenVector, edits: seenEdits })
      .then((held) => {
        apply(held.updates)
        see(held.seen)
        heldUnacknowledged = held.unacknowledged
        show()
      })
      .catch(report)
      .finally(() => {
        catching = undefined
      })
    return catching
  }

  function arrived(records: readonly Arrived[]): void {
    if (!loaded) return
    const connected = records.every(({ origin, seq }, index) => {
      const before = records.slice(0, index).findLast((each) => each.origin === origin)?.seq
      return seq === (before ?? seenVector.get(origin) ?? 0) + 1
    })
    if (!connected) return void catchUp()
    apply(records.filter(({ own }) => !own).map(({ bytes }) => bytes))
    for (const { origin, seq } of records) seenVector.set(origin, seq)
  }

  function sealed(records: readonly Waiting[]): void {
    for (const { origin, seq, edits } of records) {
      const all = edits.every(({ tab, to }) => (seenEdits.get(tab) ?? -1) >= to)
      if (all && seq === (seenVector.get(origin) ?? 0) + 1) seenVector.set(origin, seq)
    }
  }

  function show(): void {
    const unstored = allEdits - storedEdits
    const unacknowledged = heldUnacknowledged + unstored
    const here: Receipt = unstored > 0 || !log.durable ? 'memory' : 'device'
    // With nothing waiting, whatever the document holds is at a relay: it came from there or was acknowledged.
    status.set({ unacknowledged, receipt: unacknowledged === 0 && seenVector.size > 0 ? 'relay' : here })
    for (const waiter of [...waiters]) waiter()
  }

  /** Settled when all who waited for receipts of relays have theirs: one after the other, as each look reads the store (P7). */
  let relayReceipts: Promise<unknown> = Promise.resolve()

  /** Waits until `test` holds, looking again at every change, and when `turn` comes. */
  function until(test: () => boolean | Promise<boolean>, signal?: AbortSignal, turn?: Promise<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      let looking = false
      let again = false
      const settle = (finish: () => void): void => {
        waiters.delete(look)
        signal?.removeEventListener('abort', look)
        finish()
      }
      const look = (): void => {
        if (signal?.aborted) return settle(() => reject(signal.reason))
        if (ended !== undefined) return settle(() => reject(ended))
        if (looking) {
          again = true
          return
        }
        looking = true
        again = false
        Promise.resolve(test()).then(
          (done) => {
            looking = false
            if (done) settle(resolve)
            else if (again) look()
          },
          (error) => settle(() => reject(error)),
        )
      }
      waiters.add(look)
      signal?.addEventListener('abort', look)
      void turn?.then(look)
      look()
    })
  }

  async function saved(level: SavedLevel, signal?: AbortSignal): Promise<void> {
    if (level === 'device' && !log.durable) {
      throw new RejoinError('storage-unavailable', 'this replica keeps nothing on the device')
    }
    const edits = allEdits
    await whenLoaded
    await until(() => storedEdits >= edits, signal)
    if (level === 'device') return
    const outstanding: Outstanding = await log.outstanding(where.document)
    let first = false
    const before = relayReceipts.then(() => {
      first = true
    })
    const mine = until(() => first && log.isAcknowledged(where.document, outstanding), signal, before)
    relayReceipts = Promise.allSettled([before, mine])
    await mine
  }

  function ownAwareness(): Awareness {
    if (awareness !== undefined) return awareness
    const made = options.awareness ?? new Awareness(doc)
    awareness = made
    type Change = Record<'added' | 'updated' | 'removed', number[]>
    const moved = ({ added, updated, removed }: Change, origin: unknown): void => {
      // The relay thought that this client had gone, as after a reconnect; its clock is past that now.
      const missed = origin === STORED && removed.includes(doc.clientID) && made.getLocalState() !== null
      if (missed) options.sendAwareness(where, encodeAwarenessUpdate(made, [doc.clientID]))
      if (origin !== STORED)
        options.sendAwareness(where, encodeAwarenessUpdate(made, [...added, ...updated, ...removed]))
    }
    made.on('update', moved)
    forgetAwareness = () => made.off('update', moved)
    return made
  }
  if (options.awareness !== undefined) ownAwareness()

  /** Nobody is seen without a connection. Clocks go too: the relay will send the states of the others as they were. */
  function forgetOthers(): void {
    if (awareness === undefined) return
    const others = [...awareness.getStates().keys()].filter((client) => client !== doc.clientID)
    removeAwarenessStates(awareness, others, STORED)
    for (const client of awareness.meta.keys()) if (client !== doc.clientID) awareness.meta.delete(client)
  }

  return {
    where,
    doc,
    get awareness() {
      return ownAwareness()
    },
    status,
    whenLoaded,
    whenSynced,
    saved,
    arrived,
    sealed,
    changed,
    forked(origin) {
      seenVector.delete(origin)
    },
    catchUp,
    fetched() {
      status.set({ lastSyncedAt: environment.now() })
      show()
      nowSynced()
      if (!doc.isSynced) doc.emit('sync', [true, doc])
    },
    connected() {
      const state = awareness?.getLocalState()
      // Set anew, its clock rises: others have dropped it with the last connection, and would take the same clock for an echo.
      if (state != null) awareness?.setLocalState(state)
    },
    disconnected: forgetOthers,
    receiveAwareness(bytes) {
      try {
        applyAwarenessUpdate(ownAwareness(), bytes, STORED)
      } catch (error) {
        report(error)
      }
    },
    flush,
    refuse(error) {
      ended = error
      doc.off('update', typedSomething)
      status.set({ error: { code: error.code as ErrorCode, detail: error.message }, connection: 'offline' })
      for (const waiter of [...waiters]) waiter()
    },
    async close() {
      if (closed) return
      closed = true
      doc.off('update', typedSomething)
      if (awareness !== undefined) {
        forgetOthers()
        if (options.awareness === undefined) awareness.destroy()
        else options.sendAwareness(where, encodeGone(awareness))
        forgetAwareness?.()
      }
      hurryLoad()
      await whenLoaded.catch(() => {})
      await flush()
      ended ??= new RejoinError('closed', `the document ${JSON.stringify(where.document)} is closed`)
      for (const waiter of [...waiters]) waiter()
      if (ownDoc) doc.destroy()
    },
  }
}

/** What tells others that this client has left, although its awareness goes on: it is the app's. */
function encodeGone({ clientID, meta }: Awareness): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, 1)
  encoding.writeVarUint(encoder, clientID)
  encoding.writeVarUint(encoder, (meta.get(clientID)?.clock ?? 0) + 1)
  encoding.writeVarString(encoder, 'null')
  return encoding.toUint8Array(encoder)
}
