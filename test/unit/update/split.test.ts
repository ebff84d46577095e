import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { inspectUpdate } from '../../../shared/update/inspect.ts'
import { joinUpdates } from '../../../shared/update/join.ts'
import { hashJoinedLog } from '../../../shared/update/joined-log.ts'
import { UPDATE_LIMITS } from '../../../shared/update/limits.ts'
import { splitSteps, splitUpdate } from '../../../shared/update/split.ts'
import { deletions } from '../../support/many-deletions.ts'
import { threadTimeOf } from '../../support/thread-time.ts'
import { byte, bytesOf, many } from './bytes.ts'
import {
  type Chance,
  contentOf,
  createChance,
  createDoc,
  docOf,
  forSeeds,
  type History,
  randomHistory,
} from './histories.ts'

/** What a client might have to send at once: the updates joined, merged, or the state of a document. */
function wholeOf(chance: Chance, { updates, docs }: History): Uint8Array {
  const [doc] = docs as [Y.Doc]
  return chance.one([
    () => joinUpdates(updates),
    () => Y.mergeUpdates(updates),
    () => Y.encodeStateAsUpdate(doc),
    () => Y.encodeStateAsUpdate(docOf(updates, doc.gc)),
  ])()
}

/** The parts, each of them checked: valid, within bounds or one thing that cannot be cut, and nothing left waiting. */
function partsOf(whole: Uint8Array, bytesMax: number, known: readonly Uint8Array[] = []): Uint8Array[] {
  const parts = splitUpdate(whole, bytesMax)
  const doc = docOf(known)
  for (const part of parts) {
    expect(inspectUpdate(part).empty).toBe(false)
    if (part.length > bytesMax) expect(elementsOf(part)).toBe(1)
    Y.applyUpdate(doc, part, 'remote')
    expect(doc.store.pendingStructs).toBeNull()
    expect(doc.store.pendingDs).toBeNull()
  }
  return parts
}

/** Structs, elements of lists, code points and deletions in an update: what could be parted. */
function elementsOf(update: Uint8Array): number {
  const { structs, ds } = Y.decodeUpdate(update)
  const deletions = [...ds.clients.values()].reduce((sum, ranges) => sum + ranges.length, 0)
  return structs.reduce((sum, struct) => {
    const content = struct instanceof Y.Item ? struct.content : undefined
    if (content instanceof Y.ContentString) return sum + [...content.str].length
    return sum + (content instanceof Y.ContentAny || content instanceof Y.ContentJSON ? content.arr.length : 1)
  }, deletions)
}

const snapshotOf = (updates: readonly Uint8Array[], gc: boolean) => Y.encodeSnapshot(Y.snapshot(docOf(updates, gc)))

