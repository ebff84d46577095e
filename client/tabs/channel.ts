/** Tells the other tabs of a replica that something of a document is new in the log they share. Carries no content. */
import type { DocumentId } from '../../shared/ids.ts'

export interface TabChannel {
  /** The log has news of these documents. */
  tell(documents: readonly DocumentId[]): void
  close(): void
}

/** A channel among tabs that opened the same replica; where the platform has none, nobody is told. */
export function openTabChannel(name: string, heard: (documents: readonly DocumentId[]) => void): TabChannel {
  if (typeof BroadcastChannel === 'undefined') return { tell() {}, close() {} }
  const channel = new BroadcastChannel(name)
  channel.onmessage = ({ data }) => heard(data as readonly DocumentId[])
  // On Node an open channel would keep the process alive.
  ;(channel as { unref?: () => void }).unref?.()
  return {
    tell(documents) {
      if (documents.length > 0) channel.postMessage(documents)
    },
    close: () => channel.close(),
  }
}
