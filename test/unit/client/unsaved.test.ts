/** What is typed and cannot be stored at that moment: closing, reopening and clearing lose none of it. */
import { describe, expect, test } from 'vitest'
import type { ReplicaStore } from '../../../client/replica/store.ts'
import { type ErrorCode, RejoinError } from '../../../shared/errors.ts'
import { createOwnStore } from '../../support/stores.ts'
import { startRelay, until } from '../server/support.ts'
import { coded, isSynced, readAtRelay, readInStore, startClient } from './support.ts'

/** A store whose writes can be made to fail. */
function breakable() {
  const inner = createOwnStore()
  const broken: { code: ErrorCode | undefined; writes: number; destroyed: boolean } = {
    code: undefined,
    writes: 0,
    destroyed: false,
  }
  const store: ReplicaStore = {
    ...inner,
    write: (tables, body) =>
      inner.write(tables, async (transaction) => {
        let puts = false
        const result = await body({
          ...transaction,
          put(table, key, value) {
            puts = true
            transaction.put(table, key, value)
          },
        })
        if (broken.code === undefined || !puts) return result
        broken.writes++
        throw new RejoinError(broken.code, 'nothing can be written')
      }),
    async destroy() {
      broken.destroyed = true
      await inner.destroy()
    },
  }
  return { store, inner, broken }
}

describe('the last handle of a document is closed', () => {
  test.each(['storage-full', 'storage-failed'] as const)(
    '[P2][P5][P6] with %s: what was typed is stored when it can be',
    async (code) => {
      const { store, inner, broken } = breakable()
      const client = await startClient(undefined, { storage: store })
      const note = client.open()
      await note.whenLoaded
      broken.code = code
      note.type('precious ')
      note.close()
      await until('it was tried', () => broken.writes > 1)
      expect(client.workspace.status.get()).toMatchObject({ unacknowledged: 1 })
      // Opened again it is all there, and goes on.
      broken.code = undefined
      const again = client.open()
      await again.whenLoaded
      expect(again.read()).toBe('precious ')
      again.type('and more')
      await again.saved('device')
      await until('it is stored', async () => (await readInStore(inner)) === 'precious and more')
      await client.workspace.close()
      const later = await startClient(undefined, { storage: inner })
      const read = later.open()
      await read.whenLoaded
      expect(read.read()).toBe('precious and more')
    },
  )

  test('[P2][P6] with a full device: a relay takes what was typed', async () => {
    const relay = await startRelay()
    const { store, broken } = breakable()
    const client = await startClient(relay, { storage: store })
    const note = client.open()
    await note.whenSynced
    client.network.cut()
    broken.code = 'storage-full'
    note.type('precious')
    note.close()
    await until('it was tried', () => broken.writes > 1)
    client.network.mend()
    await until('it is there', async () => (await readAtRelay(relay)) === 'precious')
    await until('that is known', () => client.workspace.status.get().unacknowledged === 0)
    broken.code = undefined
    await isSynced(client)
  })

  test('[P2][P4] with a device that fails: opened again it waits for that too, and says that it is nowhere yet', async () => {
    const relay = await startRelay()
    const { store, inner, broken } = breakable()
    const client = await startClient(relay, { storage: store })
    const before = client.open()
    before.type('stored ')
    await before.saved('relay')
    client.network.cut()
    broken.code = 'storage-failed'
    before.type('precious')
    before.close()
    const note = client.open()
    const saved: string[] = []
    const wait = async (level: 'device' | 'relay'): Promise<void> => {
      await note.saved(level)
      saved.push(level)
    }
    const [device, relayed] = [wait('device'), wait('relay')]
    await until('it is shown', () => note.read() === 'stored precious')
    await until('it was tried', () => broken.writes > 3)
    expect(note.status.get()).toMatchObject({ unacknowledged: 1, receipt: 'memory' })
    expect(saved).toEqual([])
    broken.code = undefined
    await device
    expect(saved).toEqual(['device'])
    expect(await readInStore(inner)).toBe('stored precious')
    expect(note.status.get()).toMatchObject({ unacknowledged: 1, receipt: 'device' })
    client.network.mend()
    await relayed
    expect(await readAtRelay(relay)).toBe('stored precious')
    await until('it is told', () => note.status.get().receipt === 'relay')
    await isSynced(client)
  })

  test('[P2] opened again at once, it waits for what is just being stored', async () => {
    const { store, inner } = breakable()
    const client = await startClient(undefined, { storage: store })
    for (const word of ['one ', 'two ', 'three ']) {
      const note = client.open()
      await note.whenLoaded
      note.type(word)
      note.close()
      await client.open().saved('device')
      expect(await readInStore(inner)).toContain(word)
    }
  })

  test('[P5] the workspace says when it closes what nothing took', async () => {
    const { store, broken } = breakable()
    const client = await startClient(undefined, { storage: store })
    const note = client.open()
    await note.whenLoaded
    broken.code = 'storage-full'
    note.type('precious')
    await until('it was tried', () => broken.writes > 0)
    await client.workspace.close()
    expect(client.errors.map(String).join()).toContain('neither stored nor at a relay when the workspace was closed: 1')
  })
})

describe('clear()', () => {
  test('[P2][P5] asks before it deletes what has just been typed', async () => {
    const { store, broken } = breakable()
    const client = await startClient(undefined, { storage: store })
    const note = client.open()
    await note.whenLoaded
    note.type('precious')
    expect(client.workspace.status.get().unacknowledged).toBe(1)
    await expect(client.workspace.clear()).rejects.toThrow(coded('unacknowledged'))
    expect(broken.destroyed).toBe(false)
    expect(note.read()).toBe('precious')
    await client.workspace.clear({ force: true })
    expect(broken.destroyed).toBe(true)
  })

  test('[P2][P5] asks before it deletes what cannot be stored', async () => {
    const { store, broken } = breakable()
    const client = await startClient(undefined, { storage: store })
    const note = client.open()
    await note.whenLoaded
    broken.code = 'storage-full'
    note.type('precious')
    await until('it was tried', () => broken.writes > 2)
    await expect(client.workspace.clear()).rejects.toThrow(coded('unacknowledged'))
    expect(broken.destroyed).toBe(false)
  })
})
