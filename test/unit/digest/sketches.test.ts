import { describe, expect, it } from 'vitest'
import * as bloom from '../../../shared/digest/bloom.ts'
import {
  createCells,
  decodeCells,
  joinCells,
  sliceCells,
  subtractCells,
  toggleTag,
} from '../../../shared/digest/cells.ts'
import { ELEMENT_WORDS } from '../../../shared/digest/element.ts'
import { addToSketch, createSketch, estimateDifference, foldSketch } from '../../../shared/digest/sketch.ts'
import { type Chance, createChance } from './fixtures.ts'

const randomTags = (chance: Chance, count: number) =>
  Array.from({ length: count }, () => [chance.word(), chance.word() & 0xffff] as const)

function cellsOf(tags: readonly (readonly [number, number])[], count: number) {
  const cells = createCells(count)
  for (const [low, high] of tags) toggleTag(cells, low, high)
  return cells
}

const asNumbers = (tags: readonly (readonly [number, number])[]) =>
  tags.map(([low, high]) => high * 2 ** 32 + low).sort((a, b) => a - b)

type HalvedTag = readonly [low: number, high: number]

/** Two tags and a cell behind the wide checks that holds both, in which their XOR passes for a tag by its check. One pair in 65,536 does. */
const DECEIVING: { pair: readonly [HalvedTag, HalvedTag]; cell: number } = {
  pair: [
    [1448736199, 17844],
    [59071873, 20003],
  ],
  cell: 65,
}

function expectDeceiving({ pair, cell }: typeof DECEIVING): void {
  const [a, b] = pair
  const check = (tags: readonly HalvedTag[]) => (cellsOf(tags, 1).check[0] ?? 0) & 0xffff
  const inCell = (tag: HalvedTag, at: number) => cellsOf([tag], at + 1).low[at] !== 0
  const xor: HalvedTag = [(a[0] ^ b[0]) >>> 0, a[1] ^ b[1]]
  const both = cellsOf(pair, cell + 1)
  expect(check(pair)).toBe(check([xor]))
  expect([both.low[cell], inCell(a, cell), inCell(xor, cell)]).toEqual([xor[0], true, false])
  // Only a pair that can be told apart at all shows anything.
  const before = Array.from({ length: cell }, (_, at) => at)
  expect(pair.some((tag) => before.some((at) => inCell(tag, at) && both.low[at] === tag[0]))).toBe(true)
}

describe('cells', () => {
  it('decode what two sets differ in, whatever they share', () => {
    for (let seed = 0; seed < 60; seed++) {
      const chance = createChance(seed)
      const shared = randomTags(chance, chance.below(500))
      const mine = randomTags(chance, chance.below(40))
      const theirs = randomTags(chance, chance.below(40))
      const apart = mine.length + theirs.length
      const count = 3 * apart + 40
      const difference = subtractCells(cellsOf([...shared, ...mine], count), cellsOf([...theirs, ...shared], count))
      const tags = decodeCells(difference)?.sort((a, b) => a - b)
      expect(tags, `seed ${seed}`).toEqual(asNumbers([...mine, ...theirs]))
    }
  })

  it('are one sequence: a prefix of more cells is the cells of a smaller number', () => {
    const tags = randomTags(createChance(1), 100)
    const many = cellsOf(tags, 1000)
    const few = cellsOf(tags, 90)
    expect(sliceCells(many, 0, 90)).toEqual(few)
    expect(joinCells(few, sliceCells(many, 90, 1000))).toEqual(many)
  })

  it('take 1.35 to 1.5 cells for a difference of 2,000', () => {
    const tags = randomTags(createChance(2), 2000)
    expect(decodeCells(cellsOf(tags, 2600))).toBeUndefined()
    expect(decodeCells(cellsOf(tags, 3000))?.length).toBe(2000)
  })

  it('hold a tag in cell i with a chance of 1 / (1 + i / 2)', () => {
    const chance = createChance(3)
    const hits = new Float64Array(40)
    const tags = 20_000
    for (const tag of randomTags(chance, tags))
      cellsOf([tag], 40).low.forEach((low, i) => {
        if (low !== 0) hits[i] = (hits[i] ?? 0) + 1
      })
    hits.forEach((count, i) => {
      expect(count / tags).toBeGreaterThan(0.9 / (1 + i / 2))
      expect(count / tags).toBeLessThan(1.1 / (1 + i / 2))
    })
  })

  it('do not take two tags for one because their checks fit: the one would not belong there', () => {
    const { pair, cell } = DECEIVING
    expectDeceiving(DECEIVING)
    const tags = decodeCells(cellsOf(pair, cell + 1))
    expect(tags?.sort((a, b) => a - b)).toEqual(asNumbers(pair))
  })

  it('[P7] end on hostile cells, and say that they do not decode', () => {
    for (let seed = 0; seed < 50; seed++) {
      const chance = createChance(seed)
      const cells = createCells(200)
      for (let i = 0; i < 200; i++) {
        cells.low[i] = chance.word()
        cells.high[i] = chance.word()
        cells.check[i] = chance.word() >>> (i < 64 ? 8 : 16)
      }
      expect(decodeCells(cells)).toBeUndefined()
    }
  })
})

