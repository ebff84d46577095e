/**
 * One conversation of a client with a relay: the session's actions are carried out, one after the other, on the replica's
 * log. `comparing` finds what either side lacks, `receiving` stores what comes, `sending` seals and sends what was typed. It
 * ends with its socket; everything that must last is in the log.
 */
import { type Environment, pauseFor } from '../../shared/environment.ts'
import { type ErrorCode, type RejoinError, toRejoinError } from '../../shared/errors.ts'
import type { DocumentId } from '../../shared/ids.ts'
import { SEND_BUFFER_BYTES_HIGH } from '../../shared/limits.ts'
import type { Compared } from '../../shared/sync/action.ts'
import { type Action, createSession } from '../../shared/sync/session.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import { decodeFrame } from '../../shared/wire/codec.ts'
import type { Confirm, Place, Scope, Vector, Welcome } from '../../shared/wire/messages.ts'
import type { UpdateLog } from '../replica/update-log.ts'
import { createChecking } from './checking.ts'
import { createComparing } from './comparing.ts'
import { createForking } from './forking.ts'
import { createFrames } from './frames.ts'
import { type ConversationHost, refOf, type Talk } from './host.ts'
import { createOffers } from './offers.ts'
import { createPermission } from './permission.ts'
import { createProgress } from './progress.ts'
import { createReceiving, isTaken } from './receiving.ts'
import { createSending } from './sending.ts'
import type { Socket } from './socket.ts'
import { createTurns } from './turns.ts'

export interface ConversationOptions {
  log: UpdateLog
  socket: Socket
  url: string
  scope: Scope
  token: string
  /** A newer token; absent where there is only one. */
  renewToken?: () => Promise<string>
  environment: Environment
  host: ConversationHost
}

export interface Conversation {
  /** Something of this relay could not be stored, and is to be fetched again. */
  readonly isOwed: boolean
  /** Asks to be told when these records are durable at so many relays. */
  confirm(confirm: Omit<Confirm, 'type'>): void
  received(data: Uint8Array | string): void
  /** The socket is gone. */
  closed(): void
  tick(): void
  open(where: DocumentRef): void
  close(where: DocumentRef): void
  awareness(where: DocumentRef, bytes: Uint8Array): void
  /** Something of this document was lost here: fetch it again. */
  repair(document: DocumentId): void
  /** Edits of this document are stored: seal and send them soon, or `atOnce`. */
  edited(document: DocumentId, atOnce?: boolean): void
  end(code: ErrorCode, detail: string): void
}

/** How long what comes is only shown, where the device has no room to store it, until that is tried again. */
const LOST_MS_MAX = 30_000
/** Times that a document is compared again at once, as what came did not fit: each round trip mends something, or none does. */
const ROUNDS_MAX = 8
/** How long a full socket is left alone before it is looked at again. */
const ROOM_AFTER_MS = 20

