/** The update log of a replica on its own: what becomes of an edit in the store, and of what relays send. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createMemoryReplicaStore } from '../../../client/replica/memory.ts'
import type { PeerNote, UpdateLog } from '../../../client/replica/update-log.ts'
import { CHAIN_START, headOf } from '../../../shared/causality/version-vector.ts'
import { inspectUpdate } from '../../../shared/update/inspect.ts'
import { EMPTY_UPDATE, joinUpdates } from '../../../shared/update/join.ts'
import type { UpdateRecord } from '../../../shared/update/record.ts'
import { seal } from '../../../shared/update/seal.ts'
import { deletionsOfMany, lettersOfMany } from '../../support/many-deletions.ts'
import {
  ackOf,
  damage,
  dump,
  durable,
  entriesOf,
  held,
  NOTE,
  openLog,
  otherRecords,
  PEER,
  RELAY,
  read,
  records,
  typist,
} from '../../support/stores.ts'
import { createChance } from '../update/histories.ts'

describe('edits', () => {
  test('[P2] are in the log as soon as append has resolved, and in it when it is opened anew', async () => {
    const store = durable()
    const log = await openLog(store)
    const { type } = typist(log)
    await type('hello ', 'world')
    await type('!')
    expect(await held(log)).toMatchObject({ ref: NOTE, unacknowledged: 3 })
    expect((await log.waiting()).unsealed).toEqual(['note'])
    const again = await openLog(store)
    expect(again.replica).toBe(log.replica)
    expect(again.tab).not.toBe(log.tab)
    expect(await read(again)).toBe('hello world!')
    expect(await again.documents()).toEqual([expect.objectContaining({ unacknowledged: 3 })])
  })

  test('are joined into one record, which notes them, with the next dot and chain', async () => {
    const log = await openLog(durable())
    const { type, doc } = typist(log)
    const bytes = [await type('a', 'b'), await type('c')]
    const [first] = (await log.seal('note')).records
    expect(first).toEqual({ origin: log.replica, seq: 1, count: 3, edits: [{ tab: log.tab, from: 1, to: 2 }] })
    await type('d')
    const [second] = (await log.seal('note')).records
    expect(second).toMatchObject({ seq: 2, count: 1, edits: [{ tab: log.tab, from: 3, to: 3 }] })
    expect((await log.seal('note')).records).toEqual([])
    expect((await log.waiting()).unsealed).toEqual([])

    const [one, two] = await records(log)
    expect(one).toEqual(
      seal(NOTE, { origin: log.replica, seq: 1, kind: 'yjs-v1', bytes: joinUpdates(bytes) }, CHAIN_START),
    )
    expect(two?.chain).toBe(seal(NOTE, two ?? expect.fail(), one?.chain ?? '').chain)
    expect(headOf((await held(log)).vector, log.replica)).toEqual({ seq: 2, chain: two?.chain })
    expect(await read(log)).toBe(doc.getText('text').toString())
    expect((await held(log)).unacknowledged).toBe(4)
  })

  test('are split into records that every relay takes', async () => {
    const log = await openLog(durable())
    const { type, doc } = typist(log)
    for (let i = 0; i < 5; i++) await type(`${i}`.repeat(200_000))
    const sealed = (await log.seal('note')).records
    // They may be cut anywhere: each is in every record, and they count until the last one is acknowledged.
    expect(sealed.map(({ edits, count }) => [edits, count])).toEqual([
      [[{ tab: log.tab, from: 1, to: 5 }], 0],
      [[{ tab: log.tab, from: 1, to: 5 }], 5],
    ])
    for (const { bytes } of await records(log)) expect(bytes.length).toBeLessThan(600_000)
    expect(await read(log)).toBe(doc.getText('text').toString())
  })

  test('[P6] of which one is more than an update may be are split too, and exported whole', async () => {
    const log = await openLog(durable())
    const all = [...lettersOfMany(), ...deletionsOfMany()]
    // One transaction of an app that clears every second letter.
    await log.append({ where: NOTE, n: 1, bytes: joinUpdates([...lettersOfMany()]), count: 1 })
    await log.append({ where: NOTE, n: 2, bytes: Y.mergeUpdates([...deletionsOfMany()]), count: 1 })
    expect(await log.export('note')).toEqual(joinUpdates(all))
    await log.seal('note')
    const sealed = (await records(log)).map(({ bytes }) => bytes)
    for (const bytes of sealed) expect(inspectUpdate(bytes).empty).toBe(false)
    expect(joinUpdates(sealed)).toEqual(joinUpdates(all))
  })

  test('go on as the document was created, however it is opened again', async () => {
    const log = await openLog(durable())
    await log.open(NOTE)
    expect((await log.open({ ...NOTE, epoch: `00000001${'ab'.repeat(8)}` })).ref).toEqual(NOTE)
    expect((await log.open({ ...NOTE, gc: false })).ref).toEqual(NOTE)
  })

  test('[P5] that do not match their checksum are reported, and the others load', async () => {
    const store = durable()
    const told: unknown[] = []
    const log = await openLog(store, (...damaged) => told.push(damaged))
    const { type } = typist(log)
    await type('a')
    await type('b')
    await damage(store, 'edits', ['note', log.tab, 2])
    expect(await read(log)).toBe('a')
    expect(told).toEqual([['note', 1]])
  })
})

describe('a relay’s acknowledgement', () => {
  test('[P2] settles records up to its dot, and only with an equal chain', async () => {
    const log = await openLog(durable())
    const { type } = typist(log)
    for (const word of ['a', 'b', 'c']) {
      await type(word)
      await log.seal('note')
    }
    const wrong = await log.take([{ type: 'ack', ack: await ackOf(log, 2, { chain: 'b'.repeat(16) }) }], PEER)
    expect(wrong.unfit).toEqual([{ where: NOTE, origin: log.replica, code: 'fork' }])
    expect((await held(log)).unacknowledged).toBe(3)
    const beyond = await log.take([{ type: 'ack', ack: await ackOf(log, 3, { seq: 9 }) }], PEER)
    expect(beyond.unfit).toEqual([{ where: NOTE, origin: log.replica, code: 'fork' }])
    expect((await held(log)).unacknowledged).toBe(3)
    const right = await log.take([{ type: 'ack', ack: await ackOf(log, 2) }], PEER)
    expect(right.unfit).toEqual([])
    expect(right.documents).toEqual([expect.objectContaining({ unacknowledged: 1 })])
    // Again, and an older one: nothing goes back.
    await log.take(
      [
        { type: 'ack', ack: await ackOf(log, 2) },
        { type: 'ack', ack: await ackOf(log, 1) },
      ],
      PEER,
    )
    expect((await held(log)).unacknowledged).toBe(1)
  })

  test('[P2] a receipt survives that the log is opened anew', async () => {
    const store = durable()
    const log = await openLog(store)
    const { type } = typist(log)
    await type('a')
    await log.seal('note')
    await log.take([{ type: 'ack', ack: await ackOf(log, 1) }], PEER)
    await type('b')
    expect(await (await openLog(store)).documents()).toEqual([expect.objectContaining({ unacknowledged: 1 })])
  })

  test('[P2] is what outstanding edits wait for: before sealing, after it, and in another session', async () => {
    const store = durable()
    const log = await openLog(store)
    const { type } = typist(log)
    const nothing = await log.outstanding('note')
    expect(await log.isAcknowledged('note', nothing)).toBe(true)
    await type('a')
    const typed = await log.outstanding('note')
    expect(await log.isAcknowledged('note', typed)).toBe(false)
    await log.seal('note')
    expect(await log.isAcknowledged('note', typed)).toBe(false)
    const sealed = await log.outstanding('note')
    const other = await openLog(store)
    expect(await other.isAcknowledged('note', sealed)).toBe(false)
    // What comes later is waited for by nobody.
    await type('b')
    await log.seal('note')
    const later = await log.outstanding('note')
    await log.take([{ type: 'ack', ack: await ackOf(log, 1) }], PEER)
    for (const each of [log, other]) {
      expect(await each.isAcknowledged('note', typed)).toBe(true)
      expect(await each.isAcknowledged('note', sealed)).toBe(true)
      expect(await each.isAcknowledged('note', later)).toBe(false)
    }
  })

  test('also comes as the record itself, where the receipt was lost on the way', async () => {
    const log = await openLog(durable())
    await typist(log).type('a')
    await log.seal('note')
    const taken = await log.take([entriesOf(...(await records(log)))], PEER)
    expect(taken.arrived.size).toBe(0)
    expect((await held(log)).unacknowledged).toBe(0)
  })
})

describe('records of others', () => {
  test('[P3] are taken once and in order, however they come', async () => {
    const log = await openLog(durable())
    const [one, two, three, four] = otherRecords(4) as [UpdateRecord, UpdateRecord, UpdateRecord, UpdateRecord]
    const take = async (...those: UpdateRecord[]) => {
      const { arrived, unfit } = await log.take([entriesOf(...those)], PEER)
      return [(arrived.get('note') ?? []).map(({ seq }) => seq), unfit.map(({ code }) => code)]
    }
    expect(await take(two)).toEqual([[], ['gap']])
    expect(await take(one)).toEqual([[1], []])
    expect(await take(one)).toEqual([[], []])
    expect(await take(one, two, three)).toEqual([[2, 3], []])
    expect(await take(two)).toEqual([[], []])
    expect(await take(three, four)).toEqual([[4], []])
    expect(await read(log)).toBe('aaaa')
    expect((await held(log)).unacknowledged).toBe(0)
    expect((await records(log)).map(({ seq }) => seq)).toEqual([1, 2, 3, 4])
  })

  test('[P8] that rest on another history are not taken', async () => {
    const log = await openLog(durable())
    const mine = otherRecords(3)
    const theirs = otherRecords(4, 'a'.repeat(16), 'b')
    await log.take([entriesOf(...mine)], PEER)
    for (const those of [theirs.slice(0, 1), theirs.slice(2, 3), theirs.slice(3), theirs]) {
      const { arrived, unfit } = await log.take([entriesOf(...those)], PEER)
      expect([arrived.size, unfit]).toEqual([0, [{ where: NOTE, origin: 'a'.repeat(16), code: 'fork' }]])
    }
    expect(await read(log)).toBe('aaa')
  })

  test('that come in one transaction with what is noted of the relay: place and watermark only rise', async () => {
    const log = await openLog(durable())
    const [one, two] = otherRecords(2) as [UpdateRecord, UpdateRecord]
    const at = (offset: number, change: Partial<PeerNote> = {}): PeerNote => ({
      ...PEER,
      place: { epoch: 'e'.repeat(16), offset },
      watermark: offset,
      ...change,
    })
    // A round that was not begun leaves no note.
    await log.take([entriesOf(one)], at(1))
    expect(await log.peer('ws://relay')).toBeUndefined()
    await log.note(at(1, { begin: true }))
    await log.take([entriesOf(two)], at(5))
    await log.note(at(3))
    expect(await log.peer('ws://relay')).toMatchObject({ place: { offset: 5 }, watermark: 5, round: 1 })
    // A newer round ends what an older session still notes.
    await log.note(at(2, { round: 2, begin: true }))
    await log.note(at(9))
    expect(await log.peer('ws://relay')).toMatchObject({ place: { offset: 2 }, watermark: 2, round: 2 })
    expect(await log.peer('ws://other')).toBeUndefined()
  })
})

describe('what cannot be read', () => {
  test('[P5][P9] is not taken, nor what follows it; the document is told, and the relay compared with', async () => {
    const log = await openLog(durable())
    const [first] = otherRecords(1)
    if (first === undefined) throw new Error('there is one')
    const { origin, kind, chain } = first
    const broken = seal(NOTE, { origin, seq: 2, kind, bytes: new Uint8Array([9, 9, 9]) }, chain)
    const [, , third] = otherRecords(3)
    const next = seal(NOTE, { origin, seq: 3, kind, bytes: third?.bytes ?? EMPTY_UPDATE }, broken.chain)
    const place = { epoch: 'e'.repeat(16), offset: 3 }
    await log.note({ ...PEER, begin: true, place: { ...place, offset: 0 }, watermark: 0 })
    expect(await log.peer('ws://relay')).toMatchObject({ place: { offset: 0 } })
    const taken = await log.take([entriesOf(first, broken, next)], { ...PEER, place })
    expect(taken.arrived.get('note')?.map(({ seq }) => seq)).toEqual([1])
    expect(taken.unreadable).toEqual([{ where: NOTE, error: expect.objectContaining({ code: 'invalid-update' }) }])
    expect(await records(log)).toEqual([first])
    // The first one lies behind the place, which is not resumed.
    expect(await log.peer('ws://relay')).toBeUndefined()
  })
})

describe('the outbox', () => {
  test('offers what did not come from this relay, in the order of the log, a few rows at a time', async () => {
    const store = durable()
    const log = await openLog(store)
    const tab = await openLog(store)
    const { type } = typist(log)
    await type('x')
    await log.seal('note')
    await log.take([entriesOf(...otherRecords(2))], PEER)
    await typist(tab).type('y')
    await tab.seal('note')
    const seen: unknown[] = []
    let through = 0
    for (;;) {
      const next = await log.outbox(through, RELAY, 1)
      if (next.through === through) break
      expect(next.through).toBe(through + 1)
      through = next.through
      for (const { offset, record, foreign } of next.offered) seen.push([offset, record.origin, record.seq, foreign])
    }
    expect(through).toBe(await log.head())
    expect(seen).toEqual([
      [1, log.replica, 1, false],
      [4, log.replica, 2, true],
    ])
    // Another relay is offered everything.
    const { offered } = await log.outbox(0, 'd'.repeat(16), 100)
    expect(offered.map(({ offset }) => offset)).toEqual([1, 2, 3, 4])
  })

  test('[P2] offers each relay what others brought, where they brought records of one origin by turns', async () => {
    const log = await openLog(durable())
    const all = otherRecords(6)
    const other: PeerNote = { ...PEER, replica: 'd'.repeat(16), url: 'ws://other' }
    for (const [index, record] of all.entries()) await log.take([entriesOf(record)], index % 2 === 0 ? PEER : other)
    const offeredTo = async (relay: string) => (await log.outbox(0, relay, 100)).offered.map(({ record }) => record)
    expect(await offeredTo(RELAY)).toEqual(all.filter((_, index) => index % 2 === 1))
    expect(await offeredTo(other.replica)).toEqual(all.filter((_, index) => index % 2 === 0))
  })

  test('answers a version vector with what it lacks', async () => {
    const log = await openLog(durable())
    await log.take([entriesOf(...otherRecords(3))], PEER)
    await typist(log).type('x')
    await log.seal('note')
    const theirs = new Map([['a'.repeat(16), { seq: 2, chain: CHAIN_START }]])
    const lacking = await log.lacking('note', theirs)
    expect(lacking.map(({ origin, seq }) => [origin, seq])).toEqual([
      ['a'.repeat(16), 3],
      [log.replica, 1],
    ])
    expect(await log.lacking('other', theirs)).toEqual([])
  })
})

describe('damage', () => {
  test('[P5] takes an origin back to before it; the relay gives it again', async () => {
    const store = durable()
    const told: unknown[] = []
    const log = await openLog(store, (...damaged) => told.push(damaged))
    const theirs = otherRecords(4)
    const others = otherRecords(2, 'b'.repeat(16), 'b')
    await log.take([entriesOf(...theirs), entriesOf(...others)], PEER)
    await log.note({ ...PEER, begin: true, place: { epoch: 'e'.repeat(16), offset: 6 }, watermark: 6 })
    for (const seq of [3, 4]) await damage(store, 'records', ['note', 'a'.repeat(16), seq])
    expect((await read(log)).replaceAll('b', '')).toBe('aa')
    expect(told).toEqual([['note', 2]])
    const { vector } = await held(log)
    expect(vector.get('a'.repeat(16))).toEqual({ seq: 2, chain: theirs[1]?.chain })
    expect(vector.get('b'.repeat(16))?.seq).toBe(2)
    // The place is not resumed, so that the relay is compared with.
    expect(await log.peer('ws://relay')).toBeUndefined()
    const { arrived } = await log.take([entriesOf(...theirs.slice(2))], PEER)
    expect(arrived.get('note')?.map(({ seq }) => seq)).toEqual([3, 4])
    expect((await read(log)).replaceAll('b', '')).toBe('aaaa')
    expect(told).toHaveLength(1)
  })

  test('[P2] of what no relay has costs that record only: what came after it becomes a branch', async () => {
    const store = durable()
    const told: unknown[] = []
    const log = await openLog(store, (...damaged) => told.push(damaged))
    const { type, doc } = typist(log)
    for (const word of ['kept ', 'lost ', 'branch']) {
      await type(word)
      await log.seal('note')
    }
    await damage(store, 'records', ['note', log.replica, 2])
    const { offered } = await log.outbox(0, RELAY, 100)
    expect(offered.map(({ record }) => record.seq)).toEqual([1])
    expect(told).toEqual([['note', 1]])
    expect(await read(log)).toBe('kept ')
    const [branch] = await log.branches()
    expect(branch).toMatchObject({ document: 'note', code: 'corrupt' })
    const whole = new Y.Doc()
    for (const bytes of [Y.encodeStateAsUpdate(doc), branch?.bytes])
      if (bytes !== undefined) Y.applyUpdate(whole, bytes)
    expect(Y.decodeUpdate(branch?.bytes ?? new Uint8Array()).structs.map(({ length }) => length)).toEqual([6])
    // Its dots are not given to anything else.
    await typist(log).type('new')
    const [sealed] = (await log.seal('note')).records
    expect(sealed?.origin).not.toBe(log.replica)
  })
})

describe('a refusal', () => {
  test('[P5] makes a branch of all that is unacknowledged; what was accepted stays', async () => {
    const store = durable()
    const log = await openLog(store)
    const { type, doc } = typist(log)
    await type('accepted ')
    await log.seal('note')
    await log.take([{ type: 'ack', ack: await ackOf(log, 1) }], PEER)
    await type('sealed ')
    await log.seal('note')
    const outstanding = await log.outstanding('note')
    await type('typed')
    const before = doc.getText('text').toString()
    const branch = await log.refuse('note', 'too-big', 'as a test has it')
    expect(branch).toMatchObject({ ...NOTE, code: 'too-big', detail: 'as a test has it' })
    expect(await log.branches()).toEqual([branch])
    expect(await read(log)).toBe('accepted ')
    expect((await held(log)).unacknowledged).toBe(0)
    expect((await log.waiting()).unsealed).toEqual([])
    const both = new Y.Doc()
    for (const bytes of [...(await log.load('note')).updates, branch?.bytes]) if (bytes) Y.applyUpdate(both, bytes)
    expect(both.getText('text').toString()).toBe(before)
    // No receipt for what was refused, in no tab.
    const tab = await openLog(store)
    for (const each of [log, tab]) {
      await expect(each.isAcknowledged('note', outstanding)).rejects.toMatchObject({ code: 'too-big' })
    }
    expect(await log.refuse('note', 'too-big', 'again')).toBeUndefined()
    await typist(log).type('new')
    const [sealed] = (await log.seal('note')).records
    expect(sealed).toMatchObject({ seq: 1 })
    expect(sealed?.origin).not.toBe(log.replica)
  })
})

describe('a fork', () => {
  test('[P8] an acknowledgement under an origin that was left is a gap, not a fork', async () => {
    const log = await openLog(durable())
    await typist(log).type('x')
    await log.seal('note')
    const late = await ackOf(log, 1)
    await log.refuse('note', 'too-big', 'as a test has it')
    const { unfit } = await log.take([{ type: 'ack', ack: late }], PEER)
    expect(unfit).toEqual([{ where: NOTE, origin: log.replica, code: 'gap' }])
  })
})

describe('a replica without durable storage', () => {
  test('submits edits, and takes the dot that the relay gives', async () => {
    const log = await openLog(createMemoryReplicaStore())
    const { type } = typist(log)
    await type('a', 'b')
    await type('c')
    const unsent = (await log.unsent('note')) ?? expect.fail('there is nothing to send')
    await type('d')
    const record = seal(NOTE, { origin: RELAY, seq: 1, kind: 'yjs-v1', bytes: unsent.bytes }, CHAIN_START)
    const stamped = { type: 'stamped' as const, ...NOTE, request: 1, through: 1, ...record }
    const taken = await log.take([{ type: 'stamped', stamped, ...unsent }], PEER)
    expect(taken.arrived.get('note')).toEqual([{ origin: RELAY, seq: 1, bytes: unsent.bytes, own: true }])
    expect(await held(log)).toMatchObject({ unacknowledged: 1 })
    expect(headOf((await held(log)).vector, RELAY)).toEqual({ seq: 1, chain: record.chain })
    // What held nothing new gets no dot; what does not connect is fetched. Until it is here the edit stays.
    const rest = (await log.unsent('note')) ?? expect.fail('there is nothing to send')
    const none = { ...stamped, seq: 0, chain: CHAIN_START }
    const fetched = seal(NOTE, { origin: RELAY, seq: 2, kind: 'yjs-v1', bytes: rest.bytes }, record.chain)
    for (const seq of [0, 3]) {
      const { unfit } = await log.take([{ type: 'stamped', stamped: { ...none, seq }, ...rest }], PEER)
      expect(unfit).toEqual([{ where: NOTE, origin: RELAY, code: 'gap' }])
      expect((await held(log)).unacknowledged).toBe(1)
    }
    await log.take([entriesOf(fetched)], PEER)
    expect((await log.take([{ type: 'stamped', stamped: none, ...rest }], PEER)).unfit).toEqual([])
    expect((await held(log)).unacknowledged).toBe(0)
    await type('e')
    const last = (await log.unsent('note')) ?? expect.fail('there is nothing to send')
    const gap = await log.take([{ type: 'stamped', stamped: { ...stamped, seq: 7 }, ...last }], PEER)
    expect(gap.unfit).toEqual([{ where: NOTE, origin: RELAY, code: 'gap' }])
  })

  test('[P1][P2] keeps edits to which a relay that was put back gave a name that is held already', async () => {
    const log = await openLog(createMemoryReplicaStore())
    const [before] = otherRecords(1)
    const first = seal(
      NOTE,
      { origin: RELAY, seq: 1, kind: 'yjs-v1', bytes: before?.bytes ?? EMPTY_UPDATE },
      CHAIN_START,
    )
    await log.take([entriesOf(first)], PEER)
    await typist(log).type('typed')
    const unsent = (await log.unsent('note')) ?? expect.fail('there is nothing to send')
    const twice = seal(NOTE, { origin: RELAY, seq: 1, kind: 'yjs-v1', bytes: unsent.bytes }, CHAIN_START)
    const stamped = { type: 'stamped' as const, ...NOTE, request: 1, through: 1 }
    const taken = await log.take([{ type: 'stamped', stamped: { ...stamped, ...twice }, ...unsent }], PEER)
    expect(taken.unfit).toEqual([{ where: NOTE, origin: RELAY, code: 'gap' }])
    expect(await held(log)).toMatchObject({ unacknowledged: 1 })
    // Held under another name it waits for nothing.
    const other = seal(NOTE, { origin: 'c'.repeat(16), seq: 1, kind: 'yjs-v1', bytes: unsent.bytes }, CHAIN_START)
    await log.take([entriesOf(other)], PEER)
    await log.take([{ type: 'stamped', stamped: { ...stamped, ...twice }, ...unsent }], PEER)
    expect(await held(log)).toMatchObject({ unacknowledged: 0 })
  })
})

describe('several tabs', () => {
  test.each([1, 2, 3, 4, 5])('[P3][P8] seal and take side by side and harm nothing (seed %i)', async (seed) => {
    const chance = createChance(seed)
    const store = durable()
    const tabs = await Promise.all([openLog(store), openLog(store), openLog(store)])
    const typists = tabs.map((tab) => typist(tab))
    const theirs = otherRecords(30)
    const work: Promise<unknown>[] = []
    for (let i = 0; i < 90; i++) {
      const at = chance.below(tabs.length)
      const tab = tabs[at] as UpdateLog
      const step = chance.below(4)
      if (step === 0) work.push((typists[at] as ReturnType<typeof typist>).type(`${at}`))
      else if (step === 1) work.push(tab.seal('note'))
      else if (step === 2) work.push(tab.take([entriesOf(...theirs.slice(0, chance.below(31)))], PEER))
      else if (chance.below(4) === 0) await Promise.all(work)
    }
    await Promise.all(work)
    await Promise.all(tabs.map((tab) => tab.seal('note')))
    await Promise.all(tabs.map((tab) => tab.take([entriesOf(...theirs)], PEER)))

    const [log] = tabs
    const all = await records(log)
    const own = all.filter(({ origin }) => origin === log.replica)
    expect(own.map(({ seq }) => seq)).toEqual(own.map((_, i) => i + 1))
    let chain = CHAIN_START
    for (const record of own) {
      expect(record).toEqual(seal(NOTE, record, chain))
      chain = record.chain
    }
    const { records: rows, log: order, edits, documents } = await dump(store)
    expect(edits).toEqual([])
    expect(order.map(({ key }) => key[0])).toEqual(rows.map((_, i) => i + 1))
    // Every edit is in exactly one record.
    const noted = (documents[0]?.value.waiting ?? []).flatMap((waiting) => waiting.edits)
    for (const [i, tab] of tabs.entries()) {
      const numbers = noted
        .filter((range) => range.tab === tab.tab)
        .flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, k) => from + k))
      expect(numbers).toEqual(Array.from({ length: typists[i]?.doc.getText('text').length ?? 0 }, (_, k) => k + 1))
    }
    const expected = typists.map(({ doc }) => doc.getText('text').toString()).join('') + 'a'.repeat(30)
    expect([...(await read(log))].sort().join('')).toBe([...expected].sort().join(''))
  })
})
