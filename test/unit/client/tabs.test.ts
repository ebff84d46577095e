/** Two tabs of one replica in this process: one store, one channel, a connection each or one of them without. */
import { describe, expect, test } from 'vitest'
import type { ReplicaStore } from '../../../client/replica/store.ts'
import { copyOf, createOwnStore } from '../../support/stores.ts'
import { startRelay, until } from '../server/support.ts'
import { allRead, coded, isSynced, noise, startClient } from './support.ts'

describe('another tab of the replica', () => {
  test('[P8] hears of a fork, and follows without being opened again', async () => {
    const relay = await startRelay()
    const store = createOwnStore()
    const before = await startClient(relay, { storage: store })
    before.open().type('before ')
    await isSynced(before)
    await before.workspace.close()
    const copy = await copyOf(store)
    const online = await startClient(relay, { storage: keep(store), user: 'shared' })
    const offline = await startTab(store)
    const [mine, shown] = [online.open(), offline.open()]
    await Promise.all([mine.whenSynced, shown.whenLoaded])
    // What is sealed here stays in the network, while the copied profile gives the same names to something else.
    online.network.hold()
    online.network.resetCounts()
    mine.text.insert(0, 'mine ')
    await allRead([mine, shown], 'mine before ')
    await until('it is sealed', () => online.network.sentBytes > 0)
    const other = await startClient(relay, { storage: copy })
    const theirs = other.open()
    await theirs.whenSynced
    for (const word of ['one ', 'two ', 'three ']) {
      theirs.type(word)
      await theirs.saved('relay')
    }
    online.network.release()
    await allRead([theirs, mine, shown], 'mine before one two three ')
    expect([online.forks, offline.forks]).toEqual([['note'], ['note']])
    shown.type('end')
    await shown.saved('relay')
    await allRead([theirs, mine, shown], 'mine before one two three end')
  })

  test('[P5] hears that a document was refused, and ends it as well', async () => {
    const relay = await startRelay({ limits: { updateBytesMax: 1_000 } })
    const store = createOwnStore()
    const offline = await startTab(store)
    const online = await startClient(relay, { storage: keep(store), user: 'shared' })
    const [shown, note] = [offline.open(), online.open()]
    note.type('fine')
    await note.saved('relay')
    note.type('y'.repeat(2_000))
    await until('it has it', () => shown.text.length > 2_000)
    await expect(shown.saved('relay')).rejects.toThrow(coded('too-big'))
    await until('it has ended', () => shown.status.get().error?.code === 'too-big')
    const reopened = offline.open()
    await reopened.whenLoaded
    await allRead([reopened], 'fine')
    reopened.type('!')
    await reopened.saved('relay')
  })

  test('[P11] does not send again what this one has sent', async () => {
    const relay = await startRelay()
    const store = createOwnStore()
    const start = () => startClient(relay, { storage: keep(store), user: 'shared' })
    const [first, second] = [await start(), await start()]
    const [note, shown] = [first.open(), second.open()]
    await isSynced(first, second)
    second.network.resetCounts()
    for (let i = 0; i < 5; i++) {
      note.type(noise(1_000))
      await note.saved('relay')
      await allRead([shown, note])
    }
    // A tab looks for what others left behind every few seconds.
    await new Promise((resolve) => setTimeout(resolve, 6_000))
    expect(second.network.sentBytes).toBeLessThan(1_000)
    expect(second.workspace.status.get().unacknowledged).toBe(0)
  })
})

/** The same content, but closing it ends this user of it only. */
const keep = (store: ReplicaStore): ReplicaStore => ({ ...store, durable: true, close() {} })

/** A tab without a connection of its own. */
const startTab = (store: ReplicaStore) => startClient(undefined, { storage: keep(store), user: 'shared' })
