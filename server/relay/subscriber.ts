/**
 * A connection that speaks the Rejoin protocol: what its peer says is done, where it may say so. It is fed by pull: what its peer is
 * owed is read from the log at the place it has reached, as fast as its socket takes it (`outlet`). What it is owed is the business of
 * `stream`, `feeds` and `answers`, what may be said when that of the session, what it has open that of `attendance`.
 */
import { documentVersion } from '../../shared/digest/version.ts'
import type { Environment } from '../../shared/environment.ts'
import { closeCode } from '../../shared/error-numbers.ts'
import { type ErrorCode, RejoinError, toRejoinError } from '../../shared/errors.ts'
import type { DocumentId } from '../../shared/ids.ts'
import type { Role } from '../../shared/roles.ts'
import { type Action, createSession } from '../../shared/sync/session.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import { decodeFrame } from '../../shared/wire/codec.ts'
import type { Content, Entries, Hello, Open } from '../../shared/wire/messages.ts'
import type { Access } from '../auth/principal.ts'
import { createAnswers } from './answers.ts'
import { createAttendance } from './attendance.ts'
import type { AwarenessRooms } from './awareness.ts'
import type { CommitGroup, Refusal, Subscriber } from './commits.ts'
import type { Connection, Conversation, KeptSync } from './connection.ts'
import { refOf } from './documents.ts'
import { catalog } from './feeds.ts'
import { STALLED_MS_MAX } from './limits.ts'
import { createOutlet } from './outlet.ts'
import type { Author } from './ownership.ts'
import { authorOf, type Permission, subjectOf } from './permission.ts'
import { createQuestions } from './questions.ts'
import { ALONE, type Replicas } from './replicas.ts'
import { createLogStream, type LogStream } from './stream.ts'
import type { RelayWorkspace } from './workspace.ts'

/** Times by which the spread changes before a client is told again. */
const SPREAD_TOLD_FROM = 1.5

export interface SubscriberOptions {
  workspace: RelayWorkspace
  awareness: AwarenessRooms
  /** The other relays of the workspace. */
  replicas?: Replicas
  connection: Connection
  environment: Environment
  report: (error: unknown) => void
  permission: Permission
  /** The conversation goes on from there: the runtime kept its socket while it forgot the rest. */
  kept?: KeptSync
  /** Within what time all clients of the relay are to come back when they lose it. */
  spreadMs: () => number
  /** Which connection of the relay it is, in the order in which they came. */
  number?: number
}

