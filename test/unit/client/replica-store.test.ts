/** The stores of a replica keep the contract, and IndexedDB's failures come as what they are. */
import 'fake-indexeddb/auto'
import { forceCloseDatabase } from 'fake-indexeddb'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { openIndexedDbStore } from '../../../client/replica/indexeddb.ts'
import { createMemoryReplicaStore } from '../../../client/replica/memory.ts'
import { type ReplicaStore, TABLE_NAMES, TABLES_OF_VERSION } from '../../../client/replica/store.ts'
import { openWorkspace } from '../../../client/workspace.ts'
import { type ReplicaStoreUnderTest, testReplicaStore } from '../../contract/replica-store.ts'
import { createOwnStore } from '../../support/stores.ts'
import { cleanUp, startRelay, until } from '../server/support.ts'
import { allRead, isSynced, startClient, toNote } from './support.ts'

let names = 0
const freshName = (): string => `test ${++names}`

async function openIndexedDb(): Promise<ReplicaStoreUnderTest> {
  const name = freshName()
  const store = await openIndexedDbStore(name)
  let last = store
  return {
    store,
    reopen: async () => {
      last.close()
      last = await openIndexedDbStore(name)
      return last
    },
  }
}

testReplicaStore('in memory', async () => ({ store: createMemoryReplicaStore() }))
testReplicaStore('in memory, said to be durable', async () => ({ store: createMemoryReplicaStore({ durable: true }) }))
testReplicaStore('in IndexedDB', openIndexedDb)

/** The databases and transactions that are opened from now on, as the browser has them. */
function watch() {
  const databases: IDBDatabase[] = []
  const transactions: IDBTransaction[] = []
  const begin = IDBDatabase.prototype.transaction
  vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, ...args) {
    const transaction = begin.apply(this, args)
    databases.push(this)
    transactions.push(transaction)
    return transaction
  })
  return {
    last: () => databases.at(-1) ?? expect.fail('no database was used'),
    transaction: () => transactions.at(-1) ?? expect.fail('no transaction has begun'),
  }
}

afterEach(() => {
  vi.restoreAllMocks()
})

const row = { document: 'note', origin: 'a'.repeat(16), seq: 1, from: { tab: 'tab' } }
const put = (store: ReplicaStore, offset: number, then: () => void = () => {}): Promise<void> =>
  store.write(['log'], async (transaction) => {
    transaction.put('log', [offset], row)
    await transaction.get('log', [offset])
    then()
  })
const offsets = (store: ReplicaStore) =>
  store.read(['log'], async (transaction) => (await transaction.range('log', [])).map(({ key }) => key[0]))

/** As the first version of the app opens it; whoever waits for it is not let in. */
const openFirstVersion = (name: string): Promise<IDBDatabase> =>
  settled(
    Object.assign(indexedDB.open(name, 1), {
      onupgradeneeded(event: IDBVersionChangeEvent) {
        const database = (event.target as IDBOpenDBRequest).result
        for (const table of TABLES_OF_VERSION[0] ?? []) database.createObjectStore(table)
      },
    }),
  )

