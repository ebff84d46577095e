/**
 * One open document of a tab: a Y.Doc that is fed from the update log, and what is typed into it on its way to the log. An
 * edit waits for nothing (P6) and nothing here throws into Yjs: a throw inside an `update` listener would silence the
 * Y.Doc for good.
 */
import type { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { Environment } from '../shared/environment.ts'
import { RejoinError } from '../shared/errors.ts'
import { RELAYS_MAX } from '../shared/first-limits.ts'
import type { DocumentId, OriginId, ReplicaId } from '../shared/ids.ts'
import type { DocumentRef } from '../shared/update/record.ts'
import { createPresence } from './presence.ts'
import { createReading, STORED } from './reading.ts'
import { createReceipts, type SavedLevel } from './receipts.ts'
import type { Arrived, ArrivedPieces, DeviceLog, HeldDocument } from './replica/log-types.ts'
import type { BranchRow, Waiting } from './replica/store.ts'
import { seedUpdate } from './seeding.ts'
import {
  createStatus,
  type DocumentStatus,
  keptOf,
  type Readable,
  type Receipt,
  toTrouble,
  type Writable,
} from './status.ts'
import type { Confirmation } from './tabs/channel.ts'
import { createWriting, type Unstored, type Writing } from './writing.ts'

export { STORED } from './reading.ts'

/** Origin of transactions in which a document gets its first content. */
const SEEDED = Symbol('rejoin seed')

export type { SavedLevel } from './receipts.ts'

/** A document that is open here. */
export interface DocumentHandle {
  readonly id: DocumentId
  /** Yours, or one that is destroyed with the last handle. Edits of it are kept from the first moment on. */
  readonly doc: Y.Doc
  /** Made at first use; its own timer ends with the last handle. */
  readonly awareness: Awareness
  readonly status: Readable<DocumentStatus>
  /**
   * What this device holds is in `doc`, which emits `load` then. Never waits for the network: where the document left this device to
   * make room, `status` says `kept: 'coming'`, and what `doc` shows is not the whole.
   */
  readonly whenLoaded: Promise<void>
  /** What a relay holds is in `doc` too, for the first time since it was opened; `doc` emits `sync` then. */
  readonly whenSynced: Promise<void>
  /**
   * Resolves when every edit before the call is saved as far as asked; waits while offline. Rejects with the code of a
   * refusal, with `storage-unavailable` where this replica has no durable storage, with `closed`, or with the signal's reason.
   */
  saved(level: SavedLevel, options?: { signal?: AbortSignal }): Promise<void>
  /**
   * Gives a document without content its first content, when it is loaded: any number of clients that do so with the same `seedId`
   * and a `fill` that does the same make the same content, once. `fill` is given an empty Y.Doc of its own. Where this device
   * holds something of the document already, or has to fetch it back, nothing happens. Rejects where it does not load, and with what `fill` throws.
   */
  init(seedId: string, fill: (doc: Y.Doc) => void): Promise<void>
  /** Ends this handle; edits that are not saved yet still are. Idempotent. */
  close(): void
}

export interface DocumentOptions {
  where: DocumentRef
  log: DeviceLog
  environment: Environment
  doc?: Y.Doc
  /** All that it holds is at a relay. */
  received?: boolean
  /** The app's own; it is not ended with the document. */
  awareness?: Awareness
  /** An edit is stored, as this tab's nth and at this moment of the log: send it soon. */
  stored(document: DocumentId, n: number, count: number, bytes: Uint8Array, at: number): void
  /** The same one with handles that are closed, while something that was typed there is not stored: `saved` is of that too. */
  before: readonly OpenDocument[]
  /** Edits cannot be stored: send them without. */
  stuck(document: DocumentId): void
  /** What the Y.Doc was given builds on something that this device does not have. */
  lacking(document: DocumentId): void
  /** What was typed belongs to a document that was deleted meanwhile: it is kept as this. */
  buried(branch: BranchRow): void
  /** Asks the relay to tell when this is at so many relays. */
  confirm(asked: Confirmation): void
  /** Awareness of this tab for the relay. */
  sendAwareness(where: DocumentRef, bytes: Uint8Array): void
  /** Something failed that nobody waits for. */
  report(error: unknown): void
}

/** How many edits were typed, how many of them are in the log, and how many there or at a relay. */
export type Edits = Pick<Writing, 'typed' | 'stored' | 'safe'>

/** The document as its workspace sees it. */
export interface OpenDocument {
  readonly where: DocumentRef
  readonly doc: Y.Doc
  readonly awareness: Awareness
  readonly status: Writable<DocumentStatus>
  /** Of what was typed here. */
  readonly edits: Edits
  /** Something was typed here. */
  readonly isWritten: boolean
  /** What the relay holds is in the Y.Doc, since this connection began. */
  readonly isFetched: boolean
  readonly whenLoaded: Promise<void>
  readonly whenSynced: Promise<void>
  saved(level: SavedLevel, signal?: AbortSignal): Promise<void>
  init(seedId: string, fill: (doc: Y.Doc) => void): Promise<void>
  arrived(records: readonly Arrived[]): void
  arrivedPieces(pieces: ArrivedPieces): void
  sealed(records: readonly Waiting[]): void
  /** The replica's view of the document has changed. */
  changed(held: HeldDocument): void
  /** Something has become of edits of before. */
  look(): void
  /** So many transactions in the log are not acknowledged. */
  counted(unacknowledged: number): void
  /** Updates of others that cannot be stored: they are shown, and kept until they can. */
  passed(relay: ReplicaId, updates: readonly Uint8Array[]): void
  unstored(relay: ReplicaId): Unstored | undefined
  /** What cannot be stored and the other tabs were not told of. */
  untold(): Uint8Array | undefined
  /** Another tab has stored its nth edit. */
  edited(tab: string, n: number, update: Uint8Array): void
  /** Under this origin the log may hold other records than the Y.Doc was given. */
  forked(origin: OriginId): void
  /** The log may hold more than the Y.Doc was given. */
  catchUp(): Promise<void>
  /** Edits were lost from the log: what the Y.Doc has of them is stored again. */
  rescue(): Promise<void>
  /** The log has what the relay holds; resolves when the Y.Doc has it too. */
  fetched(): Promise<void>
  connected(): void
  /** These records are at so many relays. */
  confirmed(confirmed: Confirmation): void
  disconnected(): void
  receiveAwareness(bytes: Uint8Array): void
  /** Nothing was there in the epoch that is over: what is typed belongs to this one. */
  move(where: DocumentRef): void
  /** Stores what is typed; resolves to the number of edits until then. */
  flush(): Promise<number>
  /** All that is not stored yet. */
  held(): Uint8Array | undefined
  /** Resolves when everything is stored, or `end` was called. */
  emptied(): Promise<void>
  /** What cannot be stored is not tried again. */
  end(): void
  /** A relay refused its edits: the Y.Doc is cut off. */
  refuse(error: RejoinError): void
  /** Lets go, and stores what is typed: what cannot be stored now is tried again until `end`. */
  close(): Promise<void>
}

export function openDocument(options: DocumentOptions): OpenDocument {
  const { log, environment, report } = options
  /** As the app asked for it, until the log says in which epoch it is. */
  let where = options.where
  const doc = options.doc ?? new Y.Doc({ gc: where.gc, guid: where.document })
  const status = createStatus<DocumentStatus>({
    connection: 'offline',
    unacknowledged: 0,
    receipt: log.durable ? 'device' : 'memory',
    storage: log.durable ? 'ok' : 'memory',
    lastSyncedAt: 0,
    kept: 'device',
    pinned: false,
  })
  let heldUnacknowledged = 0
  let closed = false
  let closing: Promise<void> | undefined
  let fetched = false
  /** What one connection brings late is not said of the next. */
  let connections = 0
  let nowSynced: () => void = () => {}
  const whenSynced = new Promise<void>((resolve) => {
    nowSynced = resolve
  })
  const carried = options.before.flatMap((document) => document.held() ?? [])
  // What the app's Y.Doc holds already is adopted as an edit, as far as the log does not have it.
  const brought = doc.store.clients.size > 0 ? Y.encodeStateAsUpdate(doc) : undefined

  const lacking = () => options.lacking(where.document)
  const reading = createReading({ where, doc, log, environment, storage, lacking, report })
  const stuck = () => options.stuck(where.document)
  const writing = createWriting({
    where: () => where,
    log,
    environment,
    changed: show,
    stored,
    storage,
    stuck,
    buried: options.buried,
    report,
  })
  const receipts = createReceipts(where.document, log, environment, sumOf, options.confirm)
  const presence = createPresence(doc, options.awareness, (bytes) => options.sendAwareness(where, bytes))

  /** The relay whose updates are being shown although they cannot be stored. */
  let passing: ReplicaId | undefined
  const typedSomething = (update: Uint8Array, origin: unknown): void => {
    if (origin !== STORED) writing.type(update)
    else if (passing !== undefined) writing.pass(update, passing)
  }
  doc.on('update', typedSomething)
  const whenLoaded = load()

  function sumOf(which: keyof Edits): number {
    let sum = writing[which]
    for (const { edits } of options.before) sum += edits[which]
    return sum
  }

  async function load(): Promise<void> {
    const held = await reading.load()
    where = held.ref
    reading.passed(carried, () => {})
    if (brought !== undefined) writing.adopt(brought, held.updates, options.received)
    changed(held)
    doc.emit('load', [doc])
    writing.begin()
  }

  function changed(held: HeldDocument): void {
    const { at, pinned } = keptOf(held)
    status.set({ kept: at === 'device' ? at : 'coming', pinned })
    reading.changed(held)
    show()
    receipts.heldChanged()
  }

  function storage(error: RejoinError | undefined): void {
    if (error === undefined) status.set({ storage: log.durable ? 'ok' : 'memory', trouble: undefined })
    else if (error.code !== status.get().trouble?.code) status.set({ storage: 'degraded', trouble: toTrouble(error) })
  }

  /** What the relay has of it is not here: nothing is known of its content. */
  const isComing = (): boolean => status.get().kept === 'coming'

  function counted(unacknowledged: number): void {
    if (heldUnacknowledged === unacknowledged) return
    heldUnacknowledged = unacknowledged
    show()
  }

  function stored(count: number, n: number, bytes: Uint8Array, at: number): void {
    reading.wrote(n)
    options.stored(where.document, n, count, bytes, at)
  }

  function show(): void {
    const [typed, safe] = [sumOf('typed'), sumOf('safe')]
    const unacknowledged = heldUnacknowledged + typed - safe
    const here: Receipt = typed > sumOf('stored') || !log.durable ? 'memory' : 'device'
    // With nothing waiting, whatever the document holds is at a relay: it came from there or was acknowledged.
    const isSomewhere = !reading.isEmpty || safe > 0 || isComing()
    status.set({ unacknowledged, receipt: unacknowledged === 0 && isSomewhere ? 'relay' : here })
    receipts.look()
  }

  return {
    get where() {
      return where
    },
    doc,
    get awareness() {
      return presence.awareness
    },
    status,
    edits: writing,
    get isWritten() {
      return writing.typed > 0
    },
    get isFetched() {
      return fetched
    },
    whenLoaded,
    whenSynced,
    async saved(level, signal) {
      if (level === 'device' && !log.durable) {
        throw new RejoinError('storage-unavailable', 'this replica keeps nothing on the device')
      }
      if (
        typeof level === 'object' &&
        !(Number.isInteger(level.relays) && level.relays > 0 && level.relays <= RELAYS_MAX)
      ) {
        throw new RejoinError('bad-option', `edits are saved at 1 to ${RELAYS_MAX} relays, not at ${level.relays}`)
      }
      const typed = sumOf('typed')
      await whenLoaded
      await receipts.saved(typed, level, signal)
    },
    async init(seedId, fill) {
      await whenLoaded
      if (closed || doc.store.clients.size > 0 || isComing()) return
      Y.applyUpdate(doc, seedUpdate(where.document, seedId, fill), SEEDED)
    },
    arrived: reading.arrived,
    arrivedPieces: reading.arrivedPieces,
    sealed: reading.sealed,
    changed,
    look: show,
    counted,
    passed(relay, updates) {
      passing = relay
      reading.passed(updates, (update) => writing.pass(update, relay))
      passing = undefined
    },
    unstored: writing.unstored,
    untold: writing.untold,
    edited: reading.edited,
    forked: reading.forget,
    catchUp: reading.catchUp,
    async rescue() {
      try {
        await whenLoaded
        await writing.flush()
        const { updates } = await reading.readAll()
        if (!closed && status.get().error === undefined) writing.adopt(Y.encodeStateAsUpdate(doc), updates)
      } catch (error) {
        report(error)
      }
    },
    async fetched() {
      const round = connections
      // A large document is in the Y.Doc somewhat later than in the log.
      if (reading.whenCaughtUp !== undefined) await reading.whenCaughtUp
      if (closed || round !== connections || isComing()) return
      fetched = true
      status.set({ progress: undefined, unreadable: undefined })
      nowSynced()
      if (!doc.isSynced) doc.emit('sync', [true, doc])
    },
    connected() {
      presence.connected()
      receipts.reconnected()
    },
    confirmed: receipts.confirmed,
    disconnected() {
      connections++
      fetched = false
      presence.disconnected()
    },
    receiveAwareness(bytes) {
      try {
        presence.received(bytes)
      } catch (error) {
        report(error)
      }
    },
    move(to) {
      where = to
      // From here on it is known again: somebody has it open.
      log.open(to).catch(report)
    },
    flush: writing.flush,
    held: writing.held,
    emptied: writing.emptied,
    end: writing.end,
    refuse(error) {
      doc.off('update', typedSomething)
      reading.end()
      status.set({ error: { code: error.code, detail: error.detail }, connection: 'offline' })
      receipts.end(error)
    },
    close() {
      closing ??= close()
      return closing
    },
  }

  async function close(): Promise<void> {
    closed = true
    doc.off('update', typedSomething)
    presence.close()
    reading.hurry()
    await whenLoaded.catch(() => {})
    await writing.flush()
    reading.end()
    receipts.end(new RejoinError('closed', `${JSON.stringify(where.document)} is closed`))
    if (options.doc === undefined) doc.destroy()
  }
}
