/** What status says, and when it says so. */
import { describe, expect, test } from 'vitest'
import { startRelay, until } from '../server/support.ts'
import { impatient, isSynced, startClient } from './support.ts'

describe('lastSyncedAt', () => {
  test('[P5] moves with every sign of the relay while synced, waking nobody, and then stays', async () => {
    let aheadMs = 0
    const environment = { ...impatient, now: () => Date.now() + aheadMs }
    const relay = await startRelay()
    const [alice, bob] = [await startClient(relay, { environment }), await startClient(relay)]
    const [a, b] = [alice.open(), bob.open()]
    await Promise.all([a.whenSynced, b.whenSynced])
    await isSynced(alice, bob)
    const statuses = [alice.workspace.status, a.status]
    const said = statuses.map(() => 0)
    const first = statuses.map((status) => status.get().lastSyncedAt)
    for (const [i, status] of statuses.entries())
      status.subscribe(() => {
        said[i] = (said[i] ?? 0) + 1
      })
    const told = [...said]

    aheadMs += 10_000
    b.type('x')
    await b.saved('relay')
    await until('alice has it', () => a.read() === 'x')
    for (const [i, status] of statuses.entries()) {
      expect(status.get().connection).toBe('synced')
      expect(status.get().lastSyncedAt).toBeGreaterThanOrEqual((first[i] ?? 0) + 9_000)
    }
    // What she shows has changed; its age is no reason to show it again.
    expect(said[0]).toBe(told[0])

    const heardAt = statuses.map((status) => status.get().lastSyncedAt)
    aheadMs += 20_000
    alice.network.cut()
    await until('it is seen', () => alice.workspace.status.get().connection !== 'synced')
    a.type('y')
    await a.saved('device')
    expect(statuses.map((status) => status.get().lastSyncedAt)).toEqual(heardAt)
    alice.network.mend()
    await isSynced(alice)
    for (const [i, status] of statuses.entries()) {
      expect(status.get().lastSyncedAt).toBeGreaterThanOrEqual((heardAt[i] ?? 0) + 9_000)
    }
  })
})

describe('synced', () => {
  test('[P5] in scope opened, is only said when what the relay holds has arrived', async () => {
    const relay = await startRelay()
    const alice = await startClient(relay)
    const there = alice.open()
    there.type('here before')
    await there.saved('relay')
    const bob = await startClient(relay, { storage: 'memory', connect: false })
    const note = bob.open()
    await note.whenLoaded
    const read: string[] = []
    const readWhenSynced = ({ connection }: { connection: string }) => {
      if (connection === 'synced') read.push(note.read())
    }
    note.status.subscribe(readWhenSynced)
    bob.workspace.status.subscribe(readWhenSynced)
    bob.workspace.connect()
    await isSynced(bob)
    await note.whenSynced
    expect(read).toEqual(['here before', 'here before'])
    // And of a document that is opened later.
    const other = alice.open('other')
    other.type('this too')
    await other.saved('relay')
    const late = bob.open('other')
    late.status.subscribe(({ connection }) => {
      if (connection === 'synced') read.push(late.read())
    })
    await late.whenSynced
    expect(read.slice(2).every((text) => text === 'this too' || text === 'here before')).toBe(true)
    expect(late.status.get().connection).toBe('synced')
  })

  test('in scope opened, is also said where nothing is open', async () => {
    const relay = await startRelay()
    await isSynced(await startClient(relay, { storage: 'memory' }))
  })
})