describe('IndexedDB', () => {
  test('[P2] is asked for strict durability', async () => {
    const store = await openIndexedDbStore(freshName())
    const watched = watch()
    await put(store, 1)
    expect(vi.mocked(IDBDatabase.prototype.transaction).mock.lastCall).toEqual([
      ['log'],
      'readwrite',
      { durability: 'strict' },
    ])
    expect(watched.transaction().mode).toBe('readwrite')
    store.close()
  })

  test('[P2] that was closed under the store is opened again by the next transaction', async () => {
    const store = await openIndexedDbStore(freshName())
    const watched = watch()
    await put(store, 1)
    // Silently, as Safari does it, and with its event.
    watched.last().close()
    await put(store, 2)
    forceCloseDatabase(watched.last() as never)
    await put(store, 3)
    watched.last().close()
    expect(await offsets(store)).toEqual([1, 2, 3])
    store.close()
  })

  test('[P2] of version 1 is brought up to date, with all that it held', async () => {
    const name = freshName()
    const old = await openFirstVersion(name)
    await settled(old.transaction('log', 'readwrite').objectStore('log').put(row, [1]))
    old.close()
    const store = await openIndexedDbStore(name)
    expect(await offsets(store)).toEqual([1])
    const read = store.read(TABLE_NAMES, async (transaction) => (await transaction.range('pieces', [])).length)
    expect(await read).toBe(0)
    await put(store, 2)
    store.close()
    const again = await openIndexedDbStore(name)
    expect(await offsets(again)).toEqual([1, 2])
    again.close()
  })

  test('[P5][P6] that a tab with an older version holds for long is said not to open, and opens when it is let go', async () => {
    const name = freshName()
    const old = await openFirstVersion(name)
    const failed = { code: 'storage-failed', message: expect.stringContaining('older tab') }
    await expect(openIndexedDbStore(name)).rejects.toMatchObject(failed)
    const second = openIndexedDbStore(name)
    old.close()
    const store = await second
    await put(store, 1)
    expect(await offsets(store)).toEqual([1])
    // What opened too late holds nothing up.
    await store.destroy()
  })

  test('[P5] lets another tab delete it, and does not make it anew', async () => {
    const name = freshName()
    const store = await openIndexedDbStore(name)
    await put(store, 1)
    await settled(indexedDB.deleteDatabase(name))
    await expect(put(store, 2)).rejects.toMatchObject({ code: 'closed' })
    const next = await openIndexedDbStore(name)
    expect(await offsets(next)).toEqual([])
    next.close()
  })

  test('[P5] lets another tab bring it to a newer version', async () => {
    const name = freshName()
    const store = await openIndexedDbStore(name)
    await put(store, 1)
    const newer = await settled(indexedDB.open(name, 99))
    // This version does not know what the newer one made of it, and says so.
    await expect(put(store, 3)).rejects.toMatchObject({ code: 'outdated' })
    newer.close()
    store.close()
  })

  test('[P5] a transaction that is aborted rejects with storage-failed, and leaves nothing', async () => {
    const store = await openIndexedDbStore(freshName())
    const watched = watch()
    await put(store, 1)
    await expect(put(store, 2, () => watched.transaction().abort())).rejects.toMatchObject({
      name: 'RejoinError',
      code: 'storage-failed',
    })
    expect(await offsets(store)).toEqual([1])
    await put(store, 3)
    expect(await offsets(store)).toEqual([1, 3])
    store.close()
  })

  test('[P5] a full disk rejects with storage-full, whether it shows at once or at the end', async () => {
    const store = await openIndexedDbStore(freshName())
    const watched = watch()
    await put(store, 1)
    const full = { name: 'RejoinError', code: 'storage-full' }
    await expect(put(store, 2, () => fail(watched.transaction()))).rejects.toMatchObject(full)
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementationOnce(() => {
      throw new DOMException('the quota is exceeded', 'QuotaExceededError')
    })
    await expect(put(store, 3)).rejects.toMatchObject(full)
    expect(await offsets(store)).toEqual([1])
    store.close()
  })

  test('[P5] that does not open rejects with storage-failed, and is tried again by the next transaction', async () => {
    vi.spyOn(indexedDB, 'open').mockImplementationOnce(() => {
      throw new DOMException('Internal error opening backing store', 'UnknownError')
    })
    const name = freshName()
    await expect(openIndexedDbStore(name)).rejects.toMatchObject({ code: 'storage-failed' })
    const store = await openIndexedDbStore(name)
    const watched = watch()
    await put(store, 1)
    watched.last().close()
    vi.spyOn(indexedDB, 'open').mockImplementationOnce(() => {
      throw new DOMException('Internal error opening backing store', 'UnknownError')
    })
    await expect(put(store, 2)).rejects.toMatchObject({ code: 'storage-failed' })
    await put(store, 3)
    expect(await offsets(store)).toEqual([1, 3])
    store.close()
  })
})

