/**
 * The digest of a workspace: a summary of its documents' versions under a secret key, kept up to date with each commit, from
 * which a client that comes without a valid place learns what differs. It is loaded or made when it is first asked for, and
 * stored with the workspace, so that a relay that starts again need not read every document (P11).
 */
import { createDigestConversation, type DigestConversation } from '../../shared/digest/conversation.ts'
import type { DigestElement } from '../../shared/digest/element.ts'
import { type FrozenScope, freezeScope } from '../../shared/digest/frozen.ts'
import { createResponder } from '../../shared/digest/reconcile.ts'
import {
  changeSummary,
  createSummary,
  type DigestSummary,
  decodeSummary,
  encodeSummary,
} from '../../shared/digest/summary.ts'
import type { Environment } from '../../shared/environment.ts'
import type { Hash64, HashKey } from '../../shared/hash.ts'
import type { DocumentId } from '../../shared/ids.ts'
import type { RelayStore } from '../storage/store.ts'
import { versionOf } from './documents.ts'

/** Whether somebody may know of a document. */
export type Scoped = (document: DocumentId) => boolean

/** What a digest needs of its workspace's store. */
export type DigestStore = Pick<RelayStore, 'head' | 'documents' | 'summary' | 'commit'>

/** A document is durable in another version; `before` where it was there, `after` where it is. */
export type VersionWatcher = (id: DocumentId, before: Hash64 | undefined, after: Hash64 | undefined) => void

export interface WorkspaceDigest {
  changed: VersionWatcher
  /** Every document with its version, as digests compare them. */
  elements(): Iterable<DigestElement>
  /** Tells of every change of a version; the returned function ends that. */
  watch(watcher: VersionWatcher): () => void
  /** Begins a session with somebody about what is durable now, or the part of it in `scope`; `over` it is to be told. */
  respond(scope?: Scoped): DigestConversation & { over(): void }
  /** Makes the summary anew when it is asked for next. */
  renew(): void
  /** Stores the summary, where it has changed and the log has grown by so many entries since. Call it when nothing waits. */
  keep(every: number): void
}

export function createWorkspaceDigest(
  store: DigestStore,
  randomBytes: Environment['randomBytes'],
  report: (error: unknown) => void,
): WorkspaceDigest {
  const sessions = new Set<Pick<FrozenScope, 'changed'>>()
  const watchers = new Set<VersionWatcher>()
  let summary: DigestSummary | undefined
  let isKept = true
  let keptAt = store.head()

  function* elements(scope?: Scoped): Iterable<DigestElement> {
    for (const stored of store.documents()) {
      if (scope?.(stored.document) === false) continue
      const version = versionOf(stored, stored.vector)
      if (version !== undefined) yield { id: stored.document, fingerprint: version }
    }
  }

  function loaded(): DigestSummary | undefined {
    const kept = store.summary()
    if (kept === undefined || kept.head !== store.head()) return undefined
    try {
      return decodeSummary(kept.bytes)
    } catch (error) {
      report(error)
      return undefined
    }
  }

  function made(scope?: Scoped): DigestSummary {
    const fresh = createSummary(randomKey(randomBytes))
    for (const { id, fingerprint } of elements(scope)) changeSummary(fresh, id, undefined, fingerprint)
    return fresh
  }

  function kept(): DigestSummary {
    const found = loaded()
    if (found !== undefined) return found
    isKept = false
    return made()
  }

  return {
    changed(id, before, after) {
      for (const session of sessions) session.changed(id, before)
      for (const watcher of watchers) watcher(id, before, after)
      if (summary === undefined) return
      changeSummary(summary, id, before, after)
      isKept = false
    },
    elements: () => elements(),
    watch(watcher) {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
    respond(scope) {
      summary ??= kept()
      // The summary of a part is made for its session and under its own key: it tells nothing of the rest.
      const frozen = freezeScope(scope === undefined ? summary : made(scope), () => elements(scope))
      const session: Pick<FrozenScope, 'changed'> = {
        changed(id, before) {
          if (scope?.(id) !== false) frozen.changed(id, before)
        },
      }
      sessions.add(session)
      const responder = createResponder({ summary: frozen.summary, elements: () => frozen.elements(), randomBytes })
      return { ...createDigestConversation(responder), over: () => sessions.delete(session) }
    },
    renew() {
      summary = undefined
    },
    keep(every) {
      const head = store.head()
      if (summary === undefined || isKept || head - keptAt < every) return
      isKept = true
      keptAt = head
      try {
        store.commit({ documents: [], entries: [], summary: { head, bytes: encodeSummary(summary) } })
      } catch (error) {
        // It can be made anew.
        report(error)
      }
    },
  }
}

function randomKey(randomBytes: Environment['randomBytes']): HashKey {
  const view = new DataView(randomBytes(16).slice().buffer)
  return [view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12)]
}
