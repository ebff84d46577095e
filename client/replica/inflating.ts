/** The pieces of a checkpoint, and what they hold: loaded when the first document that has one is opened. */
import { inflatePiece } from '../../shared/update/inflate-piece.ts'
import type { FoundPiece } from './pieces.ts'

export { readPieces } from './pieces.ts'

/** Inflates pieces that are sound. */
export const inflateAll = (pieces: readonly FoundPiece[]): Uint8Array[] =>
  pieces.flatMap(({ row, isSound }) => (row !== undefined && isSound ? [inflatePiece(row)] : []))
