/**
 * What is left of a table in a session when the documents known to differ are taken away. In the end both sides' remainders
 * must have the same root: that is the proof that every difference was found.
 */
import type { HashKey } from '../hash.ts'
import { addToBloom, type BloomFilter, bloomFill, bloomHas, createBloom } from './bloom.ts'
import { BLOOM_FILL_MAX } from './bounds.ts'
import { type Cells, createCells, toggleTag } from './cells.ts'
import { addToRoot, ELEMENT_WORDS, emptyRoot, type Root, type Tag, tagAt, tagHigh, tagLow } from './element.ts'
import type { ElementTable } from './table.ts'

export interface Remainder {
  readonly table: ElementTable
  /** Elements that are left. */
  readonly count: number
  /** The sum over the elements that are left. */
  readonly root: Root
  /** Whether nothing was taken away. */
  readonly whole: boolean
  tagOf(position: number): Tag
  /** Takes an element away; returns its tag, or `undefined` where it was gone before. */
  exclude(position: number): Tag | undefined
  /** The elements that are left with this tag. */
  findTag(tag: Tag): number[]
  cells(count: number): Cells
  bloom(bitsPerEntry: number, salt: HashKey): BloomFilter
  /** Positions left that are certainly not in the peer's filter. */
  notIn(filter: BloomFilter): number[]
}

/** `root` is that of the whole table, where it is known. */
export function createRemainder(table: ElementTable, root?: Root): Remainder {
  const { words, key } = table
  const gone = new Uint8Array(table.count)
  const rest = root === undefined ? rootOf(table) : root.slice()
  let count = table.count

  function* positions(): Iterable<number> {
    for (let position = 0; position < table.count; position++) if (gone[position] === 0) yield position
  }

  return {
    table,
    get count() {
      return count
    },
    root: rest,
    get whole() {
      return count === table.count
    },
    tagOf: (position) => tagAt(words, position * ELEMENT_WORDS),
    exclude(position) {
      if (gone[position] !== 0) return undefined
      gone[position] = 1
      count--
      addToRoot(rest, words, position * ELEMENT_WORDS, key, -1)
      return tagAt(words, position * ELEMENT_WORDS)
    },
    findTag: (tag) => table.findTag(tag).filter((position) => gone[position] === 0),
    cells(cellCount) {
      const cells = createCells(cellCount)
      for (const position of positions()) {
        const at = position * ELEMENT_WORDS
        toggleTag(cells, tagLow(words, at), tagHigh(words, at))
      }
      return cells
    },
    bloom(bitsPerEntry, salt) {
      for (let bits = bitsPerEntry; ; bits *= 1.25) {
        const filter = createBloom(count, bits, salt)
        for (const position of positions()) addToBloom(filter, words, position * ELEMENT_WORDS)
        // Chance may fill a small filter; the peer would refuse it.
        if (bloomFill(filter) <= BLOOM_FILL_MAX) return filter
      }
    },
    notIn(filter) {
      const found: number[] = []
      for (const position of positions()) if (!bloomHas(filter, words, position * ELEMENT_WORDS)) found.push(position)
      return found
    },
  }
}

function rootOf(table: ElementTable): Root {
  const root = emptyRoot()
  for (let at = 0; at < table.words.length; at += ELEMENT_WORDS) addToRoot(root, table.words, at, table.key, 1)
  return root
}
