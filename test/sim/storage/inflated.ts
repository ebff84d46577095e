/** Pieces of checkpoints, each inflated once: they are looked at after many faults, and never change. */
import { inflatePiece } from '../../../shared/update/inflate-piece.ts'
import type { PieceBytes } from '../../../shared/update/piece-bytes.ts'

const known = new WeakMap<Uint8Array, Uint8Array>()

export function inflated(piece: PieceBytes): Uint8Array {
  const found = known.get(piece.bytes) ?? inflatePiece(piece)
  known.set(piece.bytes, found)
  return found
}
