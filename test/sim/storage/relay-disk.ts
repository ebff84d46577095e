/**
 * The storage of a relay in virtual time: a disk that outlives the relay's processes, and keeps of a commit everything or
 * nothing. What it holds is the reference store, fed from a journal, so that it can be put back to any moment. It can be
 * full, crash its relay before or after a commit, misread, rot, and lose what was committed.
 */
import { createMemoryStore } from '../../../server/storage/memory.ts'
import type { AnyEntry, CommitBatch, LogEntry, RelayStore, Salvage } from '../../../server/storage/store.ts'
import { chainOf, countMissing } from '../../../server/storage/unbroken.ts'
import type { DotRange } from '../../../shared/causality/version-vector.ts'
import type { Environment } from '../../../shared/environment.ts'
import { RejoinError } from '../../../shared/errors.ts'
import { type DocumentId, type LogEpoch, type ReplicaId, randomId } from '../../../shared/ids.ts'
import { type PieceBytes, pieceChecksum } from '../../../shared/update/piece-bytes.ts'
import { type DocumentRef, type UpdateRecord, verify } from '../../../shared/update/record.ts'
import type { Chance } from '../time/chance.ts'
import { whileThere } from './absence.ts'
import { inflated } from './inflated.ts'
import { type Spoiling, spoilBytes } from './spoiling.ts'

/** What the next commit does to its relay. */
export type CommitFate = 'done' | 'full' | 'failed' | 'crash before' | 'crash after'

export interface RelayDisk {
  /** Who the relay is. */
  readonly replica: string
  /** Decides over the next commit; then it is `done` again. */
  fate: CommitFate
  /** While set, every commit fails with `storage-full`. */
  full: boolean
  /** Begins and ends a time in which no store opens there. What was open when it began is no use any more, also afterwards. */
  leave(): void
  comeBack(): void
  /** The store as a process sees it; `crash` ends that process. */
  open(crash: () => void): RelayStore
  /** Everything that can be read there of a document; what is spoilt is left out. Again and again the same bytes. */
  updates(document: DocumentId): Uint8Array[]
  /** Everything that was committed, in its order. */
  batches(): CommitBatch[]
  copy(): RelayDiskCopy
  restore(copy: RelayDiskCopy): void
  /** Everything is gone: what is there from now on is another replica. */
  wipe(): void
  /** The last commits are gone, as from a disk that lies about having written them; says how many there were. */
  loseCommits(count: number): number
  /** Whoever runs it says that something is gone: from now on anybody may bring it. */
  forgetOwners(): void
  /** A record reads otherwise than it was written, until the returned function is called. `undefined`: there was none. */
  misread(chance: Chance, how: Exclude<Spoiling, 'lose'>): (() => void) | undefined
  /** Spoils a stored record or piece for good; says of which document, if there was one. */
  rot(chance: Chance, how: Exclude<Spoiling, 'lose'>): DocumentId | undefined
  /** A row in the middle of the log is gone for good, or another one stands in its place; says of which document, if there was one. */
  spoilRow(chance: Chance, how: 'lose' | 'misdirect'): DocumentId | undefined
  /** One of the things that the store notes beside documents is damaged, and mended as SQLite stores do. Only while nothing is open. */
  loseNotes(chance: Chance): void
  /** Something is spoilt that whoever asks for its document needs, and that nobody has found yet. */
  readonly isRotten: boolean
}

/** What was done to a store, in its order. */
export type RelayDiskCopy = readonly Change[]

type Change =
  /** `head`: of the log, after it. */
  | { readonly type: 'commit'; readonly batch: CommitBatch; readonly head: number }
  | { readonly type: 'trim'; readonly through: number; readonly count: number }
  /** A note was damaged, and mended: epochs that are gone, another name, a log that begins later. */
  | {
      readonly type: 'note'
      readonly epochs?: readonly LogEpoch[]
      readonly replica?: ReplicaId
      readonly low?: number
    }

export interface RelayDiskOptions {
  environment: Environment
  /** Sees every commit that is durable. */
  committed?(batch: CommitBatch, head: number): void
}

