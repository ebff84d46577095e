/** What a replica does with its records when their names turn out to have two contents. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createMemoryReplicaStore } from '../../../client/replica/memory.ts'
import type { UpdateLog } from '../../../client/replica/update-log.ts'
import { CHAIN_START } from '../../../shared/causality/version-vector.ts'
import { inspectUpdate } from '../../../shared/update/inspect.ts'
import { createIntervalIndex } from '../../../shared/update/intervals.ts'
import { joinUpdates } from '../../../shared/update/join.ts'
import { type UpdateRecord, verify } from '../../../shared/update/record.ts'
import { seal } from '../../../shared/update/seal.ts'
import {
  ackOf,
  copyOf,
  damage,
  dump,
  durable,
  entriesOf,
  held,
  NOTE,
  openLog,
  otherRecords,
  PEER,
  read,
  records,
  typist,
} from '../../support/stores.ts'

const OTHER = { ...NOTE, document: 'other' }

/** As a relay takes them: in the order in which they come, each with all that it builds on before it. */
function expectGrounded(those: readonly UpdateRecord[]): void {
  const index = createIntervalIndex()
  for (const record of those) {
    const summary = inspectUpdate(record.bytes)
    expect(index.missing(summary), `${record.origin}/${record.seq}`).toBeUndefined()
    index.add(summary)
    verify(NOTE, record)
  }
}

const originsOf = (those: readonly { origin: string }[]): Set<string> => new Set(those.map(({ origin }) => origin))

/** The replica takes a new origin, as after a fork elsewhere. */
async function leaveOrigin(log: UpdateLog): Promise<void> {
  const { origin } = await selfOf(log)
  await log.open(OTHER)
  await log.unseal('other', origin)
}

async function selfOf(log: UpdateLog): Promise<{ origin: string }> {
  const { type } = typist(log, OTHER)
  await type('.')
  const [sealed] = (await log.seal('other')).records
  return { origin: sealed?.origin ?? '' }
}

/** A record of somebody who has read this log. */
async function answerTo(log: UpdateLog, origin: string, word: string): Promise<UpdateRecord> {
  const doc = new Y.Doc()
  for (const bytes of (await log.load('note')).updates) Y.applyUpdate(doc, bytes)
  const before = Y.encodeStateVector(doc)
  doc.getText('text').insert(doc.getText('text').length, word)
  const bytes = Y.encodeStateAsUpdate(doc, before)
  return seal(NOTE, { origin, seq: 1, kind: 'yjs-v1', bytes }, CHAIN_START)
}

