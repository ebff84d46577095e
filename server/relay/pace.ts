/**
 * How fast a document may be written by all who write it together: where that is passed they are read more slowly, so that a flood
 * of one document harms no other (P7, P9). What they sent already is taken all the same: their own sockets hold back the rest.
 */
import type { DocumentId } from '../../shared/ids.ts'
import { type Bucket, createBucket } from './bucket.ts'
import type { RelayLimits } from './limits.ts'

export interface Pace {
  /** So many bytes are written into a document; milliseconds for which their sender is to be read no more. */
  spend(document: DocumentId, bytes: number): number
  /** Time has passed: forgets documents that owe nothing. */
  tick(): void
}

interface Buckets {
  messages: Bucket
  bytes: Bucket
}

/** Documents that are watched between two ticks: one that is forgotten begins anew. */
const PACED_MAX = 10_000

export function createPace(limits: RelayLimits, now: () => number): Pace {
  const { documentMessagesPerSecondMax: messages, documentBytesPerSecondMax: bytes, burstMs } = limits
  const paced = new Map<DocumentId, Buckets>()
  const bucketOf = (perSecond: number): Bucket => createBucket(perSecond, (perSecond * burstMs) / 1000)

  function bucketsOf(document: DocumentId): Buckets {
    const known = paced.get(document)
    if (known !== undefined) return known
    const [oldest] = paced.keys()
    if (paced.size >= PACED_MAX && oldest !== undefined) paced.delete(oldest)
    const made = { messages: bucketOf(messages), bytes: bucketOf(bytes) }
    paced.set(document, made)
    return made
  }

  return {
    spend(document, size) {
      const buckets = bucketsOf(document)
      return Math.max(buckets.messages.take(1, now()), buckets.bytes.take(size, now()))
    },
    tick() {
      for (const [document, buckets] of paced) {
        if (buckets.messages.isFull(now()) && buckets.bytes.isFull(now())) paced.delete(document)
      }
    },
  }
}
