/**
 * The session: the state of one conversation between two replicas, as a pure step. Messages and time go in, actions come
 * out; it does no IO and keeps no document. The side that connects is the `dialer` (a client, or a relay that exchanges
 * with another), the other the `listener`. It promises that messages come in the order that docs/protocol.md gives, that
 * the view of the other's log only moves forward (P4), that a place is handed out only when everything before it was
 * handed over first, and that what is under way is bounded (P7). It does not know what a store or a socket is.
 */
import { type ErrorCode, toRejoinError } from '../errors.ts'
import type { DocumentId, ReplicaId } from '../ids.ts'
import { HELLO_WITHIN_MS, PING_EVERY_MS, SILENCE_MS_MAX, VECTORS_IN_FLIGHT_MAX } from '../limits.ts'
import { refOf } from '../update/record.ts'
import type { DigestPart, Entries, Message, Piece, Place, Scope, Vector, Welcome } from '../wire/messages.ts'
import { commonVersion, PROTOCOL_VERSION, PROTOCOL_VERSION_OLDEST } from '../wire/version.ts'
import type { Action, Compared } from './action.ts'
import { createAssembly, inParts } from './parts.ts'

export interface SessionOptions {
  role: 'dialer' | 'listener'
  /** This replica. */
  replica: ReplicaId
  /** Milliseconds, from the environment's clock. */
  now: number
  /** A listener's conversation that was greeted before, and goes on: what it was is known elsewhere. */
  greeted?: boolean
}

export interface Session {
  readonly phase: 'greeting' | 'comparing' | 'live' | 'ended'
  /** Dialer: opens the conversation. */
  hello(scope: Scope, token: string, place?: Place): Action[]
  /** Listener: answers `greet`. */
  welcome(answer: Omit<Welcome, 'type' | 'version'>): Action[]
  /** Takes one message of the other side. */
  receive(message: Message, now: number): Action[]
  /** Any bytes arrived, a pong among them. */
  heard(now: number): void
  /** Time has passed: pings, and ends a conversation that has gone silent. Call at least every few seconds. */
  tick(now: number): Action[]
  /** Sends messages of the digest session. */
  digest(messages: readonly Uint8Array[]): Action[]
  /** Dialer: fetch these documents by version vector. `last`: the catalog held no more. */
  differ(documents: readonly Compared[], last?: boolean): Action[]
  /** Dialer: whether a document is being fetched, so that records that do not connect yet will follow. */
  fetching(document: DocumentId): boolean
  /** Ends the conversation from this side and says why, and when to come back. */
  end(code: ErrorCode, detail: string, retryAfterMs?: number): Action[]
}

export type { Action, Compared } from './action.ts'

