/**
 * What Tiptap's link asks of linkifyjs, which brings a table of all top-level domains: here a link is what says so, by its
 * scheme or by www. The build puts it in that package's place (vite.config.ts).
 */

export interface Found {
  isLink: boolean
  value: string
  href: string
  start: number
  end: number
}

const ADDRESS = /(?<![\p{L}\p{N}])(?:https?:\/\/|mailto:|www\.)[^\s<>"]*[^\s<>".,;:!?)\]]/giu

/** The addresses in a text, in order. */
export function find(text: string): Found[] {
  return [...text.matchAll(ADDRESS)].map(({ 0: value, index: start }) => {
    const href = /^www\./i.test(value) ? `https://${value}` : value
    return { isLink: true, value, href, start, end: start + value.length }
  })
}

/** The text as a link where all of it is one, for whoever wants it in parts. */
export const tokenize = (text: string): { toObject(): Found }[] => {
  const [first] = find(text)
  const none = { isLink: false, value: text, href: '', start: 0, end: text.length }
  return [{ toObject: () => (first?.value === text ? first : none) }]
}

/** There are no other schemes than those above: nothing is to be remembered, and nothing to be forgotten. */
export const registerCustomProtocol = (_scheme: string): void => {}
export const reset = (): void => {}
