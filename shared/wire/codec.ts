/**
 * The bytes of protocol version 1. A frame is one WebSocket message: 4 bytes of checksum (the low half of SipHash-2-4 under
 * the public key, little-endian) over one or more messages. A message is a byte that names it, then its fields as in the
 * table below; writing and reading stand side by side. Everything read is bounded; a failure is one `bad-frame`.
 */
import * as encoding from 'lib0/encoding'
import type { Head, VersionVector } from '../causality/version-vector.ts'
import { errorCode, errorNumber, RejoinError } from '../errors.ts'
import { fromHex, siphash } from '../hash.ts'
import { checkDocumentId, FIRST_EPOCH } from '../ids.ts'
import * as limits from '../limits.ts'
import * as reading from '../reader.ts'
import { malformed, type Reader } from '../reader.ts'
import { type DocumentRef, UPDATE_KINDS, type UpdateKind } from '../update/record.ts'
import type { CatalogEntry, Message, Place, Run } from './messages.ts'

type Writer = encoding.Encoder

/** How one type of message is written and read. */
interface Format<M extends Message> {
  number: number
  write(writer: Writer, message: M): void
  read(reader: Reader): Omit<M, 'type'>
}

const FORMATS: { [T in Message['type']]: Format<Extract<Message, { type: T }>> } = {
  hello: {
    number: 0,
    write(writer, message) {
      encoding.writeVarUint(writer, message.oldestVersion)
      encoding.writeVarUint(writer, message.newestVersion)
      writeHex(writer, message.replica)
      encoding.writeUint8(writer, message.scope === 'all' ? 0 : 1)
      writeBoolean(writer, message.place !== undefined)
      if (message.place !== undefined) writePlace(writer, message.place)
      encoding.writeVarString(writer, message.token)
    },
    read: (reader) => ({
      oldestVersion: reading.readVarint(reader),
      newestVersion: reading.readVarint(reader),
      replica: reading.readHex8(reader),
      scope: reading.readBoolean(reader) ? 'opened' : 'all',
      place: reading.readBoolean(reader) ? readPlace(reader) : undefined,
      token: reading.readText(reader, limits.TOKEN_BYTES_MAX),
    }),
  },
  welcome: {
    number: 1,
    write(writer, message) {
      encoding.writeVarUint(writer, message.version)
      writeHex(writer, message.replica)
      writeHex(writer, message.epoch)
      encoding.writeVarUint(writer, message.head)
      writeBoolean(writer, message.resumed)
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
      writeHex(writer, message.epoch)
      encoding.writeVarUint(writer, message.start)
    },
    read: (reader) => ({ epoch: reading.readHex8(reader), start: reading.readVarint(reader) }),
  },
  catalog: {
    number: 3,
    write(writer, message) {
      writeBoolean(writer, message.last)
      encoding.writeVarUint(writer, message.documents.length)
      for (const entry of message.documents) {
        writeRef(writer, entry)
        writeHex(writer, entry.fingerprint)
      }
    },
    read: (reader) => ({
      last: reading.readBoolean(reader),
      documents: readList(reader, 11, limits.FRAME_BYTES_MAX, readCatalogEntry),
    }),
  },
  open: {
    number: 4,
    write(writer, message) {
      writeRef(writer, message)
      writeBoolean(writer, message.fingerprint !== undefined)
      if (message.fingerprint !== undefined) writeHex(writer, message.fingerprint)
    },
    read: (reader) => ({
      ...readRef(reader),
      fingerprint: reading.readBoolean(reader) ? reading.readHex8(reader) : undefined,
    }),
  },
  close: { number: 5, write: writeRef, read: readRef },
  same: { number: 6, write: writeRef, read: readRef },
  vector: {
    number: 7,
    write(writer, message) {
      writeRef(writer, message)
      writeBoolean(writer, message.reply)
      writeVector(writer, message.vector)
    },
    read: (reader) => ({ ...readRef(reader), reply: reading.readBoolean(reader), vector: readVector(reader) }),
  },
  entries: {
    number: 8,
    write(writer, message) {
      writeRef(writer, message)
      encoding.writeVarUint(writer, message.through)
      encoding.writeVarUint(writer, message.runs.length)
      for (const run of message.runs) writeRun(writer, run)
    },
    read: (reader) => ({
      ...readRef(reader),
      through: reading.readVarint(reader),
      runs: readList(reader, 20, limits.FRAME_BYTES_MAX, readRun),
    }),
  },
  ack: {
    number: 9,
    write(writer, message) {
      writeRef(writer, message)
      writeHex(writer, message.origin)
      encoding.writeVarUint(writer, message.seq)
      writeHex(writer, message.chain)
      encoding.writeVarUint(writer, message.through)
    },
    read: (reader) => ({
      ...readRef(reader),
      origin: reading.readHex8(reader),
      seq: readSeq(reader),
      chain: reading.readHex8(reader),
      through: reading.readVarint(reader),
    }),
  },
  submit: {
    number: 10,
    write(writer, message) {
      writeRef(writer, message)
      encoding.writeVarUint(writer, message.request)
      writeUpdate(writer, message)
    },
    read: (reader) => ({ ...readRef(reader), request: readSeq(reader), ...readUpdate(reader) }),
  },
  stamped: {
    number: 11,
    write(writer, message) {
      writeRef(writer, message)
      encoding.writeVarUint(writer, message.request)
      writeHex(writer, message.origin)
      encoding.writeVarUint(writer, message.seq)
      writeHex(writer, message.chain)
      encoding.writeVarUint(writer, message.through)
    },
    read: (reader) => ({
      ...readRef(reader),
      request: readSeq(reader),
      origin: reading.readHex8(reader),
      seq: reading.readVarint(reader),
      chain: reading.readHex8(reader),
      through: reading.readVarint(reader),
    }),
  },
  refused: {
    number: 12,
    write(writer, message) {
      writeRef(writer, message)
      encoding.writeVarUint(writer, errorNumber(message.code))
      encoding.writeVarUint(writer, message.request)
      writeHex(writer, message.origin)
      encoding.writeVarUint(writer, message.seq)
      encoding.writeVarUint(writer, message.held)
      encoding.writeVarString(writer, message.detail.slice(0, limits.DETAIL_BYTES_MAX / 4))
    },
    read: (reader) => ({
      ...readRef(reader),
      code: readCode(reader),
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
      writeRef(writer, message)
      encoding.writeVarUint8Array(writer, message.bytes)
    },
    read: (reader) => ({ ...readRef(reader), bytes: reading.readBytes(reader, limits.AWARENESS_BYTES_MAX) }),
  },
  failure: {
    number: 14,
    write(writer, message) {
      encoding.writeVarUint(writer, errorNumber(message.code))
      encoding.writeVarUint(writer, message.retryAfterMs)
      encoding.writeVarString(writer, message.detail.slice(0, limits.DETAIL_BYTES_MAX / 4))
    },
    read: (reader) => ({
      code: readCode(reader),
      retryAfterMs: reading.readVarint(reader),
      detail: reading.readText(reader, limits.DETAIL_BYTES_MAX),
    }),
  },
}

const typeByNumber = new Map<number, Message['type']>(
  (Object.keys(FORMATS) as Message['type'][]).map((type) => [FORMATS[type].number, type]),
)

/** One message as bytes, to be put into a frame; the same bytes may go to many receivers. */
export function encodeMessage(message: Message): Uint8Array {
  const writer = encoding.createEncoder()
  const format = FORMATS[message.type] as Format<Message>
  encoding.writeUint8(writer, format.number)
  format.write(writer, message)
  return encoding.toUint8Array(writer)
}

/** A frame of encoded messages. */
export function encodeFrame(messages: readonly Uint8Array[]): Uint8Array {
  let length = 4
  for (const message of messages) length += message.length
  const frame = new Uint8Array(length)
  let at = 4
  for (const message of messages) {
    frame.set(message, at)
    at += message.length
  }
  new DataView(frame.buffer).setUint32(0, siphash(frame.subarray(4)), true)
  return frame
}

/** The messages of a frame. Raises `too-big` or `bad-frame`; then nothing of it is to be used. */
export function decodeFrame(frame: Uint8Array): Message[] {
  if (frame.length > limits.FRAME_BYTES_MAX) {
    throw new RejoinError('too-big', `a frame of ${frame.length} bytes; the most is ${limits.FRAME_BYTES_MAX}`)
  }
  if (frame.length < 5) malformed('a frame without a message')
  const checksum = new DataView(frame.buffer, frame.byteOffset, 4).getUint32(0, true)
  if (siphash(frame.subarray(4)) !== checksum) malformed('the checksum of the frame is wrong')
  const reader = reading.createReader(frame)
  reader.at = 4
  const messages: Message[] = []
  while (reading.bytesLeft(reader) > 0) {
    if (messages.length === limits.FRAME_MESSAGES_MAX) malformed('too many messages in a frame')
    messages.push(readMessage(reader))
  }
  return messages
}

function readMessage(reader: Reader): Message {
  const number = reading.readByte(reader)
  const type = typeByNumber.get(number)
  if (type === undefined) return malformed(`there is no message ${number}`)
  return { type, ...FORMATS[type].read(reader) } as Message
}

const writeHex = (writer: Writer, hex: string): void => encoding.writeUint8Array(writer, fromHex(hex))
const writeBoolean = (writer: Writer, value: boolean): void => encoding.writeUint8(writer, value ? 1 : 0)

function readList<T>(reader: Reader, bytesEach: number, max: number, readOne: (reader: Reader) => T): T[] {
  const count = reading.readCount(reader, bytesEach, max)
  const list: T[] = []
  for (let i = 0; i < count; i++) list.push(readOne(reader))
  return list
}

function readSeq(reader: Reader): number {
  const seq = reading.readVarint(reader)
  return seq > 0 ? seq : malformed('a number that counts from 1 is 0')
}

function writePlace(writer: Writer, place: Place): void {
  writeHex(writer, place.epoch)
  encoding.writeVarUint(writer, place.offset)
}

const readPlace = (reader: Reader): Place => ({ epoch: reading.readHex8(reader), offset: reading.readVarint(reader) })

/** id, one byte (bit 0: gc, bit 1: an epoch follows), and the epoch where it is not the first. */
function writeRef(writer: Writer, ref: DocumentRef): void {
  encoding.writeVarString(writer, ref.document)
  const first = ref.epoch === FIRST_EPOCH
  encoding.writeUint8(writer, (ref.gc ? 1 : 0) | (first ? 0 : 2))
  if (first) return
  encoding.writeVarUint(writer, Number.parseInt(ref.epoch.slice(0, 8), 16))
  writeHex(writer, ref.epoch.slice(8))
}

function readRef(reader: Reader): DocumentRef {
  const document = reading.readText(reader, limits.DOCUMENT_ID_BYTES_MAX)
  checkDocumentId(document)
  const flags = reading.readByte(reader)
  if (flags > 3) malformed(`flags ${flags} of a document`)
  return { document, gc: (flags & 1) !== 0, epoch: (flags & 2) === 0 ? FIRST_EPOCH : readEpoch(reader) }
}

function readEpoch(reader: Reader): string {
  const counter = reading.readVarint(reader, 0xffffffff)
  const epoch = counter.toString(16).padStart(8, '0') + reading.readHex8(reader)
  return epoch === FIRST_EPOCH ? malformed('the first epoch of a document written out') : epoch
}

const readCatalogEntry = (reader: Reader): CatalogEntry => ({
  ...readRef(reader),
  fingerprint: reading.readHex8(reader),
})

/** Version vectors are kept with documents in the form that travels. */
export function encodeVector(vector: VersionVector): Uint8Array {
  const writer = encoding.createEncoder()
  writeVector(writer, vector)
  return encoding.toUint8Array(writer)
}

/** Raises `bad-frame` for anything but exactly one vector. */
export function decodeVector(bytes: Uint8Array): Map<string, Head> {
  const reader = reading.createReader(bytes)
  const vector = readVector(reader)
  return reading.bytesLeft(reader) === 0 ? vector : malformed('bytes follow a version vector')
}

function writeVector(writer: Writer, vector: VersionVector): void {
  encoding.writeVarUint(writer, vector.size)
  for (const [origin, head] of vector) {
    writeHex(writer, origin)
    encoding.writeVarUint(writer, head.seq)
    writeHex(writer, head.chain)
  }
}

function readVector(reader: Reader): Map<string, Head> {
  const count = reading.readCount(reader, 17, limits.VECTOR_ORIGINS_MAX)
  const vector = new Map<string, Head>()
  for (let i = 0; i < count; i++) {
    const origin = reading.readHex8(reader)
    vector.set(origin, { seq: readSeq(reader), chain: reading.readHex8(reader) })
  }
  return vector.size === count ? vector : malformed('an origin stands twice in a version vector')
}

function writeRun(writer: Writer, run: Run): void {
  writeHex(writer, run.origin)
  encoding.writeVarUint(writer, run.first)
  writeHex(writer, run.chain)
  encoding.writeVarUint(writer, run.updates.length)
  for (const update of run.updates) writeUpdate(writer, update)
}

function readRun(reader: Reader): Run {
  const origin = reading.readHex8(reader)
  const first = readSeq(reader)
  const chain = reading.readHex8(reader)
  const updates = readList(reader, 2, limits.FRAME_BYTES_MAX, readUpdate)
  return updates.length > 0 ? { origin, first, chain, updates } : malformed('a run without records')
}

function writeUpdate(writer: Writer, update: { kind: UpdateKind; bytes: Uint8Array }): void {
  encoding.writeUint8(writer, UPDATE_KINDS.indexOf(update.kind))
  encoding.writeVarUint8Array(writer, update.bytes)
}

function readUpdate(reader: Reader): { kind: UpdateKind; bytes: Uint8Array } {
  const number = reading.readByte(reader)
  const kind = UPDATE_KINDS[number]
  if (kind === undefined) return malformed(`there is no kind of update ${number}`)
  return { kind, bytes: reading.readBytes(reader, limits.UPDATE_BYTES_MAX) }
}

function readCode(reader: Reader) {
  const number = reading.readVarint(reader)
  return errorCode(number) ?? malformed(`there is no error ${number}`)
}
