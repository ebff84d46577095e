/** A relay's store in memory: the reference that the contract suite holds the others against, and the simulator's. */
import { type Environment, systemEnvironment } from '../../shared/environment.ts'
import { RejoinError } from '../../shared/errors.ts'
import { type DocumentId, randomId } from '../../shared/ids.ts'
import { EPOCHS_KEPT_MAX, type EpochStart } from '../../shared/sync/places.ts'
import { type DocumentRef, type UpdateRecord, verify } from '../../shared/update/record.ts'
import type { Identity, LogEntry, RelayStore, StoredDocument } from './store.ts'

export function createMemoryStore(environment: Environment = systemEnvironment): RelayStore {
  const replica = randomId(environment)
  let identity: Identity = { replica, origin: replica }
  let epochs: EpochStart[] = []
  const log: LogEntry[] = []
  const documents = new Map<DocumentId, { stored: StoredDocument; entries: LogEntry[] }>()

  function* entriesOf(where: DocumentRef): Iterable<LogEntry> {
    for (const entry of documents.get(where.document)?.entries ?? []) yield checked(entry)
  }

  return {
    identity: () => identity,
    epochs: () => epochs,
    head: () => log.length,
    commit(batch) {
      if (batch.epoch !== undefined) epochs = [...epochs, batch.epoch].slice(-EPOCHS_KEPT_MAX)
      if (batch.origin !== undefined) identity = { ...identity, origin: batch.origin }
      for (const stored of batch.documents) {
        documents.set(stored.document, { stored, entries: documents.get(stored.document)?.entries ?? [] })
      }
      for (const entry of batch.entries) {
        log.push(entry)
        documents.get(entry.where.document)?.entries.push(entry)
      }
    },
    document: (id) => documents.get(id)?.stored,
    documents: () => [...documents.keys()].sort().flatMap((id) => documents.get(id)?.stored ?? []),
    chain(where, origin, seq) {
      const entries = documents.get(where.document)?.entries ?? []
      return entries.find(({ record }) => record.origin === origin && record.seq === seq)?.record.chain
    },
    locate(where, ranges) {
      const wanted = (record: UpdateRecord) =>
        ranges.some(({ origin, from, to }) => record.origin === origin && record.seq >= from && record.seq <= to)
      const entries = documents.get(where.document)?.entries ?? []
      return entries.filter(({ record }) => wanted(record)).map((entry) => entry.offset)
    },
    entry(offset) {
      const entry = log[offset - 1]
      if (entry === undefined) throw new RejoinError('corrupt', `there is no entry at offset ${offset}`)
      return checked(entry)
    },
    *history(where) {
      for (const { record } of entriesOf(where)) yield record
    },
    *read(offset) {
      for (let at = offset; at < log.length; at++) yield checked(log[at] as LogEntry)
    },
    close() {},
  }
}

function checked(entry: LogEntry): LogEntry {
  verify(entry.where, entry.record)
  return entry
}
