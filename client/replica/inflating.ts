/** The pieces of a checkpoint, and what they hold: loaded when the first document that has one is opened. */
import { inflatePiece } from '../../shared/update/inflate-piece.ts'
import type { FoundPiece } from './pieces.ts'

export { readPieces } from './pieces.ts'

/** Inflates pieces that are sound. */
export const inflateAll = (pieces: readonly FoundPiece[]): Uint8Array[] =>
  pieces.flatMap(({ row, isSound }) => (row !== undefined && isSound ? [inflatePiece(row)] : []))

/** Bytes of pieces that are checked and inflated before others run: some milliseconds. */
const STEP_BYTES = 1024 * 1024

/** What sound pieces hold, and those that are not. */
export async function inflateInSteps(
  pieces: readonly FoundPiece[],
  pause: () => Promise<void>,
): Promise<{ updates: Uint8Array[]; damaged: FoundPiece[] }> {
  const updates: Uint8Array[] = []
  const damaged: FoundPiece[] = []
  let bytes = 0
  for (const piece of pieces) {
    const { row } = piece
    if (row !== undefined && piece.isSound) updates.push(inflatePiece(row))
    else damaged.push(piece)
    bytes += row?.size ?? 0
    if (bytes < STEP_BYTES) continue
    await pause()
    bytes = 0
  }
  return { updates, damaged }
}
