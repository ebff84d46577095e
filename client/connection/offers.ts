/**
 * What was offered to a relay and waits for its acknowledgement, in the order of this replica's log: from it follow the
 * watermark (everything before it is acknowledged) and how much may still be sent. Pure.
 */
import type { DocumentId, OriginId } from '../../shared/ids.ts'
import { UNACKNOWLEDGED_BYTES_MAX } from '../../shared/limits.ts'
import type { Offered } from '../replica/update-log.ts'

export interface Offers {
  /** Offered from the log; `sent` or, where another tab sends it, only watched. */
  add(offered: Offered, sent: boolean): void
  /** Sent in answer to a version vector: it counts until acknowledged but lies before the watermark's reach. */
  serve(document: DocumentId, origin: OriginId, seq: number): void
  /** Records of this origin up to `seq` are acknowledged, or will never be. */
  settle(document: DocumentId, origin: OriginId, seq: number): void
  /** Nothing of this document is waited for any more. */
  forget(document: DocumentId): void
  /** Everything up to this offset of the log is acknowledged; `undefined` while answers to vectors are on their way. */
  watermark(cursor: number): number | undefined
  /** Whether more may be sent. */
  hasRoom(): boolean
  /** Everything that was sent is acknowledged. */
  isEmpty(): boolean
  /** What another tab was to send and that is still not acknowledged. */
  overdue(): Offered[]
}

export function createOffers(): Offers {
  let queue: { offered: Offered; sent: boolean; done: boolean }[] = []
  const served = new Map<string, number>()
  let bytes = 0

  function drop(keep: (offered: Offered) => boolean): void {
    for (const each of queue) {
      if (each.done || keep(each.offered)) continue
      each.done = true
      if (each.sent) bytes -= each.offered.record.bytes.length
    }
    const first = queue.findIndex((each) => !each.done)
    queue = first < 0 ? [] : queue.slice(first)
  }

  return {
    add(offered, sent) {
      queue.push({ offered, sent, done: false })
      if (sent) bytes += offered.record.bytes.length
    },
    serve(document, origin, seq) {
      const key = `${document}\u0000${origin}`
      served.set(key, Math.max(seq, served.get(key) ?? 0))
    },
    settle(document, origin, seq) {
      const key = `${document}\u0000${origin}`
      if ((served.get(key) ?? Infinity) <= seq) served.delete(key)
      drop(({ where, record }) => where.document !== document || record.origin !== origin || record.seq > seq)
    },
    forget(document) {
      for (const key of served.keys()) if (key.startsWith(`${document}\u0000`)) served.delete(key)
      drop(({ where }) => where.document !== document)
    },
    watermark: (cursor) => (served.size > 0 ? undefined : (queue[0]?.offered.offset ?? cursor + 1) - 1),
    hasRoom: () => bytes < UNACKNOWLEDGED_BYTES_MAX,
    isEmpty: () => served.size === 0 && queue.every((each) => each.done || !each.sent),
    overdue() {
      const late = queue.filter((each) => !each.done && !each.sent)
      for (const each of late) {
        each.sent = true
        bytes += each.offered.record.bytes.length
      }
      return late.map((each) => each.offered)
    },
  }
}
