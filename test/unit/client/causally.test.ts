import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { causally } from '../../../client/replica/causally.ts'
import { needsOf } from '../../../client/replica/content.ts'
import { CHAIN_START } from '../../../shared/causality/version-vector.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { inspectUpdate } from '../../../shared/update/inspect.ts'
import type { UpdateRecord } from '../../../shared/update/record.ts'
import { seal } from '../../../shared/update/seal.ts'
import { seeded } from '../../support/random.ts'

const NOTE = { document: 'note', epoch: FIRST_EPOCH, gc: true }

/** Records of three people who answer one another, in the order in which they were made. */
function conversation(seed: number, count: number): UpdateRecord[] {
  const random = seeded(seed)
  const records: UpdateRecord[] = []
  const people = [1, 2, 3].map((clientID) => {
    const doc = new Y.Doc()
    doc.clientID = clientID
    const origin = `${clientID}`.repeat(16)
    doc.on('update', (bytes: Uint8Array, from: unknown) => {
      if (from === 'theirs') return
      const previous = records.findLast((record) => record.origin === origin)
      const dot = { origin, seq: (previous?.seq ?? 0) + 1, kind: 'yjs-v1' as const }
      records.push(seal(NOTE, { ...dot, bytes }, previous?.chain ?? CHAIN_START))
    })
    return doc
  })
  for (let n = 0; n < count; n++) {
    const doc = people[random(3)] as Y.Doc
    const text = doc.getText('text')
    if (text.length > 0 && random(4) === 0) text.delete(random(text.length), 1)
    else text.insert(random(text.length + 1), 'ab')
    for (const other of people) {
      if (other !== doc && random(2) === 0) Y.applyUpdate(other, Y.encodeStateAsUpdate(doc), 'theirs')
    }
  }
  return records
}

/** Whether each record finds what it builds on or deletes, and the one of its origin before it. */
function isInOrder(records: readonly UpdateRecord[]): boolean {
  const clocks = new Map<number, number>()
  const seqs = new Map<string, number>()
  return records.every(({ origin, seq, bytes }) => {
    const summary = inspectUpdate(bytes)
    const fits = [...needsOf(summary)].every(([client, clock]) => clock <= (clocks.get(client) ?? 0))
    for (const { client, clock, length } of summary.structs) clocks.set(client, clock + length)
    const follows = seq === (seqs.get(origin) ?? 0) + 1
    seqs.set(origin, seq)
    return fits && follows
  })
}

test('keeps an order in which each finds what it builds on', () => {
  const records = conversation(1, 200)
  expect(isInOrder(records)).toBe(true)
  expect(causally(records)).toEqual(records)
})

test.each([1, 2, 3, 4, 5])('[P3] finds one, however records came to lie (seed %i)', (seed) => {
  const random = seeded(seed)
  const records = conversation(seed, 120)
  const mixed = [...records]
  for (let at = mixed.length - 1; at > 0; at--) {
    const other = random(at + 1)
    const [a, b] = [mixed[at], mixed[other]] as [UpdateRecord, UpdateRecord]
    mixed[at] = b
    mixed[other] = a
  }
  expect(isInOrder(mixed)).toBe(false)
  const ordered = causally(mixed)
  expect(isInOrder(ordered)).toBe(true)
  expect(new Set(ordered)).toEqual(new Set(records))
})

test('[P7] keeps what waits for something in a circle, or for what nobody has', () => {
  const records = conversation(9, 60)
  const without = records.filter((_, at) => at !== 3)
  expect(new Set(causally(without))).toEqual(new Set(without))
})
