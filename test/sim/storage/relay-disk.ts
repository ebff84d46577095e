/**
 * The storage of a relay in virtual time: a disk that outlives the relay's processes, and keeps of a commit everything or
 * nothing. What it holds is the reference store, fed from a journal, so that it can be put back to any moment. It can be
 * full, crash its relay before or after a commit, misread, and lose what was committed.
 */
import { createMemoryStore } from '../../../server/storage/memory.ts'
import type { AnyEntry, CommitBatch, RelayStore } from '../../../server/storage/store.ts'
import type { Environment } from '../../../shared/environment.ts'
import { RejoinError } from '../../../shared/errors.ts'
import type { DocumentId } from '../../../shared/ids.ts'
import { verify } from '../../../shared/update/record.ts'
import type { Chance } from '../time/chance.ts'
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
  /** The store as a process sees it; `crash` ends that process. */
  open(crash: () => void): RelayStore
  /** Everything that is stored of a document, unchecked; again and again the same bytes. */
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
}

/** What was done to a store, in its order. */
export type RelayDiskCopy = readonly Change[]

type Change =
  | { readonly type: 'commit'; readonly batch: CommitBatch }
  | { readonly type: 'trim'; readonly through: number; readonly count: number }

export interface RelayDiskOptions {
  environment: Environment
  /** Sees every commit that is durable. */
  committed?(batch: CommitBatch): void
}

export function createRelayDisk({ environment, committed = () => {} }: RelayDiskOptions): RelayDisk {
  let born = bornAgain(environment)
  const misread = new Map<number, Uint8Array>()
  let journal: Change[] = []
  let store = createMemoryStore(born)

  function replay(changes: RelayDiskCopy): void {
    store = createMemoryStore(born)
    journal = [...changes]
    misread.clear()
    for (const change of journal) {
      if (change.type === 'commit') store.commit(change.batch)
      else store.trim(change.through, change.count)
    }
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
    const kept = ownCopy(batch)
    store.commit(kept)
    journal.push({ type: 'commit', batch: kept })
    committed(kept)
    if (fate === 'crash after') crash()
  }

  function checked<Entry extends AnyEntry>(entry: Entry): Entry {
    const bytes = misread.get(entry.offset)
    if (bytes !== undefined && 'record' in entry) verify(entry.where, { ...entry.record, bytes })
    return entry
  }

  const disk: RelayDisk = {
    get replica() {
      return store.identity().replica
    },
    fate: 'done',
    full: false,
    updates(document) {
      const where = store.document(document)
      if (where === undefined) return []
      const pieces = [...store.pieces(where, 0)].map(inflated)
      return [...pieces, ...[...store.history(where)].map(({ record }) => record.bytes)]
    },
    batches: () => journal.flatMap((change) => (change.type === 'commit' ? [change.batch] : [])),
    copy: () => [...journal],
    wipe() {
      born = bornAgain(environment)
      replay([])
    },
    restore(copy) {
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
    open: (crash) => ({
      ...store,
      commit: (batch) => commit(batch, crash),
      trim(through, count) {
        const trimmed = store.trim(through, count)
        journal.push({ type: 'trim', through, count })
        return trimmed
      },
      entry: (offset) => checked(store.entry(offset)),
      *history(where, after) {
        for (const entry of store.history(where, after)) yield checked(entry)
      },
      *read(offset) {
        for (const entry of store.read(offset)) yield checked(entry)
      },
      close() {},
    }),
  }
  return disk
}

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
