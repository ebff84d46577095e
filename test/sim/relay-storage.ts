/**
 * The storage of a relay in virtual time: a disk that outlives the relay's processes, and keeps of a commit everything or
 * nothing. It can be full, crash its relay before or after a commit, rot, and be put back to an older copy.
 */
import type { CommitBatch, Identity, LogEntry, RelayStore, StoredDocument } from '../../server/storage/store.ts'
import type { Environment } from '../../shared/environment.ts'
import { RejoinError } from '../../shared/errors.ts'
import { type DocumentId, randomId } from '../../shared/ids.ts'
import { EPOCHS_KEPT_MAX, type EpochStart } from '../../shared/sync/places.ts'
import { type UpdateRecord, verify } from '../../shared/update/record.ts'
import type { Chance } from './chance.ts'

/** What the next commit does to its relay. */
export type CommitFate = 'done' | 'full' | 'failed' | 'crash before' | 'crash after'

export interface RelayDisk {
  /** Who the relay is. */
  readonly replica: string
  /** Decides over the next commit; then it is `done` again. */
  fate: CommitFate
  /** While set, every commit fails with `storage-full`. */
  full: boolean
  open(crash: () => void): RelayStore
  /** All that is stored, in the order of the log, unchecked. */
  readonly log: readonly LogEntry[]
  documents(): readonly StoredDocument[]
  copy(): RelayDiskCopy
  restore(copy: RelayDiskCopy): void
  /** Flips a bit in a stored record; says whether there was one. */
  rot(chance: Chance): boolean
}

export interface RelayDiskCopy {
  readonly identity: Identity
  readonly epochs: readonly EpochStart[]
  readonly log: readonly LogEntry[]
  readonly documents: ReadonlyMap<DocumentId, StoredDocument>
}

export interface RelayDiskOptions {
  environment: Environment
  /** Sees every commit that is durable. */
  committed?(batch: CommitBatch): void
}

interface DocumentLog {
  entries: LogEntry[]
  dots: Map<string, LogEntry>
}

export function createRelayDisk({ environment, committed = () => {} }: RelayDiskOptions): RelayDisk {
  const replica = randomId(environment)
  let identity: Identity = { replica, origin: replica }
  let epochs: EpochStart[] = []
  let log: LogEntry[] = []
  let documents = new Map<DocumentId, StoredDocument>()
  let logs = new Map<DocumentId, DocumentLog>()

  function logOf(id: DocumentId): DocumentLog {
    let found = logs.get(id)
    if (found === undefined) {
      found = { entries: [], dots: new Map() }
      logs.set(id, found)
    }
    return found
  }

  function append({ offset, where, record }: LogEntry): void {
    // A disk holds bytes of its own.
    const entry = { offset, where, record: { ...record, bytes: record.bytes.slice() } }
    log.push(entry)
    const { entries, dots } = logOf(where.document)
    entries.push(entry)
    dots.set(dotKey(record.origin, record.seq), entry)
  }

  function write(batch: CommitBatch): void {
    if (batch.epoch !== undefined) epochs = [...epochs, batch.epoch].slice(-EPOCHS_KEPT_MAX)
    if (batch.origin !== undefined) identity = { ...identity, origin: batch.origin }
    for (const stored of batch.documents) {
      documents.set(stored.document, { ...stored, vector: new Map(stored.vector) })
    }
    for (const entry of batch.entries) append(entry)
    committed(batch)
  }

  const disk: RelayDisk = {
    get replica() {
      return identity.replica
    },
    fate: 'done',
    full: false,
    get log() {
      return log
    },
    documents: () => [...documents.values()],
    copy: () => ({ identity, epochs: [...epochs], log: [...log], documents: new Map(documents) }),
    restore(copy) {
      identity = copy.identity
      epochs = [...copy.epochs]
      documents = new Map(copy.documents)
      log = []
      logs = new Map()
      for (const entry of copy.log) append(entry)
    },
    rot(chance) {
      const entry = log.length > 0 ? chance.one(log) : undefined
      const bytes = entry?.record.bytes
      if (bytes === undefined || bytes.length === 0) return false
      const at = chance.below(bytes.length)
      bytes[at] = (bytes[at] as number) ^ (1 << chance.below(8))
      return true
    },
    open: (crash) => ({
      identity: () => identity,
      epochs: () => epochs,
      head: () => log.length,
      commit(batch) {
        const fate = disk.fate
        disk.fate = 'done'
        if (disk.full || fate === 'full') throw new RejoinError('storage-full', 'the disk is full')
        if (fate === 'failed') throw new RejoinError('storage-failed', 'the disk does not answer')
        if (fate === 'crash before') {
          crash()
          throw new RejoinError('storage-failed', 'the process died')
        }
        write(batch)
        if (fate === 'crash after') crash()
      },
      document: (id) => documents.get(id),
      documents: () => [...documents.keys()].sort().flatMap((id) => documents.get(id) ?? []),
      chain: (where, origin, seq) => logs.get(where.document)?.dots.get(dotKey(origin, seq))?.record.chain,
      locate(where, ranges) {
        const dots = logs.get(where.document)?.dots
        const offsets: number[] = []
        for (const { origin, from, to } of ranges) {
          for (let seq = from; seq <= to; seq++) {
            const entry = dots?.get(dotKey(origin, seq))
            if (entry === undefined) break
            offsets.push(entry.offset)
          }
        }
        return offsets.sort((a, b) => a - b)
      },
      entry(offset) {
        const entry = log[offset - 1]
        if (entry === undefined) throw new RejoinError('corrupt', `there is no entry at offset ${offset}`)
        return checked(entry)
      },
      *history(where) {
        for (const entry of logs.get(where.document)?.entries ?? []) yield checked(entry).record
      },
      *read(offset) {
        for (let at = offset; at < log.length; at++) yield checked(log[at] as LogEntry)
      },
      close() {},
    }),
  }
  return disk
}

const dotKey = (origin: string, seq: number): string => `${origin}/${seq}`

function checked(entry: LogEntry): LogEntry & { record: UpdateRecord } {
  verify(entry.where, entry.record)
  return entry
}
