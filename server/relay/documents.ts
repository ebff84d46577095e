/**
 * What a relay holds in memory of documents in use: the version vector, and the index of struct and delete intervals that
 * tells new content from known (no Y.Doc). Both are made from the store when a document is first touched and are dropped
 * again, least recently used first, within a budget of memory.
 */
import type { Head, VersionVector } from '../../shared/causality/version-vector.ts'
import { documentVersion } from '../../shared/digest/version.ts'
import { RejoinError } from '../../shared/errors.ts'
import type { Hash64 } from '../../shared/hash.ts'
import { type DocumentId, FIRST_EPOCH, type OriginId } from '../../shared/ids.ts'
import { inspectHeld } from '../../shared/update/held.ts'
import { decodeIntervalIndex, encodeIntervals } from '../../shared/update/interval-bytes.ts'
import { createIntervalIndex, type IntervalIndex } from '../../shared/update/intervals.ts'
import { type DocumentRef, refOf } from '../../shared/update/record.ts'
import { type RelayStore, type StoredDocument, TOMBSTONE_EXPIRED } from '../storage/store.ts'
import { readTail } from '../storage/unbroken.ts'
import { newTail, type Tail } from './tail.ts'

/** A document in use, ahead of the store by what waits for its commit. */
export interface LiveDocument {
  ref: DocumentRef
  vector: Map<string, Head>
  bytes: number
  /** The store knows it. */
  stored: boolean
  /** When it was last written. */
  touched: number
  /** Its tombstone waits for its commit. */
  burying: boolean
  /** The version that the digest was told of; `undefined` where it is not in there. */
  version: Hash64 | undefined
  /** Records that its checkpoint does not cover. Known once `index` was asked for. */
  tail: Tail
  /** Pieces that are on their way. */
  transfer?: LiveTransfer
  /** What its log holds, by (client, clock). Made at the first call. */
  index(): IntervalIndex
  /** Its log holds what this index says from now on. */
  setIndex(index: IntervalIndex): void
  /** Rough bytes of memory. */
  size(): number
}

/** What has come of a transfer, ahead of the store by what waits for its commit. */
export interface LiveTransfer {
  id: Hash64
  pieces: number
  bytes: number
  size: number
  /** What the document will hold. */
  index: IntervalIndex
  /** When the last piece came, and from whom, if that is known. */
  at: number
  peer?: OriginId
}

export interface LiveDocuments {
  /** The document as it is; `undefined` where neither store nor memory has it. */
  get(id: DocumentId): LiveDocument | undefined
  /** The document if it is in memory. */
  peek(id: DocumentId): LiveDocument | undefined
  create(ref: DocumentRef): LiveDocument
  /** The document in a new epoch, in which nothing is there yet. */
  bury(ref: DocumentRef): LiveDocument
  drop(id: DocumentId): void
  /** Now and then forgets what was not used for longest until the budget is met. Call it when nothing is ahead of the store. */
  trim(): void
  /** Rough bytes of memory of all of them. */
  bytes(): number
  /** Forgets at once down to so many bytes. Call it when nothing is ahead of the store. */
  shrink(bytesMax: number): void
  /** Forgets all, so that the store is asked again. */
  clear(): void
}

export { refOf } from '../../shared/update/record.ts'

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

  function bytes(): number {
    let total = 0
    for (const document of live.values()) total += document.size()
    return total
  }

  function shrink(bytesMax: number): void {
    let total = bytes()
    for (const [id, document] of live) {
      if (total <= bytesMax) return
      live.delete(id)
      total -= document.size()
    }
  }

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
    peek: (id) => live.get(id),
    create(ref) {
      const document = createLive(undefined, ref, new Map(), 0)
      live.set(ref.document, document)
      return document
    },
    bury(ref) {
      const before = live.get(ref.document)
      const document = createLive(undefined, ref, new Map(), 0)
      document.stored = before?.stored ?? false
      document.version = before?.version
      document.burying = true
      live.set(ref.document, document)
      return document
    },
    drop: (id) => live.delete(id),
    trim() {
      if (++trims % TRIM_EVERY === 0) shrink(memoryBytesMax)
    },
    bytes,
    shrink,
    clear: () => live.clear(),
  }
}

function createLive(
  store: RelayStore | undefined,
  from: DocumentRef | StoredDocument,
  vector: VersionVector,
  bytes: number,
): LiveDocument {
  const ref = refOf(from)
  let index: IntervalIndex | undefined
  const document: LiveDocument = {
    ref,
    vector: new Map(vector),
    bytes,
    stored: store !== undefined,
    touched: 'touched' in from ? (from.touched ?? 0) : 0,
    burying: false,
    version: store === undefined ? undefined : versionOf(from, vector),
    tail: newTail(undefined),
    index() {
      index ??= store === undefined ? createIntervalIndex() : readIndex(store, document)
      return index
    },
    setIndex(changed) {
      index = changed
    },
    size() {
      const intervals = (index?.size ?? 0) + (document.transfer?.index.size ?? 0)
      return DOCUMENT_BYTES + document.vector.size * ORIGIN_BYTES + intervals * INTERVAL_BYTES
    },
  }
  return document
}

/** The version by which a digest knows a stored document. */
export function versionOf(from: DocumentRef & Pick<StoredDocument, 'deleted'>, vector: VersionVector) {
  return from.deleted === TOMBSTONE_EXPIRED ? undefined : documentVersion(from.epoch, vector)
}

/** The document as it is to be stored. */
export function storedOf({ ref, vector, bytes, touched }: LiveDocument): StoredDocument {
  // Nothing is there of a document after its deletion, and of no other.
  const isTombstone = vector.size === 0 && ref.epoch !== FIRST_EPOCH
  return { ...ref, vector, bytes, touched, deleted: isTombstone ? touched : undefined }
}

/** Nobody thought of what is stored of a document: nothing that comes is to blame. */
export class UnreadableDocument extends RejoinError {
  constructor({ document }: DocumentRef, cause: unknown) {
    super('storage-failed', `${JSON.stringify(document)} cannot be read here, and its operator was told`, { cause })
  }
}

/** What the checkpoint says that it holds, and what came after it. Raises `corrupt` and `storage-failed`. */
function readIndex(store: RelayStore, document: LiveDocument): IntervalIndex {
  try {
    return readIntervals(store, document)
  } catch (error) {
    if (error instanceof RejoinError && error.code !== 'invalid-update') throw error
    throw new UnreadableDocument(document.ref, error)
  }
}

function readIntervals(store: RelayStore, document: LiveDocument): IntervalIndex {
  const { ref } = document
  const checkpoint = store.checkpoint(ref)
  const tail = newTail(checkpoint)
  const index = checkpoint === undefined ? createIntervalIndex() : decodeIntervalIndex(checkpoint.intervals)
  for (const { record } of readTail(store, ref, checkpoint)) {
    index.add(inspectHeld(record.bytes))
    tail.records++
    tail.bytes += record.bytes.length
  }
  document.tail = tail
  return index
}

/** An index that goes its own way from here. */
export const copyIndex = (index: IntervalIndex): IntervalIndex => decodeIntervalIndex(encodeIntervals(index))
