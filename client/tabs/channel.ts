/** Tells the other tabs of a replica what has happened to the log they share. Carries no content. */
import type { ErrorCode } from '../../shared/errors.ts'
import type { DocumentId, OriginId } from '../../shared/ids.ts'

export type TabNews =
  /** The log has news of these documents. */
  | { type: 'changed'; documents: readonly DocumentId[] }
  /** Under this origin the log holds, or will hold, other records than before. */
  | { type: 'forked'; document: DocumentId; origin: OriginId }
  /** The document was deleted: what of it is open is no use. */
  | { type: 'deleted'; document: DocumentId }
  /** A relay refused edits of this document for good: what rests on them is no use. */
  | { type: 'refused'; document: DocumentId; code: ErrorCode; detail: string }

/** Something of this document is here no more: whoever is connected fetches it; what nobody else had, whoever has it open gives back. */
export type TabRequest = { type: 'repair'; document: DocumentId } | { type: 'rescue'; document: DocumentId }

export interface TabChannel {
  tell(news: TabNews | TabRequest): void
  close(): void
}

/** A channel among tabs that opened the same replica; where the platform has none, nobody is told. */
export function openTabChannel(name: string, heard: (news: TabNews | TabRequest) => void): TabChannel {
  if (typeof BroadcastChannel === 'undefined') return { tell() {}, close() {} }
  const channel = new BroadcastChannel(name)
  channel.onmessage = ({ data }) => heard(data as TabNews | TabRequest)
  // On Node an open channel would keep the process alive.
  ;(channel as { unref?: () => void }).unref?.()
  return {
    tell: (news) => channel.postMessage(news),
    close: () => channel.close(),
  }
}
