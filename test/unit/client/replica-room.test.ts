/** What leaves a replica's log to make room: only what relays have, claiming nothing afterwards, and back as it was. */
import { describe, expect, test } from 'vitest'
import { systemEnvironment } from '../../../shared/environment.ts'
import { toEntries } from '../../../shared/sync/runs.ts'
import {
  acknowledge,
  answerOf,
  createOwnStore,
  dump,
  durable,
  entriesOf,
  foldAll,
  held,
  NOTE,
  openLog,
  otherRecords,
  PEER,
  read,
  records,
  takeAnswer,
  typist,
} from '../../support/stores.ts'

async function open() {
  const store = durable()
  const log = await openLog(store)
  return { store, log, writer: typist(log) }
}

/** A document with a checkpoint, records of others and own ones, all acknowledged; and a log that stands for the relay. */
async function acknowledged() {
  const opened = await open()
  const { log, writer } = opened
  await writer.type('folded ')
  await log.seal('note')
  await acknowledge(log)
  await foldAll(log)
  await log.take([entriesOf(...otherRecords(3))], PEER)
  await writer.type('typed ')
  await log.seal('note')
  await acknowledge(log)
  const relay = await openLog(durable())
  await relay.open(NOTE)
  await takeAnswer(relay, log, await answerOf(log, relay))
  return { ...opened, relay, text: await read(log) }
}

