/** What becomes of rows that rot on the device: they are told once, and cost as little as can be. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createMemoryReplicaStore } from '../../../client/replica/memory.ts'
import type { Key, ReplicaStore, TableName } from '../../../client/replica/store.ts'
import { openUpdateLog } from '../../../client/replica/update-log.ts'
import { systemEnvironment } from '../../../shared/environment.ts'
import { joinUpdates } from '../../../shared/update/join.ts'
import { verify } from '../../../shared/update/record.ts'
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

async function openTold(store: ReplicaStore) {
  const told: unknown[] = []
  const log = await openLog(store, (...damaged) => told.push(damaged))
  return { log, told }
}

/** The store loses it, and says nothing. */
const lose = (store: ReplicaStore, table: TableName, ...keys: readonly Key[]): Promise<void> =>
  store.write([table], async (transaction) => {
    for (const key of keys) transaction.delete(table, key)
  })

describe('an edit that the store lost', () => {
  test('[P5] is missed when the document is opened again, though only another tab went on: it is told once', async () => {
    const store = durable()
    const { log } = await openTold(store)
    const tab = await openLog(store)
    const one = typist(log)
    await one.type('lost ')
    const other = typist(tab)
    Y.applyUpdate(other.doc, Y.encodeStateAsUpdate(one.doc), 'another tab')
    await other.type('resting on it ')
    await lose(store, 'edits', ['note', log.tab, 1])
    const { log: next, told } = await openTold(store)
    expect(await read(next)).toBe('')
    expect(told).toEqual([['note', 1]])
    expect(await next.branches()).toMatchObject([{ document: 'note', code: 'corrupt' }])
    expect(await read(next)).toBe('')
    expect((await next.seal('note')).records).toEqual([])
    expect((await next.waiting()).unsealed).toEqual([])
    expect(told).toHaveLength(1)
  })

  test('[P2][P5] is not acknowledged, though nothing else waits: who waits for it hears that it is lost', async () => {
    const store = durable()
    const { log, told } = await openTold(store)
    await typist(log).type('lost')
    await lose(store, 'edits', ['note', log.tab, 1])
    const outstanding = await log.outstanding('note')
    expect(await log.isAcknowledged('note', outstanding)).toBe(false)
    // Whoever sends looks for it.
    expect((await log.waiting()).unsealed).toEqual(['note'])
    expect((await log.seal('note')).records).toEqual([])
    expect(told).toEqual([['note', 1]])
    await expect(log.isAcknowledged('note', outstanding)).rejects.toMatchObject({ code: 'corrupt' })
    expect((await log.waiting()).unsealed).toEqual([])
  })

  test('[P2] is one that was stored and neither sealed, nor given up, nor deleted with its document', async () => {
    const store = durable()
    const { log, told } = await openTold(store)
    const { type } = typist(log)
    await type('sealed')
    await log.seal('note')
    await type('given up')
    await log.refuse('note', 'forbidden', 'as a test has it')
    await type('deleted')
    await log.delete('note')
    expect((await log.waiting()).unsealed).toEqual([])
    await log.load('note')
    expect(told).toEqual([])
  })

  test('is not missed where an older version stored it: those are not counted', async () => {
    const store = durable()
    const { log, told } = await openTold(store)
    const { type } = typist(log)
    await type('old ')
    await lose(store, 'meta', ['edits', 'note'])
    await type('new')
    expect(await read(log)).toBe('old new')
    expect((await log.seal('note')).records).toHaveLength(1)
    expect(told).toEqual([])
  })
})

