import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { hash64 } from '../../../shared/hash.ts'
import { inspectUpdate, type StructRange, type UpdateSummary } from '../../../shared/update/inspect.ts'
import {
  decodeIntervalIndex,
  encodeIntervals,
  encodeKnownClocks,
  sameIntervals,
} from '../../../shared/update/interval-bytes.ts'
import { createIntervalIndex, type IntervalIndex } from '../../../shared/update/intervals.ts'
import {
  addToSet,
  type RangeSet,
  setEnd,
  setHas,
  setSize,
  toRangeList,
  toRangeSet,
} from '../../../shared/update/range-set.ts'
import { addRanges, hasRange, type RangeList } from '../../../shared/update/ranges.ts'
import { threadTimeOf } from '../../support/thread-time.ts'
import { type Chance, docOf, forSeeds, randomHistory } from './histories.ts'

function indexOf(updates: readonly Uint8Array[]): IntervalIndex {
  const index = createIntervalIndex()
  for (const update of updates) index.add(inspectUpdate(update))
  return index
}

function summary(structs: readonly StructRange[], deletes: readonly StructRange[] = []): UpdateSummary {
  return {
    structs,
    deletes,
    dependencies: new Map(),
    types: 0,
    roots: new Set(),
    empty: structs.length + deletes.length === 0,
  }
}

function randomRanges(chance: Chance, count: number): StructRange[] {
  return Array.from({ length: count }, () => ({
    client: chance.below(2),
    clock: chance.below(200),
    length: 1 + chance.below(6),
  }))
}

/** The same knowledge as plain sets of clocks. */
function clocksOf(ranges: readonly StructRange[]): Set<string> {
  return new Set(
    ranges.flatMap(({ client, clock, length }) => Array.from({ length }, (_, i) => `${client}:${clock + i}`)),
  )
}

describe('the interval index', () => {
  test('[P3] knows what plain sets of clocks know, in whatever order and however often it is told', () => {
    forSeeds(1, 300, (_seed, chance) => {
      const structs = randomRanges(chance, 1 + chance.below(120))
      const deletes = randomRanges(chance, 1 + chance.below(120))
      const together = createIntervalIndex()
      together.add(summary(structs, deletes))
      const apart = createIntervalIndex()
      for (const range of chance.shuffled([...structs, ...structs])) apart.add(summary([range]))
      for (const range of chance.shuffled(deletes)) apart.add(summary([], [range]))
      expect(sameIntervals(apart, together)).toBe(true)
      expect(hash64(encodeIntervals(apart))).toBe(hash64(encodeIntervals(together)))
      expect(apart.size).toBe(together.size)

      const known = clocksOf(structs)
      const deleted = clocksOf(deletes)
      for (const probe of randomRanges(chance, 50)) {
        const clocks = [...clocksOf([probe])]
        expect(together.adds(summary([probe]))).toBe(clocks.some((clock) => !known.has(clock)))
        expect(together.adds(summary([], [probe]))).toBe(clocks.some((clock) => !deleted.has(clock)))
      }
      for (const client of [0, 1, 2]) {
        let clock = 0
        while (known.has(`${client}:${clock}`)) clock++
        expect(together.clock(client)).toBe(clock)
      }
    })
  })

  test('[P3] is told the same by updates, by a merge of them and by a state', () => {
    forSeeds(1, 60, (_seed, chance) => {
      const { updates } = randomHistory(chance, { clients: 3, edits: 60, gc: true, plain: true })
      const doc = docOf(updates)
      const index = indexOf(chance.shuffled(updates))
      expect(sameIntervals(index, indexOf([Y.mergeUpdates(updates)]))).toBe(true)
      index.add(inspectUpdate(Y.encodeStateAsUpdate(doc)))
      expect(sameIntervals(index, indexOf([Y.encodeStateAsUpdate(doc)]))).toBe(true)
      expect(encodeKnownClocks(index)).toEqual(Y.encodeStateVector(doc))
      for (const update of updates) expect(index.adds(inspectUpdate(update))).toBe(false)
    })
  })

  test('an update adds something exactly when it changes the index', () => {
    forSeeds(500, 30, (_seed, chance) => {
      const { updates } = randomHistory(chance, { clients: 2, edits: 40, gc: true })
      const index = createIntervalIndex()
      for (const update of updates) {
        const inspected = inspectUpdate(update)
        expect(index.missing(inspected)).toBeUndefined()
        const before = hash64(encodeIntervals(index))
        const adds = index.adds(inspected)
        index.add(inspected)
        expect(hash64(encodeIntervals(index)) !== before).toBe(adds)
        expect(index.adds(inspected)).toBe(false)
        if (inspected.structs.length > 0) expect(adds).toBe(true)
      }
    })
  })

  test('deletions of unknown clocks are news, but nothing is missing', () => {
    const index = createIntervalIndex()
    const deletion = summary([], [{ client: 1, clock: 5, length: 2 }])
    expect(index.missing(deletion)).toBeUndefined()
    expect(index.adds(deletion)).toBe(true)
    index.add(deletion)
    expect(index.adds(deletion)).toBe(false)
    expect(index.clock(1)).toBe(0)
  })

  test('[P7] a document typed by one person takes a few intervals', () => {
    const index = createIntervalIndex()
    for (let clock = 0; clock < 10_000; clock++) index.add(summary([{ client: 9, clock, length: 1 }]))
    expect(index.size).toBe(1)
    expect(encodeIntervals(index).length).toBeLessThan(10)
  })

  test('[P9] a hundred thousand deletions in the worst order take no quadratic time', () => {
    const count = 100_000
    const backwards = Array.from({ length: count }, (_, i) => ({ client: 1, clock: 4 * (count - i), length: 2 }))
    const index = createIntervalIndex()
    const { ms } = threadTimeOf(() => {
      for (const range of backwards) index.add(summary([], [range]))
    })
    expect(ms).toBeLessThan(3_000)
    expect(index.size).toBe(count)
    expect(index.adds(summary([], backwards))).toBe(false)
  })
})

