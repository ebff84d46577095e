/** Pieces of a checkpoint, as they are stored and sent: a Yjs update, deflated, with its size. */
import { deflate, inflate } from '../deflate.ts'
import { RejoinError, toRejoinError } from '../errors.ts'
import { UPDATE_BYTES_MAX } from '../limits.ts'

export interface PieceBytes {
  /** Bytes when inflated. */
  size: number
  /** Raw deflate. */
  bytes: Uint8Array
}

export const deflatePiece = (update: Uint8Array): PieceBytes => ({ size: update.length, bytes: deflate(update) })

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
