/** Documents of one workspace: many of them, unopened ones, and Y.Docs that an app brings. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createOwnStore, dump } from '../../support/stores.ts'
import { startRelay, until } from '../server/support.ts'
import { allRead, isSynced, noise, readAtRelay, readInStore, startClient, toNote } from './support.ts'

test('[P2] an edit of a document that was closed and opened again takes the place of none before it', async () => {
  const store = createOwnStore()
  const { workspace } = await startClient(undefined, { storage: store })
  for (const word of ['one ', 'two ', 'three ']) {
    const note = toNote(workspace.open('note'))
    await note.whenLoaded
    note.type(word)
    await note.saved('device')
    note.close()
  }
  expect(await readInStore(store)).toBe('one two three ')
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

  test.each(['memory', 'durable'] as const)(
    '[P11] in scope opened, are not followed once closed: %s',
    async (storage) => {
      const relay = await startRelay()
      const [alice, bob] = [
        await startClient(relay),
        await startClient(relay, { storage: storage === 'memory' ? storage : createOwnStore(), sync: 'opened' }),
      ]
      const [there, note] = [alice.open(), bob.open()]
      there.type('one ')
      await allRead([note], 'one ')
      await isSynced(bob)
      note.close()
      const follows = async (): Promise<number> => {
        bob.network.resetCounts()
        there.type('more ')
        await there.saved('relay')
        // Whatever was sent with it would have come by now.
        const other = bob.open('other')
        other.type('x')
        await other.saved('relay')
        const { receivedBytes } = bob.network
        other.close()
        return receivedBytes
      }
      const quiet = await follows()
      there.type(noise(500))
      expect(await follows()).toBeLessThan(quiet + 100)
      // Nor after a reconnect; opened again, it has everything.
      bob.network.cut()
      bob.network.mend()
      await isSynced(bob)
      there.type(noise(500))
      expect(await follows()).toBeLessThan(quiet + 200)
      const again = bob.open()
      await again.whenSynced
      await allRead([again, there])
    },
  )

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
