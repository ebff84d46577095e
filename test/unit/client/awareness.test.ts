/** Who is in a document, as its people see one another. */
import { describe, expect, test } from 'vitest'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { startRelay, until } from '../server/support.ts'
import { type Note, startClient, toNote } from './support.ts'

const names = (note: { awareness: Awareness }): unknown[] =>
  [...note.awareness.getStates().values()].map(({ name }) => name).sort()

async function allSee(notes: readonly Note[], expected: readonly string[]): Promise<void> {
  for (const note of notes) {
    await until(`somebody sees ${expected}`, () => names(note).join() === [...expected].sort().join()).catch(
      (error) => {
        throw new Error(`${error.message}, but ${names(note)}`)
      },
    )
  }
}

describe('awareness', () => {
  test('is seen by the others, also by who comes late, and follows its changes', async () => {
    const relay = await startRelay()
    const [alice, bob] = [await startClient(relay), await startClient(relay, { storage: 'memory' })]
    const [a, b] = [alice.open(), bob.open()]
    a.awareness.setLocalStateField('name', 'alice')
    b.awareness.setLocalStateField('name', 'bob')
    await allSee([a, b], ['alice', 'bob'])
    const carol = await startClient(relay)
    const c = carol.open()
    c.awareness.setLocalStateField('name', 'carol')
    await allSee([a, b, c], ['alice', 'bob', 'carol'])
    a.awareness.setLocalStateField('name', 'alice!')
    await allSee([a, b, c], ['alice!', 'bob', 'carol'])
    expect([...alice.errors, ...bob.errors, ...carol.errors, ...relay.errors]).toEqual([])
  })

  test('is gone when its handle, its workspace or its network is', async () => {
    const relay = await startRelay()
    const clients = [
      await startClient(relay),
      await startClient(relay),
      await startClient(relay),
      await startClient(relay),
    ]
    const notes = clients.map(({ open }, i) => {
      const note = open()
      note.awareness.setLocalStateField('name', `${i}`)
      return note
    })
    await allSee(notes, ['0', '1', '2', '3'])
    notes[0]?.close()
    await allSee(notes.slice(1), ['1', '2', '3'])
    await clients[1]?.workspace.close()
    await allSee(notes.slice(2), ['2', '3'])
    clients[2]?.network.cut()
    await allSee(notes.slice(3), ['3'])
    // Who is cut off sees only itself.
    await allSee(notes.slice(2, 3), ['2'])
    clients[2]?.network.mend()
    await allSee(notes.slice(2), ['2', '3'])
  })

  test('is seen again after every reconnect', async () => {
    const relay = await startRelay()
    const [alice, bob] = [await startClient(relay), await startClient(relay)]
    const [a, b] = [alice.open(), bob.open()]
    a.awareness.setLocalStateField('name', 'alice')
    b.awareness.setLocalStateField('name', 'bob')
    for (let times = 0; times < 3; times++) {
      await allSee([a, b], ['alice', 'bob'])
      alice.network.cut()
      await allSee([b], ['bob'])
      alice.network.mend()
    }
    await allSee([a, b], ['alice', 'bob'])
  })

  test('of one document stays in it', async () => {
    const relay = await startRelay()
    const [alice, bob] = [await startClient(relay), await startClient(relay)]
    const [one, two] = [alice.open('one'), alice.open('two')]
    const [there, other] = [bob.open('one'), bob.open('two')]
    for (const [name, note] of Object.entries({ one, two, there, other }))
      note.awareness.setLocalStateField('name', name)
    await allSee([one, there], ['one', 'there'])
    await allSee([two, other], ['other', 'two'])
    // One left, the socket stays.
    two.close()
    await allSee([other], ['other'])
    await allSee([one, there], ['one', 'there'])
  })

  test('the app’s own goes with the handle too, although the app keeps it', async () => {
    const relay = await startRelay()
    const [alice, bob] = [await startClient(relay), await startClient(relay)]
    const doc = new Y.Doc()
    const awareness = new Awareness(doc)
    awareness.setLocalStateField('name', 'alice')
    const note = toNote(alice.workspace.open('note', { doc, awareness }))
    const there = bob.open()
    there.awareness.setLocalStateField('name', 'bob')
    await allSee([note, there], ['alice', 'bob'])
    note.close()
    await allSee([there], ['bob'])
    expect(awareness.getLocalState()).toEqual({ name: 'alice' })
    const again = toNote(alice.workspace.open('note', { doc, awareness }))
    await allSee([again, there], ['alice', 'bob'])
    awareness.destroy()
  })

  test('the app’s own, made of another Y.Doc, keeps its own state without a connection', async () => {
    const relay = await startRelay()
    const [alice, bob] = [await startClient(relay), await startClient(relay)]
    const doc = new Y.Doc()
    const awareness = new Awareness(new Y.Doc())
    awareness.setLocalStateField('name', 'alice')
    const note = toNote(alice.workspace.open('note', { doc, awareness }))
    const there = bob.open()
    there.awareness.setLocalStateField('name', 'bob')
    await allSee([note, there], ['alice', 'bob'])
    alice.network.cut()
    await allSee([note], ['alice'])
    await allSee([there], ['bob'])
    alice.network.mend()
    await allSee([note, there], ['alice', 'bob'])
    awareness.destroy()
  })
})
