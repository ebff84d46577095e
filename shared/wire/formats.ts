/**
 * The messages of protocol version 1 as bytes: a byte that names the message, then its fields as in the table below;
 * writing and reading stand side by side.
 */
import * as encoding from 'lib0/encoding'
import { errorNumber } from '../error-numbers.ts'
import * as limits from '../limits.ts'
import * as reading from '../reader.ts'
import { malformed, type Reader } from '../reader.ts'
import { ROLES } from '../roles.ts'
import { STATE_VECTOR_BYTES_MAX } from '../update/limits.ts'
import * as fields from './fields.ts'
import type { Message } from './messages.ts'

/** How one type of message is written and read. */
interface Format<M extends Message> {
  number: number
  write(writer: fields.Writer, message: M): void
  read(reader: Reader): Omit<M, 'type'>
}

/** The number of `piece`. */
export const PIECE_NUMBER = 16

const FORMATS: { [T in Message['type']]: Format<Extract<Message, { type: T }>> } = {
  hello: {
    number: 0,
    write(writer, message) {
      encoding.writeVarUint(writer, message.oldestVersion)
      encoding.writeVarUint(writer, message.newestVersion)
      fields.writeHex(writer, message.replica)
      encoding.writeUint8(writer, message.scope === 'all' ? 0 : 1)
      fields.writeBoolean(writer, message.place !== undefined)
      if (message.place !== undefined) fields.writePlace(writer, message.place)
      encoding.writeVarString(writer, message.token)
    },
    read: (reader) => ({
      oldestVersion: reading.readVarint(reader),
      newestVersion: reading.readVarint(reader),
      replica: reading.readHex8(reader),
      scope: reading.readBoolean(reader) ? 'opened' : 'all',
      place: reading.readBoolean(reader) ? fields.readPlace(reader) : undefined,
      token: reading.readText(reader, limits.TOKEN_BYTES_MAX),
    }),
  },
  welcome: {
    number: 1,
    write(writer, message) {
      encoding.writeVarUint(writer, message.version)
      fields.writeHex(writer, message.replica)
      fields.writeHex(writer, message.epoch)
      encoding.writeVarUint(writer, message.head)
      fields.writeBoolean(writer, message.resumed)
    },
    read: (reader) => ({
      version: reading.readVarint(reader),
      replica: reading.readHex8(reader),
      epoch: reading.readHex8(reader),
      head: reading.readVarint(reader),
      resumed: reading.readBoolean(reader),
    }),
  },
  epoch: {
    number: 2,
    write(writer, message) {
      fields.writeHex(writer, message.epoch)
      encoding.writeVarUint(writer, message.start)
    },
    read: (reader) => ({ epoch: reading.readHex8(reader), start: reading.readVarint(reader) }),
  },
  catalog: {
    number: 3,
    write(writer, message) {
      fields.writeBoolean(writer, message.last)
      encoding.writeVarUint(writer, message.documents.length)
      for (const entry of message.documents) {
        fields.writeRef(writer, entry)
        fields.writeHex(writer, entry.fingerprint)
      }
    },
    read: (reader) => ({
      last: reading.readBoolean(reader),
      documents: fields.readList(reader, 11, limits.FRAME_BYTES_MAX, fields.readCatalogEntry),
    }),
  },
  open: {
    number: 4,
    write(writer, message) {
      fields.writeRef(writer, message)
      fields.writeBoolean(writer, message.fingerprint !== undefined)
      if (message.fingerprint !== undefined) fields.writeHex(writer, message.fingerprint)
    },
    read: (reader) => ({
      ...fields.readRef(reader),
      fingerprint: reading.readBoolean(reader) ? reading.readHex8(reader) : undefined,
    }),
  },
  close: { number: 5, write: fields.writeRef, read: fields.readRef },
  same: { number: 6, write: fields.writeRef, read: fields.readRef },
  vector: {
    number: 7,
    write(writer, message) {
      const { reply, vector, stateVector, partial } = message
      fields.writeRef(writer, message)
      encoding.writeUint8(writer, (reply ? 1 : 0) | (stateVector ? 2 : 0) | (partial ? 4 : 0))
      fields.writeVector(writer, vector)
      if (stateVector !== undefined) encoding.writeVarUint8Array(writer, stateVector)
      if (partial === undefined) return
      fields.writeHex(writer, partial.id)
      encoding.writeVarUint(writer, partial.pieces)
    },
    read(reader) {
      const ref = fields.readRef(reader)
      const flags = reading.readByte(reader)
      if (flags > 7) malformed(`flags ${flags} of a vector`)
      return {
        ...ref,
        reply: (flags & 1) !== 0,
        vector: fields.readVector(reader),
        stateVector: (flags & 2) === 0 ? undefined : reading.readBytes(reader, STATE_VECTOR_BYTES_MAX),
        partial: (flags & 4) === 0 ? undefined : { id: reading.readHex8(reader), pieces: fields.readSeq(reader) },
      }
    },
  },
  entries: {
    number: 8,
    write(writer, message) {
      fields.writeRef(writer, message)
      encoding.writeVarUint(writer, message.through)
      encoding.writeVarUint(writer, message.runs.length)
      for (const run of message.runs) fields.writeRun(writer, run)
    },
    read: (reader) => ({
      ...fields.readRef(reader),
      through: reading.readVarint(reader),
      runs: fields.readList(reader, 20, limits.FRAME_BYTES_MAX, fields.readRun),
    }),
  },
  ack: {
    number: 9,
    write(writer, message) {
      fields.writeRef(writer, message)
      fields.writeHex(writer, message.origin)
      encoding.writeVarUint(writer, message.seq)
      fields.writeHex(writer, message.chain)
      encoding.writeVarUint(writer, message.through)
    },
    read: (reader) => ({
      ...fields.readRef(reader),
      origin: reading.readHex8(reader),
      seq: fields.readSeq(reader),
      chain: reading.readHex8(reader),
      through: reading.readVarint(reader),
    }),
  },
  submit: {
    number: 10,
    write(writer, message) {
      fields.writeRef(writer, message)
      encoding.writeVarUint(writer, message.request)
      fields.writeUpdate(writer, message)
    },
    read: (reader) => ({ ...fields.readRef(reader), request: fields.readSeq(reader), ...fields.readUpdate(reader) }),
  },
  stamped: {
    number: 11,
    write(writer, message) {
      fields.writeRef(writer, message)
      encoding.writeVarUint(writer, message.request)
      fields.writeHex(writer, message.origin)
      encoding.writeVarUint(writer, message.seq)
      fields.writeHex(writer, message.chain)
      encoding.writeVarUint(writer, message.through)
    },
    read: (reader) => ({
      ...fields.readRef(reader),
      request: fields.readSeq(reader),
      origin: reading.readHex8(reader),
      seq: reading.readVarint(reader),
      chain: reading.readHex8(reader),
      through: reading.readVarint(reader),
    }),
  },
  refused: {
    number: 12,
    write(writer, message) {
      fields.writeRef(writer, message)
      encoding.writeVarUint(writer, errorNumber(message.code))
      encoding.writeVarUint(writer, message.request)
      fields.writeHex(writer, message.origin)
      encoding.writeVarUint(writer, message.seq)
      encoding.writeVarUint(writer, message.held)
      encoding.writeVarString(writer, message.detail.slice(0, limits.DETAIL_BYTES_MAX / 4))
    },
    read: (reader) => ({
      ...fields.readRef(reader),
      code: fields.readCode(reader),
      request: reading.readVarint(reader),
      origin: reading.readHex8(reader),
      seq: reading.readVarint(reader),
      held: reading.readVarint(reader),
      detail: reading.readText(reader, limits.DETAIL_BYTES_MAX),
    }),
  },
  awareness: {
    number: 13,
    write(writer, message) {
      fields.writeRef(writer, message)
      encoding.writeVarUint8Array(writer, message.bytes)
    },
    read: (reader) => ({ ...fields.readRef(reader), bytes: reading.readBytes(reader, limits.AWARENESS_BYTES_MAX) }),
  },
  failure: {
    number: 14,
    write(writer, message) {
      encoding.writeVarUint(writer, errorNumber(message.code))
      encoding.writeVarUint(writer, message.retryAfterMs)
      encoding.writeVarString(writer, message.detail.slice(0, limits.DETAIL_BYTES_MAX / 4))
    },
    read: (reader) => ({
      code: fields.readCode(reader),
      retryAfterMs: reading.readVarint(reader),
      detail: reading.readText(reader, limits.DETAIL_BYTES_MAX),
    }),
  },
  token: {
    number: 25,
    write: (writer, message) => encoding.writeVarString(writer, message.token),
    read: (reader) => ({ token: reading.readText(reader, limits.TOKEN_BYTES_MAX) }),
  },
  access: {
    number: 26,
    write(writer, message) {
      encoding.writeUint8(writer, ROLES.indexOf(message.role))
      encoding.writeVarUint(writer, message.expiresInMs)
    },
    read: (reader) => ({
      role: ROLES[reading.readByte(reader)] ?? malformed('there is no such role'),
      expiresInMs: reading.readVarint(reader),
    }),
  },
  spread: {
    number: 27,
    write: (writer, message) => encoding.writeVarUint(writer, message.withinMs),
    read: (reader) => ({ withinMs: reading.readVarint(reader, limits.SPREAD_MS_MAX) }),
  },
  // 15 is a frame's messages deflated: see codec.ts.
  piece: {
    number: PIECE_NUMBER,
    write(writer, message) {
      fields.writeRef(writer, message)
      encoding.writeVarUint(writer, message.through)
      fields.writeHex(writer, message.id)
      encoding.writeVarUint(writer, message.index)
      encoding.writeVarUint(writer, message.count)
      encoding.writeVarUint(writer, message.size)
      encoding.writeVarUint8Array(writer, message.bytes)
      if (message.vector === undefined) return
      fields.writeVector(writer, message.vector)
      fields.writeVector(writer, message.base ?? new Map())
    },
    read(reader) {
      const head = {
        ...fields.readRef(reader),
        through: reading.readVarint(reader),
        id: reading.readHex8(reader),
        index: reading.readVarint(reader),
        count: reading.readVarint(reader, limits.PIECES_MAX),
        size: reading.readVarint(reader, limits.UPDATE_BYTES_MAX),
        bytes: reading.readBytes(reader, limits.UPDATE_BYTES_MAX),
      }
      if (head.index >= head.count) malformed(`piece ${head.index} of ${head.count}`)
      if (head.index < head.count - 1) return head
      return { ...head, vector: fields.readVector(reader), base: fields.readVector(reader) }
    },
  },
  tombstone: {
    number: 18,
    write(writer, message) {
      fields.writeRef(writer, message)
      encoding.writeVarUint(writer, message.through)
    },
    read: (reader) => ({ ...fields.readRef(reader), through: reading.readVarint(reader) }),
  },
  content: {
    number: 19,
    write(writer, message) {
      fields.writeRef(writer, message)
      fields.writeHex(writer, message.version)
      fields.writeHex(writer, message.hash)
    },
    read: (reader) => ({
      ...fields.readRef(reader),
      version: reading.readHex8(reader),
      hash: reading.readHex8(reader),
    }),
  },
  exchange: {
    number: 20,
    write(writer, message) {
      const { place, session, more } = message
      encoding.writeVarUint(writer, message.oldestVersion)
      encoding.writeVarUint(writer, message.newestVersion)
      fields.writeHex(writer, message.relay)
      encoding.writeUint8(writer, (place ? 1 : 0) | (session ? 2 : 0) | (more ? 4 : 0))
      if (place !== undefined) {
        fields.writeHex(writer, place.replica)
        fields.writePlace(writer, place)
      }
      if (session !== undefined) fields.writeHex(writer, session)
    },
    read(reader) {
      const oldestVersion = reading.readVarint(reader)
      const newestVersion = reading.readVarint(reader)
      const relay = reading.readHex8(reader)
      const flags = reading.readByte(reader)
      if (flags > 7) malformed(`flags ${flags} of an exchange`)
      return {
        oldestVersion,
        newestVersion,
        relay,
        place: (flags & 1) === 0 ? undefined : { replica: reading.readHex8(reader), ...fields.readPlace(reader) },
        session: (flags & 2) === 0 ? undefined : reading.readHex8(reader),
        more: (flags & 4) !== 0,
      }
    },
  },
  heartbeat: {
    number: 21,
    write(writer, message) {
      encoding.writeVarString(writer, message.address)
      fields.writeHex(writer, message.root)
      fields.writeHex(writer, message.known)
      encoding.writeVarUint(writer, message.members.length)
      for (const address of message.members) encoding.writeVarString(writer, address)
    },
    read: (reader) => ({
      address: reading.readText(reader, limits.ADDRESS_BYTES_MAX),
      root: reading.readHex8(reader),
      known: reading.readHex8(reader),
      members: fields.readList(reader, 1, limits.RELAYS_MAX, (from) =>
        reading.readText(from, limits.ADDRESS_BYTES_MAX),
      ),
    }),
  },
  revoked: {
    number: 28,
    write(writer, message) {
      fields.writeHex(writer, message.known)
      encoding.writeVarUint(writer, message.entries.length)
      for (const { subject, at } of message.entries) {
        encoding.writeVarString(writer, subject)
        encoding.writeVarUint(writer, at)
      }
    },
    read: (reader) => ({
      known: reading.readHex8(reader),
      entries: fields.readList(reader, 2, limits.REVOKED_PER_MESSAGE_MAX, (from) => ({
        subject: reading.readText(from, limits.SUBJECT_BYTES_MAX),
        at: reading.readVarint(from),
      })),
    }),
  },
  owners: {
    number: 29,
    write(writer, message) {
      fields.writeRef(writer, message)
      encoding.writeVarUint(writer, message.claims.length)
      for (const { name, owner, used } of message.claims) {
        fields.writeBoolean(writer, typeof name === 'number')
        if (typeof name === 'number') encoding.writeVarUint(writer, name)
        else fields.writeHex(writer, name)
        fields.writeHex(writer, owner)
        encoding.writeVarUint(writer, used)
      }
    },
    read: (reader) => ({
      ...fields.readRef(reader),
      claims: fields.readList(reader, 11, limits.OWNERS_PER_MESSAGE_MAX, (from) => ({
        name: reading.readBoolean(from) ? reading.readVarint(from) : reading.readHex8(from),
        owner: reading.readHex8(from),
        used: reading.readVarint(from),
      })),
    }),
  },
  harvest: {
    number: 22,
    write(writer, message) {
      fields.writeRef(writer, message)
      encoding.writeVarUint(writer, message.answered)
      encoding.writeVarUint(writer, message.all)
    },
    read: (reader) => ({
      ...fields.readRef(reader),
      answered: reading.readVarint(reader, limits.RELAYS_MAX),
      all: reading.readVarint(reader, limits.RELAYS_MAX),
    }),
  },
  confirm: { number: 23, write: fields.writeHeads, read: fields.readHeads },
  confirmed: { number: 24, write: fields.writeHeads, read: fields.readHeads },
  digest: {
    number: 17,
    write(writer, message) {
      fields.writeBoolean(writer, message.last)
      encoding.writeVarUint8Array(writer, message.bytes)
    },
    read: (reader) => ({
      last: reading.readBoolean(reader),
      bytes: reading.readBytes(reader, limits.DIGEST_PART_BYTES_MAX),
    }),
  },
}