describe('a document that leaves the device', () => {
  test('[P4] leaves nothing behind but its row, which claims nothing', async () => {
    const { log, store } = await acknowledged()
    const size = await log.size('note')
    const gone = await log.evict('note')
    expect(gone?.freed).toBe(size)
    expect(size).toBeGreaterThan(0)
    expect(gone?.held).toMatchObject({ away: 'left', vector: new Map(), unacknowledged: 0 })
    const rows = await dump(store)
    for (const table of ['records', 'edits', 'pieces', 'checkpoints', 'partials', 'log'] as const) {
      expect(rows[table], table).toEqual([])
    }
    expect(await log.size('note')).toBe(0)
    expect(await held(await openLog(store))).toMatchObject({ away: 'left', vector: new Map() })
  })

  test('[P2] has to be acknowledged entirely, and not pinned, not deleted, not gone already', async () => {
    const { log, writer } = await open()
    expect(await log.evict('note')).toBeUndefined()
    await writer.type('an edit')
    expect(await log.evict('note')).toBeUndefined()
    await log.seal('note')
    expect(await log.evict('note')).toBeUndefined()
    await acknowledge(log)
    await writer.type(' and one more')
    expect(await log.evict('note')).toBeUndefined()
    await log.seal('note')
    await acknowledge(log)
    await log.pin('note', true)
    expect(await log.evict('note')).toBeUndefined()
    expect(await read(log)).toBe('an edit and one more')
    await log.pin('note', false)
    expect(await log.evict('note')).toBeDefined()
    expect(await log.evict('note')).toBeUndefined()
    await log.delete('note')
    expect(await log.evict('note')).toBeUndefined()
  })

  test('[P4] takes nothing until it is wanted, and then comes back as it was', async () => {
    const { log, relay, text } = await acknowledged()
    await log.evict('note')
    const { unfit, arrived, documents } = await log.take([entriesOf(...otherRecords(1))], PEER)
    expect([unfit, [...arrived], documents]).toEqual([[], [], []])
    await takeAnswer(log, relay, await answerOf(relay, log))
    expect(await held(log)).toMatchObject({ away: 'left', vector: new Map() })
    await log.open(NOTE)
    expect(await held(log)).toMatchObject({ away: 'wanted' })
    expect(await log.home('note', PEER.replica)).toBeUndefined()
    await takeAnswer(log, relay, await answerOf(relay, log))
    expect((await log.home('note', PEER.replica))?.away).toBeUndefined()
    expect((await held(log)).away).toBeUndefined()
    expect(await read(log)).toBe(text)
    expect((await held(log)).vector).toEqual((await held(relay)).vector)
  })

  test('[P8] goes on under its origin when it is back, without a fork', async () => {
    const { log, relay, writer } = await acknowledged()
    const [before] = [...(await held(log)).vector.keys()].filter((origin) => origin === log.replica)
    await log.evict('note')
    await log.pin('note', true)
    await takeAnswer(log, relay, await answerOf(relay, log))
    await log.home('note', PEER.replica)
    await writer.type('more')
    const [sealed] = (await log.seal('note')).records
    expect(sealed?.origin).toBe(before)
    expect(sealed?.seq).toBe(3)
  })

  test('[P8] never gives a dot again that it gave before: what is typed meanwhile is of another origin', async () => {
    const { log, relay, text } = await acknowledged()
    await log.evict('note')
    const late = typist(log)
    await late.type('late ')
    expect(await held(log)).toMatchObject({ away: 'wanted', unacknowledged: 1 })
    const [sealed] = (await log.seal('note')).records
    expect(sealed?.seq).toBe(1)
    expect(sealed?.origin).not.toBe(log.replica)
    const own = (await records(log)).filter(({ origin }) => origin === sealed?.origin)
    const { unfit } = await relay.take([{ type: 'entries', entries: toEntries(NOTE, own, 0) }], PEER)
    expect(unfit).toEqual([])
    await acknowledge(log)
    await takeAnswer(log, relay, await answerOf(relay, log))
    expect((await log.home('note', PEER.replica))?.away).toBeUndefined()
    expect([...(await read(log))].toSorted()).toEqual([...`${text}late `].toSorted())
    expect(await read(log)).toBe(await read(relay))
  })

  test('[P3] is not whole where the relay has less than what left', async () => {
    const { log } = await acknowledged()
    await log.evict('note')
    await log.open(NOTE)
    await log.take([entriesOf(...otherRecords(3))], PEER)
    expect(await log.home('note', PEER.replica)).toBeUndefined()
    expect(await held(log)).toMatchObject({ away: 'wanted' })
    // Nor can it leave again: what was held of it would be forgotten.
    expect(await log.evict('note')).toBeUndefined()
  })

  test('[P4] is compared anew with relays that were read on while it was away', async () => {
    const { log, relay, text } = await acknowledged()
    const peer = (replica: string, round = 1) => ({ replica, url: `ws://${replica}`, round })
    const at = (offset: number) => ({ place: { epoch: 'e'.repeat(16), offset }, watermark: 99 })
    for (const replica of ['one', 'two']) await log.note({ ...peer(replica), ...at(5), begin: true })
    await log.evict('note')
    // What this one brought was not taken; that one was not heard.
    const one = await log.peer('ws://one')
    await log.note({ ...peer('one', one?.round), ...at(9) })
    await log.note({ ...peer('three'), ...at(1), begin: true })
    await log.open(NOTE)
    await takeAnswer(log, relay, await answerOf(relay, log))
    expect((await log.home('note', 'three'))?.away).toBeUndefined()
    expect(await read(log)).toBe(text)
    expect(await log.peer('ws://one')).toBeUndefined()
    expect((await log.peer('ws://two'))?.place.offset).toBe(5)
    expect((await log.peer('ws://three'))?.place.offset).toBe(1)
  })

  test('[P3] what this replica sealed itself, and has left, is no fork when only some of it is back', async () => {
    const { log, relay } = await acknowledged()
    await log.evict('note')
    await log.open(NOTE)
    const [first] = (await records(relay)).filter(({ origin }) => origin === log.replica)
    await foldAll(relay)
    if (first !== undefined) await log.take([entriesOf(first)], PEER)
    const taken = await takeAnswer(log, relay, await answerOf(relay, log))
    expect(taken.flatMap(({ unfit }) => unfit.filter(({ code }) => code === 'fork'))).toEqual([])
  })

  test('that is deleted elsewhere is told as one that was there', async () => {
    const { log } = await acknowledged()
    await log.evict('note')
    const later = { ...NOTE, epoch: `00000001${'ab'.repeat(8)}` }
    const { deleted } = await log.take([{ type: 'deleted', ref: later }], PEER)
    expect(deleted).toEqual([{ ref: later, branch: undefined, empty: false }])
    expect(await held(log)).toEqual({ ref: later, vector: new Map(), unacknowledged: 0, deleted: true })
  })

  test('[P3] an acknowledgement that comes late, of what left, is no fork', async () => {
    const { log } = await acknowledged()
    const own = (await held(log)).vector.get(log.replica)
    if (own === undefined) throw new Error('it has sealed nothing')
    await log.evict('note')
    const ack = { type: 'ack' as const, ...NOTE, origin: log.replica, ...own, through: 9 }
    expect((await log.take([{ type: 'ack', ack }], PEER)).unfit).toEqual([])
    await log.open(NOTE)
    expect((await log.take([{ type: 'ack', ack }], PEER)).unfit).toEqual([])
  })

  test('[P2] stays whole where the transaction does not complete', async () => {
    const { store, text } = await acknowledged()
    const log = await openLog({
      ...store,
      write: (tables, body) =>
        store.write(tables, async (transaction) => {
          await body(transaction)
          throw new Error('the disk is gone')
        }),
    })
    await expect(log.evict('note')).rejects.toThrow('the disk is gone')
    const again = await openLog(store)
    expect(await read(again)).toBe(text)
    expect((await held(again)).away).toBeUndefined()
  })
})

describe('use', () => {
  test('is noted to the minute, and lasts', async () => {
    const { log, store, writer } = await open()
    await writer.type('a')
    await log.used(['note', 'unknown'])
    const { usedAt } = await held(log)
    expect(usedAt).toBeGreaterThan(0)
    await log.used(['note'])
    expect((await held(await openLog(store))).usedAt).toBe(usedAt)
    expect(await log.held('unknown')).toBeUndefined()
  })

  test('[P7] of what is written all the time begins a transaction once a minute', async () => {
    const store = createOwnStore()
    let now = 1_000_000_000_000
    const log = await openLog(store, undefined, { ...systemEnvironment, now: () => now })
    await log.open(NOTE)
    const before = store.transactions
    for (let seconds = 0; seconds < 120; seconds++) {
      await log.used([NOTE.document])
      now += 1_000
    }
    expect(store.transactions - before).toBe(2)
    expect((await held(log)).usedAt).toBe(1_000_000_060_000)
  })
})
