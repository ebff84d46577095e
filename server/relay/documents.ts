/**
 * What a relay holds in memory of documents in use: the version vector, and the index of struct and delete intervals that
 * tells new content from known (no Y.Doc). Both are made from the store when a document is first touched and are dropped
 * again, least recently used first, within a budget of memory.
 */
import type { Head, VersionVector } from '../../shared/causality/version-vector.ts'
import type { DocumentId } from '../../shared/ids.ts'
import { inspectUpdate } from '../../shared/update/inspect.ts'
import { createIntervalIndex, type IntervalIndex } from '../../shared/update/intervals.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { RelayStore, StoredDocument } from '../storage/store.ts'

/** A document in use, ahead of the store by what waits for its commit. */
export interface LiveDocument {
  ref: DocumentRef
  vector: Map<string, Head>
  bytes: number
  /** The store knows it. */
  stored: boolean
  /** What its log holds, by (client, clock). Made at the first call. */
  index(): IntervalIndex
  /** Rough bytes of memory. */
  size(): number
}

export interface LiveDocuments {
  /** The document as it is; `undefined` where neither store nor memory has it. */
  get(id: DocumentId): LiveDocument | undefined
  create(ref: DocumentRef): LiveDocument
  drop(id: DocumentId): void
  /** Forgets what was not used for longest until the budget is met. Call it when nothing is ahead of the store. */
  trim(): void
  /** Forgets all, so that the store is asked again. */
  clear(): void
}

/** Memory of a document beside its vector and index. */
const DOCUMENT_BYTES = 400
const ORIGIN_BYTES = 200
const INTERVAL_BYTES = 40
/** Commits between two looks at the memory in use: adding up costs a step per document. */
const TRIM_EVERY = 64

export function createLiveDocuments(store: RelayStore, memoryBytesMax: number): LiveDocuments {
  // In order of use: the map's first entry is the one not used for longest.
  const live = new Map<DocumentId, LiveDocument>()
  let trims = 0

  return {
    get(id) {
      let document = live.get(id)
      if (document !== undefined) {
        live.delete(id)
      } else {
        const stored = store.document(id)
        if (stored === undefined) return undefined
        document = createLive(store, stored, stored.vector, stored.bytes)
      }
      live.set(id, document)
      return document
    },
    create(ref) {
      const document = createLive(undefined, ref, new Map(), 0)
      live.set(ref.document, document)
      return document
    },
    drop: (id) => live.delete(id),
    trim() {
      if (++trims % TRIM_EVERY !== 0) return
      let total = 0
      for (const document of live.values()) total += document.size()
      for (const [id, document] of live) {
        if (total <= memoryBytesMax) return
        live.delete(id)
        total -= document.size()
      }
    },
    clear: () => live.clear(),
  }
}

function createLive(
  store: RelayStore | undefined,
  from: DocumentRef | StoredDocument,
  vector: VersionVector,
  bytes: number,
): LiveDocument {
  const ref: DocumentRef = { document: from.document, epoch: from.epoch, gc: from.gc }
  let index: IntervalIndex | undefined
  const document: LiveDocument = {
    ref,
    vector: new Map(vector),
    bytes,
    stored: store !== undefined,
    index() {
      if (index === undefined) {
        index = createIntervalIndex()
        if (store !== undefined) for (const record of store.history(ref)) index.add(inspectUpdate(record.bytes))
      }
      return index
    },
    size: () => DOCUMENT_BYTES + document.vector.size * ORIGIN_BYTES + (index?.size ?? 0) * INTERVAL_BYTES,
  }
  return document
}
