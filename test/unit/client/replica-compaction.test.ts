/** Compaction of a replica's log: the same document before and after, and never what somebody is still owed. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import type { UpdateLog } from '../../../client/replica/update-log.ts'
import { systemEnvironment } from '../../../shared/environment.ts'
import { COMPACT_PIECES, COMPACT_RECORDS } from '../../../shared/update/fold.ts'
import { hashJoinedLog } from '../../../shared/update/joined-log.ts'
import {
  acknowledge,
  damage,
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
  typist,
} from '../../support/stores.ts'
import { type Chance, contentOf, createChance, docOf, randomHistory } from '../update/histories.ts'

const NEVER = async (): Promise<void> => {}

/** Stores a history, some of it as edits that wait. */
async function keep(log: UpdateLog, updates: readonly Uint8Array[], chance: Chance): Promise<void> {
  for (const [n, bytes] of updates.entries()) {
    await log.append({ where: NOTE, n, bytes, count: 1 })
    if (chance.below(3) === 0) await log.seal('note')
    if (chance.below(4) === 0) await acknowledge(log)
    if (chance.below(12) === 0) await foldAll(log)
  }
}

function typed(gc: boolean, ...edits: ((text: Y.Text) => void)[]): { updates: Uint8Array[] } {
  const doc = new Y.Doc({ gc })
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  for (const edit of edits) edit(doc.getText('text'))
  return { updates }
}

