/**
 * A connection that speaks the Rejoin protocol. It is fed by pull: what its peer is owed is read from the log at the place
 * it has reached, as fast as its socket takes it, so a slow reader costs a buffer of a few hundred kilobytes and no queue
 * (P7, P9). A reader that has caught up gets what was just committed without a look at the store.
 */
import { conflicts, fingerprint, headOf, lacking, type VersionVector } from '../../shared/causality/version-vector.ts'
import type { Environment } from '../../shared/environment.ts'
import { assert, closeCode, type ErrorCode, toRejoinError } from '../../shared/errors.ts'
import type { DocumentId } from '../../shared/ids.ts'
import { FRAME_BYTES_TARGET, SEND_BUFFER_BYTES_HIGH } from '../../shared/limits.ts'
import { toEntries } from '../../shared/sync/runs.ts'
import { type Action, createSession } from '../../shared/sync/session.ts'
import type { DocumentRef, UpdateRecord } from '../../shared/update/record.ts'
import { decodeFrame } from '../../shared/wire/codec.ts'
import type { CatalogEntry, Hello, Message, Open, Vector } from '../../shared/wire/messages.ts'
import type { LogEntry } from '../storage/store.ts'
import type { AwarenessRooms, Member } from './awareness.ts'
import type { Connection, ConnectionHandler } from './connection.ts'
import { createOutgoing, entryMessages, sharedFrames } from './fan-out.ts'
import { OPEN_DOCUMENTS_MAX, STALLED_MS_MAX } from './limits.ts'
import type { Accepted, CommitGroup, Refusal, RelayWorkspace, Subscriber } from './workspace.ts'

export interface SubscriberOptions {
  workspace: RelayWorkspace
  awareness: AwarenessRooms
  connection: Connection
  environment: Environment
  report: (error: unknown) => void
}

/** Entries of a message that is read from the log: enough for one frame in most cases. */
const ENTRIES_READ_MAX = 512
/** Documents in one part of a catalog: about 30 bytes each. */
const CATALOG_PART = 1024

/** What is still to be sent beside the log, a message at a time. */
type Feed = Iterator<Message>

