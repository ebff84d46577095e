/** What the page's address says: the workspace in its query, the note in its hash, so that links can be shared. */
import { isNoteId } from './notebook/ids.ts'

export const workspaceInAddress = (): string => new URLSearchParams(location.search).get('workspace') || 'demo'

/** Relays in the order in which they are tried: the page's own, and those that the address names. */
export function relaysInAddress(): string[] {
  const named = new URLSearchParams(location.search).getAll('relay').filter((url) => /^(http|ws)s?:/.test(url))
  return [...new Set([location.origin, ...named])].map((url) => url.replace(/^http/, 'ws'))
}

/** The note of the address; `undefined` where it names none. */
export function noteInAddress(): string | undefined {
  try {
    const id = decodeURIComponent(location.hash.slice(1).split('?')[0] ?? '')
    return isNoteId(id) ? id : undefined
  } catch {
    return undefined
  }
}

/** The hash of a note; slashes stay readable. */
export const noteLink = (id: string): string => `#${encodeURIComponent(id).replaceAll('%2F', '/')}`

/** The whole address of a note, for others. */
export function sharedLink(id: string): string {
  const url = new URL(location.href)
  url.hash = noteLink(id)
  return url.href
}