describe('compaction', () => {
  test('[P1] leaves the joined log and what it yields as they are', async () => {
    let folds = 0
    for (let seed = 1; seed <= 60; seed++) {
      const chance = createChance(seed)
      const gc = chance.below(2) === 0
      const { updates } = randomHistory(chance, { clients: 1 + chance.below(4), edits: 60, gc, plain: true })
      const log = await openLog(durable())
      await log.open({ ...NOTE, gc })
      await keep(log, updates, chance)
      const before = (await log.load('note')).updates
      const ref = await held(log)
      if (await log.compact('note', NEVER)) folds++
      const after = (await log.load('note')).updates
      const name = `seed ${seed}`
      expect(hashJoinedLog(after), name).toBe(hashJoinedLog(before))
      expect(hashJoinedLog(after), name).toBe(hashJoinedLog(updates))
      expect(contentOf(docOf(after, gc)), name).toEqual(contentOf(docOf(updates, gc)))
      expect(await held(log), name).toEqual(ref)
    }
    expect(folds).toBeGreaterThan(10)
  })

  test('drops the content of what was deleted only where the document collects garbage', async () => {
    for (const gc of [true, false]) {
      const store = durable()
      const log = await openLog(store)
      await log.open({ ...NOTE, gc })
      const { updates } = typed(
        gc,
        (text) => text.insert(0, 'secret '.repeat(1000)),
        (text) => text.delete(0, 6999),
      )
      for (const [n, bytes] of updates.entries()) await log.append({ where: { ...NOTE, gc }, n, bytes, count: 1 })
      await log.seal('note')
      await acknowledge(log)
      await foldAll(log)
      const bytes = (await dump(store)).checkpoints[0]?.value.bytes ?? 0
      expect([bytes < 200, bytes > 7000]).toEqual([gc, !gc])
      expect(await read(log)).toBe(' ')
    }
  })

  test('is wanted when there are many records, not for what waits, and then not any more', async () => {
    const log = await openLog(durable())
    const { type } = typist(log)
    await type('mine')
    await log.seal('note')
    expect(await log.wantsCompaction('note')).toBe(false)
    const all = otherRecords(COMPACT_RECORDS + 1)
    await log.take([entriesOf(...all.slice(0, -1))], PEER)
    expect(await log.wantsCompaction('note')).toBe(false)
    await log.take([entriesOf(...all.slice(-1))], PEER)
    expect(await log.wantsCompaction('note')).toBe(true)
    expect(await log.compact('note', NEVER)).toBe(true)
    expect(await log.wantsCompaction('note')).toBe(false)
    expect(await log.compact('note', NEVER)).toBe(false)
    expect(await log.wantsCompaction('nothing')).toBe(false)
    expect(await log.compact('nothing', NEVER)).toBe(false)
  })

  test('folds a few records behind a large checkpoint without rewriting it, until there are too many pieces', async () => {
    const store = durable()
    const log = await openLog(store)
    const { type } = typist(log)
    await type('x'.repeat(400_000))
    await log.seal('note')
    await acknowledge(log)
    await foldAll(log)
    const [first] = (await dump(store)).checkpoints
    let pieces = 0
    for (let i = 0; i < COMPACT_PIECES + 8; i++) {
      await type(`${i} `)
      await log.seal('note')
      await acknowledge(log)
      await foldAll(log)
      const { checkpoints, pieces: rows } = await dump(store)
      if (i === 0) expect(checkpoints[0]?.value.pieces[0]).toEqual(first?.value.pieces[0])
      pieces = Math.max(pieces, rows.length)
    }
    expect(pieces).toBeGreaterThan(COMPACT_PIECES)
    expect((await dump(store)).pieces.length).toBeLessThan(20)
    expect((await read(log)).endsWith('70 71 ')).toBe(true)
  })

  test('[P3] has no effect where the document was folded meanwhile, and waits for nobody', async () => {
    const store = durable()
    const [log, tab] = [await openLog(store), await openLog(store)]
    await log.take([entriesOf(...otherRecords(20))], PEER)
    let pauses = 0
    const won = log.compact('note', async () => {
      if (pauses++ === 0) expect(await tab.compact('note', NEVER)).toBe(true)
    })
    expect([await won, pauses > 0]).toEqual([false, true])
    expect(await read(log)).toBe('a'.repeat(20))
    const { pieces, checkpoints } = await dump(store)
    expect([pieces.length, checkpoints.length]).toEqual([1, 1])
  })

  test('[P3] takes what came meanwhile for what it is: not folded', async () => {
    const log = await openLog(durable())
    const all = otherRecords(30)
    await log.take([entriesOf(...all.slice(0, 20))], PEER)
    const done = await log.compact('note', async () => {
      await log.take([entriesOf(...all.slice(20))], PEER)
    })
    expect(done).toBe(true)
    expect((await records(log)).map(({ seq }) => seq)).toEqual(all.slice(20).map(({ seq }) => seq))
    expect(await read(log)).toBe('a'.repeat(30))
  })

  test('[P8] has no effect where something was taken out meanwhile', async () => {
    const log = await openLog(durable())
    await log.take([entriesOf(...otherRecords(20))], PEER)
    const done = await log.compact('note', async () => void (await log.unseal('note', 'a'.repeat(16))))
    expect(done).toBe(false)
    expect((await held(log)).vector.has('a'.repeat(16))).toBe(false)
    expect(await read(log)).toBe('a'.repeat(20))
  })

  test('[P5] finds damage, which is mended first', async () => {
    const store = durable()
    const told: unknown[] = []
    const log = await openLog(store, (...damaged) => told.push(damaged))
    await log.take([entriesOf(...otherRecords(20))], PEER)
    await damage(store, 'records', ['note', 'a'.repeat(16), 15])
    expect(await log.compact('note', NEVER)).toBe(false)
    expect(told).toEqual([['note', 1]])
    expect((await held(log)).vector.get('a'.repeat(16))?.seq).toBe(14)
    expect(await log.compact('note', NEVER)).toBe(true)
    expect(await read(log)).toBe('a'.repeat(14))
  })

  test('[P5] a damaged record whose content is folded is deleted, and nothing else', async () => {
    const store = durable()
    const told: unknown[] = []
    const log = await openLog(store, (...damaged) => told.push(damaged))
    await log.note({ ...PEER, place: { epoch: 'e'.repeat(16), offset: 0 }, watermark: 0, begin: true })
    await log.take([entriesOf(...otherRecords(5))], { ...PEER, replica: 'b'.repeat(16) })
    await foldAll(log)
    await damage(store, 'records', ['note', 'a'.repeat(16), 3])
    const before = await held(log)
    expect((await records(log)).length).toBe(2)
    expect(told).toEqual([['note', 1]])
    expect(await held(log)).toEqual(before)
    expect(await read(log)).toBe('aaaaa')
    // Who is owed it gets it from the checkpoint.
    expect((await log.outbox(0, PEER.replica, 100)).compare).toEqual([NOTE])
  })

  test('[P2] trims only what every relay that counts holds, and what is acknowledged', async () => {
    const store = durable()
    let time = Date.now()
    const log = await openLog(store, undefined, { ...systemEnvironment, now: () => time })
    const other = { ...PEER, replica: 'b'.repeat(16), url: 'ws://other' }
    const place = { epoch: 'e'.repeat(16), offset: 0 }
    await log.note({ ...PEER, place, watermark: 6, begin: true })
    await log.note({ ...other, place, watermark: 2, begin: true })
    const all = otherRecords(6)
    const fold = async (count: number): Promise<unknown[]> => {
      await log.take([entriesOf(...all.slice(0, count))], { ...PEER, replica: 'd'.repeat(16) })
      await foldAll(log)
      return (await dump(store)).records.map(({ value }) => value.offset)
    }
    expect(await fold(5)).toEqual([3, 4, 5])
    time += 31 * 24 * 3_600_000
    const { round = 0 } = (await log.peer(PEER.url)) ?? {}
    await log.note({ ...PEER, round, watermark: 6 })
    expect(await fold(6)).toEqual([])
    expect((await dump(store)).log).toEqual([])
    // The other one is not forgotten, but compared.
    expect(await log.peer(other.url)).toBeUndefined()
  })
})