export function createSubscriber(options: SubscriberOptions): Conversation {
  const { workspace, awareness, connection, environment, report, permission, replicas = ALONE, kept } = options
  const since = kept?.since ?? environment.now()
  const isGreeted = kept?.greeted !== undefined
  const session = createSession({ role: 'listener', replica: workspace.replica, now: since, greeted: isGreeted })
  const subject = subjectOf(permission)
  const outlet = createOutlet({ connection, environment, roomy: () => attendance.tellAgain(), failed: unread })
  const { put, deliver, pump } = outlet
  const attendance = createAttendance({ awareness, replicas, subject, outlet })
  const questions = createQuestions(replicas, ({ vector, relays, ...where }) =>
    deliver({ type: 'confirmed', ...refOf(where), vector, relays }),
  )
  /** There is one once the peer has said hello. */
  let stream: LogStream | undefined
  let digest: ReturnType<RelayWorkspace['digest']> | undefined
  /** The document whose content turned out to be another at the peer: what it submits of it is taken whatever is known. */
  let mending: DocumentId | undefined
  let cancelCheck = (): void => {}
  let peer = ''
  let all = false
  let author: Author | undefined
  /** Something was taken that is not committed yet. */
  let unsettled = false
  let changes = 0
  let over = false
  let renewing = false
  let toldSpreadMs = 0

  const subscriber: Subscriber = {
    get author() {
      return author
    },
    get source() {
      return { subject, address: connection.address, connection: options.number }
    },
    committed,
    refused,
    ended: fail,
  }
  const mayWrite = (): boolean => access().may('write')
  const answers = createAnswers({ workspace, replicas, subscriber, outlet, mayWrite })
  let unsubscribe = (): void => {}

  function received(data: Uint8Array | string): void {
    if (over) return
    try {
      if (typeof data === 'string') {
        session.heard(environment.now())
        if (data === 'ping') connection.sendText('pong')
        return
      }
      permission.check()
      for (const message of decodeFrame(data)) perform(session.receive(message, environment.now()))
    } catch (error) {
      if (!(error instanceof RejoinError)) report(error)
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
          if (isAllowed('read', action.open)) open(action.open)
          break
        case 'close':
          attendance.close(action.ref.document)
          changes++
          break
        case 'store':
          taking(() => store(action.entries))
          break
        case 'piece': {
          const { piece } = action
          if (!isAllowed('write', piece, { origin: peer, seq: piece.index })) break
          taking(() => workspace.restore(subscriber, piece, peer))
          spend(piece, piece.bytes.length)
          break
        }
        case 'deleted':
          if (isAllowed('write', action.ref)) taking(() => workspace.bury(subscriber, action.ref))
          break
        case 'token':
          renew(action.token)
          break
        case 'digest':
          compare(action.bytes)
          break
        case 'submit': {
          const { submit } = action
          if (!isAllowed('write', submit, { request: submit.request })) break
          taking(() => workspace.submit(subscriber, submit, submit, submit.request, submit.document === mending))
          spend(submit, submit.bytes.length)
          break
        }
        case 'content':
          if (isAllowed('read', action.content)) check(action.content)
          break
        case 'serve':
          if (isAllowed('read', action.vector)) answers.serve(action.vector)
          break
        case 'confirm':
          if (isAllowed('read', action.confirm)) questions.ask(action.confirm)
          break
        case 'awareness':
          // Who only reads is shown to nobody: its client says where it is all the same, so nothing is said of that.
          if (access().may('comment')) attendance.show(action.awareness, action.awareness.bytes)
          changes++
          break
        case 'end':
          finish(action.code, action.detail)
          break
        default:
          report(new Error(`a listener has no use for ${action.do}`))
      }
    }
  }

  /** Some of what is taken may be committed on the way, for what comes behind it. */
  function taking(take: () => void): void {
    unsettled = true
    take()
    unsettled ||= workspace.waits()
  }

  const access = (): Access => permission.access

  /** Whether something may be done to a document; if not, its sender is told. */
  function isAllowed(
    role: Role,
    where: DocumentRef,
    refusal: Partial<Pick<Refusal, 'origin' | 'seq' | 'request'>> = {},
  ) {
    try {
      access().demand(role, where.document)
      return true
    } catch (error) {
      const { code, detail } = toRejoinError(error, 'forbidden', 'not for you')
      const { origin = peer, seq = 0, request = 0 } = refusal
      refused({ where, origin, seq, request, code, held: 0, detail })
      return false
    }
  }

  function store(entries: Entries): void {
    let bytes = 0
    for (const run of entries.runs) {
      if (!isAllowed('write', entries, { origin: run.origin, seq: run.first })) continue
      workspace.accept(subscriber, entries, run)
      bytes += run.updates.reduce((sum, update) => sum + update.bytes.length, 0)
    }
    spend(entries, bytes)
  }

  /** What is written into a document too fast by all together is read more slowly. */
  function spend({ document }: DocumentRef, bytes: number): void {
    const waitMs = workspace.spend(document, bytes)
    if (waitMs > 0) connection.slow?.(waitMs)
  }

  /** A newer token, before the old one ends. */
  function renew(token: string): void {
    if (renewing) return end('protocol', 'a token while another is looked at')
    renewing = true
    permission
      .renew(token)
      .then(tellAccess, fail)
      .finally(() => {
        renewing = false
      })
  }

  function tellAccess(): void {
    changes++
    if (!over) deliver({ type: 'access', role: access().principal.role, expiresInMs: permission.expiresInMs() })
  }

  /** Where it is another than it was told, by half or more. */
  function tellSpread(): void {
    const withinMs = options.spreadMs()
    if (withinMs < toldSpreadMs * SPREAD_TOLD_FROM && withinMs * SPREAD_TOLD_FROM > toldSpreadMs) return
    if (withinMs === toldSpreadMs) return
    toldSpreadMs = withinMs
    deliver({ type: 'spread', withinMs })
  }

  function greet(hello: Hello): void {
    all = hello.scope === 'all'
    const { masked, readsAll, reads } = access()
    const place = hello.place && { epoch: masked(hello.place.epoch), offset: hello.place.offset }
    const resumed = all && place !== undefined && workspace.isPlaceValid(place)
    const head = workspace.head()
    peer = hello.replica
    follow(resumed && place ? place.offset : head)
    changes++
    perform(session.welcome({ replica: workspace.replica, epoch: masked(workspace.epoch()), head, resumed }))
    if (permission.isAsked) tellAccess()
    tellSpread()
    if (!all || resumed) return
    const scope = readsAll ? undefined : reads
    if (workspace.isFew(scope)) return outlet.owe(catalog(workspace, scope))
    digest = workspace.digest(scope)
    perform(session.digest(digest.start()))
  }

  /** Reads the log from there. */
  function follow(from: number): void {
    author = authorOf(permission, { replica: peer, begins: () => true })
    const { readsAll, reads, masked } = access()
    stream = createLogStream(
      workspace,
      {
        subscriber,
        peer,
        all,
        opened: attendance,
        outgoing: outlet.outgoing,
        send: outlet.send,
        readsAll,
        reads,
        masked,
      },
      from,
    )
    outlet.follow(stream)
    unsubscribe = workspace.subscribe(subscriber)
  }

  /** It was kept when there was nothing that it was owed: the log was read to its end. */
  function goOn({ peer: known, ...greeted }: NonNullable<KeptSync['greeted']>): void {
    peer = known
    all = greeted.all
    mending = greeted.mending
    attendance.restore(greeted.opened)
    follow(workspace.head())
  }

  /** A message of the digest session. */
  function compare(bytes: Uint8Array): void {
    if (digest === undefined) return end('protocol', 'no digest is being compared')
    const { send, differing } = digest.receive(bytes)
    perform(session.digest(send))
    if (differing === undefined) return
    digest.over()
    digest = undefined
  }

  /** One at a time: who asks again does not wait for what was asked before. */
  function check(asked: Content): void {
    cancelCheck()
    if (mending !== undefined) changes++
    mending = undefined
    cancelCheck = workspace.contents.check(asked, ({ content, pieces }) => {
      put(content)
      if (pieces !== undefined) {
        mending = content.document
        changes++
        outlet.owe(pieces[Symbol.iterator]())
      }
      pump()
    })
  }

  function open(message: Open): void {
    attendance.open(message)
    changes++
    if (message.fingerprint === undefined) return
    const stored = workspace.document(message.document)
    const vector = stored?.vector ?? new Map()
    const ref = refOf(message)
    if (stored !== undefined && stored.epoch > message.epoch) put({ type: 'tombstone', ...refOf(stored), through: 0 })
    if (documentVersion(stored?.epoch ?? message.epoch, vector) === message.fingerprint) put({ type: 'same', ...ref })
    else put({ type: 'vector', ...(stored === undefined ? ref : refOf(stored)), vector, reply: false })
  }

  function committed(group: CommitGroup): void {
    unsettled = false
    if (stream === undefined || over) return
    stream.committed(group, outlet.hasRoom())
    pump()
  }

  function refused(refusal: Refusal): void {
    unsettled = workspace.waits()
    const { where, ...rest } = refusal
    // What it is told of is not what the document was, but what it is.
    if (rest.code === 'wrong-epoch') return deliver({ type: 'tombstone', ...refOf(where), through: 0 })
    deliver({ type: 'refused', ...refOf(where), ...rest })
  }

  function unread(error: unknown): void {
    if (!(error instanceof RejoinError && error.code === 'slow-reader')) report(error)
    fail(error)
  }

  function fail(error: unknown): void {
    const { code, detail } = toRejoinError(error, 'storage-failed', 'the relay failed')
    end(code, detail)
  }

  function end(code: ErrorCode, detail: string): void {
    perform(session.end(code, detail, 0))
  }

  function finish(code: ErrorCode, detail: string): void {
    outlet.flush()
    closed()
    connection.close(closeCode(code), detail)
  }

  function closed(): void {
    if (over) return
    over = true
    unsubscribe()
    outlet.close()
    questions.clear()
    attendance.leave()
    digest?.over()
    cancelCheck()
  }

  if (kept?.greeted !== undefined) goOn(kept.greeted)

  return {
    received,
    end,
    closed,
    get changes() {
      return changes
    },
    get resting() {
      // What was put is sent before the turn of the event loop ends.
      const isOwed = digest !== undefined || outlet.owes || questions.size > 0 || attendance.owes
      return !over && !unsettled && !renewing && !isOwed && stream?.isBehind() !== true
    },
    kept() {
      if (stream === undefined) return { since }
      const principal = permission.isAsked ? permission.access.principal : undefined
      return { since, principal, greeted: { peer, all, opened: attendance.kept(), mending } }
    },
    drained: outlet.drained,
    heard: (at) => session.heard(at),
    tick() {
      const stalledMs = outlet.stalledMs()
      if (stalledMs > STALLED_MS_MAX) return end('slow-reader', `nothing was taken for ${stalledMs} ms`)
      try {
        permission.check()
      } catch (error) {
        return fail(error)
      }
      if (stream !== undefined) tellSpread()
      questions.goOn()
      perform(session.tick(environment.now()))
    },
  }
}
