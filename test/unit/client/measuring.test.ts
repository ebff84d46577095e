/** How much there is to fold is counted on: whatever happens between two questions, the answer is that of who counts all of it. */
import { expect, test } from 'vitest'
import { createMeasuring } from '../../../client/replica/measuring.ts'
import { acknowledge, damage, dump, durable, foldAll, NOTE, openLog, typist } from '../../support/stores.ts'
import { createChance } from '../update/histories.ts'

test.each([1, 2, 3, 4])('[P7] what is counted on is what is there (seed %i)', async (seed) => {
  const chance = createChance(seed)
  const store = durable()
  const log = await openLog(store)
  await log.open(NOTE)
  const { type } = typist(log)
  const measure = createMeasuring(store)
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
    const size = await measure('note')
    expect(size).toEqual(await createMeasuring(store)('note'))
    sizes.push(size.records)
  }
  expect(Math.max(...sizes)).toBeGreaterThan(2)
  expect(await measure('nothing')).toEqual({ records: 0, recordBytes: 0, pieces: 0, bytes: 0 })
})
