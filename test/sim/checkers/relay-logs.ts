/** What must hold of every commit of a relay: its log is well formed, without a gap, on one history, and its vectors stand for it. */
import type { Checkpoint, CommitBatch, Fold, LogEntry } from '../../../server/storage/store.ts'
import { nextChain } from '../../../shared/causality/chain.ts'
import { type Head, headOf } from '../../../shared/causality/version-vector.ts'
import { PIECE_BYTES_TARGET } from '../../../shared/limits.ts'
import { COMPACT_PIECES } from '../../../shared/update/fold.ts'
import type { UpdateSummary } from '../../../shared/update/inspect.ts'
import { createIntervalIndex, type IntervalIndex } from '../../../shared/update/intervals.ts'
import type { RelayDiskCopy } from '../storage/relay-disk.ts'
import type { Dots } from './dots.ts'
import { summaryOf } from './summaries.ts'
import { type Held, type HeldRecord, vectorOf } from './types.ts'

/** Pieces of a checkpoint beyond what its bytes need: as many more as make it due to be folded may come before that is done. */
const PIECES_MAX = 2 * COMPACT_PIECES

export interface RelayLogs {
  /** `head`: of the log, after it. */
  committed(relay: string, batch: CommitBatch, head: number): void
  restored(relay: string, changes: RelayDiskCopy): void
  /** The disk is to be asked again what it holds of a document. */
  spoiled(relay: string, document: string): void
  of(relay: string): RelayLog
  /** Whether some relay holds all of an update. */
  hold(document: string, summary: UpdateSummary): boolean
  /** Whether some relay holds an origin's records up to this one. */
  holdDot(document: string, origin: string, seq: number): boolean
  /** Which relays hold all of an update. */
  holders(document: string, summary: UpdateSummary): string[]
}

export interface RelayLog extends Held {
  /** Offset of the newest entry. */
  readonly head: number
  /** Records by their offsets; other entries hold none. */
  readonly records: ReadonlyMap<number, HeldRecord>
  /** Times that it was put back, or lost a document to damage. */
  readonly restored: number
}

export interface RelayLogsOptions {
  dots: Dots
  /** All that a relay's disk holds of a document. */
  updatesAt(relay: string, document: string): readonly Uint8Array[]
  fail(what: string): void
}

interface Log extends RelayLog {
  head: number
  readonly records: Map<number, HeldRecord>
  readonly contents: Map<string, Content>
  restored: number
  /** Newest entries that were left as documents were given up since: a relay that starts again before it writes goes on from one. */
  readonly left: Set<number>
}

/** What a relay holds of a document; `undefined` where the disk is to be asked. */
interface Content {
  index: IntervalIndex | undefined
  readonly waiting: Uint8Array[]
}

