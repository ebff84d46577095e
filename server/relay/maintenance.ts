/**
 * What keeps a workspace small without anybody waiting for it: documents are folded when their tails have grown, and records
 * that a checkpoint stands for are trimmed when their time has come. Each job is made of short steps (see `background`), and
 * what it changes is committed only if nothing else changed it meanwhile.
 */
import type { Environment } from '../../shared/environment.ts'
import { RejoinError } from '../../shared/errors.ts'
import { type DocumentId, randomId } from '../../shared/ids.ts'
import type { Steps } from '../../shared/update/steps.ts'
import type { Checkpoint, Fold, RelayStore } from '../storage/store.ts'
import type { Background } from './background.ts'
import type { Commits } from './commits.ts'
import { type LiveDocument, type LiveDocuments, storedOf } from './documents.ts'
import { foldKind, foldSteps } from './folding.ts'
import type { Judge } from './judge.ts'
import type { Quarantine } from './quarantine.ts'
import type { Retention } from './retention.ts'
import { isFoldDue, newTail, type Tail } from './tail.ts'

export interface Maintenance {
  /** Something was committed to these documents. */
  committed(ids: Iterable<DocumentId>): void
  /** Time has passed. */
  tick(): void
  /** Looks at once for what is beyond its retention. */
  maintain(): void
  /** How often entries were trimmed: offsets that were located before may be gone. */
  readonly trims: number
  close(): void
}

export interface MaintenanceOptions {
  store: RelayStore
  live: LiveDocuments
  judge: Judge
  commits: Commits
  retention: Retention
  background: Background
  environment: Environment
  quarantine: Quarantine
  /** Records of a document that wait to be folded. */
  unfoldedRecordsMax: number
  report: (error: unknown) => void
}

/** How often the log is looked at for what is beyond its retention. */
const TRIM_EVERY_MS = 60_000
/** Entries taken out of the log in one transaction. */
const TRIM_COUNT = 500
/** Pages given back at a time: a megabyte at most. */
const SHRINK_PAGES = 256
/** Documents whose fold failed that are remembered, not to be tried again with every commit. */
const FAILED_MAX = 1024

export function createMaintenance(options: MaintenanceOptions): Maintenance {
  const { store, live, judge, commits, retention, background, environment, quarantine, report } = options
  const { unfoldedRecordsMax } = options
  const cancels = new Map<DocumentId, () => void>()
  /** Length of the tail at which a fold failed: it is tried again when that has doubled. */
  const failed = new Map<DocumentId, number>()
  let cancelTrim: (() => void) | undefined
  let lookedAt = environment.now()
  let trims = 0

  function consider(id: DocumentId): void {
    const document = live.peek(id)
    if (document === undefined || cancels.has(id) || !isDue(document)) return
    cancels.set(
      id,
      background.run(() => fold(id)),
    )
  }

  function isDue({ ref, tail }: LiveDocument): boolean {
    const failedAt = failed.get(ref.document)
    const isTried = failedAt === undefined || tail.records >= 2 * Math.max(1, failedAt)
    return isTried && isFoldDue(tail, unfoldedRecordsMax)
  }

  function* fold(id: DocumentId): Steps<void> {
    const document = live.get(id)
    try {
      if (document === undefined) return
      document.index()
      const before = store.checkpoint(document.ref)
      const kind = foldKind(before, document.tail)
      const made = yield* foldSteps(store, document.ref, randomId(environment), kind)
      if (made !== undefined) apply(made, before?.id)
      if (failed.delete(id)) quarantine.mended(id, 'fold')
    } catch (error) {
      if (failed.size >= FAILED_MAX) failed.clear()
      failed.set(id, document?.tail.records ?? 0)
      if (error instanceof RejoinError) report(error)
      else quarantine.document(id, 'fold', error)
    } finally {
      cancels.delete(id)
    }
    consider(id)
    trimSoon()
  }

  /** Nothing else of the document may wait for a commit: what is written of it here is all that is known. */
  function apply(fold: Fold, id: string | undefined): void {
    if (!commits.commit()) return
    const { where, checkpoint } = fold
    const document = live.get(where.document)
    const before = store.checkpoint(where)
    if (document === undefined || before?.id !== id || document.ref.epoch !== where.epoch) return
    // What was deleted was dropped, and somebody came who wants it kept.
    if (document.ref.gc !== where.gc) return
    const grown = checkpoint.bytes - (before?.bytes ?? 0)
    const stored = { ...storedOf(document), bytes: document.bytes + grown }
    store.commit({ documents: [stored], entries: [], folds: [fold] })
    judge.grow(document, grown)
    document.tail = tailAfter(document, checkpoint)
  }

  function tailAfter({ ref }: LiveDocument, checkpoint: Checkpoint): Tail {
    const tail = newTail(checkpoint)
    for (const { record } of store.history(ref, checkpoint.through)) {
      tail.records++
      tail.bytes += record.bytes.length
    }
    return tail
  }

  function trimSoon(): void {
    cancelTrim ??= background.run(trim)
  }

  function* trim(): Steps<void> {
    try {
      const through = retention.boundary(commits.head, environment.now())
      for (let count = TRIM_COUNT; through > 0 && count === TRIM_COUNT; ) {
        const trimmed = store.trim(through, TRIM_COUNT)
        count = trimmed.count
        if (count > 0) trims++
        for (const [id, bytes] of trimmed.bytes) judge.shrink(id, bytes)
        yield
      }
      retention.trimmed(through)
      while (store.shrink(SHRINK_PAGES)) yield
    } finally {
      cancelTrim = undefined
    }
  }

  return {
    committed(ids) {
      for (const id of ids) consider(id)
    },
    tick() {
      if (Math.abs(environment.now() - lookedAt) < TRIM_EVERY_MS) return
      lookedAt = environment.now()
      trimSoon()
    },
    maintain: trimSoon,
    get trims() {
      return trims
    },
    close() {
      for (const cancel of cancels.values()) cancel()
      cancels.clear()
      cancelTrim?.()
    },
  }
}