export function createSubscriber(
  options: SubscriberOptions,
): ConnectionHandler & { end(code: ErrorCode, detail: string): void } {
  const { workspace, awareness, connection, environment, report } = options
  const session = createSession({ role: 'listener', replica: workspace.replica, now: environment.now() })
  const opened = new Set<DocumentId>()
  const feeds: Feed[] = []
  const outgoing = createOutgoing()
  /** What this connection brought into the log and has not been told of yet, by offset. */
  const owed = new Map<number, Accepted>()
  let scopeAll = false
  let peer = ''
  let sent = 0
  let greeted = false
  let over = false
  let movedAt = environment.now()

  const subscriber: Subscriber = { committed, refused }
  const room: Member = { send: deliver }
  let unsubscribe = (): void => {}

  function received(data: Uint8Array | string): void {
    if (over) return
    try {
      if (typeof data === 'string') {
        session.heard(environment.now())
        if (data === 'ping') connection.sendText('pong')
        return
      }
      for (const message of decodeFrame(data)) perform(session.receive(message, environment.now()))
    } catch (error) {
      fail(error)
    }
    pump()
  }

  function perform(actions: readonly Action[]): void {
    for (const action of actions) {
      switch (action.do) {
        case 'send':
          put(action.message)
          break
        case 'greet':
          greet(action.hello)
          break
        case 'open':
          open(action.open)
          break
        case 'close':
          opened.delete(action.ref.document)
          awareness.leave(action.ref.document, room)
          break
        case 'store':
          for (const run of action.entries.runs) workspace.accept(subscriber, action.entries, run)
          break
        case 'submit':
          workspace.submit(subscriber, action.submit, action.submit, action.submit.request)
          break
        case 'serve':
          serve(action.vector)
          break
        case 'awareness':
          awareness.update(action.awareness, action.awareness.bytes, room)
          break
        case 'end':
          finish(action.code, action.detail)
          break
        default:
          report(new Error(`a listener has no use for ${action.do}`))
      }
    }
  }

  function greet(hello: Hello): void {
    greeted = true
    peer = hello.replica
    scopeAll = hello.scope === 'all'
    const resumed = scopeAll && hello.place !== undefined && workspace.isPlaceValid(hello.place)
    const head = workspace.head()
    sent = resumed && hello.place ? hello.place.offset : head
    unsubscribe = workspace.subscribe(subscriber)
    perform(session.welcome({ replica: workspace.replica, epoch: workspace.epoch(), head, resumed }))
    if (scopeAll && !resumed) feeds.push(catalog())
  }

  function* catalog(): Feed {
    let documents: CatalogEntry[] = []
    for (const { document, epoch, gc, vector } of workspace.documents()) {
      documents.push({ document, epoch, gc, fingerprint: fingerprint(vector) })
      if (documents.length < CATALOG_PART) continue
      yield { type: 'catalog', documents, last: false }
      documents = []
    }
    yield { type: 'catalog', documents, last: true }
  }

  function open(message: Open): void {
    if (opened.size >= OPEN_DOCUMENTS_MAX)
      return end('overloaded', `${opened.size} documents are open, the most allowed`)
    opened.add(message.document)
    awareness.enter(message, room)
    if (message.fingerprint === undefined) return
    const vector = workspace.document(message.document)?.vector ?? new Map()
    const ref = refOf(message)
    if (fingerprint(vector) === message.fingerprint) put({ type: 'same', ...ref })
    else put({ type: 'vector', ...ref, vector, reply: false })
  }

  function serve(message: Vector): void {
    workspace.seen(message, message.vector)
    const mine: VersionVector = workspace.document(message.document)?.vector ?? new Map()
    for (const origin of conflicts(message.vector, mine)) {
      const seq = headOf(mine, origin).seq
      const detail = `two contents under ${origin}, at or before ${seq}`
      refused({ where: message, origin, seq, request: 0, code: 'fork', held: seq, detail })
    }
    feeds.push(answer(message))
  }

  /**
   * What a version vector lacks, then this relay's own. The end is taken in one step: nothing can be committed between the
   * last records and the vector that says they are all, so the live stream joins without a gap.
   */
  function* answer(message: Vector): Feed {
    const theirs = new Map(message.vector)
    const ref = refOf(message)
    for (;;) {
      const vector: VersionVector = workspace.document(message.document)?.vector ?? new Map()
      const ranges = lacking(theirs, vector)
      if (ranges.length === 0) {
        if (message.reply) yield { type: 'vector', ...ref, vector, reply: false }
        return
      }
      const offsets = workspace.locate(ref, ranges)
      assert(offsets.length > 0, 'the log holds what a version vector names')
      for (let at = 0; at < offsets.length; ) {
        const records = upTo(FRAME_BYTES_TARGET, offsets.slice(at, at + ENTRIES_READ_MAX), workspace.entry)
        for (const record of records) theirs.set(record.origin, record)
        at += records.length
        yield toEntries(ref, records, 0)
      }
    }
  }

  function committed(group: CommitGroup): void {
    if (!greeted || over) return
    const entries = group.accepted.flatMap((accepted) => accepted.entries)
    const caughtUp = entries[0] === undefined || sent === entries[0].offset - 1
    const feeding = caughtUp && connection.buffered() < SEND_BUFFER_BYTES_HIGH
    const apart = group.accepted.some((accepted) => accepted.from === subscriber || accepted.dot.origin === peer)
    if (feeding && scopeAll && !apart && outgoing.length === 0) {
      for (const frame of sharedFrames(group)) connection.send(frame)
      sent = entries.at(-1)?.offset ?? sent
      return pump()
    }
    if (group.epoch !== undefined) put({ type: 'epoch', ...group.epoch })
    for (const accepted of group.accepted) {
      if (accepted.from !== subscriber) continue
      const last = accepted.entries.at(-1)
      if (last === undefined) put(receipt(accepted, 0))
      else owed.set(last.offset, accepted)
    }
    if (feeding) sendEntries(entries)
    pump()
  }

  /** Entries in the order of the log; for what came from this peer its receipt, in its place. */
  function sendEntries(entries: readonly LogEntry[]): void {
    const special = (entry: LogEntry): Message | 'skip' | undefined => {
      const accepted = owed.get(entry.offset)
      owed.delete(entry.offset)
      if (accepted !== undefined) return receipt(accepted, entry.offset)
      const { origin, seq, chain } = entry.record
      if (origin === peer) return { type: 'ack', ...refOf(entry.where), through: entry.offset, origin, seq, chain }
      return scopeAll || opened.has(entry.where.document) ? undefined : 'skip'
    }
    for (const message of entryMessages(entries, special)) put(message)
    sent = entries.at(-1)?.offset ?? sent
  }

  function refused(refusal: Refusal): void {
    const { where, ...rest } = refusal
    deliver({ type: 'refused', ...refOf(where), ...rest })
  }

  /** Sends as much of what is owed as the socket takes: the log and each feed in turn, so that none waits for another. */
  function pump(): void {
    try {
      while (greeted && !over && connection.buffered() < SEND_BUFFER_BYTES_HIGH) {
        const behind = sent < workspace.head()
        if (behind) sendEntries(firstOf(ENTRIES_READ_MAX, FRAME_BYTES_TARGET, workspace.read(sent)))
        const feed = feeds.shift()
        const next = feed?.next()
        if (feed !== undefined && next !== undefined && !next.done) {
          put(next.value)
          feeds.push(feed)
        }
        if (!behind && feed === undefined) break
        flushOutbox()
      }
      flushOutbox()
    } catch (error) {
      report(error)
      fail(error)
    }
  }

  function deliver(message: Message): void {
    put(message)
    if (outgoing.length === 1) queueMicrotask(flushOutbox)
  }

  function put(message: Message): void {
    const full = outgoing.put(message)
    if (full !== undefined && !over) connection.send(full)
  }

  function flushOutbox(): void {
    const frame = outgoing.take()
    if (frame !== undefined && !over) connection.send(frame)
  }

  function fail(error: unknown): void {
    const { code, message } = toRejoinError(error, 'storage-failed', 'the relay failed')
    end(code, message)
  }

  function end(code: ErrorCode, detail: string): void {
    perform(session.end(code, detail))
  }

  function finish(code: ErrorCode, detail: string): void {
    flushOutbox()
    closed()
    connection.close(closeCode(code), detail.slice(0, 100))
  }

  function closed(): void {
    if (over) return
    over = true
    unsubscribe()
    awareness.leaveAll(room)
    feeds.length = 0
    owed.clear()
  }

  return {
    received,
    end,
    closed,
    drained() {
      movedAt = environment.now()
      pump()
    },
    tick() {
      const now = environment.now()
      if (connection.buffered() < SEND_BUFFER_BYTES_HIGH) movedAt = now
      else if (now - movedAt > STALLED_MS_MAX) return end('slow-reader', `nothing was taken for ${now - movedAt} ms`)
      perform(session.tick(now))
    },
  }
}

const refOf = (from: DocumentRef): DocumentRef => ({ document: from.document, epoch: from.epoch, gc: from.gc })

/** The receipt of something that is durable now. */
function receipt(accepted: Accepted, through: number): Message {
  const { where, dot, request } = accepted
  const { origin, seq, chain } = dot
  const receipt = { ...refOf(where), through, origin, seq, chain }
  return request === 0 ? { type: 'ack', ...receipt } : { type: 'stamped', ...receipt, request }
}

function upTo(bytesMax: number, offsets: readonly number[], read: (offset: number) => LogEntry): UpdateRecord[] {
  const records: UpdateRecord[] = []
  let bytes = 0
  for (const offset of offsets) {
    const { record } = read(offset)
    if (bytes > 0 && bytes + record.bytes.length > bytesMax) break
    records.push(record)
    bytes += record.bytes.length
  }
  return records
}

function firstOf(count: number, bytesMax: number, entries: Iterable<LogEntry>): LogEntry[] {
  const taken: LogEntry[] = []
  let bytes = 0
  for (const entry of entries) {
    if (taken.length > 0 && (taken.length === count || bytes + entry.record.bytes.length > bytesMax)) break
    taken.push(entry)
    bytes += entry.record.bytes.length
  }
  return taken
}
