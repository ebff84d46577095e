/**
 * Awareness at a relay: who is in which document, never stored. The format is y-protocols': a count, then (client id, clock,
 * JSON text) each. A client's state belongs to the member that sent it last with a higher clock; echoes of others, which
 * stock clients send, have no higher clock and are dropped. When a member goes, its clients' states go with it.
 * (y-protocols' own `Awareness` takes timers from the globals and needs a Y.Doc.)
 */
import * as encoding from 'lib0/encoding'
import type { Environment } from '../../shared/environment.ts'
import { RejoinError } from '../../shared/errors.ts'
import type { DocumentId } from '../../shared/ids.ts'
import { AWARENESS_BYTES_MAX, AWARENESS_STATE_BYTES_MAX } from '../../shared/limits.ts'
import { bytesLeft, createReader, malformed, readCount, readText, readVarint } from '../../shared/reader.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { AwarenessMessage } from '../../shared/wire/messages.ts'
import { type Bucket, createBucket } from './bucket.ts'
import { refOf } from './documents.ts'
import {
  AWARENESS_CLIENTS_PER_CONNECTION_MAX,
  AWARENESS_CLIENTS_PER_DOCUMENT_MAX,
  AWARENESS_DEPTH_MAX,
} from './limits.ts'

/** A connection, as far as awareness goes. */
export interface Member {
  /**
   * Who it is, where the relay knows: what it shows says so, as `subject`, and nobody else shows under a client id that it has shown
   * under, for as long as somebody is there.
   */
  readonly subject?: string
  send(message: AwarenessMessage): void
  /** A stock client: it says its state again every 15 s, and takes who does not for gone after 30 s. */
  renews?: boolean
}

/**
 * Rejoin clients say their state once, so that a relay may sleep. Where a stock client shows that it is there, those whose states
 * are older than this are asked for them again: it says so every 18 s at least.
 */
const RENEWED_AFTER_MS = 8_000
/** So many seconds of what a document may tell are saved up: many who come at once are seen at once. */
const BURST_SECONDS = 4
/** The count of states, before them in a message. */
const COUNT_BYTES_MAX = 3

export interface AwarenessRooms {
  /** Joins a document and is sent the states of those who are there. */
  enter(where: DocumentRef, member: Member): void
  /** Takes states from a member that has entered. Raises `bad-frame`, `too-big` and `overloaded`. */
  update(where: DocumentRef, bytes: Uint8Array, member: Member): void
  /** Whether this member shows a Yjs client id there. */
  isOf(document: DocumentId, client: number, member: Member): boolean
  leave(document: DocumentId, member: Member): void
  leaveAll(member: Member): void
  /** The states that a member has shown of a document, if any; for `restore`. */
  shown(document: DocumentId, member: Member): Uint8Array | undefined
  /** A member that was there before, with what it had shown: nobody is told. Raises `bad-frame`. */
  restore(where: DocumentRef, member: Member, shown: Uint8Array | undefined): void
  /** How things stand in a document, a message at a time: who is there, and who has gone. */
  present(where: DocumentRef): Iterable<AwarenessMessage>
}

interface State {
  client: number
  clock: number
  /** JSON text. */
  json: string
}

/** The state of a client that has gone. */
const GONE = 'null'

interface Room {
  where: DocumentRef
  members: Set<Member>
  states: Map<number, OwnedState>
  /** How often its members may be told something. */
  bucket: Bucket
  /** Clients whose states have changed, and nobody was told yet. */
  waiting: Set<number>
  cancel: () => void
}

interface OwnedState extends State {
  owner: Member
  /** When it was said. */
  at: number
}

