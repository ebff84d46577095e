/** The simulated stores promise what the real ones promise. */

import { describe, expect, onTestFinished, test } from 'vitest'
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

/** A disk that somebody has open, in time that only goes on when it is told to. */
async function openDisk(remembers: boolean) {
  const chance = createChance(seed++)
  const clock = createClock(chance)
  const process = createProcess('tab', clock, chance, { process: undefined })
  const disk = createClientDisk({ clock, chance, remembers })
  const store = await disk.open(process)
  return {
    ...{ clock, disk, process },
    run: (ms: number) => clock.run(clock.now() + ms),
    /** One transaction over two tables. */
    write: (head: number) =>
      store.write(['meta', 'edits'], async (transaction) => {
        transaction.put('meta', ['replica'], { replica: 'r', origin: 'o', head })
        transaction.delete('edits', ['note', 'tab', head - 1])
        transaction.put('edits', ['note', 'tab', head], { count: 1, checksum: '', bytes: Uint8Array.of(head) })
      }),
    async heads(): Promise<unknown[]> {
      const meta = (await disk.rows('meta')).map(({ value }) => ('head' in value ? value.head : undefined))
      return [...meta, ...(await disk.rows('edits')).map(({ key }) => key[2])]
    },
  }
}

describe('a device that loses power', () => {
  test('[P2] keeps all that was said to be stored, and what was under way whole or not at all', async () => {
    const found = new Set<string>()
    for (let n = 0; n < 20; n++) {
      const { disk, process, write, heads, run } = await openDisk(false)
      void write(1)
      await run(1000)
      // The second has begun, and the third waits for it.
      void write(2)
      await run(0)
      void write(3)
      await disk.losePower()
      await run(1000)
      expect(process.alive).toBe(false)
      found.add(String(await heads()))
    }
    expect([...found].sort()).toEqual(['1,1', '2,2'])
  })

  test('where strict is not heeded loses the last commits, newest first and over all tables', async () => {
    const { disk, write, heads, run } = await openDisk(true)
    for (const head of [1, 2, 3, 4]) {
      void write(head)
      await run(1000)
    }
    expect(await heads()).toEqual([4, 4])
    await disk.losePower(2500)
    expect(await heads()).toEqual([2, 2])
    await disk.losePower(60_000)
    expect(await heads()).toEqual([])
  })
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
