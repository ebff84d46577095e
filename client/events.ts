/** What a workspace tells its app beside status: what was refused, found forked, or failed with nobody waiting for it. */
import type { ErrorCode } from '../shared/errors.ts'
import type { DocumentId } from '../shared/ids.ts'
import type { BranchRow } from './replica/store.ts'

/** Edits that a relay refused for good, kept on this device until `dismiss`. */
export interface Branch {
  /** Its name within the document. */
  id: string
  document: DocumentId
  /** Why it was refused. */
  code: ErrorCode
  /** What the relay said of it. */
  detail: string
  /** One Yjs update (v1) with everything that was not acknowledged: apply it to a copy of the document to have it back. */
  update: Uint8Array
}

export const toBranch = (row: BranchRow): Branch => ({
  id: row.id,
  document: row.document,
  code: row.code,
  detail: row.detail,
  update: row.bytes,
})

/** What `on` can listen to. */
export interface WorkspaceEvents {
  /** A relay refused a document's edits: its handles have ended. Open it again for what the relay accepted. */
  refused(branch: Branch): void
  /** Two contents were found under one name, as after the copy of a profile; both are kept. Told in every tab. */
  forked(fork: { document: DocumentId; origin: string }): void
  /**
   * A document was deleted elsewhere, and is gone here: its handles have ended. Edits that no relay had are kept as a branch. Open
   * it again for a new, empty one.
   */
  deleted(deletion: { document: DocumentId; branch?: Branch }): void
  /**
   * Something failed that nobody waits for, mostly a `RejoinError`; told once for as long as it lasts. Without a listener it
   * is written to the console.
   */
  error(error: unknown): void
}

export interface Events {
  on<E extends keyof WorkspaceEvents>(event: E, listener: WorkspaceEvents[E]): () => void
  emit<E extends keyof WorkspaceEvents>(event: E, detail: Parameters<WorkspaceEvents[E]>[0]): void
  report(error: unknown): void
}

export function createEvents(): Events {
  const listeners = new Map<string, Set<(detail: never) => void>>()

  function emit<E extends keyof WorkspaceEvents>(event: E, detail: Parameters<WorkspaceEvents[E]>[0]): void {
    const those = listeners.get(event)
    if (event === 'error' && (those === undefined || those.size === 0)) console.error('Rejoin:', detail)
    for (const listener of those ?? []) listener(detail as never)
  }

  return {
    on(event, listener) {
      const those = listeners.get(event) ?? new Set()
      listeners.set(event, those)
      those.add(listener as never)
      return () => those.delete(listener as never)
    },
    emit,
    report: (error) => emit('error', error),
  }
}
