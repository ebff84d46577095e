/**
 * A connection of a stock y-websocket client. What it sends is judged and sealed like any update; content that is known
 * already, as it resends at every reconnect, makes no record and is not handed on (P11). It has no place in a log and no
 * acks, so one that reads too slowly is cut and syncs anew (P7), and one whose update is refused is closed with the code of
 * the error, as it has no other way to hear of it (P5).
 */
import type { Environment } from '../../shared/environment.ts'
import { closeCode } from '../../shared/error-numbers.ts'
import { type ErrorCode, RejoinError, toRejoinError } from '../../shared/errors.ts'
import { type DocumentId, FIRST_EPOCH } from '../../shared/ids.ts'
import { SEND_BUFFER_BYTES_HIGH, SEND_BUFFER_BYTES_MAX } from '../../shared/limits.ts'
import { splitUpdate } from '../../shared/update/split.ts'
import type { AwarenessRooms, Member } from './awareness.ts'
import type { Refusal, Subscriber } from './commits.ts'
import type { Connection, Conversation, KeptGuest } from './connection.ts'
import { refOf } from './documents.ts'
import type { JoinedLogs } from './joined-logs.ts'
import { authorOf, type Permission, subjectOf } from './permission.ts'
import type { RelayWorkspace } from './workspace.ts'
import { decodeYMessage, encodeAwareness, encodeStep1, encodeStep2, type YMessage } from './y-protocol.ts'

/** A stock client in a room. */
export interface YGuest {
  /** As whom it submits. */
  subscriber: Subscriber
  session: Conversation
  /** What it submitted was committed. */
  settled(): void
  /** Asks it for what is missing here and shows it who is there. */
  greet(): void
  send(frame: Uint8Array): void
}

export interface YGuestOptions {
  workspace: RelayWorkspace
  awareness: AwarenessRooms
  logs: JoinedLogs
  environment: Environment
  report: (error: unknown) => void
  /** Bytes of one record. */
  updateBytesMax: number
  /** A client was closed for good: it would only send the same again. */
  turnedAway: (document: DocumentId, code: ErrorCode, detail: string) => void
}

/** Close codes of errors that a stock client meets again after every reconnect: it takes 44xx for final. */
const FINAL_CLOSE: Readonly<Partial<Record<ErrorCode, number>>> = {
  deleted: 4410,
  'wrong-epoch': 4410,
  'too-big': 4413,
  'invalid-update': 4422,
  'token-expired': 4401,
}

/** The code with which a stock client is closed. */
export const stockCloseCode = (code: ErrorCode): number => FINAL_CLOSE[code] ?? closeCode(code)

/** A stock client takes a relay that says nothing for 30 s for dead, and does not see pings. */
const QUIET_MS_MAX = 15_000
/** Answers to a step 1 that a connection gets at once; each can cost a look at the whole document. */
const ANSWERS_AT_ONCE = 8
/** Answers more with every tick, up to that. */
const ANSWERS_PER_TICK = 4
/** Awareness of nobody: what is sent to be heard. */
const NOBODY = encodeAwareness(new Uint8Array([0]))

/** Who comes into a room. */
export interface YVisit {
  document: DocumentId
  connection: Connection
  permission: Permission
  /** It was there before: the runtime kept its socket while it forgot the rest. */
  kept?: KeptGuest
  /** Which connection of the relay it is, in the order in which they came. */
  number?: number
}

