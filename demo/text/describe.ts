/** What a note's card says of its text: the beginning, and how far its check lists are. */
import type * as Y from 'yjs'
import { openBoard } from '../board/model.ts'
import type { Description } from '../notebook/card.ts'
import type { NoteKind } from '../notebook/ids.ts'
import { type Block, readBlocks } from './blocks.ts'

const EXCERPT_LENGTH = 160

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

function describeText(doc: Y.Doc): Description {
  const blocks = readBlocks(doc)
  const [done, total] = countTasks(blocks)
  const text = plainText(blocks).filter((line) => line !== '')
  return { excerpt: cut(joined(text)), tasks: total > 0 ? { done, total } : undefined }
}

function describeBoard(doc: Y.Doc): Description {
  const board = openBoard(doc)
  const excerpt = board.columns().map(({ title, cards }) => `${title} ${cards.length}`)
  board.close()
  return { excerpt: cut(excerpt.join(' · ')) }
}

/** A line that ends a sentence needs no other sign that it ends. */
const joined = (lines: readonly string[]): string =>
  lines.reduce((text, line) => (text === '' ? line : `${text}${/[.,;:!?…]$/u.test(text) ? ' ' : ' · '}${line}`), '')

const cut = (text: string): string => (text.length <= EXCERPT_LENGTH ? text : `${text.slice(0, EXCERPT_LENGTH - 1)}…`)

export const plainText = (blocks: readonly Block[]): string[] => blocks.flatMap(linesOf)

function linesOf(block: Block): string[] {
  switch (block.type) {
    case 'heading':
    case 'paragraph':
      return [
        block.spans
          .map(({ text }) => text)
          .join('')
          .trim(),
      ]
    case 'code':
      return [block.text.trim()]
    case 'rule':
      return []
    case 'quote':
      return plainText(block.blocks)
    case 'list':
      return block.items.flatMap((item) => plainText(item.blocks))
  }
}

function countTasks(blocks: readonly Block[]): [done: number, total: number] {
  let [done, total] = [0, 0]
  for (const block of blocks) {
    if (block.type !== 'list' && block.type !== 'quote') continue
    const inner = block.type === 'quote' ? [block] : block.items
    for (const item of inner) {
      if (block.type === 'list' && block.kind === 'task') {
        total++
        if ('checked' in item && item.checked) done++
      }
      const [doneBelow, totalBelow] = countTasks(item.blocks)
      done += doneBelow
      total += totalBelow
    }
  }
  return [done, total]
}
