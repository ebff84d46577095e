/**
 * Frames, the unit of the connection: one WebSocket message holds 4 bytes of checksum (the low half of SipHash-2-4 under the
 * public key, little-endian) over one or more messages. Where it is shorter so, the messages travel deflated, as one message
 * of their own. Everything read is bounded; a failure is one `bad-frame`.
 */
import * as encoding from 'lib0/encoding'
import { deflate } from '../deflate.ts'
import { RejoinError } from '../errors.ts'
import { siphash } from '../hash.ts'
import { inflate } from '../inflate.ts'
import * as limits from '../limits.ts'
import * as reading from '../reader.ts'
import { malformed, type Reader } from '../reader.ts'
import { PIECE_NUMBER, readMessage } from './formats.ts'
import type { Message } from './messages.ts'

export { decodeVector, encodeVector } from './fields.ts'
export { encodeMessage } from './formats.ts'

/** The number of the message that holds the others deflated: varint bytes when inflated, then deflate-raw to the end. */
const DEFLATED_NUMBER = 15

const CHECKSUM_BYTES = 4

/** Below this deflating saves next to nothing. */
const DEFLATE_BYTES_MIN = 128

/** A frame of encoded messages. */
export function encodeFrame(messages: readonly Uint8Array[]): Uint8Array {
  let length = CHECKSUM_BYTES
  for (const message of messages) length += message.length
  const frame = new Uint8Array(length)
  let at = CHECKSUM_BYTES
  for (const message of messages) {
    frame.set(message, at)
    at += message.length
  }
  return withChecksum(shorter(frame, messages) ?? frame)
}

/** The frame deflated, if that is worth it. Pieces are deflated already. */
function shorter(frame: Uint8Array, messages: readonly Uint8Array[]): Uint8Array | undefined {
  if (frame.length < DEFLATE_BYTES_MIN || messages.some((message) => message[0] === PIECE_NUMBER)) return undefined
  const writer = encoding.createEncoder()
  encoding.writeUint32(writer, 0)
  encoding.writeUint8(writer, DEFLATED_NUMBER)
  encoding.writeVarUint(writer, frame.length - CHECKSUM_BYTES)
  encoding.writeUint8Array(writer, deflate(frame.subarray(CHECKSUM_BYTES)))
  // Who reads it works for it as well: a few bytes are not worth that.
  return encoding.length(writer) < frame.length * 0.9 ? encoding.toUint8Array(writer) : undefined
}

function withChecksum(frame: Uint8Array): Uint8Array {
  new DataView(frame.buffer, frame.byteOffset).setUint32(0, siphash(frame.subarray(CHECKSUM_BYTES)), true)
  return frame
}

/** The messages of a frame. Raises `too-big` or `bad-frame`; then nothing of it is to be used. */
export function decodeFrame(frame: Uint8Array): Message[] {
  if (frame.length > limits.FRAME_BYTES_MAX) {
    throw new RejoinError('too-big', `a frame of ${frame.length} bytes; the most is ${limits.FRAME_BYTES_MAX}`)
  }
  if (frame.length <= CHECKSUM_BYTES) malformed('a frame without a message')
  const checksum = new DataView(frame.buffer, frame.byteOffset, CHECKSUM_BYTES).getUint32(0, true)
  if (siphash(frame.subarray(CHECKSUM_BYTES)) !== checksum) malformed('the checksum of the frame is wrong')
  const reader = reading.createReader(frame)
  reader.at = CHECKSUM_BYTES
  return readMessages(frame[CHECKSUM_BYTES] === DEFLATED_NUMBER ? inflated(reader) : reader)
}

function inflated(reader: Reader): Reader {
  reading.readByte(reader)
  const size = reading.readVarint(reader, limits.FRAME_BYTES_MAX)
  return reading.createReader(inflate(reading.readFixed(reader, reading.bytesLeft(reader)), size))
}

function readMessages(reader: Reader): Message[] {
  const messages: Message[] = []
  while (reading.bytesLeft(reader) > 0) {
    if (messages.length === limits.FRAME_MESSAGES_MAX) malformed('too many messages in a frame')
    messages.push(readMessage(reader))
  }
  return messages.length > 0 ? messages : malformed('a frame without a message')
}
