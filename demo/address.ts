/** What the page's address says: the workspace in its query, the document in its hash, so that links can be shared. */

/** The document that is opened where the address names none. */
export const FIRST_DOCUMENT = 'welcome'

export const workspaceInAddress = (): string => new URLSearchParams(location.search).get('workspace') || 'demo'

/** The document of the address; `undefined` where it names none, or nothing that can be read. */
export function documentInAddress(): string | undefined {
  try {
    return decodeURIComponent(location.hash.slice(1)) || undefined
  } catch {
    return undefined
  }
}

/** The address of a document in this workspace; slashes stay readable. */
export const documentLink = (id: string): string => `#${encodeURIComponent(id).replaceAll('%2F', '/')}`
