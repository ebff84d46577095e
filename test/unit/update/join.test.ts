import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { inspectUpdate } from '../../../shared/update/inspect.ts'
import { sameIntervals } from '../../../shared/update/interval-bytes.ts'
import { createIntervalIndex } from '../../../shared/update/intervals.ts'
import { EMPTY_UPDATE, joinUpdates } from '../../../shared/update/join.ts'
import { threadTimeOf } from '../../support/thread-time.ts'
import { byte, bytesOf } from './bytes.ts'
import { contentOf, createDoc, docOf, forSeeds, randomHistory } from './histories.ts'

/** The updates of somebody who types a text, one letter at a time. */
function typed(letters: string, client = 123_456_789): Uint8Array[] {
  const doc = createDoc(true, client)
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  const text = doc.getText('text')
  for (const letter of letters) text.insert(text.length, letter)
  return updates
}

/** The bytes of the delete set of an update with at most one deletion. */
function deletionBytes(update: Uint8Array): number {
  return inspectUpdate(update).deletes.length === 0 ? 1 : 5
}

describe('joinUpdates', () => {
  test('[P3] joined in any order, at once or in parts, updates yield the same document', () => {
    forSeeds(1, 250, (_seed, chance) => {
      const gc = chance.below(2) === 0
      const { updates } = randomHistory(chance, { clients: 1 + chance.below(4), edits: 70, gc })
      const expected = contentOf(docOf(updates, gc))
      const joined = joinUpdates(chance.shuffled([...updates, ...updates.slice(5)]))
      expect(contentOf(docOf([joined], gc))).toBe(expected)
      expect(docOf([joined], gc).store.pendingStructs).toBeNull()

      const early = updates.filter(() => chance.below(2) === 0)
      const late = updates.filter((update) => !early.includes(update))
      const inParts = joinUpdates(chance.shuffled([joinUpdates(early), joinUpdates(late), ...late]))
      expect(contentOf(docOf([inParts], gc))).toBe(expected)
      expect(contentOf(docOf([joinUpdates([inParts, joined])], gc))).toBe(expected)
    })
  })

  test('[P3] a joined part leaves room for what comes later', () => {
    forSeeds(700, 150, (_seed, chance) => {
      const { updates } = randomHistory(chance, { clients: 3, edits: 60, gc: true })
      const part = joinUpdates(updates.filter(() => chance.below(3) > 0))
      const doc = docOf([part, Y.mergeUpdates(updates)])
      expect(contentOf(doc)).toBe(contentOf(docOf(updates)))
      expect(doc.store.pendingStructs).toBeNull()
    })
  })

  test('[P3] a document opened from it has the state vector and the deletions of one that saw each update', () => {
    forSeeds(300, 150, (_seed, chance) => {
      const { updates } = randomHistory(chance, { clients: 3, edits: 60, gc: true, plain: true })
      const opened = docOf([joinUpdates(chance.shuffled(updates))])
      expect(Y.encodeSnapshot(Y.snapshot(opened))).toEqual(Y.encodeSnapshot(Y.snapshot(docOf(updates))))
    })
  })

  test('drops nothing: the interval index is the same', () => {
    forSeeds(1, 50, (_seed, chance) => {
      const { updates } = randomHistory(chance, { clients: 3, edits: 60, gc: true })
      const some = updates.filter(() => chance.below(3) > 0)
      const [apart, joined] = [createIntervalIndex(), createIntervalIndex()]
      for (const update of some) apart.add(inspectUpdate(update))
      joined.add(inspectUpdate(joinUpdates(some)))
      expect(sameIntervals(joined, apart)).toBe(true)
      expect(joinUpdates(some).length).toBeLessThanOrEqual(Y.mergeUpdates([...some, EMPTY_UPDATE]).length)
    })
  })

  test('what is typed between others is no run, however it follows', () => {
    // b goes on after a, but before what alice put there meanwhile
    const bob = createDoc(true, 2)
    const updates: Uint8Array[] = []
    bob.on('update', (update: Uint8Array) => updates.push(update))
    bob.getText('text').insert(0, 'a')
    const alice = createDoc(true, 1)
    alice.on('update', (update: Uint8Array) => updates.push(update))
    Y.applyUpdate(alice, Y.encodeStateAsUpdate(bob), 'remote')
    alice.getText('text').insert(1, '!')
    Y.applyUpdate(bob, Y.encodeStateAsUpdate(alice))
    bob.getText('text').insert(1, 'b')
    expect(bob.getText('text').toString()).toBe('ab!')
    expect(
      docOf([joinUpdates(updates)])
        .getText('text')
        .toString(),
    ).toBe('ab!')
  })

  test('values of one map key are no run', () => {
    const doc = createDoc(true, 2)
    const updates: Uint8Array[] = []
    doc.on('update', (update: Uint8Array) => updates.push(update))
    for (const value of [1, 2, 3]) doc.getMap('map').set('key', value)
    const withoutDeletions = updates.map((update) =>
      bytesOf(update.subarray(0, update.length - deletionBytes(update)), 0),
    )
    const opened = docOf([joinUpdates(withoutDeletions)])
    expect(opened.getMap('map').toJSON()).toEqual({ key: 3 })
    expect(Y.encodeSnapshot(Y.snapshot(opened))).toEqual(Y.encodeSnapshot(Y.snapshot(doc)))
  })

  test('[P3] a clock keeps the form that says most, in whatever order the forms come', () => {
    const doc = createDoc(true, 3)
    const list = new Y.Array<string>()
    doc.getMap('map').set('list', list)
    list.push(['first', 'second'])
    const full = Y.encodeStateAsUpdate(doc)
    doc.getMap('map').delete('list')
    const collected = Y.encodeStateAsUpdate(doc)
    expect(Buffer.from(collected).includes('second')).toBe(false)
    for (const updates of [
      [full, collected],
      [collected, full],
      [collected, full, collected],
    ]) {
      expect(Buffer.from(joinUpdates(updates)).includes('firstw\x06second')).toBe(true)
      expect(
        docOf([joinUpdates(updates)])
          .getMap('map')
          .toJSON(),
      ).toEqual({})
    }
  })

  test('[P3] a surrogate pair wins over its two broken halves', () => {
    const [whole, broken] = ['a😀', 'a\ufffd\ufffd'].map((text) => {
      const doc = createDoc(true, 3)
      doc.getText('text').insert(0, text)
      return Y.encodeStateAsUpdate(doc)
    }) as [Uint8Array, Uint8Array]
    expect(
      docOf([joinUpdates([whole, broken])])
        .getText('text')
        .toString(),
    ).toBe('a😀')
    expect(
      docOf([joinUpdates([broken, whole])])
        .getText('text')
        .toString(),
    ).toBe('a😀')
  })

  test('20 keystrokes are one run', () => {
    const updates = typed('The quick brown fox.')
    expect(updates.length).toBe(20)
    expect(Y.mergeUpdates(updates).length).toBeGreaterThan(160)
    const joined = joinUpdates(updates)
    expect(Y.decodeUpdate(joined).structs.length).toBe(1)
    expect(joined.length).toBeLessThan(45)
    expect(docOf([joined]).getText('text').toString()).toBe('The quick brown fox.')
  })

  test('[P11] is linear in the number of updates', () => {
    const updates = typed('x'.repeat(20_000))
    const { result: joined, ms } = threadTimeOf(() => joinUpdates(updates))
    // Y.mergeUpdates takes minutes
    expect(ms).toBeLessThan(2_000)
    expect(joined.length).toBeLessThan(20_050)
    expect(docOf([joined]).getText('text').length).toBe(20_000)
  })

  test('joins updates of many clients, and large with small ones', () => {
    const updates = Array.from({ length: 2_000 }, (_, i) => typed(`client ${i}`, 1 + i)).flat()
    const large = typed('y'.repeat(600))
    const pasted = createDoc(true, 77_777)
    pasted.getText('text').insert(0, 'z'.repeat(400_000))
    const state = Y.encodeStateAsUpdate(pasted)
    const joined = joinUpdates([state, ...updates, ...large])
    const doc = docOf([joined])
    expect(doc.store.clients.size).toBe(2_002)
    expect(doc.getText('text').length).toBe(400_000 + 600 + updates.length)
  })

  test('takes clients in any order', () => {
    const text = (client: number, letter: string) => [1, client, 0, byte(4), 1, 'text', letter]
    const update = bytesOf(2, ...text(1, 'a'), ...text(2, 'b'), 0)
    const joined = joinUpdates([...typed('abc', 3), update, update])
    expect(contentOf(docOf([joined]))).toBe(contentOf(docOf([update, ...typed('abc', 3)])))
    expect(Y.decodeUpdate(joined).structs.map(({ id }) => id.client)).toEqual([3, 2, 1])
  })

  test('a single update comes back as it is, none as the empty one', () => {
    const [update] = typed('a') as [Uint8Array]
    expect(joinUpdates([update])).toBe(update)
    expect(joinUpdates([])).toEqual(new Uint8Array([0, 0]))
    expect(joinUpdates([EMPTY_UPDATE, EMPTY_UPDATE])).toEqual(new Uint8Array([0, 0]))
  })

  test('[P9] refuses when any update is not valid', () => {
    const honest = typed('abc')
    const coded = expect.objectContaining({ code: 'invalid-update' })
    expect(() => joinUpdates([bytesOf(1, 2)])).toThrow(coded)
    expect(() => joinUpdates([...honest, bytesOf(0, 0, 1)])).toThrow(coded)
  })
})
