/** What is told of a document when it is compared: what is held, and where a transfer that was cut goes on. */
import type { DocumentId, ReplicaId } from '../../shared/ids.ts'
import { COMPACT_RECORDS, encodeClocks } from '../../shared/update/fold.ts'
import { STATE_VECTOR_BYTES_MAX, STATE_VECTOR_ENTRIES_MAX } from '../../shared/update/limits.ts'
import { readBeyond } from './checkpoints.ts'
import { findFoldable } from './ground.ts'
import type { ToCompare } from './log-types.ts'
import { refOf, vectorOf } from './rows.ts'
import type { DocumentRow, ReadTransaction } from './store.ts'

/** What a relay was last told: pieces that answer it are taken for as long as nothing of it was taken out. */
export interface Told {
  shrunk: number
  stateVector?: Uint8Array
  /** The next pieces are taken although their dots are held: their content turned out not to be. */
  mends?: boolean
}

/** A state vector saves nothing where the log is not larger than this many of it. */
const WORTH_TELLING = 16

/** Records that are looked into for a state vector: what is to be folded soon, and some. */
const LOOKED_INTO_MAX = 4 * COMPACT_RECORDS

export async function readCompared(
  transaction: ReadTransaction,
  document: DocumentId,
  relay: ReplicaId,
): Promise<{ compare: ToCompare; told: Told } | undefined> {
  const row = await transaction.get('documents', [document])
  if (row === undefined) return undefined
  const partial = await transaction.get('partials', [document])
  const isFrom = partial?.relay === relay
  // A transfer goes on only where the same was told.
  const stateVector = isFrom ? partial.told : await readStateVector(transaction, row)
  const compare = {
    ref: refOf(row),
    vector: vectorOf(row),
    stateVector,
    partial: isFrom ? { id: partial.id, pieces: partial.pieces } : undefined,
  }
  return { compare, told: { shrunk: row.shrunk ?? 0, stateVector } }
}

/**
 * Of what may be folded only: what waits may leave the document, and must not be left out of what comes. `undefined` where it would
 * save nothing.
 */
async function readStateVector(transaction: ReadTransaction, row: DocumentRow): Promise<Uint8Array | undefined> {
  const vector = vectorOf(row)
  const checkpoint = await transaction.get('checkpoints', [row.document])
  const beyond = await readBeyond(transaction, row.document, vector, checkpoint, LOOKED_INTO_MAX)
  if (beyond.length >= LOOKED_INTO_MAX) return undefined
  const { clocks, records, bad } = findFoldable(row, vector, checkpoint, beyond)
  if (bad.length > 0 || clocks.size === 0 || clocks.size > STATE_VECTOR_ENTRIES_MAX) return undefined
  const bytes = records.reduce((sum, { value }) => sum + value.bytes.length, checkpoint?.bytes ?? 0)
  const stateVector = encodeClocks(clocks)
  return stateVector.length <= STATE_VECTOR_BYTES_MAX && bytes >= WORTH_TELLING * stateVector.length
    ? stateVector
    : undefined
}
