/** How much of a document there is to fold. It is asked after every pause in the typing, so it counts on from where it ended last. */
import { headOf } from '../../shared/causality/version-vector.ts'
import type { Hash64 } from '../../shared/hash.ts'
import type { DocumentId, OriginId } from '../../shared/ids.ts'
import { COMPACT_BYTES, COMPACT_RECORDS, type LogSize, wantsFolding } from '../../shared/update/fold.ts'
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
  readonly spare: Spare
}

/** How much may come, and how often it may be asked, before there can be something to fold: until then nothing is read for that. */
interface Spare {
  records: number
  bytes: number
  looks: number
}

export interface Measuring {
  size(document: DocumentId): Promise<LogSize>
  /** Whether folding pays. */
  wantsFolding(document: DocumentId): Promise<boolean>
  /** This log has added so much to a document: records of these bytes, or `Infinity` where that is not known. */
  grew(document: DocumentId, records: number, bytes: number): void
}

/** Questions that are answered by what this log has added itself: what other tabs add is counted with the next. */
const LOOKS_MAX = 16

/** Documents of which it is remembered; the others are counted from the beginning. */
const MEASURED_MAX = 1_000

/** What waits is not counted. */
export function createMeasuring(store: ReplicaStore): Measuring {
  const known = new Map<DocumentId, Measured>()

  async function measure(transaction: ReadTransaction, document: DocumentId): Promise<LogSize> {
    const row = await transaction.get('documents', [document])
    if (row === undefined) return { records: 0, recordBytes: 0, pieces: 0, bytes: 0 }
    const checkpoint = await transaction.get('checkpoints', [document])
    const { epoch, shrunk = 0 } = row
    const before = known.get(document)
    const holds = before?.epoch === epoch && before.shrunk === shrunk && before.checkpoint === checkpoint?.id
    const now: Measured = holds
      ? { ...before, counted: new Map(before.counted), spare: noSpare() }
      : { epoch, shrunk, checkpoint: checkpoint?.id, counted: new Map(), records: 0, recordBytes: 0, spare: noSpare() }
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
    const pieces = countPieces(checkpoint?.pieces ?? [])
    const measured = { records, recordBytes, pieces, bytes: checkpoint?.bytes ?? 0 }
    // What waits is to be counted once it is acknowledged.
    if (row.waiting.length === 0 && !wantsFolding(measured)) {
      now.spare.records = COMPACT_RECORDS - records
      now.spare.bytes = COMPACT_BYTES - recordBytes
      now.spare.looks = LOOKS_MAX
    }
    return measured
  }

  const size = (document: DocumentId): Promise<LogSize> =>
    store.read(['documents', 'records', 'checkpoints'], (transaction) => measure(transaction, document))

  return {
    size,
    async wantsFolding(document) {
      const spare = known.get(document)?.spare
      if (spare !== undefined && spare.records >= 0 && spare.bytes >= 0 && spare.looks-- > 0) return false
      return wantsFolding(await size(document))
    },
    grew(document, records, bytes) {
      const spare = known.get(document)?.spare
      if (spare === undefined) return
      spare.records -= records
      spare.bytes -= bytes
    },
  }
}

const noSpare = (): Spare => ({ records: 0, bytes: 0, looks: 0 })
