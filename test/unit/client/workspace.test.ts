/** The life of an edit from one app to another: real clients, a real relay in this process, real sockets between them. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createMemoryReplicaStore } from '../../../client/replica/memory.ts'
import type { ReplicaStore } from '../../../client/replica/store.ts'
import type { Connection } from '../../../client/status.ts'
import type { WorkspaceOptions } from '../../../client/workspace.ts'
import { RejoinError } from '../../../shared/errors.ts'
import { createOwnStore, dump } from '../../support/stores.ts'
import { startRelay, temporaryFolder, until } from '../server/support.ts'
import { allRead, isSynced, readAtRelay, readInStore, startClient, startRelayAt, toNote } from './support.ts'

const STORAGES: [name: string, make: () => WorkspaceOptions['storage']][] = [
  ['memory', () => 'memory'],
  ['a durable store', () => createMemoryReplicaStore({ durable: true })],
  ["the caller's own store", createOwnStore],
]

const coded = (code: string) => expect.objectContaining({ name: 'RejoinError', code })

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

/** A dial whose every socket is closed as one that may not enter. */
const forbidding: WorkspaceOptions['dial'] = (_url, handlers) => {
  queueMicrotask(() => handlers.closed(4403, 'not you'))
  return { send() {}, buffered: () => 0, close() {} }
}

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

describe('a document that a relay refuses', () => {
  test('[P5] ends, and what is not acknowledged becomes a branch; opened again it has what was accepted', async () => {
    const relay = await startRelay({ limits: { updateBytesMax: 1_000 } })
    for (const storage of [createOwnStore(), 'memory'] as const) {
      const client = await startClient(relay, { storage })
      const bystander = client.open('other')
      const note = client.open(typeof storage)
      note.type('fine')
      await note.saved('relay')
      note.type('y'.repeat(2_000))
      await expect(note.saved('relay')).rejects.toThrow(coded('too-big'))
      await until('it is told', () => client.branches.length === 1)
      expect(note.status.get()).toMatchObject({ connection: 'offline', error: { code: 'too-big' } })
      const [branch] = client.branches
      expect(branch).toMatchObject({ document: note.id, code: 'too-big' })
      expect(await client.workspace.branches()).toEqual([branch])
      expect(client.workspace.status.get().unacknowledged).toBe(0)

      const reopened = client.open(note.id)
      await reopened.whenLoaded
      await until('it has what was accepted', () => reopened.read() === 'fine')
      expect(reopened.doc).not.toBe(note.doc)
      // Whoever wants the branch back applies it.
      const doc = new Y.Doc()
      for (const update of [Y.encodeStateAsUpdate(reopened.doc), branch?.update]) {
        if (update !== undefined) Y.applyUpdate(doc, update)
      }
      expect(doc.getText('text').toString()).toBe(`fine${'y'.repeat(2_000)}`)

      reopened.type('!')
      await reopened.saved('relay')
      expect(await readAtRelay(relay, note.id)).toBe('fine!')
      // Other documents go on.
      bystander.type('z')
      await bystander.saved('relay')
      expect(client.branches).toHaveLength(1)
      expect(client.forks).toEqual([])
    }
  })

  test('[P5] ends its parts with its last handle', async () => {
    const relay = await startRelay({ limits: { updateBytesMax: 1_000 } })
    const client = await startClient(relay)
    const note = client.open()
    let gone = false
    note.awareness.on('destroy', () => {
      gone = true
    })
    note.type('y'.repeat(2_000))
    await expect(note.saved('relay')).rejects.toThrow(coded('too-big'))
    note.close()
    await until('its awareness has ended', () => gone)
  })

  test('[P5] what is typed while it is being refused is in a branch as well', async () => {
    const relay = await startRelay({ limits: { updateBytesMax: 1_000 } })
    const storage = createOwnStore()
    let refusing = (): void => {}
    const write: ReplicaStore['write'] = (tables, body) => {
      if (tables.includes('branches')) refusing()
      return storage.write(tables, body)
    }
    const client = await startClient(relay, { storage: { ...storage, write } })
    const note = client.open()
    await note.whenSynced
    refusing = () => {
      refusing = () => {}
      note.type('typed meanwhile')
    }
    note.type('y'.repeat(2_000))
    await expect(note.saved('relay')).rejects.toThrow(coded('too-big'))
    await until('it is told', () => client.branches.length > 0)
    note.close()
    await isSynced(client)
    const doc = new Y.Doc()
    for (const { update } of await client.workspace.branches()) Y.applyUpdate(doc, update)
    expect(doc.getText('text').toString()).toBe(`${'y'.repeat(2_000)}typed meanwhile`)
    expect((await dump(storage)).edits).toEqual([])
    expect(client.workspace.status.get().unacknowledged).toBe(0)
  })

  test('[P8] an acknowledgement that comes after the refusal makes no fork', async () => {
    const relay = await startRelay({ limits: { updateBytesMax: 1_000 } })
    const client = await startClient(relay)
    const note = client.open()
    note.type('one ')
    await note.saved('relay')
    // Both records reach the relay in one go, so the refusal of one overtakes the receipt of the other.
    client.network.hold()
    client.network.resetCounts()
    note.type('two ')
    await until('it is sealed', () => client.network.sentBytes > 0)
    client.network.resetCounts()
    note.type('y'.repeat(2_000))
    await until('that is sealed too', () => client.network.sentBytes > 2_000)
    client.network.release()
    await until('it is refused', () => client.branches.length === 1)
    await isSynced(client)
    const reopened = client.open()
    await reopened.whenLoaded
    await until('it has what was accepted', () => reopened.read() === 'one two ')
    expect(client.forks).toEqual([])
    expect(await readAtRelay(relay)).toBe('one two ')
  })

  test('[P9] an update larger than a frame is refused too, and holds nothing else up', async () => {
    const relay = await startRelay()
    for (const storage of [createOwnStore(), 'memory'] as const) {
      const client = await startClient(relay, { storage })
      const note = client.open(`large ${typeof storage}`)
      const other = client.open(`small ${typeof storage}`)
      await Promise.all([note.whenSynced, other.whenSynced])
      note.type('y'.repeat(1_500_000))
      other.type('fine')
      await other.saved('relay')
      await expect(note.saved('relay')).rejects.toThrow(coded('too-big'))
      expect(client.branches).toEqual([expect.objectContaining({ document: note.id, code: 'too-big' })])
      expect(client.network.opened).toBe(1)
    }
  })
})

