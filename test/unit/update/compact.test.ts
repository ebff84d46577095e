import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { compactSteps, compactUpdates } from '../../../shared/update/compact.ts'
import { inspectUpdate } from '../../../shared/update/inspect.ts'
import { sameIntervals } from '../../../shared/update/interval-bytes.ts'
import { createIntervalIndex, type IntervalIndex } from '../../../shared/update/intervals.ts'
import { bytesOf } from './bytes.ts'
import { contentOf, createDoc, docOf, forSeeds, randomHistory } from './histories.ts'

function indexOf(updates: readonly Uint8Array[]): IntervalIndex {
  const index = createIntervalIndex()
  for (const update of updates) index.add(inspectUpdate(update))
  return index
}

/**
 * A document that splits a surrogate pair, even in passing, holds U+FFFD twice for ever where others hold the pair. So
 * where its state is part of the log, a pair and two U+FFFD count as the same.
 */
function withoutPairs(content: string): string {
  return content.replace(/[\ud800-\udbff][\udc00-\udfff]/g, '\ufffd\ufffd')
}

describe('compactUpdates', () => {
  test.each([true, false])('[P1] yields the same document as the updates, with gc %s', (gc) => {
    forSeeds(1, 250, (_seed, chance) => {
      const { updates } = randomHistory(chance, { clients: 1 + chance.below(4), edits: 80, gc })
      const compacted = compactUpdates(chance.shuffled(updates), { gc })
      const opened = docOf([compacted], gc)
      expect(contentOf(opened)).toBe(contentOf(docOf(updates, gc)))
      expect(opened.store.pendingStructs).toBeNull()
      expect(sameIntervals(indexOf([compacted]), indexOf(updates))).toBe(true)
      expect(compactUpdates([compacted], { gc })).toEqual(compacted)
    })
  })

  test.each([true, false])('[P3] takes updates that come late and twice, with gc %s', (gc) => {
    forSeeds(2_000, 250, (_seed, chance) => {
      const { updates } = randomHistory(chance, { clients: 1 + chance.below(4), edits: 80, gc })
      const expected = contentOf(docOf(updates, gc))
      const early = updates.slice(0, chance.below(updates.length))
      const late = [...updates.slice(early.length), ...early.filter(() => chance.below(3) === 0)]
      const checkpoint = compactUpdates(early, { gc })
      expect(contentOf(docOf([checkpoint, ...late], gc))).toBe(expected)
      const again = compactUpdates([checkpoint, ...chance.shuffled(late)], { gc })
      expect(contentOf(docOf([again], gc))).toBe(expected)
      expect(sameIntervals(indexOf([again]), indexOf(updates))).toBe(true)
    })
  })

  test('[P3] takes what is missing in the middle', () => {
    forSeeds(4_000, 200, (_seed, chance) => {
      const { updates } = randomHistory(chance, { clients: 3, edits: 80, gc: true })
      const lost = updates.filter(() => chance.below(4) === 0)
      const kept = updates.filter((update) => !lost.includes(update))
      const doc = docOf([compactUpdates(kept, { gc: true }), Y.mergeUpdates([...lost, ...kept])])
      expect(contentOf(doc)).toBe(contentOf(docOf(updates)))
      expect(doc.store.pendingStructs).toBeNull()
    })
  })

  test('[P3] takes the states of documents that have collected garbage', () => {
    forSeeds(6_000, 200, (_seed, chance) => {
      const { updates, docs } = randomHistory(chance, { clients: 3, edits: 80, gc: true })
      const states = docs.map((doc) => Y.encodeStateAsUpdate(doc))
      const early = chance.shuffled([...states.slice(1), ...updates.slice(0, chance.below(updates.length))])
      const checkpoint = compactUpdates(early, { gc: true })
      const doc = docOf([compactUpdates([checkpoint, ...chance.shuffled(updates)], { gc: true })])
      expect(withoutPairs(contentOf(doc))).toBe(withoutPairs(contentOf(docOf(updates))))
      expect(doc.store.pendingStructs).toBeNull()
    })
  })

  test('[P1] a document opened from it holds exactly what one holds that saw each update', () => {
    forSeeds(8_000, 250, (_seed, chance) => {
      const { updates } = randomHistory(chance, { clients: 3, edits: 80, gc: true, plain: true })
      const opened = docOf([compactUpdates(chance.shuffled(updates), { gc: true })])
      expect(Y.encodeSnapshot(Y.snapshot(opened))).toEqual(Y.encodeSnapshot(Y.snapshot(docOf(updates))))
    })
  })

  test('[P11] is about as small as the state of a document', () => {
    let compacted = 0
    let state = 0
    forSeeds(1, 40, (_seed, chance) => {
      const { updates } = randomHistory(chance, { clients: 3, edits: 300, gc: true })
      compacted += compactUpdates(updates, { gc: true }).length
      state += Y.encodeStateAsUpdate(docOf([Y.mergeUpdates(updates)])).length
    })
    expect(compacted).toBeLessThan(1.02 * state)
  })

  test('drops deleted content only where the document collects garbage', () => {
    const alice = createDoc(false, 1)
    const updates: Uint8Array[] = []
    alice.on('update', (update: Uint8Array) => updates.push(update))
    alice.getText('text').insert(0, 'keep secret keep')
    alice.getText('text').delete(4, 7)
    const holds = (update: Uint8Array) => Buffer.from(update).includes('secret')
    expect(holds(compactUpdates(updates, { gc: false }))).toBe(true)
    expect(holds(compactUpdates(updates, { gc: true }))).toBe(false)
    expect(
      docOf([compactUpdates(updates, { gc: true })])
        .getText('text')
        .toString(),
    ).toBe('keep keep')
  })

  test.each(['😀éa', '😀é😀語x', 'aé😀😀', '😀😀😀', '語é\ufffda😀'])('cuts %s at any clocks as Yjs does', (text) => {
    const doc = createDoc(true, 1)
    doc.getText('text').insert(0, text)
    const insertion = Y.encodeStateAsUpdate(doc)
    for (let deleted = 1; deleted < 2 ** text.length; deleted++) {
      const ranges = [...text.split('').keys()].filter((clock) => (deleted >> clock) & 1).flatMap((clock) => [clock, 1])
      const deletion = bytesOf(0, 1, 1, ranges.length / 2, ...ranges)
      const opened = docOf([compactUpdates([insertion, deletion], { gc: true })])
      expect(contentOf(opened)).toBe(contentOf(docOf([insertion, deletion])))
      expect(opened.getText('text').length).toBe(text.length - ranges.length / 2)
    }
  })

  test('a neighbour that comes late finds its parent by a tombstone', () => {
    const alice = createDoc(true, 1)
    alice.getText('text').insert(0, 'x')
    const bob = createDoc(true, 2)
    Y.applyUpdate(bob, Y.encodeStateAsUpdate(alice))
    alice.getText('text').delete(0, 1)
    const checkpoint = compactUpdates([Y.encodeStateAsUpdate(alice)], { gc: true })
    const before = Y.encodeStateVector(bob)
    bob.getText('text').insert(1, 'y')
    const late = Y.encodeStateAsUpdate(bob, before)
    expect(
      docOf([compactUpdates([checkpoint, late], { gc: true })])
        .getText('text')
        .toString(),
    ).toBe('y')
  })

  test('what lies in a deleted type is collected, and what comes late into it is not seen', () => {
    const alice = createDoc(true, 1)
    const updates: Uint8Array[] = []
    alice.on('update', (update: Uint8Array) => updates.push(update))
    const list = new Y.Array<Y.Text>()
    alice.getMap('map').set('list', list)
    for (let i = 0; i < 50; i++) list.push([new Y.Text(`text ${i}`)])
    const bob = docOf(updates)
    bob.clientID = 2
    alice.getMap('map').delete('list')
    const checkpoint = compactUpdates(updates, { gc: true })
    expect(Y.decodeUpdate(checkpoint).structs.length).toBeLessThanOrEqual(3)
    const before = Y.encodeStateVector(bob)
    const held = bob.getMap('map').get('list') as Y.Array<Y.Text>
    held.get(3).insert(2, 'late')
    held.push([new Y.Text('later')])
    const late = Y.encodeStateAsUpdate(bob, before)
    const doc = docOf([compactUpdates([checkpoint, late], { gc: true })])
    expect(doc.getMap('map').toJSON()).toEqual({})
    expect(doc.store.pendingStructs).toBeNull()
    expect(indexOf([compactUpdates([checkpoint, late], { gc: true })]).clock(bob.clientID)).toBeGreaterThan(0)
  })

  test('keeps deletions of what has not come yet', () => {
    const alice = createDoc(true, 1)
    const updates: Uint8Array[] = []
    alice.on('update', (update: Uint8Array) => updates.push(update))
    alice.getText('text').insert(0, 'hello')
    alice.getText('text').delete(0, 4)
    const [insertion, deletion] = updates as [Uint8Array, Uint8Array]
    const checkpoint = compactUpdates([deletion, deletion], { gc: true })
    expect(docOf([checkpoint, insertion]).getText('text').toString()).toBe('o')
    expect(
      docOf([compactUpdates([checkpoint, insertion], { gc: true })])
        .getText('text')
        .toString(),
    ).toBe('o')
  })

  test('[P7] goes on in steps and gives what it gives at once', () => {
    const doc = createDoc(true, 5)
    const updates: Uint8Array[] = []
    doc.on('update', (update: Uint8Array) => updates.push(update))
    for (let i = 0; i < 3_000; i++) doc.getText('text').insert(i % 50, 'ab')
    const steps = compactSteps(updates, { gc: true })
    let pauses = 0
    let step = steps.next()
    for (; step.done !== true; step = steps.next()) pauses++
    expect(pauses).toBeGreaterThan(5)
    expect(step.value).toEqual(compactUpdates(updates, { gc: true }))
  })
})
