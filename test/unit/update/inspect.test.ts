import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { RejoinError } from '../../../shared/errors.ts'
import { inspectHeld } from '../../../shared/update/held.ts'
import { inspectUpdate, type UpdateSummary } from '../../../shared/update/inspect.ts'
import { createIntervalIndex } from '../../../shared/update/intervals.ts'
import { type Chance, createDoc, docOf, forSeeds, randomHistory } from './histories.ts'

/** Every form in which Yjs hands out what a history holds. */
function formsOf(chance: Chance, updates: readonly Uint8Array[], docs: readonly Y.Doc[]): Uint8Array[] {
  const some = updates.filter(() => chance.below(3) > 0)
  const merged = Y.mergeUpdates(chance.shuffled(some))
  const known = Y.encodeStateVector(docOf(updates.slice(0, chance.below(updates.length + 1))))
  const waiting = docOf(chance.shuffled(some))
  return [
    ...updates,
    ...docs.map((doc) => Y.encodeStateAsUpdate(doc)),
    ...docs.map((doc) => Y.encodeStateAsUpdate(doc, known)),
    merged,
    Y.diffUpdate(merged, known),
    Y.encodeStateAsUpdate(waiting),
  ]
}

/** What Yjs's own decoder finds, in the form of a summary. */
function oracle(update: Uint8Array): Pick<UpdateSummary, 'structs' | 'deletes'> {
  const { structs, ds } = Y.decodeUpdate(update)
  const held: { client: number; clock: number; length: number }[] = []
  const emptied: { client: number; clock: number; length: number }[] = []
  const put = (list: typeof held, { id, length }: { id: Y.ID; length: number }) => {
    const last = list.at(-1)
    if (last?.client === id.client && last.clock + last.length === id.clock) last.length += length
    else list.push({ client: id.client, clock: id.clock, length })
  }
  for (const struct of structs) {
    if (struct instanceof Y.Skip) continue
    put(held, struct)
    if (struct instanceof Y.GC || struct.content instanceof Y.ContentDeleted) put(emptied, struct)
  }
  const deletes = [...ds.clients].flatMap(([client, ranges]) =>
    ranges.map(({ clock, len }) => ({ client, clock, length: len })),
  )
  return { structs: held, deletes: [...emptied, ...deletes] }
}

