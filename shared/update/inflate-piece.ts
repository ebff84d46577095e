/** The update that a piece holds. */
import { RejoinError, toRejoinError } from '../errors.ts'
import { inflate } from '../inflate.ts'
import { UPDATE_BYTES_MAX } from '../limits.ts'
import type { PieceBytes } from './piece-bytes.ts'

/** Raises `invalid-update` for bytes that do not inflate to their size and `too-big` for a size beyond `UPDATE_BYTES_MAX`. */
export function inflatePiece({ size, bytes }: PieceBytes): Uint8Array {
  if (size > UPDATE_BYTES_MAX)
    throw new RejoinError('too-big', `a piece of ${size} bytes; the most is ${UPDATE_BYTES_MAX}`)
  try {
    return inflate(bytes, size)
  } catch (error) {
    const { message } = toRejoinError(error, 'invalid-update', 'a piece')
    throw new RejoinError('invalid-update', message)
  }
}
