/** Files for the person, made in the page. */

/** How long the browser may take to begin. */
const BEGINS_WITHIN_MS = 60_000

export function download(name: string, content: Blob): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(content)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), BEGINS_WITHIN_MS)
}

/** A title as a file system takes it. */
export const fileName = (title: string): string =>
  title
    .replace(/[^\p{L}\p{N} ._-]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 80) || 'note'
