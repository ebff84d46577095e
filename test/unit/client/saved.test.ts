/** Receipts: what `saved` waits for, and what it then stands for. */
import { describe, expect, test } from 'vitest'
import type { ReplicaStore } from '../../../client/replica/store.ts'
import { RejoinError } from '../../../shared/errors.ts'
import { createOwnStore } from '../../support/stores.ts'
import { startRelay } from '../server/support.ts'
import { coded, readAtRelay, readInStore, startClient } from './support.ts'

describe('saved', () => {
  test('[P2] device: what was typed is in the store, also for who opens it anew', async () => {
    const storage = createOwnStore()
    const { open, workspace } = await startClient(undefined, { storage })
    const note = open()
    note.type('hello')
    await note.saved('device')
    expect(await readInStore(storage)).toBe('hello')
    await workspace.close()
    const again = await startClient(undefined, { storage })
    const reopened = again.open()
    await reopened.whenLoaded
    expect(reopened.read()).toBe('hello')
    expect(reopened.status.get()).toMatchObject({ unacknowledged: 1, receipt: 'device' })
  })

  test('[P2] what was typed just before a handle and its workspace are closed is in the store', async () => {
    const storage = createOwnStore()
    const { open, workspace } = await startClient(undefined, { storage: closable(storage) })
    const note = open()
    await note.whenLoaded
    note.type('last words')
    note.close()
    await workspace.close()
    expect(await readInStore(storage)).toBe('last words')
  })

  test('[P2] relay: resolves only when the relay has it', async () => {
    const relay = await startRelay()
    for (const storage of [createOwnStore(), 'memory'] as const) {
      const client = await startClient(relay, { storage })
      const note = client.open(typeof storage)
      await note.whenSynced
      client.network.hold()
      note.type('hello')
      const order: string[] = []
      const saved = note.saved('relay').then(() => order.push('saved'))
      if (storage !== 'memory') await note.saved('device')
      expect(await readAtRelay(relay, note.id)).toBe('')
      order.push('released')
      client.network.release()
      await saved
      expect(order).toEqual(['released', 'saved'])
      expect(await readAtRelay(relay, note.id)).toBe('hello')
    }
  })

  test('[P2] relay: waits while offline, for the edits before the call only', async () => {
    const relay = await startRelay()
    const { open, network } = await startClient(relay)
    const note = open()
    await note.whenSynced
    network.cut()
    note.type('one')
    const saved = note.saved('relay')
    await note.saved('device')
    network.mend()
    await saved
    network.hold()
    note.type('two')
    await note.saved('device')
    // What was typed before is still saved, whatever came after.
    expect(await readAtRelay(relay)).toBe('one')
    network.release()
    await note.saved('relay')
    expect(await readAtRelay(relay)).toBe('onetwo')
  })

  test('ends with the reason of its signal, and leaves the edit alone', async () => {
    const relay = await startRelay()
    const { open, network } = await startClient(relay)
    const note = open()
    await note.whenSynced
    network.cut()
    note.type('x')
    const controller = new AbortController()
    const saved = note.saved('relay', { signal: controller.signal })
    const reason = new Error('no patience')
    await note.saved('device')
    controller.abort(reason)
    await expect(saved).rejects.toBe(reason)
    await expect(note.saved('relay', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    network.mend()
    await note.saved('relay')
    expect(await readAtRelay(relay)).toBe('x')
  })

  test('[P5] tells that there is no device to save to, and that a document is closed', async () => {
    const memory = await startClient(undefined, { storage: 'memory' })
    await expect(memory.open().saved('device')).rejects.toThrow(coded('storage-unavailable'))
    const { open, workspace } = await startClient(undefined)
    const note = open()
    note.type('x')
    const saved = expect(note.saved('relay')).rejects.toThrow(coded('closed'))
    await note.saved('device')
    await workspace.close()
    await saved
  })

  test('[P2] relay: a receipt survives a reload', async () => {
    const relay = await startRelay()
    const storage = createOwnStore()
    const before = await startClient(relay, { storage })
    const note = before.open()
    note.type('hello')
    await note.saved('relay')
    await before.workspace.close()
    const after = await startClient(undefined, { storage })
    const reopened = after.open()
    await reopened.whenLoaded
    expect(reopened.status.get()).toMatchObject({ unacknowledged: 0, receipt: 'relay' })
    await reopened.saved('relay')
  })
})

/** The store until it is closed, as a database is. */
function closable(store: ReplicaStore): ReplicaStore {
  let closed = false
  const open = <R>(act: () => Promise<R>): Promise<R> =>
    closed ? Promise.reject(new RejoinError('closed', 'the store is closed')) : act()
  return {
    ...store,
    read: (tables, body) => open(() => store.read(tables, body)),
    write: (tables, body) => open(() => store.write(tables, body)),
    close() {
      closed = true
    },
  }
}
