/** Words that are typed, and where a cursor can be among them. */
import * as Y from 'yjs'

export const WORDS = ['a', 'b ', 'join ', 'again', 'héé', '語', '😀', 'x😀y', '\n', 'many words in a row ']

/** Rich text counts its embeds, so an index says nothing about characters there. */
export const PLAIN_WORDS = ['a', 'b ', 'join ', 'héé', '語', '\n', 'many words in a row ']

export type List = Y.Text | Y.Array<unknown> | Y.XmlFragment

/**
 * This index, or the one before it where it lies within a character of two halves: no editor puts a cursor there, and Yjs
 * replaces such halves by U+FFFD wherever it happens to split them, which replicas do not all do.
 */
export function between(list: List, at: number): number {
  if (!(list instanceof Y.Text) || at === 0) return at
  const code = codeAt(list, at)
  return code >= 0xdc00 && code <= 0xdfff ? at - 1 : at
}

/** The code unit that `toString` has at this index, without making the text; NaN behind its end. */
function codeAt(text: Y.Text, at: number): number {
  let left = at
  for (let item = text._start; item !== null; item = item.right) {
    if (item.deleted || !(item.content instanceof Y.ContentString)) continue
    const { str } = item.content
    if (left < str.length) return str.charCodeAt(left)
    left -= str.length
  }
  return Number.NaN
}