export function createRelayDisk(options: RelayDiskOptions): RelayDisk {
  const { environment, committed = () => {} } = options
  let born = bornAgain(environment)
  const misread = new Map<number, Uint8Array>()
  /** What reads otherwise for good, by the bytes that were written. */
  const rotten = new Map<Uint8Array, Uint8Array>()
  /** Rows that are gone, or that another one was written over, by the bytes that were written. */
  const rows = new Map<Uint8Array, 'gone' | LogEntry>()
  const damaged = new Set<DocumentId>()
  /** Of notes that were damaged. */
  const forgotten = new Set<LogEpoch>()
  let renamed: ReplicaId | undefined
  let lowest = 0
  let journal: Change[] = []
  let store = createMemoryStore(born)
  let isAway = false
  /** How often it was away. */
  let absences = 0

  function replay(changes: RelayDiskCopy): void {
    store = createMemoryStore(born)
    journal = [...changes]
    misread.clear()
    forgotten.clear()
    renamed = undefined
    lowest = 0
    for (const change of journal) {
      if (change.type === 'commit') store.commit(change.batch)
      else if (change.type === 'trim') store.trim(change.through, change.count)
      else apply(change)
    }
  }

  function apply({ epochs = [], replica = renamed, low = lowest }: Extract<Change, { type: 'note' }>): void {
    for (const epoch of epochs) forgotten.add(epoch)
    renamed = replica
    lowest = low
  }

  function commit(batch: CommitBatch, crash: () => void): void {
    const fate = disk.fate
    disk.fate = 'done'
    if (disk.full || fate === 'full') throw new RejoinError('storage-full', 'the disk is full')
    if (fate === 'failed') throw new RejoinError('storage-failed', 'the disk does not answer')
    if (fate === 'crash before') {
      crash()
      throw new RejoinError('storage-failed', 'the process died')
    }
    keep(ownCopy(batch))
    if (fate === 'crash after') crash()
  }

  function keep(batch: CommitBatch): void {
    store.commit(batch)
    const head = store.head()
    journal.push({ type: 'commit', batch, head })
    committed(batch, head)
  }

  function checked<Entry extends AnyEntry>(entry: Entry): Entry {
    if (!('record' in entry)) return entry
    const bytes = misread.get(entry.offset) ?? rotten.get(entry.record.bytes)
    if (bytes === undefined) return entry
    const record = { ...entry.record, bytes }
    watched(entry.where.document, () => verify(entry.where, record))
    return { ...entry, record }
  }

  function checkedPiece(where: DocumentRef, piece: PieceBytes, index: number): PieceBytes {
    const bytes = rotten.get(piece.bytes)
    if (bytes === undefined) return piece
    const read = { ...piece, bytes }
    watched(where.document, () => verifyPiece(where, index, piece, read))
    return read
  }

  function watched<Read>(document: DocumentId, read: () => Read): Read {
    try {
      return read()
    } catch (error) {
      damaged.add(document)
      throw error
    }
  }

  /** What stands at the offset of an entry; `undefined`: nothing. */
  function rowOf(entry: AnyEntry): AnyEntry | undefined {
    const row = 'record' in entry ? rows.get(entry.record.bytes) : undefined
    if (row === undefined) return entry
    return row === 'gone' ? undefined : { ...row, offset: entry.offset }
  }

  /** As an index of the log names it, which is not part of its row: a row of another document does not match its checksum then. */
  function indexed(where: DocumentRef, entry: LogEntry): LogEntry | undefined {
    const row = rowOf(entry)
    if (row === undefined || !('record' in row)) return undefined
    if (row !== entry) watched(where.document, () => verify(where, row.record))
    return { ...row, where }
  }

  /** Offset and row of a record, as an index of the log has them. */
  function* located(where: DocumentRef, ranges: readonly DotRange[]): Iterable<[offset: number, row: LogEntry]> {
    for (const offset of store.locate(where, ranges)) {
      const row = rowOf(store.entry(offset))
      if (row !== undefined && 'record' in row) yield [offset, row]
    }
  }

  const isSpoilt = ({ offset, record }: LogEntry): boolean =>
    misread.has(offset) || rotten.has(record.bytes) || rows.has(record.bytes)

  function salvage(document: DocumentId): Salvage | undefined {
    const where = store.document(document)
    if (where === undefined) return undefined
    const pieces = [...store.pieces(where, 0)]
    const entries = [...store.history(where)]
    const updates = [
      ...pieces.filter(({ bytes }) => !rotten.has(bytes)).map(inflated),
      ...entries.filter((entry) => !isSpoilt(entry)).map(({ record }) => record.bytes),
    ]
    const spoilt =
      pieces.length + entries.filter((entry) => rows.get(entry.record.bytes) !== 'gone').length - updates.length
    const records = entries.filter((entry) => !isSpoilt(entry)).map(({ record }) => record)
    const count = spoilt > 0 ? spoilt : countMissing(where.vector, store.checkpoint(where), records)
    return count === 0 ? undefined : { where, updates, damaged: count }
  }

  /** Bytes of all records that somebody may ask for, and of all pieces. */
  function stored(): { document: DocumentId; bytes: Uint8Array }[] {
    const records = [...store.read(store.low())].flatMap((entry) =>
      'record' in entry ? [{ document: entry.where.document, bytes: entry.record.bytes }] : [],
    )
    const pieces = [...store.documents()].flatMap((where) =>
      [...store.pieces(where, 0)].map(({ bytes }) => ({ document: where.document, bytes })),
    )
    return [...records, ...pieces]
  }

  const disk: RelayDisk = {
    get replica() {
      return renamed ?? store.identity().replica
    },
    fate: 'done',
    full: false,
    updates(document) {
      const where = store.document(document)
      if (where === undefined) return []
      const pieces = [...store.pieces(where, 0)].filter(({ bytes }) => !rotten.has(bytes))
      const records = [...store.history(where)].map(({ record }) => record.bytes)
      return [...pieces.map(inflated), ...records.filter((bytes) => !rotten.has(bytes) && !rows.has(bytes))]
    },
    leave() {
      isAway = true
      absences++
    },
    comeBack() {
      isAway = false
    },
    batches: () => journal.flatMap((change) => (change.type === 'commit' ? [change.batch] : [])),
    copy: () => [...journal],
    wipe() {
      born = bornAgain(environment)
      replay([])
    },
    loseNotes(chance) {
      const note = chance.one(['epochs', 'origin', 'replica', 'low', 'owners'] as const)
      const change = {
        epochs: { epochs: store.epochs().map(({ epoch }) => epoch) },
        replica: { replica: randomId(environment) },
        low: { low: store.head() },
      }
      if (note === 'origin') keep({ origin: randomId(environment), documents: [], entries: [] })
      else if (note === 'owners') disk.forgetOwners()
      else {
        const mended = { type: 'note', ...change[note] } as const
        journal.push(mended)
        apply(mended)
      }
    },
    restore(copy) {
      // It was copied from another disk.
      rotten.clear()
      rows.clear()
      replay(copy)
      // Whoever puts an older store back says so.
      disk.forgetOwners()
    },
    forgetOwners: () => store.forgetOwners(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
    loseCommits(count) {
      const before = journal.length
      let kept = before
      for (let left = count; left > 0 && kept > 0; kept--) if (journal[kept - 1]?.type === 'commit') left--
      if (kept < before) replay(journal.slice(0, kept))
      return before - kept
    },
    misread(chance, how) {
      const records = [...store.read(store.low())].filter((entry) => 'record' in entry)
      const entry = records.length > 0 ? chance.one(records) : undefined
      const bytes = entry && spoilBytes(entry.record.bytes, chance, how, () => chance.one(records).record.bytes)
      if (entry === undefined || bytes === undefined) return undefined
      misread.set(entry.offset, bytes)
      return () => misread.delete(entry.offset)
    },
    rot(chance, how) {
      const all = stored().filter(({ bytes }) => !rotten.has(bytes))
      const victim = all.length > 0 ? chance.one(all) : undefined
      const bytes = victim && spoilBytes(victim.bytes, chance, how, () => chance.one(all).bytes)
      if (victim === undefined || bytes === undefined) return undefined
      rotten.set(victim.bytes, bytes)
      return victim.document
    },
    spoilRow(chance, how) {
      const records = [...store.read(store.low())].filter(
        (entry): entry is LogEntry => 'record' in entry && !isSpoilt(entry),
      )
      // The newest row says where the log ends: without it the last commit is lost.
      const victim = records.length > 1 ? chance.one(records.slice(0, -1)) : undefined
      const other = victim && chance.one(records)
      if (victim === undefined || other === undefined || (how === 'misdirect' && other === victim)) return undefined
      rows.set(victim.record.bytes, how === 'lose' ? 'gone' : other)
      return victim.where.document
    },
    get isRotten() {
      for (const where of store.documents()) {
        const records = [...store.history(where, store.checkpoint(where)?.through)]
        const needed = [...store.pieces(where, 0), ...records.map(({ record }) => record)]
        if (needed.some(({ bytes }) => rotten.has(bytes) || rows.has(bytes))) return true
      }
      return false
    },
    open(crash) {
      const since = absences
      let failures = 0
      const ready = (): void => {
        if (!isAway && since === absences) return
        failures++
        throw new RejoinError('storage-failed', 'the disk is not there')
      }
      ready()
      return whileThere({ ...opened(crash), failures: () => failures }, ready)
    },
  }
  return disk

  function opened(crash: () => void): RelayStore {
    return {
      ...store,
      identity: () => ({ ...store.identity(), replica: disk.replica }),
      epochs: () => store.epochs().filter(({ epoch }) => !forgotten.has(epoch)),
      low: () => Math.max(lowest, store.low()),
      commit: (batch) => commit(batch, crash),
      trim(through, count) {
        const trimmed = store.trim(through, count)
        journal.push({ type: 'trim', through, count })
        return trimmed
      },
      entry(offset) {
        const row = rowOf(store.entry(offset))
        if (row !== undefined && 'record' in row) return checked(row)
        throw new RejoinError('corrupt', `there is no record at offset ${offset}`)
      },
      locate: (where, ranges) =>
        rows.size === 0 ? store.locate(where, ranges) : Array.from(located(where, ranges), ([offset]) => offset),
      chain(where, origin, seq) {
        // Every row is what was written there.
        if (rows.size === 0) return store.chain(where, origin, seq)
        const at = (seq: number): UpdateRecord | undefined => {
          const [found] = located(where, [{ origin, from: seq, to: seq }])
          return found && { ...found[1].record, origin, seq }
        }
        const record = at(seq)
        return (
          record &&
          watched(where.document, () => {
            verify(where, record)
            return chainOf(where, record, at(seq - 1)?.chain)
          })
        )
      },
      *pieces(where, from) {
        let index = from
        for (const piece of store.pieces(where, from)) yield checkedPiece(where, piece, index++)
      },
      damaged() {
        const found = [...damaged]
        damaged.clear()
        return found
      },
      miss: (document) => void damaged.add(document),
      salvage,
      *history(where, after) {
        for (const entry of store.history(where, after)) {
          const row = indexed(where, entry)
          if (row !== undefined) yield checked(row)
        }
      },
      *read(offset) {
        for (const entry of store.read(offset)) {
          const row = rowOf(entry)
          if (row !== undefined) yield checked(row)
        }
      },
      close() {},
    }
  }
}

/** A piece has its checksum from when it was written. */
function verifyPiece(where: DocumentRef, index: number, written: PieceBytes, read: PieceBytes): void {
  const [before, now] = [written, read].map((piece) => pieceChecksum(where, NO_ID, index, piece))
  if (before !== now) throw new RejoinError('corrupt', `piece ${index} of ${JSON.stringify(where.document)} is damaged`)
}
const NO_ID = '0'.repeat(16)

/** A store that is made again is the same replica. */
function bornAgain(environment: Environment): Environment {
  const chance = environment.randomBytes(8)
  return { ...environment, randomBytes: (length) => Uint8Array.from({ length }, (_, i) => chance[i % 8] ?? 0) }
}

/** A disk holds bytes of its own, and what a relay has in memory goes on changing. */
function ownCopy(batch: CommitBatch): CommitBatch {
  return {
    ...batch,
    documents: batch.documents.map((stored) => ({ ...stored, vector: new Map(stored.vector) })),
    entries: batch.entries.map((entry) =>
      'record' in entry ? { ...entry, record: { ...entry.record, bytes: entry.record.bytes.slice() } } : entry,
    ),
    folds: batch.folds?.map((fold) => ({
      ...fold,
      checkpoint: { ...fold.checkpoint, vector: new Map(fold.checkpoint.vector) },
    })),
  }
}