export function createSession(options: SessionOptions): Session {
  const { role } = options
  /** The version that both speak. */
  let version = PROTOCOL_VERSION
  let greeted = options.greeted ?? false
  let phase: Session['phase'] = greeted ? 'live' : 'greeting'
  let scope: Scope = 'all'
  let place: Place | undefined
  let cataloged = true
  let settled = false
  let heardAt = options.now
  let pingedAt = options.now
  let startedAt = options.now
  const digestParts = createAssembly()
  const fetches = new Map<DocumentId, Message>()
  const inFlight = new Set<DocumentId>()

  const session: Session = {
    get phase() {
      return phase
    },
    hello(wanted, token, from) {
      scope = wanted
      greeted = true
      place = from
      return [
        send({
          type: 'hello',
          oldestVersion: PROTOCOL_VERSION_OLDEST,
          newestVersion: PROTOCOL_VERSION,
          replica: options.replica,
          scope: wanted,
          place: from,
          token,
        }),
      ]
    },
    welcome(answer) {
      phase = 'live'
      return [send({ type: 'welcome', version, ...answer })]
    },
    receive(message, now) {
      if (phase === 'ended') return []
      heardAt = now
      return role === 'dialer' ? receiveAsDialer(message) : receiveAsListener(message)
    },
    heard(now) {
      heardAt = Math.max(heardAt, now)
    },
    tick(now) {
      if (phase === 'ended') return []
      // A clock that was put back would hide a silence for as long as it was put back.
      startedAt = Math.min(startedAt, now)
      heardAt = Math.min(heardAt, now)
      pingedAt = Math.min(pingedAt, now)
      if (phase === 'greeting' && now - startedAt > HELLO_WITHIN_MS) return end('timeout', 'no greeting in time')
      if (now - heardAt > SILENCE_MS_MAX) return end('timeout', `nothing heard for ${now - heardAt} ms`)
      // Also while the other side is heard: it cuts whom it hears nothing of, and a reader has nothing else to say.
      if (role === 'listener' || now - pingedAt < PING_EVERY_MS) return []
      pingedAt = now
      return [{ do: 'ping' }]
    },
    differ(documents, last = false) {
      for (const { ref, ...held } of documents) {
        fetches.set(ref.document, { type: 'vector', ...refOf(ref), ...held, reply: true })
      }
      if (documents.length > 0) settled = false
      if (last) cataloged = true
      return [...nextFetches(), ...settle()]
    },
    digest: (messages) => messages.flatMap((bytes) => inParts(bytes).map(send)),
    fetching: isFetching,
    end,
  }
  return session

  function receiveAsDialer(message: Message): Action[] {
    if (message.type === 'failure') return ended(message)
    if (phase === 'greeting') {
      return message.type === 'welcome' && greeted ? welcomed(message) : outOfPlace(message)
    }
    switch (message.type) {
      case 'epoch':
        if (place === undefined || message.start < place.offset) return outOfPlace(message)
        place = { epoch: message.epoch, offset: place.offset }
        return []
      case 'catalog':
        return phase === 'comparing' && !cataloged ? [{ do: 'compare', catalog: message }] : outOfPlace(message)
      case 'digest':
        return phase === 'comparing' && !cataloged ? digestPart(message) : outOfPlace(message)
      case 'entries':
        return ofStream(message, (at) => ({ do: 'store', entries: message, place: at }))
      case 'piece':
        return ofStream(message, (at) => ({ do: 'piece', piece: message, place: at }))
      case 'tombstone':
        return forward(message, (at) => ({ do: 'deleted', ref: refOf(message), place: at }))
      case 'ack':
        return forward(message, (at) => ({ do: 'acknowledged', ack: message, place: at }))
      case 'stamped':
        return forward(message, (at) => ({ do: 'stamped', stamped: message, place: at }))
      case 'refused':
        return [{ do: 'refused', refused: message }]
      case 'vector':
        return fetched(message)
      case 'same':
        return [{ do: 'fetched', document: message.document }]
      case 'awareness':
        return [{ do: 'awareness', awareness: message }]
      case 'content':
        return [{ do: 'content', content: message }]
      case 'access':
        return [{ do: 'access', access: message }]
      case 'confirmed':
        return [{ do: 'confirmed', confirmed: message }]
      case 'harvest':
        return [{ do: 'harvest', harvest: message }]
      case 'spread':
        return [{ do: 'spread', withinMs: message.withinMs }]
      default:
        return outOfPlace(message)
    }
  }

  function receiveAsListener(message: Message): Action[] {
    if (message.type === 'failure') return ended(message)
    if (phase === 'greeting') {
      if (message.type !== 'hello' || greeted) return outOfPlace(message)
      greeted = true
      const common = commonVersion(message.oldestVersion, message.newestVersion)
      if (common === undefined) {
        return end('version', `this relay speaks versions ${PROTOCOL_VERSION_OLDEST} to ${PROTOCOL_VERSION}`)
      }
      version = common
      return [{ do: 'greet', hello: message }]
    }
    switch (message.type) {
      case 'open':
        return [{ do: 'open', open: message }]
      case 'close':
        return [{ do: 'close', ref: message }]
      case 'digest':
        return digestPart(message)
      case 'entries':
        return message.through === 0 ? [{ do: 'store', entries: message }] : outOfPlace(message)
      case 'piece':
        return message.through === 0 ? [{ do: 'piece', piece: message }] : outOfPlace(message)
      case 'tombstone':
        return message.through === 0 ? [{ do: 'deleted', ref: refOf(message) }] : outOfPlace(message)
      case 'submit':
        return [{ do: 'submit', submit: message }]
      case 'vector':
        return [{ do: 'serve', vector: message }]
      case 'awareness':
        return [{ do: 'awareness', awareness: message }]
      case 'content':
        return [{ do: 'content', content: message }]
      case 'token':
        return [{ do: 'token', token: message.token }]
      case 'confirm':
        return [{ do: 'confirm', confirm: message }]
      default:
        return outOfPlace(message)
    }
  }

  function welcomed(message: Welcome): Action[] {
    if (commonVersion(message.version, message.version) === undefined) {
      return end('version', `the relay answers in version ${message.version}`)
    }
    if (message.resumed && place === undefined) return outOfPlace(message)
    // A resumed stream begins behind the old place, which is older than the head of the greeting or equal to it.
    place = { epoch: message.epoch, offset: message.resumed && place ? place.offset : message.head }
    cataloged = message.resumed || scope === 'opened'
    phase = cataloged ? 'live' : 'comparing'
    settled = message.resumed
    return [{ do: 'welcomed', welcome: message }, ...settle()]
  }

  function digestPart(part: DigestPart): Action[] {
    try {
      const bytes = digestParts.add(part)
      return bytes === undefined ? [] : [{ do: 'digest', bytes }]
    } catch (error) {
      const { code, detail } = toRejoinError(error, 'protocol', 'a digest')
      return end(code, detail)
    }
  }

  /** What a document is being fetched for may be missing under its stream. The answer holds that too, and in order. */
  function ofStream(message: Entries | Piece, action: (place?: Place) => Action): Action[] {
    const actions = forward(message, action)
    return message.through > 0 && phase !== 'ended' && isFetching(message.document) ? [] : actions
  }

  /** A message of the other's log: `through` may only rise; 0 is outside of the log. */
  function forward(message: Message & { through: number }, action: (place?: Place) => Action): Action[] {
    if (message.through === 0) return [action()]
    if (place === undefined || message.through <= place.offset) return outOfPlace(message)
    place = { epoch: place.epoch, offset: message.through }
    return [action(settled ? place : undefined)]
  }

  function fetched(message: Vector): Action[] {
    const actions: Action[] = [{ do: 'serve', vector: message }]
    if (message.reply) return actions
    if (inFlight.delete(message.document)) actions.push({ do: 'fetched', document: message.document })
    return [...actions, ...nextFetches(), ...settle()]
  }

  function isFetching(document: DocumentId): boolean {
    return inFlight.has(document) || fetches.has(document)
  }

  function nextFetches(): Action[] {
    const actions: Action[] = []
    for (const [document, message] of fetches) {
      if (inFlight.size >= VECTORS_IN_FLIGHT_MAX) break
      if (inFlight.has(document)) continue
      fetches.delete(document)
      inFlight.add(document)
      actions.push(send(message))
    }
    return actions
  }

  function settle(): Action[] {
    if (settled || !cataloged || fetches.size > 0 || inFlight.size > 0 || place === undefined) return []
    settled = true
    phase = 'live'
    return [{ do: 'settled', place }]
  }

  function outOfPlace(message: Message): Action[] {
    return end('protocol', `${message.type} has no place here (${role}, ${phase})`)
  }

  function end(code: ErrorCode, detail: string, retryAfterMs = 0): Action[] {
    if (phase === 'ended') return []
    phase = 'ended'
    return [
      send({ type: 'failure', code, detail, retryAfterMs }),
      { do: 'end', code, detail, told: false, retryAfterMs: 0 },
    ]
  }

  function ended(message: Extract<Message, { type: 'failure' }>): Action[] {
    phase = 'ended'
    return [{ do: 'end', code: message.code, detail: message.detail, told: true, retryAfterMs: message.retryAfterMs }]
  }
}

const send = (message: Message): Action => ({ do: 'send', message })
