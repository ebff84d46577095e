import { describe, expect, it } from 'vitest'
import * as elements from '../../../shared/digest/element.ts'
import { type HashKey, hash64, siphash } from '../../../shared/hash.ts'
import { createChance, fingerprintOf } from './fixtures.ts'

const chance = createChance(11)
const KEY: HashKey = chance.key()

function wordsOf(id: string, fingerprint: string, key: HashKey = KEY): Uint32Array {
  elements.hashElement(id, fingerprint, key)
  return elements.lastElement.slice()
}

const toBigInt = (root: elements.Root): bigint => [...root].reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n)

describe('elements', () => {
  it('hash the UTF-8 bytes of the id, and the fingerprint with it', () => {
    for (const id of ['a', 'notes/today', 'größe', '日本語', `${'x'.repeat(511)}y`, `${'x'.repeat(510)}é`]) {
      const bytes = new Uint8Array([...new TextEncoder().encode(id), 1])
      const words = wordsOf(id, '0123456789abcdef')
      expect(hash64(bytes, KEY)).toBe(hex(words[0]) + hex(words[1]))
      const pair = new Uint8Array(17)
      for (let i = 0; i < 2; i++) elements.putWord(pair, 4 * i, words[i] ?? 0)
      elements.putWord(pair, 8, 0x01234567)
      elements.putWord(pair, 12, 0x89abcdef)
      pair[16] = 2
      expect(hash64(pair, KEY)).toBe(hex(words[2]) + hex(words[3]))
    }
  })

  it('[P7] refuse an id that is longer than ids may be', () => {
    expect(() => elements.hashId('x'.repeat(513), KEY)).toThrow(/invalid-id/)
    expect(() => elements.hashId('é'.repeat(257), KEY)).toThrow(/invalid-id/)
  })

  it('differ with id, fingerprint and key', () => {
    const words = wordsOf('a', '0000000000000000')
    expect(wordsOf('b', '0000000000000000')).not.toEqual(words)
    expect(wordsOf('a', '0000000000000001').slice(0, 2)).toEqual(words.slice(0, 2))
    expect(wordsOf('a', '0000000000000001').slice(2)).not.toEqual(words.slice(2))
    expect(wordsOf('a', '0000000000000000', [1, 2, 3, 4])).not.toEqual(words)
  })

  it('give tags whose document part is shared by versions', () => {
    const one = elements.tagAt(wordsOf('a', '0000000000000000'), 0)
    const other = elements.tagAt(wordsOf('a', '0000000000000001'), 0)
    expect(one).not.toBe(other)
    expect(elements.tagDocument(one)).toBe(elements.tagDocument(other))
    expect(elements.xorTags(one, elements.xorTags(one, other))).toBe(other)
    expect(Math.max(one, other)).toBeLessThan(2 ** 48)
  })
})

describe('the root', () => {
  it('is the sum of the hashes mod 2^128, whatever the order', () => {
    const all = Array.from({ length: 200 }, (_, i) => wordsOf(`d${i}`, fingerprintOf(chance)))
    const sum = all.reduce((total, words) => (total + toBigInt(rootOf([words]))) % 2n ** 128n, 0n)
    expect(toBigInt(rootOf(all))).toBe(sum)
    expect(rootOf([...all].reverse())).toEqual(rootOf(all))
  })

  it('gives back what was added, in any order', () => {
    const all = Array.from({ length: 300 }, (_, i) => wordsOf(`d${i}`, fingerprintOf(chance)))
    const root = rootOf(all)
    for (const words of all.slice(100)) elements.addToRoot(root, words, 0, KEY, -1)
    expect(root).toEqual(rootOf(all.slice(0, 100)))
    for (const words of all.slice(0, 100)) elements.addToRoot(root, words, 0, KEY, -1)
    expect(elements.rootsEqual(root, elements.emptyRoot())).toBe(true)
  })

  it('has 64 bits that are no function of the other 64 alone', () => {
    siphash(new Uint8Array(1), KEY)
    const root = rootOf([wordsOf('a', '0000000000000000')])
    expect(new Set(root).size).toBe(4)
  })
})

function rootOf(all: Uint32Array[]): elements.Root {
  const root = elements.emptyRoot()
  for (const words of all) elements.addToRoot(root, words, 0, KEY, 1)
  return root
}

const hex = (word: number | undefined): string => (word ?? 0).toString(16).padStart(8, '0')
