/** A relay's store in memory: the reference that the contract suite holds the others against. */
import { type Environment, systemEnvironment } from '../../shared/environment.ts'
import { assert, RejoinError } from '../../shared/errors.ts'
import type { Hash64 } from '../../shared/hash.ts'
import { type DocumentId, type OriginId, randomId } from '../../shared/ids.ts'
import { EPOCHS_KEPT_MAX, type EpochStart } from '../../shared/sync/places.ts'
import type { PieceBytes } from '../../shared/update/piece-bytes.ts'
import { verify } from '../../shared/update/record.ts'
import {
  type AnyEntry,
  type Checkpoint,
  type Fold,
  type Identity,
  type LogEntry,
  type Mark,
  type OriginOwner,
  QUARANTINED_MAX,
  type Quarantined,
  type RelayStore,
  type StoredDocument,
  type StoredSummary,
  type Transfer,
  type TransferPiece,
  type Writer,
} from './store.ts'

type Entry = AnyEntry

interface Row {
  stored: StoredDocument
  /** Its entries, in the order of the log. */
  entries: Entry[]
  /** Its records, by origin and seq. */
  dots: Map<string, LogEntry>
  checkpoint?: Checkpoint
  pieces: readonly PieceBytes[]
}

export function createMemoryStore(environment: Environment = systemEnvironment): RelayStore {
  const replica = randomId(environment)
  let identity: Identity = { replica, origin: replica }
  let epochs: EpochStart[] = []
  let log: Entry[] = []
  let marks: Mark[] = []
  let low = 0
  let summary: StoredSummary | undefined
  const documents = new Map<DocumentId, Row>()
  const writers = new Map<DocumentId, Map<number, Writer>>()
  const owners = new Map<OriginId, OriginOwner>()
  const quarantine = new Map<Hash64, Quarantined>()
  const transfers = new Map<DocumentId, { transfer: Transfer; pieces: PieceBytes[] }>()

  const head = (): number => log.at(-1)?.offset ?? 0

  function put(stored: StoredDocument): void {
    const kept = { ...stored, vector: new Map(stored.vector) }
    const row = documents.get(stored.document)
    if (row === undefined) documents.set(stored.document, { stored: kept, entries: [], dots: new Map(), pieces: [] })
    else row.stored = kept
  }

  function clear(id: DocumentId): void {
    const row = documents.get(id)
    log = log.filter(({ where }) => where.document !== id)
    if (row !== undefined) documents.set(id, { stored: row.stored, entries: [], dots: new Map(), pieces: [] })
    transfers.delete(id)
    writers.delete(id)
  }

  function takeOut(id: DocumentId): void {
    const row = documents.get(id)
    if (row === undefined) return
    for (const origin of row.stored.vector.keys()) owners.delete(origin)
    for (const entry of row.entries) if (isRecord(entry)) owners.delete(entry.record.origin)
    clear(id)
    documents.delete(id)
    epochs = []
    summary = undefined
    low = Math.min(low, head())
  }

  function append(entry: Entry): void {
    if ('tombstone' in entry) clear(entry.where.document)
    log.push(entry)
    const row = documents.get(entry.where.document)
    row?.entries.push(entry)
    if (isRecord(entry)) row?.dots.set(dotKey(entry.record.origin, entry.record.seq), entry)
  }

  function keep({ where, id, index, piece, at }: TransferPiece): void {
    if (index === 0) {
      const transfer = { where, id, pieces: 0, bytes: 0, size: 0, at }
      transfers.set(where.document, { transfer, pieces: [] })
    }
    const known = transfers.get(where.document)
    assert(known?.transfer.id === id && known.pieces.length === index, 'pieces of a transfer come in order')
    const { bytes, size } = known.transfer
    known.pieces.push(piece)
    known.transfer = {
      where,
      id,
      pieces: index + 1,
      bytes: bytes + piece.bytes.length,
      size: size + piece.size,
      at,
    }
  }

  function fold({ where, checkpoint, keep, pieces, transfer, alone }: Fold): void {
    const row = documents.get(where.document)
    assert(row !== undefined, 'a fold comes with its document')
    const adopted = transfer === 'adopted' ? (transfers.get(where.document)?.pieces ?? []) : []
    row.pieces = [...row.pieces.slice(0, keep), ...pieces, ...adopted]
    row.checkpoint = { ...checkpoint, vector: new Map(checkpoint.vector) }
    if (transfer !== undefined) transfers.delete(where.document)
    if (!alone) return
    const stays = ({ offset }: Entry): boolean => offset >= checkpoint.through
    log = log.filter((entry) => entry.where.document !== where.document || stays(entry))
    row.entries = row.entries.filter(stays)
    row.dots = new Map([...row.dots].filter(([, entry]) => stays(entry)))
  }

  function idsOf(is: (document: StoredDocument) => boolean, count: number): DocumentId[] {
    return [...documents.values()]
      .filter(({ stored }) => is(stored))
      .slice(0, count)
      .map(({ stored }) => stored.document)
  }

  return {
    identity: () => identity,
    epochs: () => epochs,
    head,
    low: () => low,
    commit(batch) {
      for (const id of batch.givenUp ?? []) takeOut(id)
      if (batch.epoch !== undefined) epochs = [...epochs, batch.epoch].slice(-EPOCHS_KEPT_MAX)
      if (batch.origin !== undefined) identity = { ...identity, origin: batch.origin }
      if (batch.mark !== undefined) marks.push(batch.mark)
      for (const stored of batch.documents) put(stored)
      for (const entry of batch.entries) append(entry)
      for (const id of batch.dropped ?? []) transfers.delete(id)
      for (const piece of batch.transfers ?? []) keep(piece)
      for (const each of batch.folds ?? []) fold(each)
      summary = batch.summary ?? summary
      for (const writer of batch.writers ?? []) {
        const { document } = writer.where
        writers.set(document, (writers.get(document) ?? new Map()).set(writer.client, writer))
      }
      for (const owner of batch.owners ?? []) owners.set(owner.origin, owner)
    },
    summary: () => summary,
    untouched: (since, count) => idsOf(({ touched = 0, deleted }) => touched < since && deleted === undefined, count),
    buried: (before, count) => idsOf(({ deleted = 0 }) => deleted > 0 && deleted < before, count),
    document: (id) => documents.get(id)?.stored,
    documents: () => [...documents.keys()].sort().flatMap((id) => documents.get(id)?.stored ?? []),
    totals() {
      let bytes = 0
      for (const { stored } of documents.values()) bytes += stored.bytes
      return { documents: documents.size, bytes }
    },
    chain: (where, origin, seq) => documents.get(where.document)?.dots.get(dotKey(origin, seq))?.record.chain,
    locate(where, ranges) {
      const row = documents.get(where.document)
      const offsets: number[] = []
      for (const { origin, from, to } of ranges) {
        for (let seq = from; seq <= to; seq++) {
          const entry = row?.dots.get(dotKey(origin, seq))
          if (entry !== undefined) offsets.push(entry.offset)
        }
      }
      return offsets.sort((a, b) => a - b)
    },
    entry(offset) {
      const entry = log[indexBehind(log, offset - 1)]
      if (entry?.offset === offset && isRecord(entry)) return checked(entry)
      throw new RejoinError('corrupt', `there is no record at offset ${offset}`)
    },
    *history(where, after = 0) {
      const entries = documents.get(where.document)?.entries ?? []
      for (let at = indexBehind(entries, after); at < entries.length; at++) {
        const entry = entries[at] as Entry
        if (isRecord(entry)) yield checked(entry)
      }
    },
    *read(offset) {
      let at = indexBehind(log, offset)
      for (let entry = log[at]; entry !== undefined; entry = log[++at]) yield isRecord(entry) ? checked(entry) : entry
    },
    checkpoint: (where) => documents.get(where.document)?.checkpoint,
    pieces: (where, from) => (documents.get(where.document)?.pieces ?? []).slice(from),
    transfer: (id) => transfers.get(id)?.transfer,
    transfers: () => [...transfers.values()].map(({ transfer }) => transfer),
    transferPieces: (id) => transfers.get(id)?.pieces ?? [],
    writers: (where) => [...(writers.get(where.document)?.values() ?? [])],
    owner: (origin) => owners.get(origin),
    forgetOwners(since) {
      for (const [origin, { used }] of owners) if (used < since) owners.delete(origin)
      for (const those of writers.values()) {
        for (const [client, { used }] of those) if (used < since) those.delete(client)
      }
    },
    quarantined: () => [...quarantine.values()],
    isSetAside: (id) => quarantine.has(id),
    setAside(quarantined) {
      quarantine.delete(quarantined.id)
      quarantine.set(quarantined.id, quarantined)
      const [oldest] = quarantine.keys()
      if (quarantine.size > QUARANTINED_MAX && oldest !== undefined) quarantine.delete(oldest)
    },
    letGo: (id) => quarantine.delete(id),
    marks: () => marks,
    trim(through, count) {
      const bytes = new Map<DocumentId, number>()
      const gone = new Set<Entry>()
      const last = Math.min(through, head() - 1)
      for (const { stored, entries, checkpoint } of documents.values()) {
        if (checkpoint === undefined) continue
        const covered = entries.filter(({ offset }) => offset <= Math.min(last, checkpoint.through))
        for (const entry of covered.slice(0, count - gone.size)) {
          gone.add(entry)
          low = Math.max(low, entry.offset)
          const size = isRecord(entry) ? entry.record.bytes.length : 0
          bytes.set(stored.document, (bytes.get(stored.document) ?? 0) + size)
        }
      }
      for (const [id, freed] of bytes) {
        const row = documents.get(id) as Row
        row.stored = { ...row.stored, bytes: row.stored.bytes - freed }
        for (const entry of row.entries) {
          if (gone.has(entry) && isRecord(entry)) row.dots.delete(dotKey(entry.record.origin, entry.record.seq))
        }
        row.entries = row.entries.filter((entry) => !gone.has(entry))
      }
      log = log.filter((entry) => !gone.has(entry))
      marks = marks.filter((mark) => mark.offset >= through)
      return { count: gone.size, bytes }
    },
    failures: () => 0,
    troubles: () => [],
    // Memory that lies is nobody's to mend.
    damaged: () => [],
    miss() {},
    salvage: () => undefined,
    shrink: () => false,
    close() {},
  }
}

const dotKey = (origin: string, seq: number): string => `${origin}/${seq}`

/** Index of the first entry behind an offset: some before it may be gone. */
function indexBehind(entries: readonly Entry[], offset: number): number {
  let from = 0
  for (let to = entries.length; from < to; ) {
    const middle = (from + to) >> 1
    if ((entries[middle] as Entry).offset <= offset) from = middle + 1
    else to = middle
  }
  return from
}

const isRecord = (entry: Entry): entry is LogEntry => 'record' in entry

/** Entries that were looked at: they are not changed any more. */
const sound = new WeakSet<LogEntry>()

function checked(entry: LogEntry): LogEntry {
  if (sound.has(entry)) return entry
  verify(entry.where, entry.record)
  sound.add(entry)
  return entry
}
