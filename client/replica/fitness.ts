/** What of the stored records may be sent. */
import { type DocumentRef, isSound, type UpdateRecord } from '../../shared/update/record.ts'
import type { Bad } from './soundness.ts'

/** Whether a record may be sent: it is sound, and does not follow one of its origin that is not. Notes those that are not. */
export function isFit(where: DocumentRef, record: UpdateRecord, bad: Bad[]): boolean {
  const { document } = where
  const { origin, seq } = record
  if (bad.some((each) => each.document === document && each.origin === origin && each.seq < seq)) return false
  if (isSound(where, record)) return true
  bad.push({ document, origin, seq })
  return false
}
