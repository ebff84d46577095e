/**
 * Every element of a scope under one key: 16 bytes of words and about 8 of index a document, no names. It is built only for
 * a session that needs it and dropped after. Names come from going through the elements a second time, so the scope
 * must be frozen: the same elements each time, in any order.
 */
import { assert, RejoinError } from '../errors.ts'
import type { HashKey } from '../hash.ts'
import { ELEMENTS_MAX } from './bounds.ts'
import {
  type DigestElement,
  ELEMENT_WORDS,
  hashElement,
  hashId,
  lastElement,
  type Tag,
  tagAt,
  tagDocument,
} from './element.ts'

export interface ElementTable {
  readonly key: HashKey
  /** Documents; their positions are 0 to count - 1. */
  readonly count: number
  /** The words of the element at `position` stand from position * ELEMENT_WORDS. */
  readonly words: Uint32Array
  /** Memory held, in bytes. */
  readonly bytes: number
  /** The position of a document, -1 where it is not in the scope. */
  findId(id: string): number
  /** The positions of all elements with this tag: one, but for chance. */
  findTag(tag: Tag): number[]
  /** The ids at some positions, in the order of the elements. */
  idsAt(positions: ReadonlySet<number>): string[]
}

/** Raises `too-big` for more than `ELEMENTS_MAX` elements, `invalid-id` for an id that is too long. */
export function createTable(elements: () => Iterable<DigestElement>, key: HashKey): ElementTable {
  const words = hashAll(elements(), key)
  const count = words.length / ELEMENT_WORDS
  const index = createIndex(words, count)
  const mask = index.length - 1

  /** Positions whose id hashes to the same 28 bits as `word`, until `visit` says that it has seen enough. */
  function search(word: number, visit: (position: number) => boolean): void {
    for (let slot = slotOf(word, mask); index[slot] !== 0; slot = (slot + 1) & mask) {
      const position = (index[slot] as number) - 1
      if (sameDocument(words[position * ELEMENT_WORDS] as number, word) && visit(position)) return
    }
  }

  function find(id: string): number {
    hashId(id, key)
    const high = lastElement[0] as number
    const low = lastElement[1] as number
    let found = -1
    search(high, (position) => {
      const at = position * ELEMENT_WORDS
      if (words[at] === high && words[at + 1] === low) found = position
      return found >= 0
    })
    return found
  }

  return {
    key,
    count,
    words,
    bytes: words.byteLength + index.byteLength,
    findId: find,
    findTag(tag) {
      const found: number[] = []
      search(tagDocument(tag), (position) => {
        if (tagAt(words, position * ELEMENT_WORDS) === tag) found.push(position)
        return false
      })
      return found
    },
    idsAt(positions) {
      const ids: string[] = []
      if (positions.size === 0) return ids
      for (const { id } of elements()) {
        const position = find(id)
        assert(position >= 0, 'the elements of a digest changed while it was in use')
        if (positions.has(position)) ids.push(id)
        if (ids.length === positions.size) return ids
      }
      assert(false, 'the elements of a digest became fewer while it was in use')
      return ids
    },
  }
}

function hashAll(elements: Iterable<DigestElement>, key: HashKey): Uint32Array {
  let words = new Uint32Array(1024 * ELEMENT_WORDS)
  let at = 0
  for (const { id, fingerprint } of elements) {
    if (at === words.length) {
      if (at === ELEMENTS_MAX * ELEMENT_WORDS) throw new RejoinError('too-big', `more than ${ELEMENTS_MAX} documents`)
      const larger = new Uint32Array(2 * at)
      larger.set(words)
      words = larger
    }
    hashElement(id, fingerprint, key)
    for (let i = 0; i < ELEMENT_WORDS; i++) words[at + i] = lastElement[i] as number
    at += ELEMENT_WORDS
  }
  return words.slice(0, at)
}

/** Open addressing by the hash of the id: position + 1, or 0 for a free slot; at most 7 in 8 slots are taken. */
function createIndex(words: Uint32Array, count: number): Int32Array {
  let slots = 8
  while (slots * 7 < count * 8) slots *= 2
  const index = new Int32Array(slots)
  const mask = slots - 1
  for (let position = 0; position < count; position++) {
    const at = position * ELEMENT_WORDS
    let slot = slotOf(words[at] as number, mask)
    while (index[slot] !== 0) {
      const other = ((index[slot] as number) - 1) * ELEMENT_WORDS
      const twice = words[other] === words[at] && words[other + 1] === words[at + 1]
      assert(!twice, 'a document stands twice in a digest')
      slot = (slot + 1) & mask
    }
    index[slot] = position + 1
  }
  return index
}

const slotOf = (word: number, mask: number): number => (word >>> 4) & mask

const sameDocument = (a: number, b: number): boolean => a >>> 4 === b >>> 4
