/** How much there is to fold is counted on: whatever happens between two questions, the answer is that of who counts all of it. */
import { expect, test } from 'vitest'
import { createMeasuring } from '../../../client/replica/measuring.ts'
import type { ReplicaStore } from '../../../client/replica/store.ts'
import { COMPACT_RECORDS } from '../../../shared/update/fold.ts'
import {
  acknowledge,
  damage,
  dump,
  durable,
  entriesOf,
  foldAll,
  NOTE,
  openLog,
  otherRecords,
  PEER,
  typist,
} from '../../support/stores.ts'
import { createChance } from '../update/histories.ts'

test.each([1, 2, 3, 4])('[P7] what is counted on is what is there (seed %i)', async (seed) => {
  const chance = createChance(seed)
  const store = durable()
  const log = await openLog(store)
  await log.open(NOTE)
  const { type } = typist(log)
  const measuring = createMeasuring(store)
  const sizes: number[] = []
  for (let step = 0; step < 120; step++) {
    await type('some', 'words')
    if (chance.below(2) === 0) await log.seal('note')
    if (chance.below(4) === 0) await acknowledge(log)
    if (chance.below(12) === 0) await foldAll(log)
    if (chance.below(25) === 0) await log.unseal('note', log.replica)
    if (step === 100) await log.delete('note')
    const row = (await dump(store)).records.at(-1)
    if (row !== undefined && chance.below(15) === 0) {
      await damage(store, 'records', row.key)
      await log.load('note')
    }
    if (chance.below(3) > 0) continue
    const size = await measuring.size('note')
    expect(size).toEqual(await createMeasuring(store).size('note'))
    sizes.push(size.records)
  }
  expect(Math.max(...sizes)).toBeGreaterThan(2)
  expect(await measuring.size('nothing')).toEqual({ records: 0, recordBytes: 0, pieces: 0, bytes: 0 })
})

test('[P7] nothing is read as long as too little came to fold, and what came is not overlooked', async () => {
  const store = durable()
  let reads = 0
  const counted: ReplicaStore = {
    ...store,
    read: (tables, body) => {
      reads++
      return store.read(tables, body)
    },
  }
  const log = await openLog(counted)
  await log.open(NOTE)
  const all = otherRecords(COMPACT_RECORDS + 1)
  await log.take([entriesOf(...all.slice(0, 100))], PEER)
  expect(await log.wantsCompaction('note')).toBe(false)
  reads = 0
  await log.take([entriesOf(...all.slice(100, COMPACT_RECORDS))], PEER)
  expect(await log.wantsCompaction('note')).toBe(false)
  expect(reads).toBe(0)
  await log.take([entriesOf(...all.slice(COMPACT_RECORDS))], PEER)
  expect(await log.wantsCompaction('note')).toBe(true)
})

test('[P7] what another tab added is noticed after a while', async () => {
  const store = durable()
  const [log, other] = [await openLog(store), await openLog(store)]
  await log.open(NOTE)
  expect(await log.wantsCompaction('note')).toBe(false)
  await other.take([entriesOf(...otherRecords(COMPACT_RECORDS + 1))], PEER)
  const answers = []
  for (let look = 0; look < 20; look++) answers.push(await log.wantsCompaction('note'))
  expect(answers).toContain(true)
})