describe('a set of ranges', () => {
  test('knows what a plain set of numbers knows, however large it gets', () => {
    forSeeds(1, 20, (_seed, chance) => {
      const space = 20_000
      const plain = new Uint8Array(space + 200)
      const set: RangeSet = []
      const flat: number[] = []
      for (let i = 0; i < 3_000; i++) {
        const start = chance.below(space)
        const end = start + 1 + chance.below(chance.below(400) === 0 ? 150 : 4)
        plain.fill(1, start, end)
        addToSet(set, start, end)
        flat.push(start, end)
      }
      const list: RangeList = []
      addRanges(list, flat)
      expect(toRangeList(set)).toEqual(list)
      expect(toRangeList(toRangeSet(list))).toEqual(list)
      expect(setSize(set)).toBe(list.length / 2)
      expect(set.length).toBeGreaterThan(2)
      for (let i = 0; i < 500; i++) {
        const start = chance.below(space)
        const end = start + 1 + chance.below(6)
        const isIn = plain.subarray(start, end).every((held) => held === 1)
        expect([setHas(set, start, end), hasRange(list, start, end)]).toEqual([isIn, isIn])
        let reach = start
        while (plain[reach] === 1) reach++
        expect(setEnd(set, start)).toBe(reach)
      }
    })
  })
})

describe('the stored index', () => {
  test('comes back as it was', () => {
    forSeeds(1, 100, (_seed, chance) => {
      const index = createIntervalIndex()
      index.add(summary(randomRanges(chance, chance.below(60)), randomRanges(chance, chance.below(60))))
      const restored = decodeIntervalIndex(encodeIntervals(index))
      expect(encodeIntervals(restored)).toEqual(encodeIntervals(index))
      expect(encodeKnownClocks(restored)).toEqual(encodeKnownClocks(index))
    })
  })

  test('has bytes that do not change', () => {
    const index = createIntervalIndex()
    index.add(summary([{ client: 300, clock: 0, length: 5 }], [{ client: 2, clock: 1, length: 3 }]))
    index.add(summary([{ client: 300, clock: 9, length: 1 }]))
    expect([...encodeIntervals(index)]).toEqual([1, 2, 2, 0, 1, 1, 3, 172, 2, 2, 0, 5, 4, 1, 0])
  })

  test('[P9] refuses bytes that no index writes', () => {
    const index = createIntervalIndex()
    index.add(summary([{ client: 300, clock: 4, length: 5 }], [{ client: 2, clock: 1, length: 3 }]))
    const honest = encodeIntervals(index)
    const corrupt = expect.objectContaining({ code: 'corrupt' })
    for (let length = 0; length < honest.length; length++) {
      expect(() => decodeIntervalIndex(honest.subarray(0, length))).toThrow(corrupt)
    }
    for (const bytes of [
      [2, 0], // another version
      [1, 0, 0], // bytes after the end
      [1, 1, 5, 0, 0], // a client without intervals
      [1, 1, 5, 1, 0, 0, 0], // an empty range
      [1, 1, 5, 2, 0, 1, 0, 1, 0], // ranges that touch
      [1, 2, 5, 1, 0, 1, 0, 5, 1, 0, 1, 0], // a client twice
      [1, 255, 255, 255, 255, 15], // more clients than bytes
    ]) {
      expect(() => decodeIntervalIndex(new Uint8Array(bytes))).toThrow(corrupt)
    }
  })
})