describe('a fork', () => {
  test('[P8] gives what is here of the origin a new name; nothing is lost', async () => {
    const store = durable()
    const log = await openLog(store)
    const { type } = typist(log)
    for (const word of ['one ', 'two ']) {
      await type(word)
      await log.seal('note')
    }
    const clone = await openLog(await copyOf(store))
    await type('mine')
    await log.seal('note')
    await typist(clone).type('theirs')
    await clone.seal('note')
    const theirs = await records(clone)
    const { unfit } = await log.take([entriesOf(...theirs)], PEER)
    expect(unfit).toEqual([{ where: NOTE, origin: log.replica, code: 'fork' }])

    const { unacknowledged } = await held(log)
    expect(await log.unseal('note', log.replica)).toMatchObject({ unacknowledged })
    expect((await held(log)).vector.has(log.replica)).toBe(false)
    await log.take([entriesOf(...theirs)], PEER)
    const text = await read(log)
    for (const word of ['one ', 'two ', 'mine', 'theirs']) expect(text).toContain(word)
    const all = await records(log)
    expect(originsOf(all).size).toBe(2)
    for (const record of all) verify(NOTE, record)
    await type('new')
    const [sealed] = (await log.seal('note')).records
    expect(sealed?.origin).not.toBe(log.replica)
  })

  test('[P8][P10] moves all that waits, under whatever origin: nothing comes before what it builds on', async () => {
    const log = await openLog(durable())
    const { type } = typist(log)
    await type('one ')
    await log.seal('note')
    await leaveOrigin(log)
    await type('two ')
    await log.seal('note')
    await leaveOrigin(log)
    await type('three ')
    await log.seal('note')
    const before = await records(log)
    expect(originsOf(before).size).toBe(3)
    // The oldest forks; the others rest on it, and were refused for that.
    await log.unseal('note', before[0]?.origin ?? '')
    const after = await records(log)
    expect(originsOf(after).size).toBe(1)
    expect(originsOf(before)).not.toContain(after[0]?.origin)
    expectGrounded(after)
    expect(await held(log)).toMatchObject({ unacknowledged: 3 })
    expect(await read(log)).toBe('one two three ')
  })

  test('[P8][P10] what others built on it is offered behind it, and before what was built on that', async () => {
    const log = await openLog(durable())
    const { type, look } = typist(log)
    await type('mine ')
    await log.seal('note')
    await log.take([entriesOf(await answerTo(log, 'b'.repeat(16), 'theirs '))], PEER)
    await look()
    await type('mine again')
    await log.seal('note')
    await log.unseal('note', log.replica)
    const after = await records(log)
    expect(after.map(({ origin }) => origin === 'b'.repeat(16))).toEqual([false, true, false])
    expectGrounded(after)
    expect(await read(log)).toBe('mine theirs mine again')
    // And once more, under another name.
    await log.unseal('note', after[0]?.origin ?? '')
    expectGrounded(await records(log))
  })

  test('[P8] of another replica moves what waits here too, as it may rest on that', async () => {
    const log = await openLog(durable())
    const theirs = otherRecords(2)
    await log.take([entriesOf(...theirs)], PEER)
    const { type, look } = typist(log)
    await look()
    await type('mine')
    await log.seal('note')
    await log.unseal('note', 'a'.repeat(16))
    const after = await records(log)
    expect(originsOf(after).size).toBe(1)
    expect(originsOf(after)).not.toContain(log.replica)
    expectGrounded(after)
    expect(await read(log)).toBe('aamine')
    expect(await held(log)).toMatchObject({ unacknowledged: 1 })
  })

  test('[P10] leaves its content to no later record, which may rest on what was built on it (seed 202308)', async () => {
    const log = await openLog(durable())
    const doc = new Y.Doc()
    doc.clientID = 1
    doc.getText('text').insert(0, 'first ')
    const first = Y.encodeStateAsUpdate(doc)
    const answered = new Y.Doc()
    answered.clientID = 2
    Y.applyUpdate(answered, first)
    answered.getText('text').insert(6, 'answered ')
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(answered))
    const before = Y.encodeStateVector(doc)
    doc.getText('text').insert(15, 'again')
    const again = joinUpdates([first, Y.encodeStateAsUpdate(doc, before)])
    const sealed = (origin: string, bytes: Uint8Array) =>
      seal(NOTE, { origin: origin.repeat(16), seq: 1, kind: 'yjs-v1', bytes }, CHAIN_START)
    const [forked, answer, late] = [
      sealed('a', first),
      sealed('b', Y.encodeStateAsUpdate(answered, Y.encodeStateVectorFromUpdate(first))),
      sealed('c', again),
    ]
    await log.take([entriesOf(forked), entriesOf(answer), entriesOf(late)], PEER)
    await log.unseal('note', 'a'.repeat(16))
    expectGrounded(await records(log))
    expect(await read(log)).toBe('first answered again')
    // What is here before it is not given a name once more.
    await log.take([entriesOf(forked)], PEER)
    await log.unseal('note', 'a'.repeat(16))
    expect(await records(log)).toHaveLength(3)
  })

  test('[P4] is no receipt: what waited waits on under its new name', async () => {
    const log = await openLog(durable())
    const { type } = typist(log)
    await type('a')
    const typed = await log.outstanding('note')
    await log.seal('note')
    const sealed = await log.outstanding('note')
    for (let times = 0; times < 2; times++) {
      await log.unseal('note', (await records(log))[0]?.origin ?? '')
      expect(await log.isAcknowledged('note', typed)).toBe(false)
      expect(await log.isAcknowledged('note', sealed)).toBe(false)
    }
    await log.take([{ type: 'ack', ack: await ackOf(log, 1) }], PEER)
    expect(await log.isAcknowledged('note', typed)).toBe(true)
    expect(await log.isAcknowledged('note', sealed)).toBe(true)
  })

  test('[P7] between two relays that keep a branch each, the log grows once, not at every move', async () => {
    const log = await openLog(durable())
    const branches = [otherRecords(3), otherRecords(3, 'a'.repeat(16), 'b')]
    const counts: number[] = []
    for (let move = 0; move < 8; move++) {
      const theirs = branches[move % 2] ?? []
      const { unfit } = await log.take([entriesOf(...theirs)], PEER)
      if (unfit.length > 0) await log.unseal('note', 'a'.repeat(16))
      await log.take([entriesOf(...theirs)], PEER)
      counts.push((await records(log)).length)
    }
    expect([...(await read(log))].sort().join('')).toBe('aaabbb')
    expect(counts.slice(3).every((count) => count === counts[3])).toBe(true)
  })

  test('[P8] that another tab has mended already leaves what waits alone', async () => {
    const store = durable()
    const [log, tab] = [await openLog(store), await openLog(store)]
    const { type } = typist(log)
    await type('a')
    await log.seal('note')
    await log.unseal('note', log.replica)
    const before = await records(log)
    await tab.unseal('note', log.replica)
    expect(await records(log)).toEqual(before)
    expect(await held(log)).toMatchObject({ unacknowledged: 1 })
  })

  test('[P5][P8] seals nothing again that is damaged, and tells of it', async () => {
    const store = durable()
    const told: unknown[] = []
    const log = await openLog(store, (...damaged) => told.push(damaged))
    const theirs = otherRecords(3)
    await log.take([entriesOf(...theirs)], PEER)
    await typist(log).type('mine')
    await log.seal('note')
    await damage(store, 'records', ['note', 'a'.repeat(16), 2])
    await log.unseal('note', 'a'.repeat(16))
    expect(told).toEqual([['note', 1]])
    expect([...(await read(log))].sort().join('')).toBe('aeimn')
    expect((await dump(store)).branches).toEqual([])
  })

  test('[P8] where nothing is sealed it becomes an edit, which is submitted before what was typed', async () => {
    const log = await openLog(createMemoryReplicaStore())
    await log.take([entriesOf(...otherRecords(2))], PEER)
    const { type, look } = typist(log)
    await look()
    await type('typed')
    await log.unseal('note', 'a'.repeat(16))
    expect((await held(log)).vector.size).toBe(0)
    const sent: UpdateRecord[] = []
    for (let more = true; more; ) {
      const next = (await log.unsent('note')) ?? expect.fail('there is nothing to send')
      const record = { origin: PEER.replica, seq: sent.length + 1, kind: 'yjs-v1' as const, bytes: next.bytes }
      sent.push(seal(NOTE, record, sent.at(-1)?.chain ?? CHAIN_START))
      const stamped = { type: 'stamped' as const, ...NOTE, request: 1, through: 1, ...(sent.at(-1) as UpdateRecord) }
      await log.take([{ type: 'stamped', stamped, ...next }], PEER)
      more = next.more
    }
    expectGrounded(sent)
    expect(await read(log)).toBe('aatyped')
    expect(await log.unsent('note')).toBeUndefined()
  })

  test('[P10] where nothing is sealed its records stay apart, as others rest on one and bear the next', async () => {
    const log = await openLog(createMemoryReplicaStore())
    const updates: Uint8Array[] = []
    for (const [client, origin, seq] of [
      [1, 'a', 1],
      [2, 'b', 1],
      [1, 'a', 2],
    ] as const) {
      const doc = new Y.Doc()
      for (const update of updates) Y.applyUpdate(doc, update)
      const before = Y.encodeStateVector(doc)
      doc.clientID = client
      doc.getText('text').insert(doc.getText('text').length, `${origin}${seq} `)
      const bytes = Y.encodeStateAsUpdate(doc, before)
      updates.push(bytes)
      const chain = (await log.held('note'))?.vector.get(origin.repeat(16))?.chain ?? CHAIN_START
      await log.take([entriesOf(seal(NOTE, { origin: origin.repeat(16), seq, kind: 'yjs-v1', bytes }, chain))], PEER)
    }
    expect(await read(log)).toBe('a1 b1 a2 ')
    await log.unseal('note', 'a'.repeat(16))
    const next = (await log.unsent('note')) ?? expect.fail('there is nothing to send')
    expect(next.more).toBe(true)
    expect(inspectUpdate(next.bytes)).toMatchObject({ structs: [{ client: 1, clock: 0, length: 3 }] })
  })
})