describe('many documents', () => {
  test('[P11] share one socket', async () => {
    const relay = await startRelay()
    const [alice, bob] = [await startClient(relay), await startClient(relay)]
    const ids = Array.from({ length: 60 }, (_, i) => `folder ${i % 4}/note ${i}`)
    const there = ids.map((id) => bob.open(id))
    for (const id of ids) alice.open(id).type(id)
    await isSynced(alice, bob)
    for (const note of there) await allRead([note], note.id)
    expect(alice.network.opened + bob.network.opened).toBe(2)
    expect(alice.workspace.documents.get()).toEqual([...ids].sort())
    expect(bob.workspace.documents.get()).toEqual([...ids].sort())
  })

  test('[P1] that nobody opens are fetched', async () => {
    const relay = await startRelay()
    const alice = await startClient(relay)
    const storage = createOwnStore()
    const bob = await startClient(relay, { storage })
    for (const id of ['one', 'two']) alice.open(id).type(`this is ${id}`)
    await until('bob knows both', () => bob.workspace.documents.get().length === 2)
    await isSynced(alice, bob)
    expect(await readInStore(storage, 'one')).toBe('this is one')
    expect(await readInStore(storage, 'two')).toBe('this is two')
    // Offline they open with all that is known.
    bob.network.cut()
    const note = bob.open('two')
    await note.whenLoaded
    expect(note.read()).toBe('this is two')
    // And who comes later fetches them as well.
    const late = createOwnStore()
    await isSynced(await startClient(relay, { storage: late }))
    expect(await readInStore(late, 'one')).toBe('this is one')
  })

  test('[P1] that were closed while offline are sent', async () => {
    const relay = await startRelay()
    for (const storage of [createOwnStore(), 'memory'] as const) {
      const client = await startClient(relay, { storage })
      const id = `closed ${typeof storage}`
      const note = client.open(id)
      await note.whenSynced
      client.network.cut()
      note.type('typed offline')
      note.close()
      await until('it is stored', () => client.workspace.status.get().unacknowledged === 1)
      client.network.mend()
      await isSynced(client)
      expect(await readAtRelay(relay, id)).toBe('typed offline')
    }
  })

  test('[P2] that were edited in an earlier session are sent without being opened', async () => {
    const relay = await startRelay()
    const storage = createOwnStore()
    const before = await startClient(undefined, { storage })
    for (const id of ['one', 'two']) before.open(id).type(id)
    await before.workspace.close()
    const after = await startClient(relay, { storage })
    expect(after.workspace.status.get().unacknowledged).toBe(2)
    await isSynced(after)
    expect(await readAtRelay(relay, 'one')).toBe('one')
    expect(await readAtRelay(relay, 'two')).toBe('two')
    expect(after.workspace.status.get().unacknowledged).toBe(0)
  })
})

