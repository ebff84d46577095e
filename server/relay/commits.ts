/**
 * Group commit: everything that was accepted during a turn of the event loop becomes durable in one transaction, and only
 * after it is anybody told, in the order of the log (P2). A commit that fails leaves nothing behind, here or in the store.
 */
import type { Chain } from '../../shared/causality/chain.ts'
import type { Dot } from '../../shared/causality/version-vector.ts'
import { documentVersion } from '../../shared/digest/version.ts'
import type { Environment } from '../../shared/environment.ts'
import type { ErrorCode, RejoinError } from '../../shared/errors.ts'
import type { DocumentId } from '../../shared/ids.ts'
import type { EpochStart } from '../../shared/sync/places.ts'
import type { DocumentRef, UpdateRecord } from '../../shared/update/record.ts'
import type {
  AnyEntry,
  CommitBatch,
  Fold,
  RelayStore,
  Source,
  StoredDocument,
  TransferPiece,
} from '../storage/store.ts'
import type { WorkspaceDigest } from './digests.ts'
import { type LiveDocuments, storedOf } from './documents.ts'
import type { WorkspaceIdentity } from './identity.ts'
import type { Author, Ownership } from './ownership.ts'
import type { Retention } from './retention.ts'

/** One thing that came from one subscriber, with what became of it. */
export interface Accepted {
  from: Subscriber
  where: DocumentRef
  /** New in the log, offsets following one another; empty where everything was held before. */
  entries: readonly AnyEntry[]
  /** The dot up to which the sender's records are held; seq 0 where a submitted update held nothing new. */
  dot: Dot & { chain: Chain }
  /** The number of a submit; 0 for records. */
  request: number
  /** A piece of a transfer; only with the last one, where there is a fold, its sender is told. */
  piece?: TransferPiece
  /** What a checkpoint from outside made of the document's, and the number of the first piece that was not held. */
  fold?: Fold
  firstNewPiece?: number
}

/** What one commit made durable, in the order of the log. */
export interface CommitGroup {
  epoch?: EpochStart
  accepted: readonly Accepted[]
}

export interface Refusal extends Dot {
  where: DocumentRef
  request: number
  code: ErrorCode
  held: number
  detail: string
}

/** Whoever is told of what happens in the workspace; a connection, or a peer. */
export interface Subscriber {
  /** On whose behalf it writes; absent where it may write in every name. */
  readonly author?: Author
  /** Where what it writes comes from. */
  readonly source?: Source
  committed(group: CommitGroup): void
  refused(refusal: Refusal): void
  /** What it was told of this document does not hold any more: it is to come again. */
  ended?(error: RejoinError, where: DocumentRef): void
}

/** What goes into the log: a record, a checkpoint from outside, folded when its offset is known, or a tombstone. */
export type News = { record: UpdateRecord } | { restored: (offset: number) => Fold } | { tombstone: true }

export interface Commits {
  /** Offset of the newest durable entry. */
  readonly head: number
  subscribe(subscriber: Subscriber): () => void
  /** All are to come again; see `Subscriber.ended`. */
  endAll(error: RejoinError, where: DocumentRef): void
  /** Acknowledges with the next commit, after it has appended the news, if there is any. */
  queue(accepted: Omit<Accepted, 'entries' | 'fold'>, news?: News): void
  /** The next commit takes a document out, of which something is damaged, before it writes. */
  giveUp(id: DocumentId): void
  /** Something is queued. */
  readonly waits: boolean
  /**
   * What was given up was the end of the log, and nothing was written behind it yet: who goes on from the store alone knows of no such
   * offsets, and would give them away once more.
   */
  readonly isAhead: boolean
  /** Something is queued that is to be stored: what is read of the store does not have it. */
  readonly stores: boolean
  /** Commits what waits, and tells. False where that failed: what waited was withdrawn. */
  commit(): boolean
}

/** Is told of every group of updates that was to become durable. */
export interface CommitWatch {
  /** So many records of so many bytes, this long after the first of them came. */
  committed(records: number, bytes: number, waitedMs: number): void
  commitFailed(): void
  /** Something that came was not taken, for this reason. */
  refused(code: ErrorCode): void
  /** Something at which the relay failed was set aside. */
  setAside(): void
}

export interface CommitsOptions {
  store: RelayStore
  live: LiveDocuments
  identity: WorkspaceIdentity
  retention: Retention
  ownership: Pick<Ownership, 'pending' | 'settle' | 'forget'>
  digest: WorkspaceDigest
  environment: Environment
  /** Runs a commit soon, when the current turn of the event loop has taken all it brings. */
  soon: (commit: () => void) => void
  report: (error: unknown) => void
  /** A group became durable, or did not. */
  watch?: CommitWatch
  /** What was taken of these documents is durable. */
  settle: (documents: readonly DocumentRef[]) => void
  /** The commit of this group failed: memory is to go back to what the store holds, and every sender to hear of it. */
  withdraw: (group: readonly Accepted[], error: unknown) => void
}