describe('splitUpdate', () => {
  test('[P3] its parts say together what the whole says, and nothing waits for a later one', () => {
    forSeeds(1, 400, (_seed, chance) => {
      const gc = chance.below(2) === 0
      const history = randomHistory(chance, { clients: 1 + chance.below(6), edits: 80, gc })
      const whole = wholeOf(chance, history)
      const parts = partsOf(whole, 16 + chance.below(chance.one([30, 300, 1500])))
      expect(contentOf(docOf(parts, gc))).toBe(contentOf(docOf([whole], gc)))
      expect(Y.encodeStateVector(docOf(parts, gc))).toEqual(Y.encodeStateVector(docOf([whole], gc)))
      expect(hashJoinedLog(parts)).toBe(hashJoinedLog([whole]))
    })
  })

  test('[P1] a document opened from the parts has the same deletions', () => {
    forSeeds(1_000, 200, (_seed, chance) => {
      const gc = chance.below(2) === 0
      const history = randomHistory(chance, { clients: 4, edits: 80, gc, plain: true })
      const whole = wholeOf(chance, history)
      const parts = partsOf(whole, 16 + chance.below(200))
      expect(snapshotOf(parts, gc)).toEqual(snapshotOf([whole], gc))
      expect(snapshotOf([joinUpdates(parts)], gc)).toEqual(snapshotOf([whole], gc))
    })
  })

  test('[P3] of an update that rests on others only what the whole leaves waiting waits', () => {
    forSeeds(2_000, 200, (_seed, chance) => {
      const { updates } = randomHistory(chance, { clients: 4, edits: 80, gc: true })
      const at = chance.below(updates.length)
      const [early, whole] = [updates.slice(0, at), joinUpdates(updates.slice(at))]
      const parts = partsOf(whole, 16 + chance.below(200), early)
      expect(contentOf(docOf([...early, ...parts]))).toBe(contentOf(docOf(updates)))

      const [late, alone] = [docOf(parts), docOf([whole])]
      expect(late.store.pendingStructs === null).toBe(alone.store.pendingStructs === null)
      for (const doc of [late, alone]) Y.applyUpdate(doc, joinUpdates(updates), 'remote')
      expect(contentOf(late)).toBe(contentOf(alone))
      expect(late.store.pendingStructs).toBeNull()
    })
  })

  test('[P3] keeps gaps, and fills them later on as the whole would', () => {
    forSeeds(3_000, 150, (_seed, chance) => {
      const { updates } = randomHistory(chance, { clients: 3, edits: 120, gc: true })
      const lost = updates.filter(() => chance.below(3) === 0)
      const whole = Y.mergeUpdates(updates.filter((update) => !lost.includes(update)))
      const bytesMax = 30 + chance.below(400)
      const parts = splitUpdate(whole, bytesMax)
      for (const part of parts) expect(part.length <= bytesMax || elementsOf(part) === 1).toBe(true)
      expect(hashJoinedLog(parts)).toBe(hashJoinedLog([whole, whole]))
      expect(contentOf(docOf([...parts, joinUpdates(updates)]))).toBe(contentOf(docOf(updates)))
      expect(contentOf(docOf([...lost, joinUpdates(parts)]))).toBe(contentOf(docOf(updates)))
    })
  })

  test('an update that fits comes back as it is', () => {
    const update = Y.encodeStateAsUpdate(
      randomHistory(createChance(1), { clients: 2, edits: 60, gc: true }).docs[0] as Y.Doc,
    )
    expect(splitUpdate(update, update.length)).toEqual([update])
    expect(splitUpdate(update, update.length)[0]).toBe(update)
    expect(splitUpdate(update, update.length - 1).length).toBe(2)
  })

  test('[P9] an update of few bytes that passes another bound of one is cut too', () => {
    const ofFew = joinUpdates(Array.from({ length: 12 }, (_, at) => deletions(7, 1, 10_000, at * 20_000)))
    const ofMany = joinUpdates([deletions(1, 12_000, 1), deletions(20_000, 12_000, 1)])
    for (const whole of [ofFew, ofMany]) {
      expect(whole.length).toBeLessThan(512 * 1024)
      expect(() => inspectUpdate(whole)).toThrow(/too many/)
      const parts = splitUpdate(whole, 512 * 1024)
      for (const part of parts) expect(inspectUpdate(part).empty).toBe(false)
      expect(hashJoinedLog(parts)).toBe(hashJoinedLog(splitUpdate(whole, 50_000)))
    }
  })

  test.each(['x', '語', 'a😀', '👩‍👩‍👧 語'])('cuts a paste of 5 MB of %s between code points', (letter) => {
    const doc = createDoc(true, 7)
    const text = letter.repeat(Math.ceil(5_000_000 / Buffer.byteLength(letter)))
    doc.getText('text').insert(0, 'before after')
    doc.getText('text').insert(6, text)
    const whole = Y.encodeStateAsUpdate(doc)
    const parts = partsOf(whole, 256 * 1024)
    expect(parts.length).toBe(Math.ceil(whole.length / (256 * 1024)))
    expect(docOf(parts).getText('text').toString()).toBe(`before${text} after`)
    // Not toEqual, which takes seconds for so many bytes.
    expect(Buffer.compare(joinUpdates(parts), joinUpdates([whole, whole]))).toBe(0)
  })

  test('cuts what somebody types into later on', () => {
    const doc = createDoc(true, 7)
    doc.getText('text').insert(0, '語😀x'.repeat(20_000))
    const other = docOf([Y.encodeStateAsUpdate(doc)])
    for (let i = 0; i < 300; i++) other.getText('text').insert(i * 150, 'typed')
    other.getText('text').delete(9_000, 20_000)
    const whole = Y.encodeStateAsUpdate(other)
    for (const bytesMax of [2_000, 30_000]) {
      const parts = partsOf(whole, bytesMax)
      expect(docOf(parts).getText('text').toString()).toBe(other.getText('text').toString())
    }
  })

  test('cuts lists between values; a value too large for a part stands alone', () => {
    const doc = createDoc(true, 7)
    const values = Array.from({ length: 100_000 }, (_, i) => (i % 1_000 === 7 ? 'long '.repeat(500) : { i }))
    doc.getArray('array').push(values)
    doc.getArray('array').insert(50, [new Uint8Array(5_000), 'end'])
    const parts = partsOf(Y.encodeStateAsUpdate(doc), 1_024)
    expect(docOf(parts).getArray('array').toJSON()).toEqual(doc.getArray('array').toJSON())
    expect(parts.filter((part) => part.length > 1_024).length).toBe(101)
  })

  test('cuts lists of JSON, which old versions wrote', () => {
    const elements = Array.from({ length: 5_000 }, (_, i) => (i % 3 === 0 ? 'undefined' : JSON.stringify({ i })))
    const whole = bytesOf(1, 1, 1, 0, byte(2), 1, 'array', elements.length, ...elements, 0)
    const parts = partsOf(whole, 1_000)
    expect(docOf(parts).getArray('array').toArray()).toEqual(docOf([whole]).getArray('array').toArray())
    expect(parts.length).toBeLessThan(1.05 * (whole.length / 1_000) + 1)
  })

  test('what cannot be cut stands alone', () => {
    const doc = createDoc(true, 7)
    doc.getText('text').insert(0, 'before')
    doc.getMap('map').set('binary', new Uint8Array(10_000))
    doc.getText('text').insertEmbed(6, { image: 'x'.repeat(10_000) })
    doc.getText('text').insert(7, 'after')
    const parts = partsOf(Y.encodeStateAsUpdate(doc), 100)
    expect(parts.map((part) => part.length > 100)).toEqual([false, true, true, false])
    expect(contentOf(docOf(parts))).toBe(contentOf(doc))
  })

  test('spreads a large delete set, after the structs', () => {
    const doc = createDoc(false, 7)
    doc.getText('text').insert(0, 'ab'.repeat(75_000))
    const whole = joinUpdates([Y.encodeStateAsUpdate(doc), bytesOf(0, 1, 7, 75_000, everySecond(75_000))])
    const parts = splitUpdate(whole, 100_000)
    expect(parts.map((part) => part.length <= 100_000 && inspectUpdate(part).structs.length)).toEqual([1, 1, 0, 0, 0])
    expect(
      docOf([joinUpdates(parts)])
        .getText('text')
        .toString(),
    ).toBe('b'.repeat(75_000))
    expect(hashJoinedLog(parts)).toBe(hashJoinedLog([whole, whole]))
  })

  test('is the same in steps, each of which makes a part at most', () => {
    const doc = createDoc(false, 7)
    const text = doc.getText('text')
    for (let n = 0; n < 40_000; n++) text.insert(n % 3 === 0 ? 0 : text.length, 'some words')
    doc.getText('long').insert(0, 'x'.repeat(200_000))
    const whole = Y.encodeStateAsUpdate(doc)
    const steps = splitSteps(whole, 16_384)
    let count = 0
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done === true) {
        expect(step.value).toEqual(splitUpdate(whole, 16_384))
        expect(count).toBeGreaterThanOrEqual(step.value.length - 2)
        return
      }
      count++
    }
  })

  test('[P7] keeps each part within what inspectUpdate accepts, also where the whole is not', () => {
    const clients = UPDATE_LIMITS.clientsMax + 10
    const ranges = UPDATE_LIMITS.deleteRangesMax + 10
    const items = many(clients, (i) => [1, clients - i, 0, byte(4), 1, 'text', 'x'])
    const whole = bytesOf(clients, items, 1, 1, ranges, everySecond(ranges))
    expect(() => inspectUpdate(whole)).toThrow(expect.objectContaining({ code: 'too-big' }))
    const parts = splitUpdate(whole, whole.length - 1)
    for (const part of parts) inspectUpdate(part)
    expect(docOf(parts.slice(0, 2)).getText('text').length).toBe(clients - 1)
  })

  test('[P3] follows a thread through thousands of clients, each of which answers the one before', () => {
    const updates: Uint8Array[] = []
    const thread = createDoc(true, 1)
    thread.on('update', (update: Uint8Array) => updates.push(update))
    for (let i = 0; i < 3_000; i++) {
      thread.clientID = 3_000 - (i % 1_500)
      thread.getText('text').insert(i, String(i % 10))
    }
    const whole = Y.encodeStateAsUpdate(thread)
    for (const bytesMax of [64, 1_000, 20_000]) {
      expect(docOf(partsOf(whole, bytesMax)).getText('text').toString()).toBe(thread.getText('text').toString())
    }
  })

  test('[P9] ends for structs that rest on one another, which nobody can integrate', () => {
    const restingOn = (client: number) => [byte(0x84), client, 0, 'x']
    const whole = bytesOf(2, 1, 1, 0, ...restingOn(2), 1, 2, 0, ...restingOn(1), 0)
    const parts = splitUpdate(whole, 10)
    expect(parts.length).toBe(2)
    expect(joinUpdates(parts)).toEqual(joinUpdates([whole, whole]))
  })

  test('[P9] refuses what is not valid, wherever it breaks', () => {
    const whole = Y.encodeStateAsUpdate(
      randomHistory(createChance(1), { clients: 2, edits: 60, gc: true }).docs[0] as Y.Doc,
    )
    const coded = expect.objectContaining({ code: 'invalid-update' })
    expect(() => splitUpdate(whole.subarray(0, whole.length - 1), 100)).toThrow(coded)
    expect(() => splitUpdate(bytesOf(whole, 0), 100)).toThrow(coded)
  })

  test('[P11] is linear: 6 MB of small structs of clients that take turns', () => {
    const clients = 40
    const typedBy = (each: number): Uint8Array => {
      const items = many(clients, (i) => {
        const client = clients - i
        // each rests on what the client before it wrote last
        const other = client === 1 ? clients : client - 1
        const typed = many(each - 1, (clock) => [byte(0xc4), client, clock, other, clock, 'x'])
        return [each, client, 0, byte(4), 1, 'text', 'x', typed]
      })
      return bytesOf(clients, items, 0)
    }
    // By CPU time, as a machine may do much else.
    const splitMs = (update: Uint8Array): number => threadTimeOf(() => splitUpdate(update, 512 * 1024)).ms
    const [whole, eighth] = [typedBy(15_000), typedBy(15_000 / 8)]
    expect(whole.length).toBeGreaterThan(5_000_000)
    const [wholeMs, eighthMs] = [whole, eighth].map((update) => Math.min(...[1, 2, 3].map(() => splitMs(update))))
    // The square would be 64 times as long.
    expect((wholeMs ?? 0) / (eighthMs ?? 0)).toBeLessThan(40)
    const parts = splitUpdate(whole, 512 * 1024)
    expect(parts.length).toBeLessThan(1.02 * (whole.length / (512 * 1024)) + 1)
  })
})

/** Ranges of a delete set: the clocks 0, 2, 4 and on. */
function everySecond(count: number): Uint8Array {
  return many(count, (i) => [2 * i, 1])
}
