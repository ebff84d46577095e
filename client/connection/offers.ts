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
  /** The tombstone of a document, sent from the log. */
  addTombstone(offset: number, document: DocumentId): void
  /** Sent in answer to a version vector: it counts until acknowledged but lies before the watermark's reach. */
  serve(document: DocumentId, origin: OriginId, seq: number): void
  /** The relay takes something of this document only from others. */
  leave(document: DocumentId): void
  /**
   * The relay has records of this origin up to `seq`, whoever brought them: what was sent in answer to a vector, and what was left to
   * others, is not waited for.
   */
  held(document: DocumentId, origin: OriginId, seq: number): void
  /** Records of this origin up to `seq` are acknowledged, or will never be. */
  settle(document: DocumentId, origin: OriginId, seq: number): void
  /** The relay is in the epoch that the tombstone of this document told. */
  settleTombstone(document: DocumentId): void
  /** Nothing of this document is waited for any more. */
  forget(document: DocumentId): void
  /** Everything up to this offset of the log is acknowledged; `undefined` while answers to vectors are on their way. */
  watermark(cursor: number): number | undefined
  /** How many were sent and are not acknowledged. */
  sent(): number
  /** Whether more may be sent. */
  hasRoom(): boolean
  /** Everything that was sent is acknowledged. */
  isEmpty(): boolean
  /** What another tab was to send and that is still not acknowledged. */
  overdue(): Offered[]
}

interface Entry {
  offset: number
  document: DocumentId
  /** A record; otherwise it is a tombstone. */
  offered?: Offered
  sent: boolean
  done: boolean
}

const sizeOf = ({ offered }: Entry): number => offered?.record.bytes.length ?? 0

export function createOffers(): Offers {
  let queue: Entry[] = []
  const served = new Map<string, number>()
  const left = new Set<DocumentId>()
  let bytes = 0

  function drop(goes: (entry: Entry) => boolean): void {
    for (const each of queue) {
      if (each.done || !goes(each)) continue
      each.done = true
      if (each.sent) bytes -= sizeOf(each)
    }
    let done = 0
    while (queue[done]?.done) done++
    if (done > 0) queue = queue.slice(done)
  }

  function settleServed(document: DocumentId, origin: OriginId, seq: number): void {
    const key = `${document}\u0000${origin}`
    if ((served.get(key) ?? Infinity) <= seq) served.delete(key)
  }

  function settle(document: DocumentId, origin: OriginId, seq: number): void {
    settleServed(document, origin, seq)
    drop(({ offered }) => {
      if (offered === undefined || offered.where.document !== document) return false
      return offered.record.origin === origin && offered.record.seq <= seq
    })
  }

  return {
    add(offered, sent) {
      queue.push({ offset: offered.offset, document: offered.where.document, offered, sent, done: false })
      if (sent) bytes += offered.record.bytes.length
    },
    addTombstone(offset, document) {
      queue.push({ offset, document, sent: true, done: false })
    },
    settleTombstone: (document) => drop((each) => each.document === document && each.offered === undefined),
    serve(document, origin, seq) {
      const key = `${document}\u0000${origin}`
      served.set(key, Math.max(seq, served.get(key) ?? 0))
    },
    leave: (document) => void left.add(document),
    held(document, origin, seq) {
      if (left.has(document)) settle(document, origin, seq)
      else settleServed(document, origin, seq)
    },
    settle,
    forget(document) {
      for (const key of served.keys()) if (key.startsWith(`${document}\u0000`)) served.delete(key)
      drop((each) => each.document === document)
    },
    watermark: (cursor) => (served.size > 0 ? undefined : (queue[0]?.offset ?? cursor + 1) - 1),
    sent: () => queue.reduce((count, each) => (each.sent && !each.done ? count + 1 : count), 0),
    hasRoom: () => bytes < UNACKNOWLEDGED_BYTES_MAX,
    isEmpty: () => served.size === 0 && queue.every((each) => each.done || !each.sent),
    overdue() {
      const late = queue.filter((each) => !each.done && !each.sent)
      for (const each of late) {
        each.sent = true
        bytes += sizeOf(each)
      }
      return late.flatMap(({ offered }) => offered ?? [])
    },
  }
}
