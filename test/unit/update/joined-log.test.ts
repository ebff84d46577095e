import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { compactUpdates } from '../../../shared/update/compact.ts'
import { inspectUpdate } from '../../../shared/update/inspect.ts'
import { createIntervalIndex } from '../../../shared/update/intervals.ts'
import { joinUpdates } from '../../../shared/update/join.ts'
import { hashJoinedLog, hashJoinedLogSteps, joinedLog } from '../../../shared/update/joined-log.ts'
import { finish } from '../../../shared/update/steps.ts'
import { byte, bytesOf, oneStruct } from './bytes.ts'
import { createChance, createDoc, docOf, forSeeds, randomHistory } from './histories.ts'

describe('the joined log', () => {
  test('[P1] has one hash, however the same updates were ordered, doubled, merged and compacted', () => {
    forSeeds(1, 200, (_seed, chance) => {
      const gc = chance.below(2) === 0
      const { updates } = randomHistory(chance, { clients: 1 + chance.below(4), edits: 70, gc })
      const some = updates.slice(0, chance.below(updates.length))
      const hash = hashJoinedLog(updates)
      for (const log of [
        chance.shuffled([...updates, ...some]),
        [joinUpdates(chance.shuffled(updates))],
        [Y.mergeUpdates(chance.shuffled(updates))],
        [compactUpdates(updates, { gc: true })],
        [compactUpdates(updates, { gc: false }), ...some],
        [...chance.shuffled(updates), compactUpdates(some, { gc: true })],
        [compactUpdates([compactUpdates(some, { gc: true }), ...updates], { gc: true })],
      ]) {
        expect(hashJoinedLog(log)).toBe(hash)
      }
    })
  })

  test('[P1] a state that says no more hashes like the updates', () => {
    forSeeds(400, 60, (_seed, chance) => {
      const { updates } = randomHistory(chance, { clients: 1, edits: 60, gc: true })
      const state = Y.encodeStateAsUpdate(docOf(updates))
      const known = hashJoinedLog([...updates, state])
      expect(hashJoinedLog([state, ...chance.shuffled(updates)])).toBe(known)
    })
  })

  test('[P1] a collected struct is a deletion, whether or not the update says so', () => {
    const doc = createDoc(true, 1)
    doc.getText('text').insert(0, 'abc')
    const full = Y.encodeStateAsUpdate(doc)
    const collected = oneStruct(byte(0), 2)
    const deleted = bytesOf(0, 1, 1, 1, 0, 2)
    const hash = hashJoinedLog([full, deleted])
    expect(hashJoinedLog([full, collected])).toBe(hash)
    expect(hashJoinedLog([collected, full])).toBe(hash)
    expect(
      docOf([joinUpdates([full, collected])])
        .getText('text')
        .toString(),
    ).toBe('c')
  })

  test('[P8] tells apart what Yjs takes for the same: one clock with two contents', () => {
    const [alice, bob] = [createDoc(true, 1), createDoc(true, 1)]
    alice.getText('text').insert(0, 'AAAA')
    bob.getText('text').insert(0, 'BBBB')
    expect(Y.equalSnapshots(Y.snapshot(alice), Y.snapshot(bob))).toBe(true)
    const [a, b] = [Y.encodeStateAsUpdate(alice), Y.encodeStateAsUpdate(bob)]
    expect(hashJoinedLog([a])).not.toBe(hashJoinedLog([b]))
    expect(hashJoinedLog([a, b])).toBe(hashJoinedLog([b, a]))
  })

  test('tells whether an update is missing that adds anything', () => {
    forSeeds(900, 60, (_seed, chance) => {
      const { updates } = randomHistory(chance, { clients: 2, edits: 40, gc: true })
      const lost = chance.one(updates)
      const kept = updates.filter((update) => update !== lost)
      const index = createIntervalIndex()
      for (const update of kept) index.add(inspectUpdate(update))
      expect(hashJoinedLog(kept) !== hashJoinedLog(updates)).toBe(index.adds(inspectUpdate(lost)))
    })
  })

  test('[P7] is hashed in steps as at once', () => {
    const { updates } = randomHistory(createChance(1), { clients: 3, edits: 200, gc: true })
    expect(finish(hashJoinedLogSteps(updates))).toBe(hashJoinedLog(updates))
    expect(finish(hashJoinedLogSteps([]))).toBe(hashJoinedLog([new Uint8Array([0, 0])]))
  })

  test('has bytes that do not change', () => {
    const doc = createDoc(true, 300)
    doc.getText('text').insert(0, 'hello')
    doc.getText('text').delete(1, 2)
    const state = Y.encodeStateAsUpdate(doc)
    expect([...joinedLog([state])]).toEqual([
      ...[1, 3, 172, 2, 0], // one client with three structs: 300, from clock 0
      ...[4, 1, 4, ...Buffer.from('text'), 1, ...Buffer.from('h')],
      ...[0, 2], // two clocks without content
      ...[132, 172, 2, 2, 2, ...Buffer.from('lo')],
      ...[1, 172, 2, 1, 1, 2], // deletions of client 300: two clocks from 1 on
    ])
    expect(hashJoinedLog([state])).toMatch(/^[0-9a-f]{16}$/)
  })
})
