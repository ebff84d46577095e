/**
 * One conversation of a client with a relay: the session's actions are carried out, one after the other, on the replica's
 * log. What came in together is stored in one transaction with the place it ends at, then applied; what was typed is sealed
 * and sent, and its receipts are noted. It ends with its socket; everything that must last is in the log.
 */
import { conflicts, covers, fingerprint } from '../../shared/causality/version-vector.ts'
import type { Environment } from '../../shared/environment.ts'
import { type ErrorCode, isFinal, toRejoinError } from '../../shared/errors.ts'
import type { DocumentId, ReplicaId } from '../../shared/ids.ts'
import { FRAME_BYTES_TARGET, UPDATE_BYTES_MAX } from '../../shared/limits.ts'
import { toEntries } from '../../shared/sync/runs.ts'
import { type Action, createSession } from '../../shared/sync/session.ts'
import type { DocumentRef, UpdateRecord } from '../../shared/update/record.ts'
import { decodeFrame, encodeFrame, encodeMessage } from '../../shared/wire/codec.ts'
import type { Catalog, Message, Place, Refused, Scope, Vector, Welcome } from '../../shared/wire/messages.ts'
import type { PeerRow, Row, Waiting } from '../replica/store.ts'
import type { Arrived, HeldDocument, Incoming, PeerNote, Taken, UpdateLog } from '../replica/update-log.ts'
import { createOffers } from './offers.ts'
import type { Socket } from './socket.ts'

/** Whom a conversation tells what it learns. */
export interface ConversationHost {
  /** Documents that somebody has open. */
  opened(): Iterable<DocumentRef>
  /** The relay knows that this document is open here: people in it may be shown. */
  entered(document: DocumentId): void
  /** Records that are stored and are to be shown in open documents. */
  arrived(document: DocumentId, records: readonly Arrived[]): void
  /** Edits have become records. */
  sealed(document: DocumentId, records: readonly Waiting[]): void
  /** Documents whose receipts or vectors changed. */
  changed(documents: readonly HeldDocument[]): void
  /** This document has been fetched; `undefined`: all of them. */
  fetched(document: DocumentId | undefined): void
  awareness(document: DocumentId, bytes: Uint8Array): void
  refused(document: DocumentId, code: ErrorCode, detail: string): Promise<void>
  forked(document: DocumentId, origin: string): void
  /** Edits of this document stay unacknowledged: they rest on what neither side has. */
  hopeless(document: DocumentId, code: ErrorCode, detail: string): void
  /** It is over: whether to come back, and when. */
  ended(code: ErrorCode, detail: string, retryAfterMs: number): void
}

export interface ConversationOptions {
  log: UpdateLog
  socket: Socket
  url: string
  scope: Scope
  token: string
  environment: Environment
  host: ConversationHost
}

export interface Conversation {
  received(data: Uint8Array | string): void
  /** The socket is gone. */
  closed(): void
  tick(): void
  open(where: DocumentRef): void
  close(where: DocumentRef): void
  awareness(where: DocumentRef, bytes: Uint8Array): void
  /** Something of this document was lost here: fetch it again. */
  repair(document: DocumentId): void
  /** Edits of this document are stored: seal and send them soon. */
  edited(document: DocumentId): void
  end(code: ErrorCode, detail: string): void
}

/** Edits of this long are joined into one record: a few keystrokes, and no delay that a person sees. */
const SEAL_AFTER_MS = 20
/** Rows of the log that are looked at in one go. */
const OUTBOX_ROWS = 256
/** Incoming messages that share a transaction. */
const TAKEN_TOGETHER_MAX = 512

