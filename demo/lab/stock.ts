/**
 * What a stock Yjs server and its clients would have sent in the same place: each document by itself, a state vector and
 * the answer to it both ways at every connection. Reckoned with Yjs itself.
 */
import * as Y from 'yjs'

/** y-websocket's own bytes around each message: two kinds and a length. */
const FRAME_BYTES = 4

/** Bytes of a reconnect of `device` to a server that holds what `server` holds, all documents, both ways. */
export function reconnectBytes(device: readonly Y.Doc[], server: readonly Y.Doc[]): number {
  let bytes = 0
  for (const [index, doc] of device.entries()) {
    const other = server[index] ?? doc
    const [own, theirs] = [Y.encodeStateVector(doc), Y.encodeStateVector(other)]
    bytes +=
      own.length + theirs.length + Y.encodeStateAsUpdate(other, own).length + Y.encodeStateAsUpdate(doc, theirs).length
    bytes += 4 * FRAME_BYTES
  }
  return bytes
}
