/**
 * What is known of the documents at other replicas, as far as they said so or took what was sent: from it follow receipts
 * `relays(k)`. It is a memory, not a record: what is forgotten is asked for again (P7).
 */
import { type Head, headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import type { DocumentEpoch, DocumentId, RelayId, ReplicaId } from '../../shared/ids.ts'
import type { DocumentRef } from '../../shared/update/record.ts'

export interface Known {
  /** A replica speaks, in this run of its relay: of an earlier run nothing counts, its store may have been put back since. */
  met(replica: ReplicaId, relay: RelayId): void
  /** This is what the replica holds, by its word. */
  states(where: DocumentRef, replica: ReplicaId, vector: VersionVector): void
  /** This replica holds all that the vector names, and maybe more. */
  holds(where: DocumentRef, replica: ReplicaId, vector: VersionVector): void
  /** What each replica is known to hold of a document in this epoch. */
  of(where: DocumentRef): ReadonlyMap<ReplicaId, VersionVector>
  /** Is told of every document of which more is known; the returned function ends that. */
  watch(watcher: (document: DocumentId) => void): () => void
}

/** Documents remembered, those heard of last: a few hundred bytes each. */
const DOCUMENTS_MAX = 4_096

interface Document {
  epoch: DocumentEpoch
  replicas: Map<ReplicaId, Map<string, Head>>
}

const NOBODY: ReadonlyMap<ReplicaId, VersionVector> = new Map()

export function createKnown(): Known {
  const documents = new Map<DocumentId, Document>()
  const runs = new Map<ReplicaId, RelayId>()
  const watchers = new Set<(document: DocumentId) => void>()

  function touch({ document, epoch }: DocumentRef): Document {
    const before = documents.get(document)
    const found = before?.epoch === epoch ? before : { epoch, replicas: new Map() }
    documents.delete(document)
    documents.set(document, found)
    const [oldest] = documents.keys()
    if (documents.size > DOCUMENTS_MAX && oldest !== undefined) documents.delete(oldest)
    return found
  }

  function tell(document: DocumentId): void {
    for (const watcher of watchers) watcher(document)
  }

  return {
    met(replica, relay) {
      const before = runs.get(replica)
      runs.set(replica, relay)
      if (before === undefined || before === relay) return
      for (const { replicas } of documents.values()) replicas.delete(replica)
    },
    states(where, replica, vector) {
      touch(where).replicas.set(replica, new Map(vector))
      tell(where.document)
    },
    holds(where, replica, vector) {
      const { replicas } = touch(where)
      const held = replicas.get(replica) ?? new Map<string, Head>()
      replicas.set(replica, held)
      for (const [origin, head] of vector) if (head.seq >= headOf(held, origin).seq) held.set(origin, head)
      tell(where.document)
    },
    of({ document, epoch }) {
      const found = documents.get(document)
      return found?.epoch === epoch ? found.replicas : NOBODY
    },
    watch(watcher) {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
  }
}