/** `leave` is called once, when it is over. Raises `storage-failed`. */
export function createYGuest(options: YGuestOptions, visit: YVisit, leave: () => void): YGuest {
  const { workspace, awareness, logs, environment, report } = options
  const { document, connection, permission, kept, number } = visit
  // A stock client cannot say which gc and epoch it means: it takes the document as it is.
  const stored = workspace.document(document)
  // It would bring back all that it has of the time before.
  if (stored?.deleted !== undefined) throw new RejoinError('deleted', `${JSON.stringify(document)} was deleted`)
  const where = refOf(stored ?? { document, epoch: FIRST_EPOCH, gc: true })
  // It hands on what it has of others too; its own is the client id that it shows itself with.
  const author = authorOf(permission, { begins: (client) => awareness.isOf(document, client, member) })
  const source = { subject: subjectOf(permission), address: connection.address, connection: number }
  const subscriber: Subscriber = { author, source, committed() {}, refused }
  const member: Member = {
    subject: subjectOf(permission),
    renews: true,
    send({ bytes }) {
      // Awareness is renewed every few seconds: a reader that is behind does without, instead of falling back further.
      if (connection.buffered() < SEND_BUFFER_BYTES_HIGH) send(encodeAwareness(bytes))
    },
  }
  let over = false
  let sentAt = environment.now()
  /** The client was asked with a step 1 and has not answered. */
  let asked = false
  /** The client was asked because an update rests on something unknown, and that has not come. */
  let mending = false
  let refusedNow = false
  /** The last step 1 of the client that is not answered yet. */
  let wanted: Uint8Array | undefined
  let answersLeft = ANSWERS_AT_ONCE
  /** Bytes of the largest message that the socket has not taken, which may be more than a reader may be behind. */
  let largestBytes = 0
  /** Something was taken that is not committed yet. */
  let unsettled = false
  let changes = 0
  if (kept !== undefined) awareness.restore(where, member, kept.awareness)

  function take(message: YMessage): void {
    switch (message.type) {
      case 'step1':
        // A copy, as it may wait: the frame is a view of a larger piece of memory.
        wanted = new Uint8Array(message.vector)
        answer()
        break
      case 'step2':
        asked = false
        if (submit(message.update)) mending = false
        break
      case 'update':
        submit(message.update)
        break
      case 'awareness':
        if (permission.access.may('comment')) awareness.update(where, message.bytes, member)
        changes++
        // It renews its awareness about as often as it has to hear something.
        if (silentMs() >= QUIET_MS_MAX / 2) send(NOBODY)
        break
      case 'query-awareness':
        awareness.enter(where, member)
        changes++
        break
    }
  }

  /** False if it was refused at once. */
  function submit(update: Uint8Array): boolean {
    // Nothing, which every new client sends, would make a document of every room that somebody looks into.
    if (update.length === 2 && update[0] === 0 && update[1] === 0) return true
    if (!permission.access.may('write')) return submitNothing(update)
    refusedNow = false
    for (const bytes of splitUpdate(update, options.updateBytesMax)) {
      unsettled = true
      workspace.submit(subscriber, where, { kind: 'yjs-v1', bytes }, 0)
      // What came before may have been committed on the way.
      unsettled ||= workspace.waits()
      if (refusedNow) return false
    }
    const waitMs = workspace.spend(document, update.length)
    if (waitMs > 0) connection.slow?.(waitMs)
    return true
  }

  /** Who may not write may send what is here already, as every stock client does when it comes. Raises `forbidden`. */
  function submitNothing(update: Uint8Array): boolean {
    if (workspace.adds(where, { kind: 'yjs-v1', bytes: update })) permission.access.demand('write', document)
    return true
  }

  /** What an update builds on was made offline, and comes with the answer to a step 1; if that is under way, so is this. */
  function refused({ code, detail }: Refusal): void {
    refusedNow = true
    unsettled = workspace.waits()
    if (code !== 'dependency' || (mending && !asked)) {
      end(code, detail)
    } else if (!asked) {
      mending = true
      ask()
    }
  }

  function ask(): void {
    asked = true
    send(encodeStep1(logs.stateVector(where)))
  }

  /** Answers the client's step 1 as soon as its socket and its budget allow. */
  function answer(): void {
    if (wanted === undefined || answersLeft === 0 || over || connection.buffered() >= SEND_BUFFER_BYTES_HIGH) return
    const frame = encodeStep2(logs.lacking(where, wanted))
    wanted = undefined
    answersLeft--
    send(frame)
  }

  /** A clock that was put back hides no silence. */
  const silentMs = (): number => Math.abs(environment.now() - sentAt)

  function send(frame: Uint8Array): void {
    if (over) return
    const buffered = connection.buffered()
    if (buffered > SEND_BUFFER_BYTES_MAX + largestBytes) {
      end('slow-reader', `${buffered} bytes are unread`)
      return
    }
    largestBytes = Math.max(largestBytes, frame.length)
    sentAt = environment.now()
    connection.send(frame)
  }

  function attempt(act: () => void): void {
    try {
      act()
    } catch (error) {
      const { code, detail } = toRejoinError(error, 'storage-failed', 'the relay failed')
      // What the client did wrong it is told; the rest is the relay's own trouble.
      if (!(error instanceof RejoinError) || code === 'corrupt' || code === 'storage-failed') report(error)
      end(code, detail)
    }
  }

  function end(code: ErrorCode, detail: string): void {
    if (over) return
    closed()
    if (FINAL_CLOSE[code] !== undefined) options.turnedAway(document, code, detail)
    connection.close(stockCloseCode(code), detail)
  }

  function closed(): void {
    if (over) return
    over = true
    leave()
    awareness.leave(document, member)
  }

  const session: Conversation = {
    received(data) {
      if (over) return
      attempt(() => {
        permission.check()
        if (typeof data === 'string') throw new RejoinError('protocol', 'a text message')
        take(decodeYMessage(data))
      })
    },
    drained() {
      largestBytes = 0
      attempt(answer)
    },
    tick() {
      attempt(() => {
        permission.check()
        answersLeft = Math.min(ANSWERS_AT_ONCE, answersLeft + ANSWERS_PER_TICK)
        answer()
      })
      if (silentMs() >= QUIET_MS_MAX) send(NOBODY)
    },
    heard() {},
    end,
    closed,
    get changes() {
      return changes
    },
    // That it was asked for something it may forget: it is asked again where that is missed.
    get resting() {
      return !over && !unsettled && wanted === undefined
    },
    kept: () => ({
      where,
      principal: permission.isAsked ? permission.access.principal : undefined,
      awareness: awareness.shown(document, member),
    }),
  }
  return {
    subscriber,
    session,
    settled() {
      unsettled = false
    },
    greet: () =>
      attempt(() => {
        // What one may not write need not be asked for.
        if (permission.access.may('write')) ask()
        awareness.enter(where, member)
      }),
    send,
  }
}
