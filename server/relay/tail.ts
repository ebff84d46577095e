/** What of a document waits to be folded: records that its checkpoint does not cover, and pieces that came in many small ones. */
import { COMPACT_BYTES, hasTooManyPieces } from '../../shared/update/fold.ts'
import type { Checkpoint } from '../storage/store.ts'

export interface Tail {
  /** Records after the checkpoint, and their bytes. */
  records: number
  bytes: number
  /** The checkpoint has many more pieces than its bytes need, and is to be compacted. */
  scattered: boolean
}

/** Inflated bytes of a document that is compacted together: it is in memory for that, and to split it takes a step of its own. */
export const COMPACT_SIZE_MAX = 4 * 1024 * 1024

/** Nothing is behind this checkpoint. */
export const newTail = (checkpoint: Pick<Checkpoint, 'pieces' | 'size'> | undefined): Tail => ({
  records: 0,
  bytes: 0,
  scattered:
    checkpoint !== undefined &&
    checkpoint.size <= COMPACT_SIZE_MAX &&
    hasTooManyPieces(checkpoint.pieces, checkpoint.size),
})

/** Whether a document is to be folded. */
export const isFoldDue = (tail: Tail, recordsMax: number): boolean =>
  tail.records > recordsMax || tail.bytes > COMPACT_BYTES || tail.scattered