export function createConversation(options: ConversationOptions): Conversation {
  const { log, socket, environment, host, scope } = options
  const session = createSession({ role: 'dialer', replica: log.replica, now: environment.now() })
  const frames = createFrames((frame) => socket.send(frame))
  const offers = createOffers()
  const progress = createProgress(log, offers, options.url, scope)
  const turns = createTurns()
  /** Documents of which something did not fit while they were compared: they are compared again after that. */
  const again = new Set<DocumentId>()
  /** How often documents were compared again, one time after the other. */
  const rounds = new Map<DocumentId, number>()
  /** Documents that the relay sends what cannot be read of. */
  const aside = new Set<DocumentId>()
  const permission = createPermission({
    environment,
    renew: options.renewToken,
    put: frames.put,
    permitted: host.permitted,
  })
  const talk: Talk = {
    log,
    permission,
    host,
    scope,
    environment,
    session,
    offers,
    progress,
    put: frames.put,
    perform,
    later,
    room,
    ask,
    differ,
    differAgain,
    setAside,
    isSetAside: (document) => aside.has(document),
    isComparing,
    leavePlace() {
      turns.unsettle()
      progress.place = undefined
    },
    doubt: (documents) => checking.doubt(documents),
  }
  const sending = createSending(talk)
  const forking = createForking(talk, sending)
  const comparing = createComparing(talk, sending, forking)
  const checking = createChecking(talk, sending, forking)
  const receiving = createReceiving(talk, sending, comparing, forking, checking)
  let running = false
  let over = false

  function received(data: Uint8Array | string): void {
    if (over) return
    session.heard(environment.now())
    host.heard()
    if (typeof data === 'string') {
      // A relay whose runtime does not tell it how much a socket has taken asks.
      if (data === 'ping') socket.send('pong')
      return
    }
    try {
      for (const message of decodeFrame(data)) perform(session.receive(message, environment.now()))
    } catch (error) {
      // The relay is not to blame for good for what cannot be read: another try may read it.
      const { detail } = toRejoinError(error, 'bad-frame', 'a frame of the relay')
      perform(session.end('bad-frame', detail))
    }
  }

  /** What can be done at once is; the rest waits its turn, so that storing keeps the order of the wire. */
  function perform(actions: readonly Action[]): void {
    for (const action of actions) {
      if (action.do === 'send') frames.put(action.message)
      else if (action.do === 'ping') socket.send('ping')
      else if (action.do === 'access') permission.take(action.access)
      else if (action.do === 'spread') host.spread(action.withinMs)
      else if (action.do === 'end') finish(action)
      else turns.push(action)
    }
    run()
  }

  function later(work: () => Promise<void>): void {
    turns.push(work)
    run()
  }

  async function ask(where: DocumentRef): Promise<Compared> {
    return (await log.compared(where.document, progress.relay)) ?? { ref: refOf(where), vector: new Map() }
  }

  function differ(documents: readonly Compared[], last = false): void {
    if (documents.length > 0) turns.outdate(new Set(documents.map(({ ref }) => ref.document)))
    for (const { ref } of documents) again.delete(ref.document)
    perform(session.differ(documents, last))
  }

  function isComparing(document: DocumentId): boolean {
    return session.fetching(document) || turns.answers(document)
  }

  function setAside(document: DocumentId, error: RejoinError): void {
    progress.leaveOut()
    if (aside.has(document)) return
    aside.add(document)
    host.setAside(document, error)
  }

  async function differAgain(where: DocumentRef): Promise<void> {
    const { document } = where
    if (aside.has(document)) return
    // It left this device: what comes is not taken.
    if ((await log.held(document))?.away === 'left') return
    // What is on its way answers what was told before: what is told now is told when that is over.
    if (isComparing(document)) return void again.add(document)
    const round = (rounds.get(document) ?? 0) + 1
    rounds.set(document, round)
    // The other documents go on (P9); the place stays before this one, which a later conversation begins anew.
    if (round > ROUNDS_MAX) progress.lose(environment.now())
    else differ([await ask(where)])
  }

  async function room(): Promise<void> {
    frames.flush()
    while (!over && socket.buffered() > SEND_BUFFER_BYTES_HIGH) {
      await pauseFor(environment, ROOM_AFTER_MS)
    }
  }

  function run(): void {
    if (running || over) return
    running = true
    void work().catch((error: unknown) => {
      const { code, detail } = toRejoinError(error, 'storage-failed', 'the replica failed')
      // What was found here of what came from there is nothing that the relay has refused for good.
      perform(session.end(code === 'too-big' || code === 'invalid-update' ? 'corrupt' : code, detail))
    })
  }

  async function work(): Promise<void> {
    try {
      for (let next = turns.next(); next !== undefined && !over; next = turns.next()) {
        if (typeof next === 'function') await next()
        else if (isTaken(next)) await receiving.take([next, ...turns.takeMore()])
        else await carryOut(next)
      }
    } finally {
      running = false
    }
  }

  async function carryOut(action: Action): Promise<void> {
    switch (action.do) {
      case 'welcomed':
        return welcomed(action.welcome)
      case 'compare':
        return comparing.compare(action.catalog)
      case 'digest':
        return comparing.digest(action.bytes)
      case 'serve':
        await serve(action.vector)
        return progress.sending ? sending.send() : undefined
      case 'fetched':
        return aside.has(action.document) ? undefined : comparing.fetched(action.document)
      case 'settled':
        return settled(action.place)
      case 'refused':
        return receiving.refused(action.refused)
      case 'content':
        return checking.answered(action.content)
      case 'confirmed':
        return host.confirmed(action.confirmed)
      case 'harvest':
        return host.harvested(action.harvest.document, action.harvest)
      case 'awareness':
        return host.awareness(action.awareness.document, action.awareness.bytes)
      default:
        throw new Error(`a dialer has no use for ${action.do}`)
    }
  }

  async function serve(vector: Vector): Promise<void> {
    const { document } = vector
    const round = rounds.get(document)
    await comparing.serve(vector)
    if (again.delete(document)) await differAgain(vector)
    if (rounds.get(document) === round) rounds.delete(document)
  }

  async function welcomed(welcome: Welcome): Promise<void> {
    await progress.greeted(welcome)
    host.greeted(welcome.replica)
    await comparing.begin()
    if (welcome.resumed || scope === 'opened') await sending.begin()
    comparing.reached()
  }

  async function settled(at: Place): Promise<void> {
    progress.place = at
    await sending.begin()
    await progress.save()
    comparing.reached()
  }

  /** Nobody has it open: what is pinned is followed all the same. */
  async function leave(where: DocumentRef): Promise<void> {
    const isFollowed = scope === 'opened' && (await log.held(where.document))?.pinned
    if (progress.welcome !== undefined && !isFollowed) frames.put({ type: 'close', ...refOf(where) })
  }

  function finish(action: Extract<Action, { do: 'end' }>): void {
    frames.flush()
    stop()
    // First why: a socket may say while it is being closed that it was closed here.
    host.ended(action.code, action.detail, action.retryAfterMs)
    socket.close()
  }

  function stop(): void {
    over = true
    turns.clear()
    frames.close()
    sending.close()
    checking.close()
    permission.close()
  }

  later(async () => {
    const place = await progress.recall()
    perform(session.hello(scope, options.token, place))
  })

  return {
    get isOwed() {
      return progress.isOwed
    },
    received,
    closed: stop,
    tick() {
      perform(session.tick(environment.now()))
      const { lostAt } = progress
      if (lostAt !== undefined && Math.abs(environment.now() - lostAt) > LOST_MS_MAX) {
        return perform(session.end('closed', 'what this device had no room for is fetched again'))
      }
      if (progress.sending) later(sending.sweep)
      checking.tick()
      receiving.tick()
    },
    open: (where) => later(() => comparing.open(where)),
    close: (where) => later(() => leave(where)),
    awareness(where, bytes) {
      if (progress.welcome !== undefined) frames.put({ type: 'awareness', ...refOf(where), bytes })
    },
    repair: (document) => later(() => comparing.repair(document)),
    confirm(confirm) {
      if (progress.welcome !== undefined) frames.put({ type: 'confirm', ...confirm })
    },
    edited: sending.edited,
    end(code, detail) {
      perform(session.end(code, detail))
    },
  }
}
