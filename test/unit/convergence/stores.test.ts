/** The simulated stores promise what the real ones promise. */

import { expect, onTestFinished, test } from 'vitest'
import { testRelayStore } from '../../contract/relay-store.ts'
import { testReplicaStore } from '../../contract/replica-store.ts'
import { createChance, createClientDisk, createClock, createProcess, createRelayDisk } from '../../sim/index.ts'

let seed = 1

test('[P2] damaged rows say nothing of what is held, also on a copy of the disk (seeds 1576, 1667)', async () => {
  const chance = createChance(1)
  const clock = createClock(chance)
  const process = createProcess('tab', clock, chance, { process: undefined })
  const disk = createClientDisk({ clock, chance })
  const goOn = setInterval(() => void clock.run(clock.now() + 1000), 1)
  onTestFinished(() => clearInterval(goOn))
  const row = { count: 1, checksum: '' }
  const store = await disk.open(process)
  await store.write(['edits'], async (transaction) => {
    transaction.put('edits', ['note', 1], { ...row, bytes: Uint8Array.of(1, 2, 3) })
  })
  expect((await disk.updates()).get('note')).toEqual([Uint8Array.of(1, 2, 3)])
  while (!(await disk.spoil(chance, 'flip')));
  expect((await disk.updates()).get('note')).toBeUndefined()
  const other = createClientDisk({ clock, chance })
  await other.restore(await disk.copy())
  expect((await other.rows('edits')).length).toBe(1)
  expect((await other.updates()).get('note')).toBeUndefined()
})

testRelayStore('of the simulator', () => {
  const chance = createChance(seed++)
  const { environment } = createProcess('disk', createClock(chance), chance, { process: undefined })
  const disk = createRelayDisk({ environment })
  return { store: disk.open(() => {}), reopen: () => disk.open(() => {}) }
})

testReplicaStore('of the simulator', async () => {
  const chance = createChance(seed++)
  const clock = createClock(chance)
  const process = createProcess('tab', clock, chance, { process: undefined })
  const disk = createClientDisk({ clock, chance })
  // The tests wait for the store, so time goes on by itself as long as they do.
  const goOn = setInterval(() => void clock.run(clock.now() + 1000), 1)
  onTestFinished(() => clearInterval(goOn))
  return { store: await disk.open(process), reopen: () => disk.open(process) }
})
