/** What an app types and no relay would take: refused, and nothing else waits for it. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { deletionsOfMany, lettersOfMany } from '../../support/many-deletions.ts'
import { createOwnStore } from '../../support/stores.ts'
import { startRelay, until } from '../server/support.ts'
import { coded, isSynced, readAtRelay, startClient } from './support.ts'

const deep = (levels: number): object =>
  Array.from({ length: levels }).reduce<object>((inside) => ({ inside }), { inside: 1 })

const EDITS: readonly [string, (doc: Y.Doc) => void][] = [
  ['a value nested 70 deep', (doc) => doc.getMap('map').set('deep', deep(70))],
  ['an embed nested 70 deep', (doc) => doc.getText('text').insertEmbed(0, deep(70))],
  ['a key __proto__ in a value', (doc) => doc.getMap('map').set('value', JSON.parse('{"__proto__": 1}'))],
  ['a map key of 70,000 letters', (doc) => doc.getMap('map').set('k'.repeat(70_000), 1)],
]

describe.each(EDITS)('%s', (_, edit) => {
  test.each([
    ['on a device', createOwnStore],
    ['in memory', () => 'memory' as const],
  ])('[P5][P6][P9] becomes a branch, and everything else goes on; %s', async (_where, storage) => {
    const relay = await startRelay()
    const client = await startClient(relay, { storage: storage() })
    const note = client.open()
    await note.whenLoaded
    note.type('before ')
    await note.saved('relay')
    edit(note.doc)
    await expect(note.saved('relay')).rejects.toThrow(coded('invalid-update'))
    await until('it is told', () => client.branches.length > 0)
    expect(note.status.get().error).toMatchObject({ code: 'invalid-update' })
    const again = client.open()
    expect(again.doc).not.toBe(note.doc)
    await again.whenLoaded
    again.type('after')
    const other = client.open('other')
    other.type('fine')
    await Promise.all([again.saved('relay'), other.saved('relay')])
    await isSynced(client)
    expect(await readAtRelay(relay)).toBe('before after')

    expect(await client.workspace.branches()).toEqual(client.branches)
    expect(client.branches).toEqual([expect.objectContaining({ document: 'note', code: 'invalid-update' })])
    const copy = new Y.Doc()
    for (const update of [Y.encodeStateAsUpdate(again.doc), client.branches[0]?.update]) {
      if (update !== undefined) Y.applyUpdate(copy, update)
    }
    expect(copy.toJSON()).not.toEqual(again.doc.toJSON())
    expect(client.errors).toEqual([])
    expect(client.network.opened).toBe(1)
  })
})

test('[P6] a transaction of more deletions than an update may have goes in several', async () => {
  const relay = await startRelay()
  const client = await startClient(relay)
  const note = client.open()
  await note.whenLoaded
  for (const updates of [lettersOfMany(), deletionsOfMany()]) {
    Y.applyUpdate(note.doc, Y.mergeUpdates([...updates]), 'the app')
    await note.saved('relay')
  }
  expect(note.read()).toHaveLength((1_700 * 128) / 2)
  expect((await readAtRelay(relay)).length).toBe((1_700 * 128) / 2)
  expect([client.branches, client.errors, relay.errors]).toEqual([[], [], []])
})

test('[P2] a document that is opened again without a relay keeps what was typed each time', async () => {
  const client = await startClient(undefined)
  for (const word of ['one ', 'two ', 'three ']) {
    const note = client.open()
    await note.whenLoaded
    note.type(word)
    await note.saved('device')
    note.close()
  }
  const note = client.open()
  await note.whenLoaded
  expect(note.read()).toBe('one two three ')
})