export function createConversation(options: ConversationOptions): Conversation {
  const { log, socket, environment, host, scope } = options
  const session = createSession({ role: 'dialer', replica: log.replica, now: environment.now() })
  const offers = createOffers()
  const queue: (Action | (() => Promise<void>))[] = []
  const edited = new Set<DocumentId>()
  const submits = new Map<number, { document: DocumentId; edits: Row<'edits'>[]; bytes: Uint8Array }>()
  let known: PeerRow | undefined
  let relay: ReplicaId = ''
  let round = 0
  let welcome: Welcome | undefined
  let ready = false
  let begun = false
  let caughtUp = false
  let place: Place | undefined
  let cursor = 0
  let requests = 0
  let running = false
  let over = false
  let outgoing: Uint8Array[] = []
  let outgoingBytes = 0
  let cancelSeal: (() => void) | undefined
  let flushing = false
  /** What was refused as it lacks something, by document. */
  const refusals = new Map<DocumentId, Set<string>>()
  /** Documents to be fetched again as soon as the relay has greeted. */
  const repairs = new Set<DocumentId>()
  /** Documents that the relay's catalog names. */
  const remote = new Set<DocumentId>()

  function received(data: Uint8Array | string): void {
    if (over) return
    session.heard(environment.now())
    if (typeof data === 'string') return
    try {
      for (const message of decodeFrame(data)) perform(session.receive(message, environment.now()))
    } catch (error) {
      const { code, message } = toRejoinError(error, 'bad-frame', 'a frame of the relay')
      perform(session.end(code, message))
    }
  }

  /** What can be done at once is; the rest waits its turn, so that storing keeps the order of the wire. */
  function perform(actions: readonly Action[]): void {
    for (const action of actions) {
      if (action.do === 'send') put(action.message)
      else if (action.do === 'ping') socket.send('ping')
      else if (action.do === 'end') finish(action)
      else queue.push(action)
    }
    flushSoon()
    run()
  }

  function later(work: () => Promise<void>): void {
    queue.push(work)
    run()
  }

  function run(): void {
    if (running || over) return
    running = true
    void work().catch((error: unknown) => {
      const { code, message } = toRejoinError(error, 'storage-failed', 'the replica failed')
      perform(session.end(code, message))
    })
  }

  async function work(): Promise<void> {
    try {
      for (let next = queue.shift(); next !== undefined && !over; next = queue.shift()) {
        if (typeof next === 'function') await next()
        else if (isTaken(next)) await take([next, ...takeMore()])
        else await carryOut(next)
      }
    } finally {
      running = false
    }
  }

  function takeMore(): TakenAction[] {
    const more: TakenAction[] = []
    for (let next = queue[0]; next !== undefined && more.length < TAKEN_TOGETHER_MAX; next = queue[0]) {
      if (typeof next === 'function' || !isTaken(next)) break
      queue.shift()
      more.push(next)
    }
    return more
  }

  async function carryOut(action: Action): Promise<void> {
    switch (action.do) {
      case 'welcomed':
        return welcomed(action.welcome)
      case 'compare':
        return compare(action.catalog)
      case 'serve':
        await serve(action.vector)
        return ready ? send() : undefined
      case 'fetched':
        return host.fetched(action.document)
      case 'settled':
        return settled(action.place)
      case 'refused':
        return refused(action.refused)
      case 'awareness':
        return host.awareness(action.awareness.document, action.awareness.bytes)
      default:
        throw new Error(`a dialer has no use for ${action.do}`)
    }
  }

  async function welcomed(message: Welcome): Promise<void> {
    welcome = message
    relay = message.replica
    round = message.resumed && known ? known.round : (known?.round ?? 0) + 1
    begun = message.resumed
    cursor = message.resumed && known ? known.watermark : await log.head()
    place = message.resumed ? known?.place : undefined
    for (const where of host.opened()) await open(where)
    if (scope === 'opened') {
      for (const { ref } of await log.documents()) if (!isOpen(ref.document)) await open(ref)
    }
    for (const document of repairs) await repair(document)
    if (message.resumed || scope === 'opened') await beginSending()
    reached()
  }

  const isOpen = (document: DocumentId): boolean => [...host.opened()].some((ref) => ref.document === document)

  /** Asks for a document; in scope `opened` also for what is missing here, by fingerprint where there is something. */
  async function open(where: DocumentRef): Promise<void> {
    if (welcome === undefined) return
    const ref = refOf(where)
    const vector = scope === 'all' ? undefined : ((await log.held(where.document))?.vector ?? new Map())
    put({ type: 'open', ...ref, fingerprint: vector && vector.size > 0 ? fingerprint(vector) : undefined })
    host.entered(where.document)
    if (vector?.size === 0) perform(session.differ([{ ref, vector }]))
  }

  /** Tier 3 for all that a catalog shows to be different, and for what only this replica has. */
  async function compare(catalog: Catalog): Promise<void> {
    const local = new Map((await log.documents()).map((held) => [held.ref.document, held]))
    const differing: { ref: DocumentRef; vector: HeldDocument['vector'] }[] = []
    const equal: { where: DocumentRef; vector: HeldDocument['vector'] }[] = []
    for (const entry of catalog.documents) {
      remote.add(entry.document)
      const held = local.get(entry.document)
      const vector = held?.vector ?? new Map()
      if (fingerprint(vector) !== entry.fingerprint) differing.push({ ref: refOf(entry), vector })
      else if (held !== undefined && held.unacknowledged > 0) equal.push({ where: entry, vector })
    }
    if (equal.length > 0) await settleHeld(equal)
    if (catalog.last) {
      for (const { ref, vector } of local.values()) {
        if (!remote.has(ref.document) && vector.size > 0) differing.push({ ref, vector })
      }
    }
    perform(session.differ(differing, catalog.last))
  }

  /** Sends what the relay lacks of a document; asks for what it has beyond this replica. */
  async function serve(message: Vector): Promise<void> {
    const records = await log.lacking(message.document, message.vector)
    for (const record of records) offers.serve(message.document, record.origin, record.seq)
    sendRecords(message, records)
    const held = await log.held(message.document)
    const vector = held?.vector ?? new Map()
    if (held !== undefined && held.unacknowledged > 0) await settleHeld([{ where: message, vector: message.vector }])
    if (message.reply) put({ type: 'vector', ...refOf(message), vector, reply: false })
    else if (covers(vector, message.vector) && conflicts(vector, message.vector).length === 0)
      host.fetched(message.document)
    else if (!session.fetching(message.document)) perform(session.differ([{ ref: refOf(message), vector }]))
    flushSoon()
  }

  /** What the relay holds already, brought by others or before a receipt got lost, is acknowledged. */
  async function settleHeld(
    documents: readonly { where: DocumentRef; vector: HeldDocument['vector'] }[],
  ): Promise<void> {
    const taken = await log.take(
      documents.map(({ where, vector }) => ({ type: 'held', where: refOf(where), vector })),
      note(),
    )
    host.changed(taken.documents)
  }

  async function settled(at: Place): Promise<void> {
    place = at
    await beginSending()
    await noteProgress()
    reached()
  }

  async function beginSending(): Promise<void> {
    ready = true
    for (const document of await log.unsealed()) edited.add(document)
    await send()
  }

  async function take(actions: readonly TakenAction[]): Promise<void> {
    const incoming: Incoming[] = []
    for (const action of actions) {
      if (action.do === 'store') incoming.push({ type: 'entries', entries: action.entries })
      else if (action.do === 'acknowledged') {
        incoming.push({ type: 'ack', ack: action.ack })
        offers.settle(action.ack.document, action.ack.origin, action.ack.seq)
      } else {
        const submit = submits.get(action.stamped.request)
        submits.delete(action.stamped.request)
        if (submit !== undefined) incoming.push({ type: 'stamped', stamped: action.stamped, ...submit })
      }
      if (action.place !== undefined) place = action.place
    }
    const taken = await log.take(incoming, note())
    // Until what did not fit is fetched there is no place to go on from.
    if (taken.unfit.length > 0) place = undefined
    for (const [document, records] of taken.arrived) host.arrived(document, records)
    host.changed(taken.documents)
    for (const document of taken.arrived.keys()) refusals.delete(document)
    await mend(taken)
    reached()
    if (ready) await send()
  }

  /** What is to be kept of the relay: only once everything before the place is here and everything served is there. */
  function note(): PeerNote {
    const watermark = offers.watermark(cursor)
    const base = { replica: relay, url: options.url, round }
    if (place === undefined || watermark === undefined || scope === 'opened') return base
    if (begun) return { ...base, place, watermark }
    if (!ready) return base
    begun = true
    return { ...base, place, watermark, begin: true }
  }

  async function noteProgress(): Promise<void> {
    const progress = note()
    if (progress.place !== undefined) await log.note(progress)
  }

  async function mend(taken: Taken): Promise<void> {
    for (const { where, origin, code } of taken.unfit) {
      if (code === 'fork') await forked(where, origin)
      if (session.fetching(where.document)) continue
      const vector = (await log.held(where.document))?.vector ?? new Map()
      perform(session.differ([{ ref: refOf(where), vector }]))
    }
  }

  async function repair(document: DocumentId): Promise<void> {
    const held = await log.held(document)
    if (welcome === undefined) repairs.add(document)
    if (held === undefined || welcome === undefined || session.fetching(document)) return
    host.changed([held])
    perform(session.differ([{ ref: held.ref, vector: held.vector }]))
  }

  async function forked(where: DocumentRef, origin: string): Promise<void> {
    const held = await log.unseal(where.document, origin)
    offers.forget(where.document)
    host.forked(where.document, origin)
    if (held !== undefined) host.changed([held])
    edited.add(where.document)
  }

  async function refused(message: Refused): Promise<void> {
    const submit = submits.get(message.request)
    submits.delete(message.request)
    switch (message.code) {
      case 'gap':
      case 'dependency':
        if (isHopeless(message)) return
        if (submit !== undefined) edited.add(message.document)
        return mend({ ...NOTHING_TAKEN, unfit: [{ where: message, origin: message.origin, code: 'gap' }] })
      case 'fork':
        return mend({ ...NOTHING_TAKEN, unfit: [{ where: message, origin: message.origin, code: 'fork' }] })
      default:
        if (!isFinal(message.code)) return void perform(session.end(message.code, message.detail))
        return refuse(message.document, message.code, message.detail)
    }
  }

  /** Refused again as it was, although all that is here has been offered: it waits until something new is known (P7). */
  function isHopeless({ document, origin, seq, code, detail }: Refused): boolean {
    const key = `${origin}/${seq}/${code}`
    const known = refusals.get(document) ?? new Set()
    refusals.set(document, known)
    if (!known.has(key)) {
      known.add(key)
      return false
    }
    host.hopeless(document, code, detail)
    return true
  }

  function refuse(document: DocumentId, code: ErrorCode, detail: string): Promise<void> {
    offers.forget(document)
    edited.delete(document)
    return host.refused(document, code, detail)
  }

  /** Whether everything that the relay had when it greeted has arrived. */
  function reached(): void {
    if (caughtUp || welcome === undefined) return
    if (scope === 'opened') return
    if (place === undefined || place.offset < welcome.head) return
    caughtUp = true
    host.fetched(undefined)
  }

  /** Seals what was edited and sends what the relay lacks, as far as there is room. */
  async function send(): Promise<void> {
    for (const document of edited) {
      if (!log.durable) {
        await submit(document)
        continue
      }
      // While a document is being compared its records are sent as the answer; sealing more would only cross it.
      if (session.fetching(document)) continue
      edited.delete(document)
      const sealed = await log.seal(document)
      if (sealed.length > 0) host.sealed(document, sealed)
      const held = await log.held(document)
      if (held !== undefined) host.changed([held])
    }
    if (log.durable) await sendOutbox()
    flushSoon()
  }

  async function submit(document: DocumentId): Promise<void> {
    for (const waiting of submits.values()) if (waiting.document === document) return
    edited.delete(document)
    const unsent = await log.unsent(document)
    if (unsent === undefined) return
    const { where, edits, bytes } = unsent
    if (!fits(document, bytes)) return
    const request = ++requests
    submits.set(request, { document, edits, bytes })
    put({ type: 'submit', ...refOf(where), request, kind: 'yjs-v1', bytes })
  }

  async function sendOutbox(): Promise<void> {
    while (offers.hasRoom()) {
      const { offered, through } = await log.outbox(cursor, relay, OUTBOX_ROWS)
      if (through === cursor) break
      for (const each of offered) offers.add(each, !each.foreign)
      cursor = through
      sendOffered(offered.filter((each) => !each.foreign))
    }
    await noteProgress()
  }

  function sendOffered(offered: readonly { where: DocumentRef; record: UpdateRecord }[]): void {
    let batch: UpdateRecord[] = []
    let where: DocumentRef | undefined
    for (const each of offered) {
      if (where !== undefined && where.document !== each.where.document) {
        sendRecords(where, batch)
        batch = []
      }
      where = each.where
      batch.push(each.record)
    }
    if (where !== undefined) sendRecords(where, batch)
  }

  function sendRecords(where: DocumentRef, records: readonly UpdateRecord[]): void {
    if (!records.every((record) => fits(where.document, record.bytes))) return
    let batch: UpdateRecord[] = []
    let bytes = 0
    for (const record of records) {
      if (batch.length > 0 && bytes + record.bytes.length > FRAME_BYTES_TARGET) {
        put(toEntries(where, batch, 0))
        batch = []
        bytes = 0
      }
      batch.push(record)
      bytes += record.bytes.length
    }
    if (batch.length > 0) put(toEntries(where, batch, 0))
  }

  /** What no frame can carry is refused here: a relay would cut the connection again and again, for all documents (P9). */
  function fits(document: DocumentId, { length }: Uint8Array): boolean {
    if (length <= UPDATE_BYTES_MAX) return true
    const detail = `an update of ${length} bytes; the most is ${UPDATE_BYTES_MAX}`
    later(() => refuse(document, 'too-big', detail))
    return false
  }

  function put(message: Message): void {
    const bytes = encodeMessage(message)
    if (outgoingBytes + bytes.length > FRAME_BYTES_TARGET) flush()
    outgoing.push(bytes)
    outgoingBytes += bytes.length
    flushSoon()
  }

  function flushSoon(): void {
    if (flushing || outgoing.length === 0) return
    flushing = true
    queueMicrotask(() => {
      flushing = false
      flush()
    })
  }

  function flush(): void {
    if (outgoing.length === 0 || over) return
    const frame = encodeFrame(outgoing)
    outgoing = []
    outgoingBytes = 0
    socket.send(frame)
  }

  function finish(action: Extract<Action, { do: 'end' }>): void {
    flush()
    stop()
    socket.close()
    host.ended(action.code, action.detail, action.retryAfterMs)
  }

  function stop(): void {
    over = true
    queue.length = 0
    cancelSeal?.()
  }

  later(async () => {
    known = scope === 'all' ? await log.peer(options.url) : undefined
    perform(session.hello(scope, options.token, known?.place))
  })

  return {
    received,
    closed: stop,
    tick() {
      perform(session.tick(environment.now()))
      if (!ready) return
      later(async () => {
        sendOffered(offers.overdue())
        // What a tab did not seal before it was closed, or cannot send, is sealed by whoever has a connection.
        if (log.durable) for (const document of await log.unsealed()) edited.add(document)
        await send()
      })
    },
    open: (where) => later(() => open(where)),
    close(where) {
      if (welcome !== undefined && scope === 'all') put({ type: 'close', ...refOf(where) })
    },
    awareness(where, bytes) {
      if (welcome !== undefined) put({ type: 'awareness', ...refOf(where), bytes })
    },
    repair: (document) => later(() => repair(document)),
    edited(document) {
      edited.add(document)
      if (!ready || cancelSeal !== undefined) return
      cancelSeal = environment.setTimer(() => {
        cancelSeal = undefined
        later(send)
      }, SEAL_AFTER_MS)
    },
    end(code, detail) {
      perform(session.end(code, detail))
    },
  }
}

const NOTHING_TAKEN: Taken = { arrived: new Map(), documents: [], unfit: [] }

type TakenAction = Extract<Action, { do: 'store' | 'acknowledged' | 'stamped' }>

const isTaken = (action: Action): action is TakenAction =>
  action.do === 'store' || action.do === 'acknowledged' || action.do === 'stamped'

const refOf = (from: DocumentRef): DocumentRef => ({ document: from.document, epoch: from.epoch, gc: from.gc })