const typeByNumber = new Map<number, Message['type']>(
  (Object.keys(FORMATS) as Message['type'][]).map((type) => [FORMATS[type].number, type]),
)

/** All messages are written with one, as buffers of their own would cost more than most of them. */
const writer = encoding.createEncoder()
writer.cbuf = new Uint8Array(1024)
/** A buffer that grew beyond this is not kept. */
const BUFFER_BYTES_MAX = 16 * 1024

/** One message as bytes, to be put into a frame; the same bytes may go to many receivers. */
export function encodeMessage(message: Message): Uint8Array {
  const format = FORMATS[message.type] as Format<Message>
  const { cbuf } = writer
  try {
    encoding.writeUint8(writer, format.number)
    format.write(writer, message)
    return writer.bufs.length === 0 ? writer.cbuf.slice(0, writer.cpos) : encoding.toUint8Array(writer)
  } finally {
    if (writer.cbuf.length > BUFFER_BYTES_MAX) writer.cbuf = cbuf
    writer.cpos = 0
    writer.bufs.length = 0
  }
}

/** Raises `bad-frame`. */
export function readMessage(reader: Reader): Message {
  const number = reading.readByte(reader)
  const type = typeByNumber.get(number)
  if (type === undefined) return malformed(`there is no message ${number}`)
  return { type, ...FORMATS[type].read(reader) } as Message
}
