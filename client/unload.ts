/** Asks before a page is left that holds what is nowhere else. */
import type { Readable, WorkspaceStatus } from './status.ts'

/**
 * While edits are neither on this device nor at a relay, leaving the page has the browser ask first. Edits that the device keeps
 * need no question: they are sent when the app is open again. Returns what ends it; does nothing outside of a page.
 */
export function guardUnload(workspace: { readonly status: Readable<WorkspaceStatus> }): () => void {
  const { window } = globalThis as { window?: Window }
  if (window?.addEventListener === undefined) return () => {}
  const ask = (event: BeforeUnloadEvent): void => {
    const { storage, unacknowledged } = workspace.status.get()
    if (storage !== 'ok' && unacknowledged > 0) event.preventDefault()
  }
  window.addEventListener('beforeunload', ask)
  return () => window.removeEventListener('beforeunload', ask)
}
