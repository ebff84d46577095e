import { describe, expect, it } from 'vitest'
import { ELEMENTS_MAX } from '../../../shared/digest/bounds.ts'
import { type DigestElement, ELEMENT_WORDS, tagAt } from '../../../shared/digest/element.ts'
import { freezeScope } from '../../../shared/digest/frozen.ts'
import { compareList, listOf, listOrder } from '../../../shared/digest/list.ts'
import * as summaries from '../../../shared/digest/summary.ts'
import { createTable } from '../../../shared/digest/table.ts'
import { type Chance, createChance, createSets, fingerprintOf, sorted, summaryOf } from './fixtures.ts'

const idsOf = (elements: readonly DigestElement[], positions: number[]) => positions.map((i) => elements[i]?.id)

describe('the element table', () => {
  const chance = createChance(21)
  const { relay } = createSets(chance, 3000, 0)
  const table = createTable(() => relay, chance.key())

  it('finds documents by id and by tag, and names positions', () => {
    for (let i = 0; i < relay.length; i += 7) {
      const id = relay[i]?.id ?? ''
      expect(table.findId(id)).toBe(i)
      expect(table.findTag(tagAt(table.words, i * ELEMENT_WORDS))).toEqual([i])
    }
    expect(table.findId('nowhere')).toBe(-1)
    expect(table.findTag(12345)).toEqual([])
    expect(table.idsAt(new Set([5, 2999, 17]))).toEqual(idsOf(relay, [5, 17, 2999]))
    expect(table.idsAt(new Set())).toEqual([])
  })

  it('names positions when the elements come in another order', () => {
    let order = [...relay]
    const shuffled = createTable(() => order, [1, 2, 3, 4])
    order = [...relay].reverse()
    expect(sorted(shuffled.idsAt(new Set([5, 17])))).toEqual(sorted(idsOf(relay, [5, 17]) as string[]))
  })

  it('asserts that a document stands once and that the elements stay', () => {
    const twice = [...relay.slice(0, 9), ...relay.slice(3, 4)]
    expect(() => createTable(() => twice, [1, 2, 3, 4])).toThrow(/twice/)
    let now = relay.slice(0, 9)
    const shrinking = createTable(() => now, [1, 2, 3, 4])
    now = now.slice(0, 5)
    expect(() => shrinking.idsAt(new Set([8]))).toThrow(/fewer/)
    now = relay.slice(20, 25)
    expect(() => shrinking.idsAt(new Set([8]))).toThrow(/changed/)
  })

  it('[P11] takes at most 32 bytes a document', () => {
    for (const count of [900, 1000, 1792, 1793, 2048, 2900, 3000]) {
      const { bytes } = createTable(() => relay.slice(0, count), [1, 2, 3, 4])
      expect(bytes / count, `${count}`).toBeLessThanOrEqual(31)
    }
  })
})

describe('the summary', () => {
  /** A scope and its summary, through `steps` random changes. */
  function grow(chance: Chance, steps: number) {
    const summary = summaries.createSummary(chance.key())
    const scope = new Map<string, string>()
    for (let i = 0; i < steps; i++) {
      const id = `d${chance.below(200)}`
      const after = chance.below(4) === 0 ? undefined : fingerprintOf(chance)
      summaries.changeSummary(summary, id, scope.get(id), after)
      if (after === undefined) scope.delete(id)
      else scope.set(id, after)
    }
    return { summary, elements: Array.from(scope, ([id, fingerprint]) => ({ id, fingerprint })) }
  }

  it('[P3] kept with every change is the one built from what is left', () => {
    for (let seed = 0; seed < 10; seed++) {
      const { summary, elements } = grow(createChance(seed), 1000)
      expect(summary.count).toBe(elements.length)
      expect(summary, `seed ${seed}`).toEqual(summaryOf(elements, summary.key))
    }
  })

  it('is stored in at most 12 KB, and comes back as it was', () => {
    const { summary } = grow(createChance(31), 3000)
    const bytes = summaries.encodeSummary(summary)
    expect(bytes.length).toBeLessThan(12_000)
    expect(summaries.decodeSummary(bytes)).toEqual(summary)
  })

  it('[P9] refuses bytes that are no summary, with one code', () => {
    const chance = createChance(32)
    const bytes = summaries.encodeSummary(grow(chance, 100).summary)
    expect(() => summaries.decodeSummary(bytes.subarray(0, bytes.length - 1))).toThrow(/bad-frame/)
    expect(() => summaries.decodeSummary(new Uint8Array([...bytes, 0]))).toThrow(/bad-frame/)
    for (let i = 0; i < 300; i++) {
      expect(() => summaries.decodeSummary(chance.bytes(chance.below(400)))).toThrow(/bad-frame/)
    }
    const large = bytes.slice()
    large.set([0xff, 0xff, 0xff, 0x7f], 32)
    expect(ELEMENTS_MAX).toBeLessThan(2 ** 28 - 1)
    expect(() => summaries.decodeSummary(large)).toThrow(/bad-frame/)
  })
})

describe('a frozen scope', () => {
  it('stays as it was while documents change, come and go', () => {
    const chance = createChance(41)
    const { relay } = createSets(chance, 50, 0)
    const key = chance.key()
    const scope = new Map(relay.map(({ id, fingerprint }) => [id, fingerprint]))
    const summary = summaryOf(relay, key)
    const before = summaries.copySummary(summary)
    const current = () => Array.from(scope, ([id, fingerprint]) => ({ id, fingerprint }))
    const frozen = freezeScope(summary, current)
    for (let i = 0; i < 200; i++) {
      const id = relay[chance.below(70)]?.id ?? `new${chance.below(20)}`
      const after = chance.below(3) === 0 ? undefined : fingerprintOf(chance)
      frozen.changed(id, scope.get(id))
      summaries.changeSummary(summary, id, scope.get(id), after)
      if (after === undefined) scope.delete(id)
      else scope.set(id, after)
    }
    const byId = (a: DigestElement, b: DigestElement) => (a.id < b.id ? -1 : 1)
    expect([...frozen.elements()].sort(byId)).toEqual([...relay].sort(byId))
    expect(frozen.summary).toEqual(before)
    expect(summary).not.toEqual(before)
  })
})

describe('the list', () => {
  it('tells what only one side has', () => {
    for (let seed = 0; seed < 20; seed++) {
      const chance = createChance(seed)
      const { client, relay, differing } = createSets(chance, chance.below(300), chance.below(60))
      const key = chance.key()
      const mine = createTable(() => client, key)
      const theirs = createTable(() => relay, key)
      const order = listOrder(theirs)
      const { here, there } = compareList(mine, listOrder(mine), listOf(theirs, order))
      const positions = there.map((place) => order[place] as number)
      const names = new Set([...idsOf(client, here), ...idsOf(relay, positions)])
      expect(names, `seed ${seed}`).toEqual(differing)
      expect(there).toEqual([...there].sort((a, b) => a - b))
    }
  })
})
