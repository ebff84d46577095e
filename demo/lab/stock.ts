/**
 * What a stock Yjs server and its clients would have sent in the same place: each document by itself, a state vector and
 * the answer to it both ways at every connection. Reckoned with Yjs itself.
 */
import * as Y from 'yjs'

/** y-websocket's own bytes around each message: two kinds and a length. */
const FRAME_BYTES = 4
/** Of documents that have not changed since they were reckoned. */
const reckoned = new WeakMap<Y.Doc, number>()

/** Bytes of a reconnect, both ways: of the first document with a server that holds `held`, of the others with one that lacks nothing. */
export function reconnectBytes([first, ...others]: readonly Y.Doc[], held: Y.Doc): number {
  const bytes = first === undefined ? 0 : bytesBetween(first, held)
  return others.reduce((sum, doc) => sum + bytesOfEqual(doc), bytes)
}

function bytesBetween(doc: Y.Doc, other: Y.Doc): number {
  const [own, theirs] = [Y.encodeStateVector(doc), Y.encodeStateVector(other)]
  const answers = Y.encodeStateAsUpdate(other, own).length + Y.encodeStateAsUpdate(doc, theirs).length
  return own.length + theirs.length + answers + 4 * FRAME_BYTES
}

function bytesOfEqual(doc: Y.Doc): number {
  const before = reckoned.get(doc)
  if (before !== undefined) return before
  const bytes = bytesBetween(doc, doc)
  reckoned.set(doc, bytes)
  doc.once('update', () => reckoned.delete(doc))
  return bytes
}