describe('inspectUpdate', () => {
  test('[P3] accepts whatever Yjs writes, and finds in it what Yjs finds', () => {
    let inspected = 0
    const part = forSeeds(1, 120, (_seed, chance) => {
      const gc = chance.below(2) === 0
      const { updates, docs } = randomHistory(chance, { clients: 1 + chance.below(4), edits: 80, gc })
      for (const update of formsOf(chance, updates, docs)) {
        const summary = inspectUpdate(update)
        expect(summary).toMatchObject(oracle(update))
        expect(inspectHeld(update)).toEqual({ structs: summary.structs, deletes: summary.deletes })
        expect(summary.empty).toBe(summary.structs.length + summary.deletes.length === 0)
        inspected++
      }
    })
    expect(inspected).toBeGreaterThan(5_000 * part)
  })

  test('[P3] names a missing dependency exactly when Yjs has to wait', () => {
    let waiting = 0
    const part = forSeeds(1_000, 400, (_seed, chance) => {
      const { updates } = randomHistory(chance, { clients: 3, edits: 60, gc: true })
      const known = updates.slice(0, chance.below(updates.length))
      const index = createIntervalIndex()
      for (const update of known) index.add(inspectUpdate(update))
      const next = chance.shuffled(updates).slice(0, 1 + chance.below(3))
      const update = Y.mergeUpdates(next)
      const doc = docOf(known)
      Y.applyUpdate(doc, update)
      const isWaiting = doc.store.pendingStructs !== null
      expect(index.missing(inspectUpdate(update)) !== undefined).toBe(isWaiting)
      if (isWaiting) waiting++
    })
    expect(waiting).toBeGreaterThan(100 * part)
  })

  test('says which clock is missing', () => {
    const alice = createDoc(true, 7)
    const updates: Uint8Array[] = []
    alice.on('update', (update: Uint8Array) => updates.push(update))
    for (const letter of 'abc') alice.getText('text').insert(alice.getText('text').length, letter)
    const [a, b, c] = updates as [Uint8Array, Uint8Array, Uint8Array]
    expect(inspectUpdate(a).dependencies).toEqual(new Map())
    expect(inspectUpdate(c).dependencies).toEqual(new Map([[7, 2]]))
    const gapped = inspectUpdate(Y.mergeUpdates([a, c]))
    expect(gapped.dependencies).toEqual(new Map([[7, 2]]))
    const index = createIntervalIndex()
    expect(index.missing(gapped)).toEqual({ client: 7, clock: 2 })
    index.add(inspectUpdate(b))
    expect(index.missing(gapped)).toBeUndefined()
  })

  test('asks for what items of other clients rest on', () => {
    const alice = createDoc(true, 7)
    alice.getText('text').insert(0, 'hello')
    const bob = createDoc(true, 5)
    Y.applyUpdate(bob, Y.encodeStateAsUpdate(alice))
    let update = new Uint8Array()
    bob.on('update', (bytes: Uint8Array) => {
      update = new Uint8Array(bytes)
    })
    bob.getText('text').insert(3, '!')
    expect(inspectUpdate(update).dependencies).toEqual(new Map([[7, 4]]))
    expect(inspectUpdate(Y.encodeStateAsUpdate(bob)).dependencies).toEqual(new Map())
  })

  test('asks for the type that an item is put into', () => {
    const alice = createDoc(true, 7)
    alice.getText('text').insert(0, 'hello')
    alice.getMap('map').set('inner', new Y.Map())
    const bob = docOf([Y.encodeStateAsUpdate(alice)])
    const before = Y.encodeStateVector(bob)
    const inner = bob.getMap('map').get('inner') as Y.Map<number>
    inner.set('a', 1)
    expect(inspectUpdate(Y.encodeStateAsUpdate(bob, before)).dependencies).toEqual(new Map([[7, 6]]))
  })

  test('asks for the very next clock beyond what it holds', () => {
    const alice = createDoc(true, 7)
    alice.getText('text').insert(0, 'abc')
    const early = Y.encodeStateAsUpdate(alice)
    alice.getText('text').insert(3, 'd')
    const bob = createDoc(true, 5)
    Y.applyUpdate(bob, Y.encodeStateAsUpdate(alice))
    const before = Y.encodeStateVector(bob)
    bob.getText('text').insert(4, 'e')
    const late = Y.encodeStateAsUpdate(bob, before)
    expect(inspectUpdate(Y.mergeUpdates([early, late])).dependencies).toEqual(new Map([[7, 4]]))
    expect(inspectUpdate(Y.mergeUpdates([Y.encodeStateAsUpdate(alice), late])).dependencies).toEqual(new Map())
  })

  test('the empty update is empty', () => {
    expect(inspectUpdate(new Uint8Array([0, 0]))).toEqual({
      structs: [],
      deletes: [],
      dependencies: new Map(),
      roots: new Set(),
      types: 0,
      empty: true,
    })
  })

  test('[P7] keeps to the limits that it is given', () => {
    const doc = createDoc(true, 3)
    doc.getText('text').insert(0, 'hello')
    doc.getText('text').delete(0, 1)
    doc.getText('text').delete(1, 1)
    const update = Y.encodeStateAsUpdate(doc)
    const limits = { bytesMax: update.length, clientsMax: 1, deleteRangesMax: 2 }
    expect(inspectUpdate(update, limits).empty).toBe(false)
    for (const limit of ['bytesMax', 'clientsMax', 'deleteRangesMax'] as const) {
      const tighter = { ...limits, [limit]: limits[limit] - 1 }
      expect(() => inspectUpdate(update, tighter)).toThrow(expect.objectContaining({ code: 'too-big' }))
    }
  })

  test('refusals are coded', () => {
    try {
      inspectUpdate(new Uint8Array([1]))
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(RejoinError)
    }
  })
})
