/** How much of a document there is to fold. It is asked after every pause in the typing, so it counts on from where it ended last. */
import { headOf } from '../../shared/causality/version-vector.ts'
import type { Hash64 } from '../../shared/hash.ts'
import type { DocumentId, OriginId } from '../../shared/ids.ts'
import type { LogSize } from '../../shared/update/fold.ts'
import { countPieces } from './checkpoints.ts'
import { firstWaiting } from './record-rows.ts'
import { coveredBy, vectorOf } from './rows.ts'
import type { ReadTransaction, ReplicaStore } from './store.ts'

/** What was counted of a document, and for how long that holds. */
interface Measured {
  readonly epoch: string
  readonly shrunk: number
  readonly checkpoint: Hash64 | undefined
  readonly counted: Map<OriginId, number>
  records: number
  recordBytes: number
}

/** Documents of which it is remembered; the others are counted from the beginning. */
const MEASURED_MAX = 1_000

/** What waits is not counted. */
export function createMeasuring(store: ReplicaStore): (document: DocumentId) => Promise<LogSize> {
  const known = new Map<DocumentId, Measured>()

  async function measure(transaction: ReadTransaction, document: DocumentId): Promise<LogSize> {
    const row = await transaction.get('documents', [document])
    if (row === undefined) return { records: 0, recordBytes: 0, pieces: 0, bytes: 0 }
    const checkpoint = await transaction.get('checkpoints', [document])
    const { epoch, shrunk = 0 } = row
    const before = known.get(document)
    const holds = before?.epoch === epoch && before.shrunk === shrunk && before.checkpoint === checkpoint?.id
    const now: Measured = holds
      ? { ...before, counted: new Map(before.counted) }
      : { epoch, shrunk, checkpoint: checkpoint?.id, counted: new Map(), records: 0, recordBytes: 0 }
    const covered = coveredBy(checkpoint)
    const waits = firstWaiting(row.waiting)
    for (const [origin, { seq }] of vectorOf(row)) {
      const to = Math.min(seq, (waits.get(origin) ?? Number.POSITIVE_INFINITY) - 1)
      const from = 1 + Math.max(headOf(covered, origin).seq, now.counted.get(origin) ?? 0)
      if (from > to) continue
      const found = await transaction.range('records', [document, origin], { from, limit: to - from + 1 })
      now.records += found.length
      now.recordBytes += found.reduce((sum, { value }) => sum + value.bytes.length, 0)
      now.counted.set(origin, to)
    }
    known.delete(document)
    known.set(document, now)
    for (const oldest of known.keys()) {
      if (known.size <= MEASURED_MAX) break
      known.delete(oldest)
    }
    const { records, recordBytes } = now
    return { records, recordBytes, pieces: countPieces(checkpoint?.pieces ?? []), bytes: checkpoint?.bytes ?? 0 }
  }

  return (document) =>
    store.read(['documents', 'records', 'checkpoints'], (transaction) => measure(transaction, document))
}
