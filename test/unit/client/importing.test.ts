/** Coming from y-indexeddb, and leaving again. */
import 'fake-indexeddb/auto'
import { describe, expect, test } from 'vitest'
import { IndexeddbPersistence } from 'y-indexeddb'
import * as Y from 'yjs'
import { importYIndexeddb } from '../../../client/importing.ts'
import { startRelay, until } from '../server/support.ts'
import { coded, readAtRelay, startClient } from './support.ts'

async function stored(name: string, count: number): Promise<Y.Doc> {
  const doc = new Y.Doc()
  const persistence = new IndexeddbPersistence(name, doc)
  await persistence.whenSynced
  const text = doc.getText('text')
  for (let i = 0; i < count; i++) text.insert(text.length, `${i} `)
  await persistence.set('written', 'yes')
  await persistence.destroy()
  return doc
}

describe('importYIndexeddb', () => {
  test('[P2] brings what is stored, to the relay too, and once however often it is done', async () => {
    const relay = await startRelay()
    const before = await stored('my-doc', 20)
    const client = await startClient(relay)
    expect(await importYIndexeddb(client.workspace, 'my-doc', 'note')).toBe(true)
    const note = client.open()
    await note.whenLoaded
    expect(note.read()).toBe(before.getText('text').toString())
    await note.saved('relay')
    expect(await readAtRelay(relay)).toBe(note.read())
    note.type('edited since')
    await note.saved('relay')
    let updates = 0
    note.doc.on('update', () => updates++)
    expect(await importYIndexeddb(client.workspace, 'my-doc', 'note')).toBe(true)
    expect(updates).toBe(0)
    expect(note.read()).toBe(`${before.getText('text')}edited since`)
    // What was there is still there.
    const again = new Y.Doc()
    await new IndexeddbPersistence('my-doc', again).whenSynced
    expect(again.getText('text').toString()).toBe(before.getText('text').toString())
  })

  test('says where there is nothing, and makes nothing', async () => {
    const client = await startClient(undefined)
    expect(await importYIndexeddb(client.workspace, 'nothing', 'note')).toBe(false)
    expect((await indexedDB.databases()).map(({ name }) => name)).not.toContain('nothing')
    expect(client.workspace.documents.get()).toEqual([])
  })
})

describe('export', () => {
  test('gives all of a document as one Yjs update, open or not', async () => {
    const client = await startClient(undefined)
    const note = client.open()
    for (const word of ['a ', 'b ', 'c ']) note.type(word)
    note.doc.getMap('map').set('key', [1, 2])
    const read = async (): Promise<unknown> => {
      const doc = new Y.Doc()
      Y.applyUpdate(doc, await client.workspace.export('note'))
      return { text: doc.getText('text').toString(), map: doc.getMap('map').toJSON() }
    }
    const all = { text: 'a b c ', map: { key: [1, 2] } }
    expect(await read()).toEqual(all)
    note.close()
    await until('it is closed', async () => JSON.stringify(await read()) === JSON.stringify(all))
    const empty = client.open('empty')
    await empty.whenLoaded
    const doc = new Y.Doc()
    Y.applyUpdate(doc, await client.workspace.export('empty'))
    expect(doc.store.clients.size).toBe(0)
    await expect(client.workspace.export('unknown')).rejects.toThrow(coded('closed'))
  })
})
