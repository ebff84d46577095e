/** What a note's card says of its text: the beginning, and how far its check lists are. */
import type * as Y from 'yjs'
import { cut, type Description } from '../notebook/card.ts'
import { type Block, readBlocks } from './blocks.ts'

export function describeText(doc: Y.Doc): Description {
  const blocks = readBlocks(doc)
  const [done, total] = countTasks(blocks)
  const text = plainText(blocks).filter((line) => line !== '')
  return { excerpt: cut(joined(text)), tasks: total > 0 ? { done, total } : undefined }
}

/** A line that ends a sentence needs no other sign that it ends. */
const joined = (lines: readonly string[]): string =>
  lines.reduce((text, line) => (text === '' ? line : `${text}${/[.,;:!?…]$/u.test(text) ? ' ' : ' · '}${line}`), '')

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
