/** Frames in the body of a request or an answer: one after the other, each behind its length (u32, little-endian). */
import { malformed } from '../reader.ts'

const LENGTH_BYTES = 4

export function joinFrames(frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(frames.reduce((sum, frame) => sum + LENGTH_BYTES + frame.length, 0))
  const view = new DataView(body.buffer)
  let at = 0
  for (const frame of frames) {
    view.setUint32(at, frame.length, true)
    body.set(frame, at + LENGTH_BYTES)
    at += LENGTH_BYTES + frame.length
  }
  return body
}

/** The frames of a body, as views of it. Raises `bad-frame`. */
export function framesOf(body: Uint8Array): Uint8Array[] {
  const view = new DataView(body.buffer, body.byteOffset, body.length)
  const frames: Uint8Array[] = []
  for (let at = 0; at < body.length; ) {
    if (body.length - at < LENGTH_BYTES) malformed('a body is cut')
    const end = at + LENGTH_BYTES + view.getUint32(at, true)
    if (end > body.length) malformed('a body is cut')
    frames.push(body.subarray(at + LENGTH_BYTES, end))
    at = end
  }
  return frames
}
