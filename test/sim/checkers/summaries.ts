/** Summaries of updates, each made once: the same bytes lie on many disks and are looked at after many faults. */
import { inspectUpdate, type UpdateSummary } from '../../../shared/update/inspect.ts'

const known = new WeakMap<Uint8Array, UpdateSummary>()

export function summaryOf(update: Uint8Array): UpdateSummary {
  let summary = known.get(update)
  if (summary === undefined) {
    summary = inspectUpdate(update)
    known.set(update, summary)
  }
  return summary
}