/** `count` elements as words in a row. */
const randomWords = (chance: Chance, count: number) =>
  Uint32Array.from({ length: count * ELEMENT_WORDS }, () => chance.word())

describe('the difference estimator', () => {
  it('is within four standard deviations, for full and folded sketches', () => {
    for (let seed = 0; seed < 20; seed++) {
      const chance = createChance(seed)
      const apart = 1 + chance.below(3000)
      const words = randomWords(chance, 2000 + apart)
      const mine = createSketch()
      const theirs = createSketch()
      for (let i = 0; i < 2000 + apart; i++) {
        if (i >= apart || i % 3 === 0) addToSketch(mine, words, i * ELEMENT_WORDS, 1)
        if (i >= apart || i % 3 !== 0) addToSketch(theirs, words, i * ELEMENT_WORDS, 1)
      }
      for (const counters of [16, 128, 512]) {
        const error = estimateDifference(mine, foldSketch(theirs, counters)) / apart - 1
        expect(Math.abs(error), `seed ${seed}, ${counters} counters`).toBeLessThan(4.5 * Math.sqrt(2 / counters))
      }
    }
  })

  it('is 0 for equal sets, and forgets what is taken away', () => {
    const words = randomWords(createChance(5), 2)
    const sketch = createSketch()
    addToSketch(sketch, words, 0, 1)
    addToSketch(sketch, words, 4, 1)
    addToSketch(sketch, words, 0, -1)
    const only = createSketch()
    addToSketch(only, words, 4, 1)
    expect(sketch).toEqual(only)
    expect(estimateDifference(sketch, only)).toBe(0)
  })
})

describe('the Bloom filter', () => {
  const chance = createChance(7)
  const inside = randomWords(chance, 3000)
  const outside = randomWords(chance, 3000)

  function filterOf(bitsPerEntry: number, salt = chance.key()) {
    const filter = bloom.createBloom(3000, bitsPerEntry, salt)
    for (let i = 0; i < 3000; i++) bloom.addToBloom(filter, inside, i * ELEMENT_WORDS)
    return filter
  }

  const count = (filter: bloom.BloomFilter, words: Uint32Array) =>
    Array.from({ length: 3000 }, (_, i) => i).filter((i) => bloom.bloomHas(filter, words, i * ELEMENT_WORDS)).length

  it('has all that is in it, is at most half full, and hides about as much as it says', () => {
    for (const bits of [1.5, 2.9, 3.5, 6, 10]) {
      const filter = filterOf(bits)
      expect(count(filter, inside)).toBe(3000)
      expect(bloom.bloomFill(filter)).toBeLessThan(0.52)
      const expected = bloom.bloomHides(filter) * 3000
      expect(Math.abs(count(filter, outside) - expected)).toBeLessThan(5 * Math.sqrt(expected + 1))
      expect(Math.abs(bloom.bloomEntries(filter) - 3000)).toBeLessThan(300)
    }
  })

  it('hides others under another salt', () => {
    const hidden = (filter: bloom.BloomFilter) =>
      Array.from({ length: 3000 }, (_, i) => i).filter((i) => bloom.bloomHas(filter, outside, i * ELEMENT_WORDS))
    const first = new Set(hidden(filterOf(4)))
    const both = hidden(filterOf(4)).filter((i) => first.has(i))
    expect(both.length).toBeLessThan(first.size * 0.4)
  })
})
