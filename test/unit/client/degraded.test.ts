/** A device whose storage is full or fails: people go on, others see it, and it is said once. */
import { describe, expect, test } from 'vitest'
import type { ReplicaStore } from '../../../client/replica/store.ts'
import { type ErrorCode, RejoinError } from '../../../shared/errors.ts'
import { createOwnStore } from '../../support/stores.ts'
import { startRelay, until } from '../server/support.ts'
import { allRead, isSynced, noise, readAtRelay, readInStore, startClient } from './support.ts'

/** A store whose writes can be made to fail. */
function breakable() {
  const inner = createOwnStore()
  const broken: { code: ErrorCode | undefined; writes: number } = { code: undefined, writes: 0 }
  const store: ReplicaStore = {
    ...inner,
    write(tables, body) {
      if (broken.code === undefined) return inner.write(tables, body)
      broken.writes++
      return Promise.reject(new RejoinError(broken.code, 'nothing can be written'))
    },
  }
  return { store, inner, broken }
}

describe('a device that cannot store', () => {
  test('[P5][P6] keeps what is typed, says so once for each trouble, and stores it when it can', async () => {
    const { store, inner, broken } = breakable()
    const client = await startClient(undefined, { storage: store })
    const note = client.open()
    await note.whenLoaded
    for (const code of ['storage-full', 'storage-failed'] as const) {
      broken.code = code
      broken.writes = 0
      note.type(code)
      await until('it was tried a few times', () => broken.writes > 3)
      expect(client.workspace.status.get().storage).toBe('degraded')
      expect(client.errors.splice(0)).toEqual([expect.objectContaining({ code })])
      broken.code = undefined
      await note.saved('device')
      expect(client.workspace.status.get().storage).toBe('ok')
      expect(await readInStore(inner)).toBe(note.read())
    }
    expect(client.errors).toEqual([])
  })

  test('[P6] as it is full, still sends what is typed, and shows what others type', async () => {
    const relay = await startRelay()
    const { store, inner, broken } = breakable()
    const [alice, bob] = [await startClient(relay, { storage: store }), await startClient(relay)]
    const [a, b] = [alice.open(), bob.open()]
    a.type('stored ')
    await allRead([a, b], 'stored ')
    await isSynced(alice, bob)
    broken.code = 'storage-full'
    for (const word of ['not ', 'at ', 'all ']) {
      a.type(word)
      await a.saved('relay')
      expect(await readAtRelay(relay)).toBe(a.read())
      b.type('bob ')
      await allRead([a, b])
    }
    expect(a.read()).toBe('stored not bob at bob all bob ')
    expect(a.status.get()).toMatchObject({ unacknowledged: 0, receipt: 'relay', storage: 'degraded' })
    expect(alice.network.opened).toBe(1)
    expect(alice.errors).toEqual([
      expect.objectContaining({ code: 'storage-full' }),
      expect.objectContaining({ code: 'storage-full' }),
    ])
    expect(await readInStore(inner)).toBe('stored ')

    // What a relay has is not to be waited for again, now that it is stored here as well.
    const receipts = new Set<string>()
    const hush = a.status.subscribe(({ receipt, unacknowledged }) => void receipts.add(`${receipt} ${unacknowledged}`))
    broken.code = undefined
    await a.saved('device')
    expect(await readInStore(inner)).toBe(a.read())
    expect([...receipts]).toEqual(['relay 0'])
    hush()
    a.type('end')
    await allRead([a, b])
    await a.saved('relay')
    alice.network.cut()
    alice.network.mend()
    await isSynced(alice, bob)
    await until('all of it is stored', async () => (await readInStore(inner)) === a.read())
    expect(await readAtRelay(relay)).toBe('stored not bob at bob all bob end')
    expect(alice.workspace.status.get().storage).toBe('ok')
    expect([...alice.forks, ...bob.forks, ...bob.errors, ...relay.errors]).toEqual([])
  })

  test('[P6] as it is full, sends what is more than one update may be in parts', async () => {
    const relay = await startRelay()
    const { store, broken } = breakable()
    const client = await startClient(relay, { storage: store })
    const note = client.open()
    await note.whenLoaded
    await isSynced(client)
    broken.code = 'storage-full'
    const text = noise(1_500_000)
    note.type(text)
    await note.saved('relay')
    note.type('!')
    await note.saved('relay')
    expect(await readAtRelay(relay)).toBe(`${text}!`)
    broken.code = undefined
    await note.saved('device')
    await isSynced(client)
    expect(await readAtRelay(relay)).toBe(`${text}!`)
    expect(client.branches).toEqual([])
  })

  test.each(['storage-full', 'storage-failed'] as const)(
    '[P6] with %s: a document that it never had is opened, written, sent and shown, and stored when it can be',
    async (code) => {
      const relay = await startRelay()
      const { store, inner, broken } = breakable()
      const [alice, bob] = [await startClient(relay, { storage: store }), await startClient(relay)]
      await isSynced(alice)
      broken.code = code
      const note = alice.open('new')
      await note.whenLoaded
      note.type('typed ')
      await note.saved('relay')
      expect(await readAtRelay(relay, 'new')).toBe('typed ')
      expect(note.status.get()).toMatchObject({ storage: 'degraded', receipt: 'relay' })
      const theirs = bob.open('new')
      await allRead([note, theirs], 'typed ')
      theirs.type('by two')
      await allRead([note, theirs], 'typed by two')
      broken.code = undefined
      await note.saved('device')
      await isSynced(alice)
      await until('all of it is stored', async () => (await readInStore(inner, 'new')) === 'typed by two')
      expect(alice.workspace.documents.get()).toEqual(['new'])
    },
  )

  test('[P6] as it is full, also sends what it had stored and not sealed', async () => {
    const relay = await startRelay()
    const { store, broken } = breakable()
    const offline = await startClient(relay, { storage: store, connect: false })
    const note = offline.open()
    note.type('typed offline ')
    await note.saved('device')
    broken.code = 'storage-full'
    note.type('and on')
    offline.workspace.connect()
    await until('the relay has it', async () => (await readAtRelay(relay)) === 'typed offline and on')
    broken.code = undefined
    await note.saved('relay')
    await isSynced(offline)
    expect(await readAtRelay(relay)).toBe('typed offline and on')
  })
})
