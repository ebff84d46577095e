import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { inspectUpdate } from '../../../shared/update/inspect.ts'
import { joinUpdates } from '../../../shared/update/join.ts'
import { cutUpdate, inspectStateVector } from '../../../shared/update/state-vector.ts'
import { bytesOf } from './bytes.ts'
import { contentOf, createDoc, docOf, forSeeds, randomHistory } from './histories.ts'

describe('inspectStateVector', () => {
  test('reads what Yjs writes', () => {
    forSeeds(1, 30, (_seed, chance) => {
      const doc = docOf(randomHistory(chance, { clients: 4, edits: 40, gc: true }).updates)
      const bytes = Y.encodeStateVector(doc)
      expect(new Map(inspectStateVector(bytes))).toEqual(Y.decodeStateVector(bytes))
    })
    expect(inspectStateVector(new Uint8Array([0])).size).toBe(0)
  })

  test.each([
    ['nothing', bytesOf()],
    ['more entries than bytes', bytesOf(1_000, 1, 1)],
    ['a client id twice', bytesOf(2, 1, 1, 1, 2)],
    ['a clock beyond the bound', bytesOf(1, 1, 2 ** 41)],
    ['bytes after its end', bytesOf(1, 1, 1, 0)],
    ['an end in a number', new Uint8Array([1, 1, 0x80])],
  ])('[P9] refuses %s', (_name, bytes) => {
    expect(() => inspectStateVector(bytes)).toThrow(expect.objectContaining({ code: 'invalid-update' }))
  })

  test('[P7] refuses more entries than any peer needs', () => {
    const entries = Array.from({ length: 4_097 }, (_, client) => [client, 1]).flat()
    expect(() => inspectStateVector(bytesOf(4_097, ...entries))).toThrow(expect.objectContaining({ code: 'too-big' }))
    expect(() => inspectStateVector(new Uint8Array(64 * 1024 + 1))).toThrow(
      expect.objectContaining({ code: 'too-big' }),
    )
    expect(inspectStateVector(bytesOf(4_096, ...entries.slice(2))).size).toBe(4_096)
  })
})

describe('cutUpdate', () => {
  test('[P3] brings any earlier document up to date, in no more bytes than Yjs needs', () => {
    forSeeds(1, 250, (_seed, chance) => {
      const gc = chance.below(2) === 0
      const { updates } = randomHistory(chance, { clients: 3, edits: 70, gc })
      const joined = joinUpdates(chance.shuffled(updates))
      const doc = docOf(updates.slice(0, chance.below(updates.length + 1)), gc)
      const stateVector = Y.encodeStateVector(doc)
      const lacking = cutUpdate(joined, stateVector)
      expect(inspectUpdate(lacking)).toMatchObject(inspectUpdate(Y.diffUpdate(joined, stateVector)))
      expect(lacking.length).toBeLessThanOrEqual(Y.diffUpdate(joined, stateVector).length)
      Y.applyUpdate(doc, lacking)
      expect(contentOf(doc)).toBe(contentOf(docOf(updates, gc)))
      expect(doc.store.pendingStructs).toBeNull()
    })
  })

  test('cuts inside a run', () => {
    const doc = createDoc(true, 9)
    doc.getText('text').insert(0, 'héllo')
    const [early, whole] = [docOf([Y.encodeStateAsUpdate(doc)]), doc]
    whole.getText('text').insert(5, ' wörld')
    const lacking = cutUpdate(Y.encodeStateAsUpdate(whole), Y.encodeStateVector(early))
    expect(Buffer.from(lacking).includes('héllo')).toBe(false)
    Y.applyUpdate(early, lacking)
    expect(early.getText('text').toString()).toBe('héllo wörld')
  })

  test('is empty where nothing is missing, and carries deletions always', () => {
    const doc = createDoc(true, 9)
    doc.getText('text').insert(0, 'hello')
    expect([...cutUpdate(Y.encodeStateAsUpdate(doc), Y.encodeStateVector(doc))]).toEqual([0, 0])
    const late = docOf([Y.encodeStateAsUpdate(doc)])
    doc.getText('text').delete(0, 2)
    Y.applyUpdate(late, cutUpdate(Y.encodeStateAsUpdate(doc), Y.encodeStateVector(late)))
    expect(late.getText('text').toString()).toBe('llo')
  })
})
