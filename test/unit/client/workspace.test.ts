/** A workspace as its app sees it: edits come and go, status says where it stands, and wrong options are refused. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createMemoryReplicaStore } from '../../../client/replica/memory.ts'
import type { Connection } from '../../../client/status.ts'
import type { WorkspaceOptions } from '../../../client/workspace.ts'
import { createOwnStore, dump } from '../../support/stores.ts'
import { startRelay, temporaryFolder, until } from '../server/support.ts'
import { allRead, coded, isSynced, readAtRelay, startClient, startRelayAt } from './support.ts'

const STORAGES: [name: string, make: () => WorkspaceOptions['storage']][] = [
  ['memory', () => 'memory'],
  ['a durable store', () => createMemoryReplicaStore({ durable: true })],
  ["the caller's own store", createOwnStore],
]

describe('a workspace', () => {
  test.each(STORAGES)('[P1] with %s: what one types the other reads, both ways', async (_name, storage) => {
    const relay = await startRelay()
    const alice = await startClient(relay, { storage: storage() })
    const bob = await startClient(relay, { storage: storage() })
    const [a, b] = [alice.open(), bob.open()]
    await Promise.all([a.whenSynced, b.whenSynced])
    a.type('hello ')
    await allRead([a, b], 'hello ')
    b.type('world')
    await allRead([a, b], 'hello world')
    a.text.delete(0, 6)
    await allRead([a, b], 'world')
    await isSynced(alice, bob)
    expect(await readAtRelay(relay)).toBe('world')
    expect([...alice.errors, ...bob.errors, ...relay.errors]).toEqual([])
  })

  test.each(STORAGES)('[P1][P6] with %s: 300 edits offline on each side meet', async (_name, storage) => {
    const relay = await startRelay()
    const alice = await startClient(relay, { storage: storage() })
    const bob = await startClient(relay, { storage: storage() })
    const [a, b] = [alice.open(), bob.open()]
    await Promise.all([a.whenSynced, b.whenSynced])
    for (const { network } of [alice, bob]) network.cut()
    for (let i = 0; i < 300; i++) {
      a.type('a')
      b.text.insert(0, 'b')
      if (i % 3 === 0) a.text.delete(0, 1)
    }
    for (const { network } of [alice, bob]) network.mend()
    await isSynced(alice, bob)
    await until('both have everything', () => a.read().length === 500 && b.read() === a.read())
    expect(await readAtRelay(relay)).toBe(a.read())
  })

  test('[P5] says where it stands: offline, connecting, syncing, synced, and back', async () => {
    const relay = await startRelay()
    const client = await startClient(relay, { connect: false })
    const seen: Connection[] = []
    client.workspace.status.subscribe(({ connection }) => {
      if (seen.at(-1) !== connection) seen.push(connection)
    })
    expect(client.workspace.status.get()).toEqual({
      connection: 'offline',
      unacknowledged: 0,
      storage: 'ok',
      lastSyncedAt: 0,
      error: undefined,
    })
    const startedAt = Date.now()
    client.workspace.connect()
    await isSynced(client)
    expect(seen).toEqual(['offline', 'connecting', 'syncing', 'synced'])
    expect(client.workspace.status.get().lastSyncedAt).toBeGreaterThanOrEqual(startedAt)

    const note = client.open()
    await note.whenLoaded
    expect(note.status.get()).toMatchObject({ connection: 'synced', receipt: 'device', unacknowledged: 0 })
    client.network.hold()
    note.type('x')
    expect(note.status.get()).toMatchObject({ unacknowledged: 1, receipt: 'memory' })
    await note.saved('device')
    expect(note.status.get()).toMatchObject({ connection: 'syncing', unacknowledged: 1, receipt: 'device' })
    expect(client.workspace.status.get()).toMatchObject({ connection: 'syncing', unacknowledged: 1 })
    client.network.release()
    await note.saved('relay')
    expect(note.status.get()).toMatchObject({ connection: 'synced', unacknowledged: 0, receipt: 'relay' })
    await isSynced(client)

    client.network.cut()
    await until('it is not synced', () => client.workspace.status.get().connection === 'connecting')
    expect(note.status.get().connection).toBe('connecting')
    note.type('y')
    note.type('z')
    await note.saved('device')
    expect(client.workspace.status.get()).toMatchObject({ unacknowledged: 2 })
    client.network.mend()
    await isSynced(client)
    client.workspace.disconnect()
    expect(client.workspace.status.get().connection).toBe('offline')
    expect(note.status.get().connection).toBe('offline')
    expect(await readAtRelay(relay)).toBe('xyz')
  })

  test('[P5] a relay that will never let it in ends the trying, and status says why', async () => {
    const client = await startClient(undefined, { relays: ['ws://127.0.0.1:9/'], dial: forbidding })
    await until('it gives up', () => client.workspace.status.get().error !== undefined)
    expect(client.workspace.status.get()).toMatchObject({ connection: 'offline', error: { code: 'forbidden' } })
  })

  test('[P5] a token that cannot be had is reported, and asked for again', async () => {
    const relay = await startRelay()
    let asked = 0
    const token = async () => {
      asked++
      if (asked === 1) throw new Error('the session server is down')
      return 'token'
    }
    const client = await startClient(relay, { token, connect: false })
    client.workspace.connect()
    await isSynced(client)
    expect(asked).toBe(2)
    expect(client.errors.map(String)).toEqual([expect.stringContaining('the session server is down')])
  })

  test('refuses what cannot be a workspace, a document or a relay', async () => {
    await expect(startClient(undefined, { id: 'a/b' })).rejects.toThrow(coded('invalid-id'))
    await expect(startClient(undefined, { relays: ['ftp://host'] })).rejects.toThrow(coded('bad-option'))
    await expect(startClient(undefined, { storage: 'indexeddb' })).rejects.toThrow(coded('storage-unavailable'))
    const { workspace } = await startClient(undefined)
    expect(() => workspace.open('')).toThrow(coded('invalid-id'))
    workspace.open('note')
    expect(() => workspace.open('note', { doc: new Y.Doc() })).toThrow(coded('bad-option'))
    await workspace.close()
    expect(() => workspace.open('note')).toThrow(coded('closed'))
  })

  test('clear refuses while edits are only here, unless forced', async () => {
    const storage = createOwnStore()
    const { workspace, open } = await startClient(undefined, { storage })
    const note = open()
    note.type('only here')
    await note.saved('device')
    await expect(workspace.clear()).rejects.toThrow(coded('unacknowledged'))
    await workspace.clear({ force: true })
    expect(Object.values(await dump(storage)).flat()).toEqual([])
  })
})

/** A dial whose every socket is closed as one that may not enter. */
const forbidding: WorkspaceOptions['dial'] = (_url, handlers) => {
  queueMicrotask(() => handlers.closed(4403, 'not you'))
  return { send() {}, buffered: () => 0, close() {} }
}

describe('[P2] a relay that is started again', () => {
  test('has everything that was acknowledged, and clients go on', async () => {
    const data = temporaryFolder()
    let relay = await startRelay({ data })
    const alice = await startClient(relay)
    const note = alice.open()
    note.type('before ')
    await note.saved('relay')
    await relay.relay.close()
    note.type('meanwhile ')
    relay = await startRelayAt(relay.url, { data })
    await note.saved('relay')
    expect(await readAtRelay(relay)).toBe('before meanwhile ')
  })
})
