/**
 * What goes with time: documents whose time to live is over are deleted, as anybody would delete them, and tombstones that all
 * have had the time to hear of leave catalogs and digests.
 */
import type { Environment } from '../../shared/environment.ts'
import { nextEpoch } from '../../shared/epochs.ts'
import { RejoinError } from '../../shared/errors.ts'
import type { DocumentId } from '../../shared/ids.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { Steps } from '../../shared/update/steps.ts'
import { type RelayStore, type StoredDocument, TOMBSTONE_EXPIRED } from '../storage/store.ts'
import type { Background } from './background.ts'
import type { WorkspaceDigest } from './digests.ts'
import { type LiveDocuments, refOf, versionOf } from './documents.ts'

export interface Expiry {
  /** Time has passed; call it every few seconds. */
  tick(): void
  /** Looks at once. */
  maintain(): void
  /** When to look next; `undefined` where nothing can expire. Milliseconds. */
  dueAt(): number | undefined
  close(): void
}

export interface ExpiryOptions {
  store: RelayStore
  live: LiveDocuments
  digest: WorkspaceDigest
  environment: Environment
  background: Background
  /** Milliseconds after its last edit at which a document is deleted; `undefined`: never. */
  ttlMs?: (document: DocumentId) => number | undefined
  /** The document begins this epoch. */
  beginEpoch(where: DocumentRef): void
  /** Commits what waits. Raises `storage-failed`. */
  commitFirst(): void
  report(error: unknown): void
}

/** How often documents are looked at, while their workspace is in use; first when that begins. */
const LOOK_EVERY_MS = 60 * 60_000
/** How often, where only tombstones may be. */
const TOMBSTONES_EVERY_MS = 24 * 60 * 60_000
/** Documents in one step: some milliseconds. */
const STEP_DOCUMENTS = 256
/** Who has been away for longer hears of a deletion when it next writes, not before. */
const TOMBSTONE_MS = 90 * 24 * 60 * 60_000

export function createExpiry(options: ExpiryOptions): Expiry {
  const { store, live, digest, environment, background, ttlMs, beginEpoch, commitFirst, report } = options
  let cancel = (): void => {}
  let lookedAt = Number.NEGATIVE_INFINITY
  let isTold = false

  function* look(): Steps<void> {
    try {
      let count = 0
      for (const stored of store.documents()) {
        expire(stored, environment.now())
        if (++count % STEP_DOCUMENTS === 0) yield
      }
    } catch (error) {
      report(error)
    }
  }

  function expire(stored: StoredDocument, now: number): void {
    const { document, deleted, touched = now } = stored
    if (deleted === undefined) {
      const ttl = timeToLive(document)
      if (ttl === undefined || now - touched <= ttl) return
      beginEpoch({ ...refOf(stored), epoch: nextEpoch(stored.epoch, environment) })
    } else if (deleted !== TOMBSTONE_EXPIRED && now - deleted > TOMBSTONE_MS) {
      commitFirst()
      // Somebody may have written it anew just now.
      const current = store.document(document)
      if (current?.deleted !== deleted) return
      // The log has not grown: a digest's summary that is stored would be taken for one of what is now.
      const summary = { head: 0, bytes: new Uint8Array() }
      store.commit({ documents: [{ ...current, deleted: TOMBSTONE_EXPIRED }], entries: [], summary })
      live.drop(document)
      digest.changed(document, versionOf(current, current.vector), undefined)
    }
  }

  /** An app's own function says it: what is no time deletes nothing (P2), and is told once. */
  function timeToLive(document: DocumentId): number | undefined {
    const ttl: unknown = ttlMs?.(document)
    if (typeof ttl === 'number' && ttl > 0) return ttl
    if (ttl !== undefined && !isTold) report(new RejoinError('bad-option', `a time to live of ${String(ttl)} ms`))
    isTold ||= ttl !== undefined
    return undefined
  }

  function maintain(): void {
    lookedAt = environment.now()
    cancel()
    cancel = background.run(look)
  }

  return {
    tick() {
      if (Math.abs(environment.now() - lookedAt) >= LOOK_EVERY_MS) maintain()
    },
    maintain,
    dueAt() {
      const now = environment.now()
      if (ttlMs !== undefined && store.untouched(now + 1, 1).length > 0) return now + LOOK_EVERY_MS
      return store.buried(now, 1).length > 0 ? now + TOMBSTONES_EVERY_MS : undefined
    },
    close: () => cancel(),
  }
}
