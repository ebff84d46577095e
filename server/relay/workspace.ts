/**
 * One workspace at a relay: the station where an edit is judged, made durable, acknowledged and handed on (P2, P8, P9).
 * accept: size -> epoch -> gap and chain -> bounded validation -> dependencies -> queue; then one commit for everything
 * that came in during a turn of the event loop (group commit), and only after it the subscribers are told, in the order of
 * the log. It works on bytes: no Y.Doc, no socket, no time.
 */
import { CHAIN_START, type Chain } from '../../shared/causality/chain.ts'
import { type Dot, type DotRange, headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import type { Environment } from '../../shared/environment.ts'
import { type ErrorCode, RejoinError, toRejoinError } from '../../shared/errors.ts'
import { type DocumentId, type LogEpoch, type OriginId, randomId } from '../../shared/ids.ts'
import { type EpochStart, isPlaceValid } from '../../shared/sync/places.ts'
import { connect, fromRun } from '../../shared/sync/runs.ts'
import { inspectUpdate, type UpdateSummary } from '../../shared/update/inspect.ts'
import type { ClientClock, IntervalIndex } from '../../shared/update/intervals.ts'
import { type DocumentRef, seal, type UpdateKind, type UpdateRecord } from '../../shared/update/record.ts'
import type { Place, Run } from '../../shared/wire/messages.ts'
import type { CommitBatch, LogEntry, RelayStore, StoredDocument } from '../storage/store.ts'
import { createLiveDocuments, type LiveDocument } from './documents.ts'
import type { RelayLimits } from './limits.ts'

export interface UpdateBytes {
  kind: UpdateKind
  bytes: Uint8Array
}

/** One thing that came from one subscriber, with what became of it. */
export interface Accepted {
  from: Subscriber
  where: DocumentRef
  /** New in the log, offsets following one another; empty where everything was held before. */
  entries: readonly LogEntry[]
  /** The dot up to which the sender's records are held; seq 0 where a submitted update held nothing new. */
  dot: Dot & { chain: Chain }
  /** The number of a submit; 0 for records. */
  request: number
}

/** What one commit made durable, in the order of the log. */
export interface CommitGroup {
  epoch?: EpochStart
  accepted: readonly Accepted[]
}

export interface Refusal extends Dot {
  where: DocumentRef
  request: number
  code: ErrorCode
  held: number
  detail: string
}

/** Whoever is told of what happens in the workspace; a connection, or a peer. */
export interface Subscriber {
  committed(group: CommitGroup): void
  refused(refusal: Refusal): void
}

export interface RelayWorkspace {
  readonly replica: string
  /** Offset of the newest durable entry. */
  head(): number
  epoch(): LogEpoch
  isPlaceValid(place: Place): boolean
  subscribe(subscriber: Subscriber): () => void
  /** Records of another replica. Answers come to `from`. */
  accept(from: Subscriber, where: DocumentRef, run: Run): void
  /** An update without a dot: sealed here if it adds anything. Answers come to `from`; request 0 wants none. */
  submit(from: Subscriber, where: DocumentRef, update: UpdateBytes, request: number): void
  /** Another replica's view of a document: shows whether this relay's origin was used beyond its log. */
  seen(where: DocumentRef, vector: VersionVector): void
  /** What is durable here of a document. */
  document(id: DocumentId): StoredDocument | undefined
  documents(): Iterable<StoredDocument>
  locate(where: DocumentRef, ranges: readonly DotRange[]): number[]
  entry(offset: number): LogEntry
  history(where: DocumentRef): Iterable<UpdateRecord>
  read(offset: number): Iterable<LogEntry>
  /** Commits what waits, tells, and closes the store. */
  close(): void
}

export interface WorkspaceOptions {
  store: RelayStore
  environment: Environment
  limits: RelayLimits
  /** Runs a commit soon, when the current turn of the event loop has taken all it brings. */
  soon: (commit: () => void) => void
  /** What went wrong without a peer to tell. */
  report: (error: unknown) => void
}

export function createRelayWorkspace(options: WorkspaceOptions): RelayWorkspace {
  const { store, environment, limits, soon, report } = options
  const subscribers = new Set<Subscriber>()
  const live = createLiveDocuments(store, limits.memoryBytesMax)
  const replica = store.identity().replica
  let origin = store.identity().origin
  let epochs = store.epochs()
  let epochOpened = false
  let durableHead = store.head()
  let head = durableHead
  let bytes = 0
  let documentCount = 0
  count()
  let waiting: Accepted[] = []
  let closed = false

  function accept(from: Subscriber, where: DocumentRef, run: Run): void {
    let seq = run.first
    try {
      const document = enter(where)
      const records = fromRun(document.ref, run)
      const last = records.at(-1)
      if (last !== undefined) seen(document.ref, new Map([[run.origin, last]]))
      const chainAt = (of: number) => storedChain(document, run.origin, of)
      const fresh = connect(headOf(document.vector, run.origin), records, chainAt)
      for (const record of fresh) {
        seq = record.seq
        queue({ from, where: document.ref, entries: [take(document, record)], dot: record, request: 0 })
      }
      if (fresh.length > 0) return
      const held = headOf(document.vector, run.origin)
      queue({ from, where: document.ref, entries: [], dot: { origin: run.origin, ...held }, request: 0 })
    } catch (error) {
      refuse(from, where, { origin: run.origin, seq }, 0, error)
    }
  }

  function submit(from: Subscriber, where: DocumentRef, update: UpdateBytes, request: number): void {
    try {
      const document = enter(where)
      const previous = headOf(document.vector, origin)
      if (!document.index().adds(inspect(update))) {
        discardIfEmpty(document)
        queue({ from, where: document.ref, entries: [], dot: { origin, seq: 0, chain: CHAIN_START }, request })
        return
      }
      const record = seal(document.ref, { origin, seq: previous.seq + 1, ...update }, previous.chain)
      const entry = take(document, record)
      queue({ from, where: document.ref, entries: [entry], dot: record, request })
    } catch (error) {
      refuse(from, where, { origin, seq: 0 }, request, error)
    }
  }

  /** The document that is meant, created where it is new. */
  function enter(where: DocumentRef): LiveDocument {
    if (closed) throw new RejoinError('stopping', 'the workspace is closed')
    const document = live.get(where.document)
    if (document === undefined) {
      if (documentCount >= limits.documentsMax) {
        throw new RejoinError('overloaded', `the workspace holds ${documentCount} documents, the most it may`)
      }
      return live.create({ document: where.document, epoch: where.epoch, gc: where.gc })
    }
    if (document.ref.epoch !== where.epoch) {
      throw new RejoinError('wrong-epoch', `the document is in epoch ${document.ref.epoch}, not ${where.epoch}`)
    }
    // Who wants deleted content kept wins: it can be dropped later, not brought back.
    if (document.ref.gc && !where.gc) document.ref = { ...document.ref, gc: false }
    return document
  }

  function storedChain(document: LiveDocument, of: OriginId, seq: number): Chain | undefined {
    commit()
    return store.chain(document.ref, of, seq)
  }

  /** Judges one record or update and counts it as part of the document; it is durable with the next commit. */
  function take(document: LiveDocument, record: UpdateRecord): LogEntry {
    const size = record.bytes.length
    if (document.bytes + size > limits.documentBytesMax) {
      throw new RejoinError('too-big', `the document would pass ${limits.documentBytesMax} bytes`)
    }
    if (bytes + size > limits.workspaceBytesMax) throw new RejoinError('storage-full', 'the workspace is full')
    const summary = inspect(record)
    const index = document.index()
    const missing = index.missing(summary) ?? firstUnknown(index, summary)
    if (missing !== undefined) {
      throw new RejoinError('dependency', `it builds on client ${missing.client} up to clock ${missing.clock}`)
    }
    index.add(summary)
    document.vector.set(record.origin, { seq: record.seq, chain: record.chain })
    document.bytes += size
    bytes += size
    head++
    return { offset: head, where: document.ref, record }
  }

  function inspect(update: UpdateBytes) {
    if (update.bytes.length > limits.updateBytesMax) {
      throw new RejoinError(
        'too-big',
        `an update of ${update.bytes.length} bytes; the most is ${limits.updateBytesMax}`,
      )
    }
    return inspectUpdate(update.bytes)
  }

  function queue(accepted: Accepted): void {
    if (waiting.length === 0) soon(commit)
    waiting.push(accepted)
  }

  function commit(): void {
    if (waiting.length === 0) return
    const group = waiting
    waiting = []
    const batch = toBatch(group)
    try {
      if (batch.entries.length > 0) store.commit(batch)
    } catch (error) {
      withdraw(group, error)
      return
    }
    if (batch.epoch !== undefined) {
      epochOpened = true
      epochs = store.epochs()
    }
    durableHead = batch.entries.at(-1)?.offset ?? durableHead
    for (const { document } of batch.documents) {
      const committed = live.get(document)
      if (committed === undefined || committed.stored) continue
      committed.stored = true
      documentCount++
    }
    live.trim()
    for (const subscriber of subscribers) tell(subscriber, { epoch: batch.epoch, accepted: group })
  }

  /** One subscriber's trouble is not the others' (P9). */
  function tell(subscriber: Subscriber, group: CommitGroup): void {
    try {
      subscriber.committed(group)
    } catch (error) {
      report(error)
    }
  }

  function toBatch(group: readonly Accepted[]): CommitBatch {
    const entries = group.flatMap((accepted) => accepted.entries)
    const documents = new Map<DocumentId, StoredDocument>()
    for (const { where } of entries) {
      const document = live.get(where.document)
      if (document === undefined) continue
      documents.set(where.document, { ...document.ref, vector: document.vector, bytes: document.bytes })
    }
    const first = entries[0]
    const epoch =
      epochOpened || first === undefined ? undefined : { epoch: randomId(environment), start: first.offset - 1 }
    return { epoch, documents: [...documents.values()], entries }
  }

  /** The commit failed: nothing of it is there, so memory goes back to the store and every sender hears of it. */
  function withdraw(group: readonly Accepted[], error: unknown): void {
    report(error)
    live.clear()
    head = durableHead
    count()
    for (const { from, where, dot, request } of group) refuse(from, where, dot, request, error)
  }

  function refuse(from: Subscriber, where: DocumentRef, dot: Dot, request: number, error: unknown): void {
    const { code, message } = toRejoinError(error, 'storage-failed', 'the relay could not take it')
    const document = live.get(where.document)
    if (document !== undefined) discardIfEmpty(document)
    const held = document?.vector.get(dot.origin)?.seq ?? 0
    from.refused({ where, origin: dot.origin, seq: dot.seq, request, code, held, detail: message })
  }

  /** A document that was only asked for, or whose first update was refused, is none. */
  function discardIfEmpty(document: LiveDocument): void {
    if (document.vector.size === 0) live.drop(document.ref.document)
  }

  function count(): void {
    bytes = 0
    documentCount = 0
    for (const document of store.documents()) {
      bytes += document.bytes
      documentCount++
    }
  }

  /** Somebody holds other or more records under this relay's origin than its log: an older store was put back. */
  function seen(where: DocumentRef, vector: VersionVector): void {
    const claimed = vector.get(origin)
    if (claimed === undefined) return
    const held = headOf(live.get(where.document)?.vector ?? new Map(), origin)
    if (claimed.seq < held.seq || (claimed.seq === held.seq && claimed.chain === held.chain)) return
    commit()
    origin = randomId(environment)
    store.commit({ origin, documents: [], entries: [] })
  }

  return {
    replica,
    head: () => durableHead,
    epoch: () => currentEpoch(),
    isPlaceValid: (place) => isPlaceValid(place, epochs, durableHead),
    subscribe(subscriber) {
      subscribers.add(subscriber)
      return () => subscribers.delete(subscriber)
    },
    accept,
    submit,
    seen,
    document: (id) => store.document(id),
    documents: () => store.documents(),
    locate: (where, ranges) => store.locate(where, ranges),
    entry: (offset) => store.entry(offset),
    history: (where) => store.history(where),
    read: (offset) => store.read(offset),
    close() {
      if (closed) return
      commit()
      closed = true
      store.close()
    },
  }

  /** An empty log has no epoch yet; one is opened for it, so that its place 0 can be told. */
  function currentEpoch(): LogEpoch {
    const last = epochs.at(-1)
    if (last !== undefined) return last.epoch
    const first = { epoch: randomId(environment), start: 0 }
    store.commit({ epoch: first, documents: [], entries: [] })
    epochs = [first]
    epochOpened = true
    return first.epoch
  }
}

/** A deletion of what is not written yet would delete what its victim writes next, at every replica (P9). */
function firstUnknown(index: IntervalIndex, { structs, deletes }: UpdateSummary): ClientClock | undefined {
  let ends: Map<number, number> | undefined
  for (const { client, clock, length } of deletes) {
    const end = clock + length
    if (end <= index.clock(client)) continue
    ends ??= new Map(structs.map((each) => [each.client, each.clock + each.length]))
    if (end > (ends.get(client) ?? 0)) return { client, clock: end }
  }
  return undefined
}