/** `perSecondMax`: messages of a document. It is what is shed first: what is written is never dropped. */
export function createAwarenessRooms(
  { now, setTimer }: Pick<Environment, 'now' | 'setTimer'>,
  perSecondMax: number,
): AwarenessRooms {
  const rooms = new Map<DocumentId, Room>()

  function publish(room: Room, states: readonly State[], except?: Member): void {
    if (states.length === 0) return
    if (room.waiting.size === 0 && room.bucket.take(0, now()) === 0) return send(room, states, except)
    for (const { client } of states) room.waiting.add(client)
    if (room.waiting.size === states.length) tellLater(room)
  }

  function send(room: Room, states: readonly State[], except?: Member): void {
    for (const message of messages(room.where, states)) {
      room.bucket.take(1, now())
      for (const member of room.members) if (member !== except) member.send(message)
    }
  }

  /** The newest states of all that changed until then, in as few messages as hold them. */
  function tellLater(room: Room): void {
    room.cancel = setTimer(
      () => {
        const states = [...room.waiting].flatMap((client) => room.states.get(client) ?? [])
        room.waiting.clear()
        send(room, states)
      },
      Math.max(1, room.bucket.take(0, now())),
    )
  }

  function leave(document: DocumentId, member: Member): void {
    const room = rooms.get(document)
    if (room === undefined || !room.members.delete(member)) return
    const gone: State[] = []
    for (const state of room.states.values()) {
      if (state.owner !== member || state.json === GONE) continue
      const last = { client: state.client, clock: state.clock + 1, json: GONE }
      room.states.set(state.client, { ...last, owner: member, at: now() })
      gone.push(last)
    }
    if (room.members.size > 0) return publish(room, gone)
    room.cancel()
    rooms.delete(document)
  }

  function join(where: DocumentRef, member: Member): Room {
    let room = rooms.get(where.document)
    if (room === undefined) {
      const bucket = createBucket(perSecondMax, perSecondMax * BURST_SECONDS)
      room = { where: refOf(where), members: new Set(), states: new Map(), bucket, waiting: new Set(), cancel() {} }
      rooms.set(where.document, room)
    }
    room.members.add(member)
    return room
  }

  /** Who hears that it has gone says that it has not. */
  function askAgain(room: Room): void {
    for (const state of room.states.values()) {
      const { owner, json, at } = state
      if (owner.renews || json === GONE || Math.abs(now() - at) < RENEWED_AFTER_MS) continue
      state.at = now()
      owner.send({ type: 'awareness', ...room.where, bytes: encodeStates([{ ...state, json: GONE }]) })
    }
  }

  return {
    enter(where, member) {
      const room = join(where, member)
      const states = [...room.states.values()].filter((state) => state.json !== GONE)
      for (const message of messages(room.where, states)) member.send(message)
    },
    update(where, bytes, member) {
      const room = rooms.get(where.document)
      if (room === undefined || !room.members.has(member)) return
      const states = decodeStates(bytes, member.subject).filter(({ client }) => {
        const known = room.states.get(client)
        return known === undefined || known.owner.subject === member.subject
      })
      const news = states.filter((state) => state.clock > (room.states.get(state.client)?.clock ?? -1))
      const gone = states.flatMap((state) => (state.json === GONE ? [] : (goneSince(room, state) ?? [])))
      for (const state of news) keep(room, { ...state, owner: member, at: now() })
      publish(room, news, member)
      if (member.renews) askAgain(room)
      for (const message of messages(room.where, gone)) member.send(message)
    },
    isOf: (document, client, member) => rooms.get(document)?.states.get(client)?.owner === member,
    leave,
    leaveAll(member) {
      for (const [document, room] of rooms) if (room.members.has(member)) leave(document, member)
    },
    shown(document, member) {
      const states = rooms.get(document)?.states.values() ?? []
      const own = [...states].filter(({ owner, json }) => owner === member && json !== GONE)
      return own.length === 0 ? undefined : encodeStates(own)
    },
    restore(where, member, shown) {
      const room = join(where, member)
      const states = shown === undefined ? [] : decodeStates(shown, member.subject)
      for (const state of states) keep(room, { ...state, owner: member, at: Number.NEGATIVE_INFINITY })
    },
    *present({ document }) {
      const room = rooms.get(document)
      if (room !== undefined) yield* messages(room.where, [...room.states.values()])
    },
  }
}

/**
 * The clock at which a client went, if this state is not from after that. Sent back, it makes a client that reconnected
 * with the clock it had raise that clock and show itself again; the echo of another client's state it does not change.
 */
function goneSince(room: Room, state: State): State | undefined {
  const known = room.states.get(state.client)
  return known?.json === GONE && state.clock <= known.clock ? known : undefined
}

