/** What is in a note, whichever kind it is of: for its card, and to be found. */
import type * as Y from 'yjs'
import { describeBoard } from '../board/describe.ts'
import { openBoard } from '../board/model.ts'
import type { Description } from '../notebook/card.ts'
import type { NoteKind } from '../notebook/ids.ts'
import { readBlocks } from './blocks.ts'
import { describeText, plainText } from './describe-text.ts'

export function describe(kind: NoteKind, doc: Y.Doc): Description {
  return kind === 'board' ? describeBoard(doc) : describeText(doc)
}

/** All that can be found in a note. */
export function wordsOf(kind: NoteKind, doc: Y.Doc): string {
  if (kind === 'note') return plainText(readBlocks(doc)).join(' ')
  const board = openBoard(doc)
  const words = board.columns().flatMap(({ title, cards }) => [title, ...cards.map(({ text }) => text)])
  board.close()
  return words.join(' ')
}