describe('a damaged edit', () => {
  test('[P5] is never sealed: sound ones go on, what rests on it becomes a branch, and it is told once', async () => {
    const store = durable()
    const { log, told } = await openTold(store)
    const tab = await openLog(store)
    const { type } = typist(log)
    await type('kept ')
    await type('lost ')
    await type('after ')
    await typist(tab).type('elsewhere ')
    await damage(store, 'edits', ['note', log.tab, 2])
    const [sealed] = (await log.seal('note')).records
    expect(sealed?.count).toBe(2)
    for (const record of await records(log)) verify(NOTE, record)
    expect((await read(log)).split(/(?<= )/).sort()).toEqual(['elsewhere ', 'kept '])
    expect(told).toEqual([['note', 1]])
    const [branch] = await log.branches()
    expect(branch).toMatchObject({ document: 'note', code: 'corrupt' })
    expect(Y.decodeUpdate(branch?.bytes ?? new Uint8Array()).structs.map(({ length }) => length)).toEqual([6])
    // Nothing waits for it, and nobody tells of it again.
    expect((await log.seal('note')).records).toEqual([])
    await read(tab)
    expect(await held(log)).toMatchObject({ unacknowledged: 2 })
    expect(told).toHaveLength(1)
  })

  test('[P5] is never submitted', async () => {
    const store = createMemoryReplicaStore()
    const { log, told } = await openTold(store)
    const { type } = typist(log)
    await type('kept')
    await type('lost')
    await damage(store, 'edits', ['note', log.tab, 2])
    const unsent = (await log.unsent('note')) ?? expect.fail('there is nothing to send')
    const doc = new Y.Doc()
    Y.applyUpdate(doc, unsent.bytes)
    expect(doc.getText('text').toString()).toBe('kept')
    expect(told).toEqual([['note', 1]])
    expect((await log.unsent('note'))?.bytes).toEqual(unsent.bytes)
    expect(told).toHaveLength(1)
  })

  test('[P5] is told once, however often the document is loaded, and by one tab', async () => {
    const store = durable()
    const { log, told } = await openTold(store)
    const again = await openLog(store, (...damaged) => told.push(damaged))
    const { type } = typist(log)
    await type('a')
    await type('b')
    await damage(store, 'edits', ['note', log.tab, 2])
    expect(await Promise.all([read(log), read(again), read(log)])).toEqual(['a', 'a', 'a'])
    expect(told).toEqual([['note', 1]])
  })

  test('[P4][P5] is not acknowledged with the others: who waits for it hears that it is lost', async () => {
    const store = durable()
    const { log } = await openTold(store)
    const { type } = typist(log)
    await type('kept')
    await type('lost')
    const outstanding = await log.outstanding('note')
    await damage(store, 'edits', ['note', log.tab, 2])
    await log.seal('note')
    await log.take([{ type: 'ack', ack: await ackOf(log, 1) }], PEER)
    await expect(log.isAcknowledged('note', outstanding)).rejects.toMatchObject({ code: 'corrupt' })
    expect(await log.isAcknowledged('note', await log.outstanding('note'))).toBe(true)
  })

  test('[P5] does not become part of a branch', async () => {
    const store = durable()
    const { log, told } = await openTold(store)
    const { type, doc } = typist(log)
    await type('kept')
    await log.seal('note')
    await type('lost')
    await damage(store, 'edits', ['note', log.tab, 2])
    const branch = await log.refuse('note', 'forbidden', 'as a test has it')
    const exported = new Y.Doc()
    Y.applyUpdate(exported, branch?.bytes ?? new Uint8Array([0, 0]))
    expect(exported.getText('text').toString()).toBe('kept')
    expect(doc.getText('text').toString()).toBe('keptlost')
    expect(told).toEqual([['note', 1]])
    expect((await dump(store)).edits).toEqual([])
  })
})