/** Ends a transaction as a browser does whose disk is full. */
function fail(transaction: IDBTransaction): void {
  ;(transaction as unknown as { _abort(error: string): void })._abort('QuotaExceededError')
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

describe('a workspace in IndexedDB', () => {
  test('[P1][P2] syncs, and keeps what was typed for the next session', async () => {
    const relay = await startRelay()
    const user = freshName()
    const alice = await startClient(relay, { storage: 'indexeddb', user })
    const bob = await startClient(relay)
    const [a, b] = [alice.open(), bob.open()]
    a.type('hello ')
    await allRead([a, b], 'hello ')
    b.type('world')
    await allRead([a, b], 'hello world')
    await isSynced(alice)
    alice.network.cut()
    a.type('!')
    await a.saved('device')
    await alice.workspace.close()
    const again = await startClient(relay, { storage: 'indexeddb', user })
    expect(again.workspace.documents.get()).toEqual(['note'])
    await isSynced(again)
    await allRead([b], 'hello world!')
  })

  test('[P2] two users of a browser have a database each', async () => {
    const [one, two] = [freshName(), freshName()]
    const alice = await startClient(undefined, { storage: 'indexeddb', user: one })
    const note = alice.open('secret')
    note.type('mine')
    await note.saved('device')
    const bob = await startClient(undefined, { storage: 'indexeddb', user: two })
    expect(bob.workspace.documents.get()).toEqual([])
  })

  test('two tabs of one replica see each other’s edits without a relay', async () => {
    const user = freshName()
    const tabs = [
      await startClient(undefined, { storage: 'indexeddb', user }),
      await startClient(undefined, { storage: 'indexeddb', user }),
    ]
    const notes = tabs.map(({ open }) => open())
    await Promise.all(notes.map(({ whenLoaded }) => whenLoaded))
    for (const [i, note] of notes.entries()) note.text.insert(0, `tab ${i} `)
    await until('both have both', () => notes.every((note) => note.read().length === 12))
    await allRead(notes)
  })

  test('[P1][P2] two tabs with a relay: all is acknowledged once, in both', async () => {
    const relay = await startRelay()
    const user = freshName()
    const tabs = [
      await startClient(relay, { storage: 'indexeddb', user }),
      await startClient(relay, { storage: 'indexeddb', user }),
    ]
    const other = await startClient(relay)
    const notes = [...tabs, other].map(({ open }) => open())
    await Promise.all(notes.map(({ whenLoaded }) => whenLoaded))
    for (let i = 0; i < 20; i++) for (const [k, note] of notes.entries()) note.text.insert(0, `${k}`)
    await until('all have all', () => notes.every((note) => note.read().length === 60))
    await allRead(notes)
    await isSynced(...tabs, other)
    expect(tabs.flatMap(({ forks, errors }) => [...forks, ...errors])).toEqual([])
  })

  test('[P5][P6] a disk that is full: editing and syncing go on, status tells it, and it is tried again', async () => {
    const relay = await startRelay()
    const storage = createOwnStore()
    let full = false
    const failing: ReplicaStore = {
      ...storage,
      write: (tables, body) =>
        full && tables.includes('edits') && !tables.includes('peers')
          ? Promise.reject(new DOMException('the quota is exceeded', 'QuotaExceededError'))
          : storage.write(tables, body),
    }
    const client = await startClient(relay, { storage: failing })
    const note = client.open()
    await note.whenSynced
    full = true
    note.type('typed on a full disk')
    await until('it is told', () => note.status.get().storage === 'degraded')
    expect(client.workspace.status.get().storage).toBe('degraded')
    expect(note.status.get()).toMatchObject({ storage: 'degraded', receipt: 'memory', unacknowledged: 1 })
    expect(client.errors.length).toBeGreaterThan(0)
    note.type(', and on')
    full = false
    await note.saved('device')
    await note.saved('relay')
    expect(note.status.get()).toMatchObject({ storage: 'ok', receipt: 'relay' })
    await until('the workspace is fine again', () => client.workspace.status.get().storage === 'ok')
  })

  test('a Y.Doc opened twice is one document, and its handles end alone', async () => {
    const workspace = await openWorkspace({ id: 'acme', user: freshName() })
    cleanUp(() => workspace.close())
    const [one, two] = [toNote(workspace.open('note')), toNote(workspace.open('note'))]
    expect(one.doc).toBe(two.doc)
    one.close()
    one.close()
    two.type('still here')
    await two.saved('device')
    expect(two.doc.isDestroyed).toBe(false)
    two.close()
    await until('it has ended', () => two.doc.isDestroyed)
  })
})
