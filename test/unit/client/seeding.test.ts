/** `init`: the same first content from any number of clients, once. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { seedUpdate } from '../../../client/seeding.ts'
import { startRelay } from '../server/support.ts'
import { allRead, type Client, isSynced, readAtRelay, startClient } from './support.ts'

function fill(doc: Y.Doc): void {
  doc.getText('text').insert(0, 'first ')
  doc.getText('text').insert(6, 'content ')
  doc.getText('text').format(0, 5, { bold: true })
  const list = new Y.Array<string>()
  doc.getMap('map').set('list', list)
  list.push(['a', 'c'])
  list.insert(1, ['b', 'x'])
  list.delete(2, 1)
  doc.getXmlFragment('xml').insert(0, [new Y.XmlElement('p')])
}

const stateOf = (doc: Y.Doc) => [
  doc.getText('text').toDelta(),
  doc.getMap('map').toJSON(),
  doc.getXmlFragment('xml').toString(),
]

describe('init', () => {
  test('[P1] 20 clients that are offline make the same content, and it is there once', async () => {
    const relay = await startRelay()
    const clients: Client[] = []
    for (let i = 0; i < 20; i++) clients.push(await startClient(relay, { connect: false }))
    const notes = clients.map((client) => client.open())
    await Promise.all(notes.map((note) => note.init('template-1', fill)))
    for (const [i, note] of notes.entries()) if (i % 5 === 0) note.type(`and ${i} `)
    for (const { workspace } of clients) workspace.connect()
    await isSynced(...clients)
    await allRead(notes)
    expect(notes[0]?.read().match(/first content/g)).toHaveLength(1)
    for (const i of [0, 5, 10, 15]) expect(notes[0]?.read()).toContain(`and ${i} `)
    expect(
      notes.map(({ doc }) => JSON.stringify(stateOf(doc))).filter((state, i, all) => state !== all[i - 1]),
    ).toHaveLength(1)
    expect(await readAtRelay(relay)).toBe(notes[0]?.read())
    expect(clients.flatMap(({ errors, forks }) => [...errors, ...forks])).toEqual([])
  })

  test('[P8] versions that differ have different clients: both are kept, and nobody parts', async () => {
    const relay = await startRelay()
    const clients = [await startClient(relay, { connect: false }), await startClient(relay, { connect: false })]
    const notes = clients.map((client) => client.open())
    await notes[0]?.init('template-1', (doc) => doc.getText('text').insert(0, 'version one '))
    await notes[1]?.init('template-1', (doc) => doc.getText('text').insert(0, 'version two '))
    for (const { workspace } of clients) workspace.connect()
    await isSynced(...clients)
    await allRead(notes)
    expect(notes[0]?.read()).toContain('version one ')
    expect(notes[0]?.read()).toContain('version two ')
  })

  test('does nothing where something is there, also when it was deleted', async () => {
    const client = await startClient(undefined)
    const note = client.open()
    await note.init('template-1', fill)
    note.text.delete(0, note.text.length)
    await note.init('template-1', fill)
    await note.init('template-2', fill)
    expect(note.read()).toBe('')
    await expect(
      client.open('other').init('template-1', () => Promise.reject(new Error('x')).catch(() => {})),
    ).resolves.toBeUndefined()
    await expect(
      client.open('third').init('template-1', () => {
        throw new Error('the template is broken')
      }),
    ).rejects.toThrow('the template is broken')
  })

  test('makes what the function makes, under a client of its own for each document, seed and content', () => {
    const doc = new Y.Doc()
    const plain = new Y.Doc()
    fill(plain)
    Y.applyUpdate(doc, seedUpdate('note', 'template-1', fill))
    expect(stateOf(doc)).toEqual(stateOf(plain))
    expect(doc.store.pendingStructs).toBeNull()
    expect(seedUpdate('note', 'template-1', fill)).toEqual(seedUpdate('note', 'template-1', fill))
    const clientOf = (update: Uint8Array) => [...Y.parseUpdateMeta(update).from.keys()]
    const more = (d: Y.Doc) => d.getText('text').insert(0, 'other')
    const clients = [
      seedUpdate('note', 'template-1', fill),
      seedUpdate('note', 'template-2', fill),
      seedUpdate('other', 'template-1', fill),
      seedUpdate('note', 'template-1', more),
    ].flatMap(clientOf)
    expect(new Set(clients).size).toBe(4)
    // Edits on top of it are as good as any.
    doc.getText('text').insert(3, '!')
    const copy = new Y.Doc()
    Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
    expect(stateOf(copy)).toEqual(stateOf(doc))
  })
})
