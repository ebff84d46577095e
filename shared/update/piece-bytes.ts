/** Pieces of a checkpoint, as they are stored and sent: a Yjs update, deflated, with its size. */

import { createEncoder, toUint8Array, writeUint8Array, writeVarUint } from 'lib0/encoding'
import { fromHex, type Hash64, hash64 } from '../hash.ts'
import type { DocumentRef } from './record.ts'

export interface PieceBytes {
  /** Bytes when inflated. */
  size: number
  /** Raw deflate. */
  bytes: Uint8Array
}

const texts = new TextEncoder()

/** The checksum of a stored piece: of its bytes and of its place, so that one that was flipped, cut or moved is seen. */
export function pieceChecksum(where: DocumentRef, id: Hash64, index: number, { size, bytes }: PieceBytes): Hash64 {
  const encoder = createEncoder()
  writeUint8Array(encoder, bytes)
  writeUint8Array(encoder, fromHex(id))
  writeUint8Array(encoder, texts.encode(`${where.epoch}/${where.document}/`))
  writeVarUint(encoder, index)
  writeVarUint(encoder, size)
  return hash64(toUint8Array(encoder))
}