describe('a Y.Doc of the app', () => {
  test('that holds something already becomes part of the document', async () => {
    const relay = await startRelay()
    const alice = await startClient(relay)
    const first = alice.open()
    first.type('here before ')
    await first.saved('relay')
    for (const storage of [createOwnStore(), 'memory'] as const) {
      const doc = new Y.Doc()
      doc.getText('text').insert(0, `brought ${typeof storage} `)
      const bob = await startClient(relay, { storage })
      const note = toNote(bob.workspace.open('note', { doc }))
      await note.whenSynced
      await note.saved('relay')
      await allRead([first, note])
      expect(first.read()).toContain(`brought ${typeof storage} `)
      expect(first.read()).toContain('here before ')
      // The app's Y.Doc stays the app's.
      note.close()
      await bob.workspace.close()
      expect(doc.isDestroyed).toBe(false)
    }
  })

  test('[P11] that holds what the replica holds adds nothing', async () => {
    const relay = await startRelay()
    const storage = createOwnStore()
    const client = await startClient(relay, { storage })
    const note = client.open()
    note.type('hello')
    await note.saved('relay')
    const doc = new Y.Doc()
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(note.doc))
    note.close()
    const records = (await dump(storage)).records.length
    const again = toNote(client.workspace.open('note', { doc }))
    await again.whenLoaded
    expect(again.status.get()).toMatchObject({ unacknowledged: 0, receipt: 'relay' })
    again.type('!')
    await again.saved('relay')
    expect((await dump(storage)).records).toHaveLength(records + 1)
  })

  test('[P3] edits that an observer makes while others’ edits are applied are not lost', async () => {
    const relay = await startRelay()
    const [alice, bob] = [await startClient(relay), await startClient(relay)]
    const [a, b] = [alice.open(), bob.open()]
    await Promise.all([a.whenSynced, b.whenSynced])
    const count = b.doc.getMap<number>('seen')
    b.text.observe((_event, transaction) => {
      if (!transaction.local) count.set('edits', (count.get('edits') ?? 0) + 1)
    })
    a.type('one')
    await allRead([a, b], 'one')
    await until('alice hears of it', () => a.doc.getMap('seen').get('edits') === 1)
    await b.saved('relay')
    const fresh = await startClient(relay)
    const note = fresh.open()
    await note.whenSynced
    expect(note.doc.getMap('seen').get('edits')).toBe(1)
  })

  test('[P9] an observer that throws silences nothing', async () => {
    const relay = await startRelay()
    const [alice, bob] = [await startClient(relay), await startClient(relay)]
    const [a, b] = [alice.open(), bob.open()]
    await Promise.all([a.whenSynced, b.whenSynced])
    b.text.observe(() => {
      throw new Error('a mistake of the app')
    })
    a.type('one ')
    await allRead([b], 'one ')
    // Yjs throws it on to who typed.
    expect(() => b.type('two ')).toThrow('a mistake of the app')
    a.text.insert(0, 'zero ')
    await allRead([a, b], 'zero one two ')
    await b.saved('relay')
    expect(bob.errors.map(String)).toEqual(expect.arrayContaining([expect.stringContaining('a mistake of the app')]))
    expect(await readAtRelay(relay)).toBe('zero one two ')
  })
})

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