/** Keeps a state; those who have gone stay as clocks, so that a late echo does not bring them back, while there is room. */
function keep(room: Room, state: OwnedState): void {
  const { owner } = state
  if (!room.states.has(state.client)) {
    let own = 0
    for (const other of room.states.values()) if (other.owner === owner) own++
    if (room.states.size >= AWARENESS_CLIENTS_PER_DOCUMENT_MAX) {
      for (const other of room.states.values()) if (other.json === GONE) room.states.delete(other.client)
    }
    if (own >= AWARENESS_CLIENTS_PER_CONNECTION_MAX || room.states.size >= AWARENESS_CLIENTS_PER_DOCUMENT_MAX) {
      throw new RejoinError('overloaded', `${own} awareness states of this connection, ${room.states.size} in all`)
    }
  }
  room.states.set(state.client, state)
}

/** States in as few messages as hold them. */
function* messages(where: DocumentRef, states: readonly State[]): Generator<AwarenessMessage> {
  let together: Uint8Array[] = []
  let bytes = COUNT_BYTES_MAX
  for (const state of states) {
    const encoded = encodeState(state)
    if (together.length > 0 && bytes + encoded.length > AWARENESS_BYTES_MAX) {
      yield { type: 'awareness', ...where, bytes: counted(together) }
      together = []
      bytes = COUNT_BYTES_MAX
    }
    together.push(encoded)
    bytes += encoded.length
  }
  if (together.length > 0) yield { type: 'awareness', ...where, bytes: counted(together) }
}

const encodeStates = (states: readonly State[]): Uint8Array => counted(states.map(encodeState))

function counted(states: readonly Uint8Array[]): Uint8Array {
  const writer = encoding.createEncoder()
  encoding.writeVarUint(writer, states.length)
  for (const state of states) encoding.writeUint8Array(writer, state)
  return encoding.toUint8Array(writer)
}

function encodeState({ client, clock, json }: State): Uint8Array {
  const writer = encoding.createEncoder()
  encoding.writeVarUint(writer, client)
  encoding.writeVarUint(writer, clock)
  encoding.writeVarString(writer, json)
  return encoding.toUint8Array(writer)
}

function decodeStates(bytes: Uint8Array, subject: string | undefined): State[] {
  if (bytes.length > AWARENESS_BYTES_MAX) throw new RejoinError('too-big', `awareness of ${bytes.length} bytes`)
  const reader = createReader(bytes)
  const states: State[] = []
  const count = readCount(reader, 3, AWARENESS_CLIENTS_PER_DOCUMENT_MAX)
  for (let i = 0; i < count; i++) {
    const client = readVarint(reader)
    // A clock at the end of the range could never be passed by its owner.
    const clock = readVarint(reader, 2 ** 40)
    const text = readText(reader, AWARENESS_STATE_BYTES_MAX)
    const state = parseState(text)
    const json = subject === undefined || state === null ? text : JSON.stringify({ ...state, subject })
    // The subject makes it longer, and so may writing it anew.
    const bytes = json === text ? 0 : new TextEncoder().encode(json).length
    if (bytes > AWARENESS_STATE_BYTES_MAX) throw new RejoinError('too-big', `an awareness state of ${bytes} bytes`)
    states.push({ client, clock, json })
  }
  return bytesLeft(reader) === 0 ? states : malformed('bytes follow the awareness states')
}

function parseState(text: string): object | null {
  let state: unknown
  try {
    state = JSON.parse(text)
  } catch {
    return malformed('an awareness state is no JSON')
  }
  if (typeof state !== 'object') malformed('an awareness state is no JSON object')
  checkDepth(state, AWARENESS_DEPTH_MAX)
  return state
}

/** Who compares or encodes it recurses; and a key `__proto__` would choose the prototype of what is made of it. */
function checkDepth(value: unknown, deeper: number): void {
  if (typeof value !== 'object' || value === null) return
  if (deeper === 0) malformed('an awareness state is nested too deeply')
  if (Object.hasOwn(value, '__proto__')) malformed('an awareness state has a key __proto__')
  for (const inner of Object.values(value)) checkDepth(inner, deeper - 1)
}
