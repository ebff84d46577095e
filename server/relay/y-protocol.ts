/**
 * The bytes that a stock y-websocket client speaks (y-protocols, version 1), read without trusting a length in them. A
 * message is one WebSocket message: what it is about, for `sync` which step, then bytes with their length in front.
 * y-protocols' own readers apply what they read and accept what follows it; these only read, and demand the end.
 */
import * as encoding from 'lib0/encoding'
import { bytesLeft, createReader, malformed, type Reader, readBytes, readVarint } from '../../shared/reader.ts'

/** What comes from a stock client. Its bytes are a view of the frame. */
export type YMessage =
  /** Asks for what this Yjs state vector lacks; to be answered with `encodeStep2`. */
  | { type: 'step1'; vector: Uint8Array }
  /** The answer to a step 1. */
  | { type: 'step2'; update: Uint8Array }
  | { type: 'update'; update: Uint8Array }
  | { type: 'awareness'; bytes: Uint8Array }
  /** Asks for the awareness of everybody. */
  | { type: 'query-awareness' }

const SYNC = 0
const AWARENESS = 1
const QUERY_AWARENESS = 3

const STEP_1 = 0
const STEP_2 = 1
const UPDATE = 2

/** Bytes of a message beside the update or awareness in it. */
export const Y_HEAD_BYTES = 16

/** Raises `bad-frame` for anything but exactly one message. */
export function decodeYMessage(frame: Uint8Array): YMessage {
  const reader = createReader(frame)
  const message = readMessage(reader)
  return bytesLeft(reader) === 0 ? message : malformed('bytes follow a message')
}

function readMessage(reader: Reader): YMessage {
  const about = readVarint(reader)
  if (about === SYNC) return readSync(reader)
  if (about === AWARENESS) return { type: 'awareness', bytes: readRest(reader) }
  if (about === QUERY_AWARENESS) return { type: 'query-awareness' }
  return malformed(`there is no message ${about} from a client`)
}

function readSync(reader: Reader): YMessage {
  const step = readVarint(reader)
  if (step === STEP_1) return { type: 'step1', vector: readRest(reader) }
  if (step === STEP_2) return { type: 'step2', update: readRest(reader) }
  if (step === UPDATE) return { type: 'update', update: readRest(reader) }
  return malformed(`there is no sync step ${step}`)
}

const readRest = (reader: Reader): Uint8Array => readBytes(reader, reader.bytes.length)

export const encodeStep1 = (vector: Uint8Array): Uint8Array => encode([SYNC, STEP_1], vector)
export const encodeStep2 = (update: Uint8Array): Uint8Array => encode([SYNC, STEP_2], update)
export const encodeUpdate = (update: Uint8Array): Uint8Array => encode([SYNC, UPDATE], update)
export const encodeAwareness = (states: Uint8Array): Uint8Array => encode([AWARENESS], states)

function encode(head: readonly number[], bytes: Uint8Array): Uint8Array {
  const encoder = encoding.createEncoder()
  for (const byte of head) encoding.writeUint8(encoder, byte)
  encoding.writeVarUint8Array(encoder, bytes)
  return encoding.toUint8Array(encoder)
}
