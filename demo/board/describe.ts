/** What a board's card in the list says of it. */
import type * as Y from 'yjs'
import { cut, type Description } from '../notebook/card.ts'
import { openBoard } from './model.ts'

export function describeBoard(doc: Y.Doc): Description {
  const board = openBoard(doc)
  const excerpt = board.columns().map(({ title, cards }) => `${title} ${cards.length}`)
  board.close()
  return { excerpt: cut(excerpt.join(' · ')) }
}