export function createCommits(options: CommitsOptions): Commits {
  const { store, live, identity, retention, ownership, digest, environment, soon, report, settle, withdraw } = options
  const subscribers = new Set<Subscriber>()
  let durableHead = store.head()
  let head = durableHead
  let waiting: Accepted[] = []
  let waitingSince = 0
  let stores = false
  let givenUp: DocumentId[] = []
  let isAhead = false
  /** Of what waits, receipts of what was held before, by who is told and what: said once is enough. */
  let receipts = new Map<Subscriber, Set<string>>()

  function commit(): boolean {
    if (waiting.length === 0 && givenUp.length === 0) return true
    const group = waiting
    waiting = []
    stores = false
    const gone = givenUp
    givenUp = []
    receipts = new Map()
    let batch: ReturnType<typeof toBatch>
    try {
      batch = toBatch(group)
      if (batch.entries.length > 0 || batch.transfers.length > 0 || gone.length > 0) {
        store.commit(gone.length > 0 ? { ...batch, givenUp: gone } : batch)
        ownership.settle()
      }
    } catch (error) {
      report(error)
      head = durableHead
      ownership.forget()
      options.watch?.commitFailed()
      withdraw(group, error)
      return false
    }
    for (const { document } of batch.documents) tellDigest(document)
    if (batch.epoch !== undefined) identity.epochOpened()
    retention.committed(bytesOf(batch.entries), batch.mark)
    durableHead = batch.entries.at(-1)?.offset ?? durableHead
    isAhead = (isAhead || gone.length > 0) && store.head() < durableHead
    const waitedMs = Math.max(0, environment.now() - waitingSince)
    if (batch.entries.length > 0) options.watch?.committed(batch.entries.length, bytesOf(batch.entries), waitedMs)
    settle(batch.documents)
    for (const subscriber of subscribers) tell(subscriber, { epoch: batch.epoch, accepted: group })
    return true
  }

  function toBatch(group: readonly Accepted[]): CommitBatch & Required<Pick<CommitBatch, 'transfers'>> {
    const entries = group.flatMap((accepted) => accepted.entries)
    const documents = new Map<DocumentId, StoredDocument>()
    for (const { where } of entries) {
      const document = live.get(where.document)
      if (document === undefined) continue
      document.touched = environment.now()
      documents.set(where.document, storedOf(document))
    }
    const before = entries[0] && entries[0].offset - 1
    return {
      epoch: before === undefined ? undefined : identity.nextEpoch(before),
      mark: before === undefined ? undefined : retention.nextMark(before, environment.now()),
      documents: [...documents.values()],
      entries,
      transfers: group.flatMap(({ piece }) => piece ?? []),
      folds: group.flatMap(({ fold }) => fold ?? []),
      ...ownership.pending(),
    }
  }

  /** Documents are durable in another version than the digest knows. */
  function tellDigest(id: DocumentId): void {
    const document = live.peek(id)
    if (document === undefined) return
    const before = document.version
    document.version = documentVersion(document.ref.epoch, document.vector)
    digest.changed(id, before, document.version)
  }

  /** One subscriber's trouble is not the others' (P9). */
  function tell(subscriber: Subscriber, group: CommitGroup): void {
    try {
      subscriber.committed(group)
    } catch (error) {
      report(error)
    }
  }

  function isToldAlready({ from, where, dot, request, piece }: Omit<Accepted, 'entries' | 'fold'>): boolean {
    if (request !== 0 || piece !== undefined) return false
    const told = receipts.get(from) ?? new Set()
    receipts.set(from, told)
    const before = told.size
    told.add(`${where.document}\u0000${where.epoch}\u0000${dot.origin}\u0000${dot.seq}`)
    return told.size === before
  }

  return {
    get head() {
      return durableHead
    },
    giveUp: (id) => void givenUp.push(id),
    get waits() {
      return waiting.length > 0
    },
    get isAhead() {
      return isAhead
    },
    get stores() {
      return stores
    },
    subscribe(subscriber) {
      subscribers.add(subscriber)
      return () => subscribers.delete(subscriber)
    },
    endAll(error, where) {
      for (const subscriber of [...subscribers]) subscriber.ended?.(error, where)
    },
    queue(accepted, news) {
      if (news === undefined && isToldAlready(accepted)) return
      stores ||= news !== undefined || accepted.piece !== undefined
      // Only here is nobody in the middle of something, so that documents may be forgotten.
      if (waiting.length === 0) {
        waitingSince = environment.now()
        soon(() => commit() && live.trim())
      }
      if (news === undefined) {
        waiting.push({ ...accepted, entries: [] })
      } else if ('record' in news) {
        waiting.push({ ...accepted, entries: [{ offset: ++head, where: accepted.where, record: news.record }] })
      } else if ('tombstone' in news) {
        waiting.push({ ...accepted, entries: [{ offset: ++head, where: accepted.where, tombstone: true }] })
      } else {
        const fold = news.restored(head + 1)
        waiting.push({ ...accepted, fold, entries: [{ offset: ++head, where: accepted.where, restored: true }] })
      }
    },
    commit,
  }
}

function bytesOf(entries: readonly AnyEntry[]): number {
  return entries.reduce((sum, entry) => sum + ('record' in entry ? entry.record.bytes.length : 0), 0)
}
