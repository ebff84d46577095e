/** Deletion in a replica's log: a greater epoch begins, here or elsewhere, and nothing of the older one comes back. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { CHAIN_START } from '../../../shared/causality/version-vector.ts'
import { hash64 } from '../../../shared/hash.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { toEntries } from '../../../shared/sync/runs.ts'
import { deflatePiece } from '../../../shared/update/deflate-piece.ts'
import { seal } from '../../../shared/update/seal.ts'
import {
  acknowledge,
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
  typist,
} from '../../support/stores.ts'

const LATER = { ...NOTE, epoch: `00000001${'ab'.repeat(8)}` }
const deleted = (ref: typeof NOTE) => ({ type: 'deleted' as const, ref })

async function open() {
  const store = durable()
  const log = await openLog(store)
  return { store, log, writer: typist(log) }
}

/** A document with something of every kind in it. */
async function full() {
  const opened = await open()
  const { log, writer } = opened
  await writer.type('acknowledged ')
  await log.seal('note')
  await acknowledge(log)
  await foldAll(log)
  await log.take([entriesOf(...otherRecords(3))], PEER)
  await writer.type('sealed ')
  await log.seal('note')
  await writer.type('typed ')
  return opened
}

const textOf = (bytes: Uint8Array): string[] =>
  Y.decodeUpdate(bytes).structs.flatMap((each) => ('content' in each ? each.content.getContent().join('') : []))

describe('a document that is deleted here', () => {
  test('is empty in its next epoch, and nothing of it stays', async () => {
    const { log, store } = await full()
    const ref = await log.delete('note')
    expect(ref.epoch > FIRST_EPOCH).toBe(true)
    expect(ref.epoch.startsWith('00000001')).toBe(true)
    expect(await log.documents()).toEqual([{ ref, vector: new Map(), unacknowledged: 0, deleted: true, untold: true }])
    const rows = await dump(store)
    for (const table of ['records', 'edits', 'pieces', 'checkpoints', 'partials', 'branches'] as const) {
      expect(rows[table], table).toEqual([])
    }
    expect(await read(log)).toBe('')
    expect((await log.delete('note')).epoch.startsWith('00000002')).toBe(true)
  })

  test('[P2] waits for its receipt, also in another session', async () => {
    const { log, store } = await full()
    const before = await log.head()
    const ref = await log.delete('note')
    const { tombstones, offered, through } = await log.outbox(0, PEER.replica, 100)
    expect([tombstones, offered]).toEqual([[{ offset: before + 1, ref }], []])
    expect(through).toBe(before + 1)
    const again = await openLog(store)
    expect(await held(again)).toMatchObject({ untold: true })
    const { documents } = await again.take([deleted(ref)], PEER)
    expect(documents[0]?.untold).toBeUndefined()
    expect((await held(again)).untold).toBeUndefined()
    expect(await held(again)).toMatchObject({ deleted: true })
  })

  test('[P2] whoever waits for a receipt of what is gone hears of it', async () => {
    const { log } = await full()
    const outstanding = await log.outstanding('note')
    await log.delete('note')
    await expect(log.isAcknowledged('note', outstanding)).rejects.toMatchObject({ code: 'deleted' })
    expect(await log.isAcknowledged('note', await log.outstanding('note'))).toBe(true)
  })

  test('goes on in its new epoch when it is opened again', async () => {
    const { log } = await full()
    const ref = await log.delete('note')
    expect((await log.open(NOTE)).ref).toEqual(ref)
    expect((await held(log)).deleted).toBeUndefined()
    const again = typist(log, ref)
    await again.type('new')
    const [sealed] = (await log.seal('note')).records
    expect(sealed).toMatchObject({ origin: log.replica, seq: 1 })
    expect(await read(log)).toBe('new')
    const { offered, tombstones } = await log.outbox(0, PEER.replica, 100)
    expect(offered.map(({ where, record }) => [where, record.seq])).toEqual([[ref, 1]])
    expect(tombstones[0]?.offset).toBeLessThan(offered[0]?.offset ?? 0)
  })

  test('[P8] its dots are other ones in the new epoch: each is offered once', async () => {
    const { log, writer } = await open()
    await writer.type('old')
    await log.seal('note')
    const ref = await log.delete('note')
    await typist(log, ref).type('new')
    await log.seal('note')
    const { offered } = await log.outbox(0, PEER.replica, 100)
    expect(offered.map(({ offset, record }) => [offset, record.seq])).toEqual([[3, 1]])
  })

  test('[P9] that is not known becomes a tombstone as well', async () => {
    const { log } = await open()
    const ref = await log.delete('never here')
    expect(await log.documents()).toEqual([expect.objectContaining({ ref, deleted: true, untold: true })])
  })

  test('[P3] of two deletions at once the greater epoch wins on both sides', async () => {
    const [a, b] = [await full(), await full()]
    const [mine, theirs] = [await a.log.delete('note'), await b.log.delete('note')]
    const winner = mine.epoch > theirs.epoch ? mine : theirs
    await a.log.take([deleted(theirs)], PEER)
    await b.log.take([deleted(mine)], PEER)
    expect([(await held(a.log)).ref, (await held(b.log)).ref]).toEqual([winner, winner])
  })
})

