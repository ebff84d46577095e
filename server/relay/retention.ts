/**
 * How long records stay that a checkpoint stands for: readers who come back within that time are sent the records that they
 * missed, later ones the checkpoint. It knows the age and size of the log by marks, one for every few minutes of it (P7).
 */
import type { Mark, RelayStore } from '../storage/store.ts'
import type { RelayLimits } from './limits.ts'

export interface Retention {
  /** The mark that goes with a commit of entries behind `head`, if one is due. */
  nextMark(head: number, now: number): Mark | undefined
  /** That commit is durable, with so many bytes of records. */
  committed(bytes: number, mark: Mark | undefined): void
  /** The highest offset that is beyond what is kept. */
  boundary(head: number, now: number): number
  /** When something will be older than is kept, of what is not yet; `undefined` where nothing will. */
  dueAt(now: number): number | undefined
  /** Entries and marks up to there were trimmed. */
  trimmed(through: number): void
}

/** Time and bytes between two marks: they are how coarse the retention is. 7 days have about a thousand of them. */
const MARK_EVERY_MS = 10 * 60_000
const MARK_EVERY_BYTES = 1024 * 1024

export function createRetention(store: RelayStore, limits: RelayLimits): Retention {
  let marks = store.marks()
  /** Bytes of records since there are marks; what came after the last one before a start is not counted. */
  let bytes = marks.at(-1)?.bytes ?? 0

  const isDue = (last: Mark, now: number): boolean =>
    // A clock that was put back would hide the age of what comes for as long as it was put back.
    Math.abs(now - last.at) >= MARK_EVERY_MS || bytes - last.bytes >= MARK_EVERY_BYTES

  function beyond(isBeyond: (mark: Mark) => boolean): number {
    let offset = 0
    for (const mark of marks) if (isBeyond(mark)) offset = Math.max(offset, mark.offset)
    return offset
  }

  return {
    nextMark(head, now) {
      const last = marks.at(-1)
      return last === undefined || (isDue(last, now) && head > last.offset)
        ? { offset: head, at: now, bytes }
        : undefined
    },
    committed(added, mark) {
      if (mark !== undefined) marks.push(mark)
      bytes += added
    },
    boundary: (head, now) =>
      Math.max(
        head - limits.retainRecordsMax,
        beyond((mark) => now - mark.at > limits.retainMs),
        beyond((mark) => bytes - mark.bytes > limits.retainBytesMax),
        0,
      ),
    dueAt(now) {
      const ages = marks.map(({ at }) => at + limits.retainMs).filter((at) => at >= now)
      // One millisecond later it is older.
      return ages.length === 0 ? undefined : Math.min(...ages) + 1
    },
    trimmed(through) {
      marks = marks.filter(({ offset }) => offset >= through)
    },
  }
}