export function createRelayLogs({ dots, updatesAt, fail }: RelayLogsOptions): RelayLogs {
  const logs = new Map<string, Log>()
  /** Where updates were found last: an index only grows, until another one takes its place. */
  const found = new WeakMap<UpdateSummary, IntervalIndex>()

  function of(relay: string): Log {
    const found = logs.get(relay) ?? createLog(0)
    logs.set(relay, found)
    return found
  }

  function take(relay: string, log: Log, batch: CommitBatch, head: number): void {
    for (const document of batch.givenUp ?? []) giveUp(log, document)
    if (batch.entries.length === 0 && head < log.head) log.left.add(head)
    for (const entry of batch.entries) {
      if (entry.offset !== log.head + 1 && !log.left.has(entry.offset - 1)) {
        fail(`[P4] ${relay} wrote offset ${entry.offset} after ${log.head}`)
      }
      log.head = entry.offset
      log.left.clear()
      if ('record' in entry) takeRecord(relay, log, entry)
      const fold =
        'restored' in entry ? batch.folds?.find(({ checkpoint }) => checkpoint.through === entry.offset) : undefined
      if (fold !== undefined) takeRestored(relay, log, fold)
    }
    for (const { where, checkpoint } of batch.folds ?? []) checkPieces(relay, where.document, checkpoint)
    const offsets = new Set(batch.entries.map(({ offset }) => offset))
    for (const fold of batch.folds ?? []) if (!offsets.has(fold.checkpoint.through)) checkFold(relay, log, fold)
    for (const { document, vector } of batch.documents) checkVector(relay, log, document, vector)
  }

  function takeRecord(relay: string, log: Log, { offset, where: { document }, record }: LogEntry): void {
    const { origin, seq, chain, checksum } = record
    const vector = vectorOf(log, document)
    const before = headOf(vector, origin)
    if (seq !== before.seq + 1) fail(`[P4] ${relay} took ${origin}/${seq} of ${document} after ${before.seq}`)
    if (nextChain(before.chain, checksum) !== chain) fail(`[P8] ${relay} took ${origin}/${seq} on another history`)
    dots.seen(document, origin, seq, chain)
    vector.set(origin, { seq, chain })
    log.records.set(offset, { document, origin, seq })
    contentOf(log, document).waiting.push(record.bytes)
  }

  /** A checkpoint from outside brings dots without records, and where it stands alone also other ones under the same names. */
  function takeRestored(relay: string, log: Log, { where: { document }, checkpoint, alone }: Fold): void {
    const vector = vectorOf(log, document)
    for (const [origin, head] of checkpoint.vector) {
      const held = headOf(vector, origin)
      if (head.seq > held.seq || (alone && head.seq === held.seq && head.chain >= held.chain)) vector.set(origin, head)
      else if (alone) fail(`[P4] ${relay} yields ${origin}/${held.seq} of ${document} to ${head.seq}`)
    }
    contentOf(log, document).index = undefined
  }

  /** One that is made here says no more than what is held. */
  function checkFold(relay: string, log: Log, { where: { document }, checkpoint }: Fold): void {
    const held = vectorOf(log, document)
    for (const [origin, { seq }] of checkpoint.vector) {
      if (seq > headOf(held, origin).seq) fail(`[P4] ${relay} folds ${origin}/${seq} of ${document} without holding it`)
    }
  }

  /** What goes to and fro between relays makes none that grows and grows. */
  function checkPieces(relay: string, document: string, { pieces, size }: Checkpoint): void {
    const most = PIECES_MAX + 4 * Math.ceil(size / PIECE_BYTES_TARGET)
    if (pieces > most) fail(`[P7] ${relay} has ${pieces} pieces of ${document}, ${size} bytes in all`)
  }

  function checkVector(relay: string, log: Log, document: string, vector: ReadonlyMap<string, Head>): void {
    const own = vectorOf(log, document)
    for (const [origin, { seq, chain }] of vector) {
      const known = headOf(own, origin)
      if (known.seq !== seq || known.chain !== chain) fail(`[P4] ${relay} notes ${origin}/${seq} of ${document}`)
    }
  }

  /** Nothing of it is held any more. */
  function giveUp(log: Log, document: string): void {
    log.vectors.delete(document)
    log.contents.delete(document)
    for (const [offset, record] of log.records) if (record.document === document) log.records.delete(offset)
    log.restored++
  }

  function indexOf(relay: string, log: Log, document: string): IntervalIndex | undefined {
    const content = log.contents.get(document)
    if (content === undefined) return undefined
    const waiting = content.waiting.splice(0)
    const updates = content.index === undefined ? updatesAt(relay, document) : waiting
    const index = content.index ?? createIntervalIndex()
    content.index = index
    for (const update of updates) index.add(summaryOf(update))
    return index
  }

  return {
    of,
    committed: (relay, batch, head) => take(relay, of(relay), batch, head),
    restored(relay, changes) {
      const log = createLog(of(relay).restored + 1)
      logs.set(relay, log)
      for (const change of changes) {
        if (change.type === 'commit') take(relay, log, change.batch, change.head)
      }
    },
    spoiled(relay, document) {
      const content = of(relay).contents.get(document)
      if (content !== undefined) content.index = undefined
    },
    holders: (document, summary) =>
      [...logs].flatMap(([relay, log]) => (indexOf(relay, log, document)?.adds(summary) === false ? [relay] : [])),
    holdDot: (document, origin, seq) =>
      [...logs.values()].some((log) => headOf(vectorOf(log, document), origin).seq >= seq),
    hold(document, summary) {
      const before = found.get(summary)
      for (const { contents } of logs.values()) if (before && contents.get(document)?.index === before) return true
      for (const [relay, log] of logs) {
        const index = indexOf(relay, log, document)
        if (index?.adds(summary) !== false) continue
        found.set(summary, index)
        return true
      }
      return false
    },
  }
}

const createLog = (restored: number): Log => ({
  vectors: new Map(),
  head: 0,
  records: new Map(),
  contents: new Map(),
  restored,
  left: new Set(),
})

function contentOf(log: Log, document: string): Content {
  let content = log.contents.get(document)
  if (content === undefined) {
    content = { index: createIntervalIndex(), waiting: [] }
    log.contents.set(document, content)
  }
  return content
}
