/** The fields that messages are made of, as bytes: writing and reading stand side by side. Everything read is bounded. */
import * as encoding from 'lib0/encoding'
import type { Head, VersionVector } from '../causality/version-vector.ts'
import { errorCode } from '../error-numbers.ts'
import { byteAt } from '../hash.ts'
import { checkDocumentId, FIRST_EPOCH } from '../ids.ts'
import * as limits from '../limits.ts'
import * as reading from '../reader.ts'
import { malformed, type Reader } from '../reader.ts'
import { type DocumentRef, UPDATE_KINDS, type UpdateKind } from '../update/record.ts'
import type { CatalogEntry, Place, Run } from './messages.ts'

export type Writer = encoding.Encoder

/** Most of what is written: byte by byte it needs no array. */
export function writeHex(writer: Writer, hex: string): void {
  for (let at = 0; at < hex.length; at += 2) encoding.write(writer, byteAt(hex, at))
}

export const writeBoolean = (writer: Writer, value: boolean): void => encoding.writeUint8(writer, value ? 1 : 0)

export function readList<T>(reader: Reader, bytesEach: number, max: number, readOne: (reader: Reader) => T): T[] {
  const count = reading.readCount(reader, bytesEach, max)
  const list: T[] = []
  for (let i = 0; i < count; i++) list.push(readOne(reader))
  return list
}

export function readSeq(reader: Reader): number {
  const seq = reading.readVarint(reader)
  return seq > 0 ? seq : malformed('a number that counts from 1 is 0')
}

export function writePlace(writer: Writer, place: Place): void {
  writeHex(writer, place.epoch)
  encoding.writeVarUint(writer, place.offset)
}

export const readPlace = (reader: Reader): Place => ({
  epoch: reading.readHex8(reader),
  offset: reading.readVarint(reader),
})

/** id, one byte (bit 0: gc, bit 1: an epoch follows), and the epoch where it is not the first. */
export function writeRef(writer: Writer, ref: DocumentRef): void {
  encoding.writeVarString(writer, ref.document)
  const first = ref.epoch === FIRST_EPOCH
  encoding.writeUint8(writer, (ref.gc ? 1 : 0) | (first ? 0 : 2))
  if (first) return
  encoding.writeVarUint(writer, Number.parseInt(ref.epoch.slice(0, 8), 16))
  writeHex(writer, ref.epoch.slice(8))
}

export function readRef(reader: Reader): DocumentRef {
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

export const readCatalogEntry = (reader: Reader): CatalogEntry => ({
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

export function writeVector(writer: Writer, vector: VersionVector): void {
  encoding.writeVarUint(writer, vector.size)
  for (const [origin, head] of vector) {
    writeHex(writer, origin)
    encoding.writeVarUint(writer, head.seq)
    writeHex(writer, head.chain)
  }
}

export function readVector(reader: Reader): Map<string, Head> {
  const count = reading.readCount(reader, 17, limits.VECTOR_ORIGINS_MAX)
  const vector = new Map<string, Head>()
  for (let i = 0; i < count; i++) {
    const origin = reading.readHex8(reader)
    vector.set(origin, { seq: readSeq(reader), chain: reading.readHex8(reader) })
  }
  return vector.size === count ? vector : malformed('an origin stands twice in a version vector')
}

/** Heads of a document, and a number of relays. */
export function writeHeads(writer: Writer, message: DocumentRef & { vector: VersionVector; relays: number }): void {
  writeRef(writer, message)
  writeVector(writer, message.vector)
  encoding.writeVarUint(writer, message.relays)
}

export const readHeads = (reader: Reader) => ({
  ...readRef(reader),
  vector: readVector(reader),
  relays: reading.readVarint(reader, limits.RELAYS_MAX),
})

export function writeRun(writer: Writer, run: Run): void {
  writeHex(writer, run.origin)
  encoding.writeVarUint(writer, run.first)
  writeHex(writer, run.chain)
  encoding.writeVarUint(writer, run.updates.length)
  for (const update of run.updates) writeUpdate(writer, update)
}

export function readRun(reader: Reader): Run {
  const origin = reading.readHex8(reader)
  const first = readSeq(reader)
  const chain = reading.readHex8(reader)
  const updates = readList(reader, 2, limits.FRAME_BYTES_MAX, readUpdate)
  return updates.length > 0 ? { origin, first, chain, updates } : malformed('a run without records')
}

export function writeUpdate(writer: Writer, update: { kind: UpdateKind; bytes: Uint8Array }): void {
  encoding.writeUint8(writer, UPDATE_KINDS.indexOf(update.kind))
  encoding.writeVarUint8Array(writer, update.bytes)
}

export function readUpdate(reader: Reader): { kind: UpdateKind; bytes: Uint8Array } {
  const number = reading.readByte(reader)
  const kind = UPDATE_KINDS[number]
  if (kind === undefined) return malformed(`there is no kind of update ${number}`)
  return { kind, bytes: reading.readBytes(reader, limits.UPDATE_BYTES_MAX) }
}

export function readCode(reader: Reader) {
  const number = reading.readVarint(reader)
  return errorCode(number) ?? malformed(`there is no error ${number}`)
}
