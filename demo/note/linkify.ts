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

const ADDRESS = /^(?:https?:\/\/|mailto:|www\.)\S*[^\s.,;:!?)\]]$/i

/** The text as a link, where all of it is one. */
export function find(text: string): Found[] {
  const isLink = ADDRESS.test(text)
  const href = /^www\./i.test(text) ? `https://${text}` : text
  return isLink ? [{ isLink, value: text, href, start: 0, end: text.length }] : []
}

/** The same, for whoever wants the text in parts. */
export const tokenize = (text: string): { toObject(): Found }[] => {
  const found = find(text)[0] ?? { isLink: false, value: text, href: '', start: 0, end: text.length }
  return [{ toObject: () => found }]
}

/** There are no other schemes than those above: nothing is to be remembered, and nothing to be forgotten. */
export const registerCustomProtocol = (_scheme: string): void => {}
export const reset = (): void => {}