describe('a document that was deleted elsewhere', () => {
  test('[P5] leaves a copy of all that was there as a branch, where nobody had acknowledged some of it', async () => {
    const { log, store } = await full()
    const outstanding = await log.outstanding('note')
    const taken = await log.take([deleted(LATER)], PEER)
    expect(taken.deleted).toEqual([
      { ref: LATER, empty: false, branch: expect.objectContaining({ code: 'deleted', epoch: FIRST_EPOCH }) },
    ])
    expect(textOf(taken.deleted[0]?.branch?.bytes ?? expect.fail()).sort()).toEqual([
      'aaa',
      'acknowledged sealed typed ',
    ])
    expect(await log.branches()).toHaveLength(1)
    expect(await held(log)).toMatchObject({ ref: LATER, vector: new Map(), unacknowledged: 0, deleted: true })
    expect((await dump(store)).records).toEqual([])
    await expect(log.isAcknowledged('note', outstanding)).rejects.toMatchObject({ code: 'deleted' })
    // It is told once, and other relays hear of it from here.
    expect((await log.take([deleted(LATER)], PEER)).deleted).toEqual([])
    expect((await log.outbox(0, PEER.replica, 100)).tombstones).toEqual([])
    expect((await log.outbox(0, 'b'.repeat(16), 100)).tombstones).toEqual([{ offset: expect.any(Number), ref: LATER }])
  })

  test('leaves no branch where all was acknowledged', async () => {
    const { log } = await open()
    await log.take([entriesOf(...otherRecords(3))], PEER)
    expect((await log.take([deleted(LATER)], PEER)).deleted).toEqual([{ ref: LATER, branch: undefined, empty: false }])
    expect(await log.branches()).toEqual([])
  })

  test('is adopted from whatever comes of its new epoch', async () => {
    const [older] = otherRecords(1)
    const record = seal(LATER, older ?? expect.fail(), CHAIN_START)
    const bytes = record.bytes
    const batch = {
      type: 'piece' as const,
      ...LATER,
      through: 0,
      id: hash64(bytes),
      index: 0,
      count: 1,
      vector: new Map([[record.origin, record]]),
    }
    for (const incoming of [
      { type: 'entries' as const, entries: toEntries(LATER, [record], 0) },
      { type: 'piece' as const, piece: { ...batch, ...deflatePiece(bytes) } },
    ]) {
      const { log } = await full()
      const { deleted: gone, unfit } = await log.take([incoming], PEER)
      expect(gone).toEqual([
        { ref: expect.objectContaining(LATER), empty: false, branch: expect.objectContaining({ code: 'deleted' }) },
      ])
      if (incoming.type === 'piece') {
        // It answers what was told of the older one.
        expect(unfit).toHaveLength(1)
        continue
      }
      expect(await read(log)).toBe('a')
      expect((await held(log)).deleted).toBeUndefined()
    }
  })

  test('[P5] what is typed into the old one joins the branch, and is no edit of the new one', async () => {
    const { log, writer } = await full()
    await log.take([deleted(LATER)], PEER)
    await writer.type('late ')
    expect(await log.branches()).toHaveLength(1)
    const [branch] = await log.branches()
    expect(textOf(branch?.bytes ?? expect.fail()).sort()).toEqual(['aaa', 'acknowledged sealed typed late '])
    expect((await log.waiting()).unsealed).toEqual([])
    expect(await held(log)).toMatchObject({ unacknowledged: 0, deleted: true })
    expect(await read(log)).toBe('')
  })

  test('what comes of an older epoch is passed over, and its sender is to be told', async () => {
    const { log } = await open()
    await log.take([deleted(LATER)], PEER)
    const records = otherRecords(2)
    const taken = await log.take(
      [
        entriesOf(...records),
        { type: 'ack', ack: { type: 'ack', ...NOTE, origin: log.replica, seq: 1, chain: '0'.repeat(16), through: 0 } },
        { type: 'held', where: NOTE, vector: new Map() },
        deleted(NOTE),
      ],
      PEER,
    )
    expect([taken.outdated, taken.unfit, taken.arrived.size]).toEqual([[LATER], [], 0])
    expect(await held(log)).toMatchObject({ ref: LATER, vector: new Map() })
  })

  test('an epoch that is not known here yet is not begun by opening it', async () => {
    const { log } = await open()
    await log.open(NOTE)
    expect((await log.open(LATER)).ref).toEqual(NOTE)
  })
})