describe('a damaged record', () => {
  test('[P2] that waited: unsealed edits behind it are not stuck, and those that do not rest on it go on', async () => {
    const store = durable()
    const branches: unknown[] = []
    const log = await openUpdateLog(store, systemEnvironment, (_document, _rows, branch) => branches.push(branch))
    const tab = await openLog(store)
    const { type } = typist(log)
    await type('lost ')
    await log.seal('note')
    await type('unsealed ')
    await typist(tab).type('elsewhere')
    await damage(store, 'records', ['note', log.replica, 1])
    expect((await log.outbox(0, RELAY, 100)).offered).toEqual([])
    await log.seal('note')
    const { offered } = await log.outbox(0, RELAY, 100)
    expect(offered.map(({ record }) => Y.decodeUpdate(record.bytes).structs.map(({ length }) => length))).toEqual([[9]])
    expect(offered[0]?.record.origin).not.toBe(log.replica)
    expect(branches).toEqual(await log.branches())
    expect(branches).toEqual([expect.objectContaining({ code: 'corrupt', document: 'note' })])
    expect((await held(log)).unacknowledged).toBe(1)
  })

  test('[P2] that waited costs no other that waits and does not rest on it', async () => {
    const store = durable()
    const { log } = await openTold(store)
    const tab = await openLog(store)
    await typist(log).type('lost')
    await log.seal('note')
    await typist(tab).type('kept')
    await tab.seal('note')
    const outstanding = await log.outstanding('note')
    await damage(store, 'records', ['note', log.replica, 1])
    expect(await read(log)).toBe('kept')
    expect(await log.branches()).toEqual([])
    const [record] = await records(log)
    expect(record?.origin).not.toBe(log.replica)
    expect(await held(log)).toMatchObject({ unacknowledged: 1 })
    await expect(log.isAcknowledged('note', outstanding)).rejects.toMatchObject({ code: 'corrupt' })
  })

  test('[P2] that a relay has costs nothing that waits behind it', async () => {
    const store = durable()
    const { log, told } = await openTold(store)
    const { type, doc } = typist(log)
    await type('acknowledged ')
    await log.seal('note')
    const [first] = await records(log)
    await log.take([{ type: 'ack', ack: await ackOf(log, 1) }], PEER)
    await type('sealed ')
    await log.seal('note')
    await type('typed')
    await damage(store, 'records', ['note', log.replica, 1])
    await read(log)
    expect(told).toEqual([['note', 1]])
    expect(await log.branches()).toEqual([])
    expect(await held(log)).toMatchObject({ unacknowledged: 2 })
    await log.take([entriesOf(...(first ? [first] : []))], PEER)
    await log.seal('note')
    expect(await read(log)).toBe(doc.getText('text').toString())
    for (const record of await records(log)) verify(NOTE, record)
  })

  test('[P10] that a relay has is fetched from whoever tells of it', async () => {
    const store = durable()
    const { log } = await openTold(store)
    await typist(log).type('hello')
    await log.seal('note')
    const ack = await ackOf(log, 1)
    await log.take([{ type: 'ack', ack }], PEER)
    await damage(store, 'records', ['note', log.replica, 1])
    expect(await read(log)).toBe('')
    const { unfit } = await log.take([{ type: 'ack', ack }], PEER)
    expect(unfit).toMatchObject([{ where: { document: 'note' }, code: 'gap' }])
  })

  test('[P5][P10] beside one that a relay has: what rests on it is given up when that is here again', async () => {
    const store = durable()
    const { log, told } = await openTold(store)
    const { type } = typist(log)
    await type('acknowledged ')
    await log.seal('note')
    const [first] = await records(log)
    await log.take([{ type: 'ack', ack: await ackOf(log, 1) }], PEER)
    await type('lost ')
    await log.seal('note')
    await type('after ')
    await log.seal('note')
    await typist(await openLog(store)).type('elsewhere ')
    await type('typed')
    for (const seq of [1, 2]) await damage(store, 'records', ['note', log.replica, seq])
    await read(log)
    // What a relay has may be what all of it rests on.
    expect(await log.giveUp('note')).toBeUndefined()
    expect(await log.branches()).toEqual([])
    expect(await held(log)).toMatchObject({ unacknowledged: 3 })
    await log.take([entriesOf(...(first ? [first] : []))], PEER)
    expect(await log.giveUp('note')).toMatchObject({ unacknowledged: 1 })
    expect((await read(log)).split(/(?<= )/).sort()).toEqual(['acknowledged ', 'elsewhere '])
    const [branch] = await log.branches()
    expect(branch).toMatchObject({ document: 'note', code: 'corrupt' })
    expect(Y.decodeUpdate(branch?.bytes ?? new Uint8Array()).structs.map(({ length }) => length)).toEqual([11])
    expect(told).toEqual([
      ['note', 2],
      ['note', 2],
    ])
    expect(await log.giveUp('note')).toBeUndefined()
    for (const record of await records(log)) verify(NOTE, record)
  })

  test('[P5] whose ground is only on its way costs nothing, however often a relay refuses it', async () => {
    const { log } = await openTold(durable())
    const [first, ...others] = otherRecords(3)
    const { doc, type } = typist(log)
    for (const { bytes } of [...(first ? [first] : []), ...others]) Y.applyUpdate(doc, bytes, log)
    await type('typed')
    await log.seal('note')
    expect(await log.giveUp('note')).toBeUndefined()
    expect(await held(log)).toMatchObject({ unacknowledged: 1 })
  })

  test('[P10] that one tab found lost: for a moment no other seals what was typed on it', async () => {
    const store = durable()
    let now = 1_000_000
    const environment = { ...systemEnvironment, now: () => now }
    const rescued: string[] = []
    const open = () => openUpdateLog(store, environment, undefined, (document) => rescued.push(document))
    const [finder, other] = [await open(), await open()]
    const { type } = typist(finder)
    const lost = await type('lost ')
    await finder.seal('note')
    await damage(store, 'records', ['note', finder.replica, 1])
    await read(finder)
    expect(rescued).toEqual(['note'])
    await type('typed')
    for (const tab of [other, await open()]) expect((await tab.seal('note')).records).toEqual([])
    // What the open document has of it comes meanwhile.
    await other.append({ where: NOTE, n: 1, bytes: lost, count: 1, late: true })
    now += 2_000
    expect((await other.seal('note')).records).toHaveLength(1)
    expect(await read(other)).toBe('lost typed')
  })

  test('[P5] that another tab took out, and a relay has given again, is not taken out again', async () => {
    const store = durable()
    const { log, told } = await openTold(store)
    const theirs = otherRecords(3)
    await log.take([entriesOf(...theirs)], PEER)
    await damage(store, 'records', ['note', 'a'.repeat(16), 2])
    const looks = [read(log), log.take([entriesOf(...theirs)], PEER), log.lacking('note', new Map())]
    await Promise.all(looks)
    await log.take([entriesOf(...theirs)], PEER)
    expect(told).toEqual([['note', 1]])
    expect(joinUpdates((await records(log)).map(({ bytes }) => bytes))).toEqual(
      joinUpdates(theirs.map(({ bytes }) => bytes)),
    )
  })
})
