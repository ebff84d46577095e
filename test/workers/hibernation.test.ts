import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startWorkerd, type WorkerdRelay } from '../support/workerd.ts'
import { isSynced, startClient } from '../unit/client/support.ts'
import { stockClient, until } from '../unit/server/support.ts'

let relay: WorkerdRelay

beforeAll(async () => {
  relay = await startWorkerd()
})

afterAll(() => relay.close())

/** Each is four messages at the relay: the record, its receipt, and what two others are sent. */
const EDITS = 250
const DEPLOYS = 10

describe('an object that sleeps', () => {
  test(`[P2][P3] between every two of ${EDITS} edits forgets nothing, and keeps its sockets`, async () => {
    const ada = await startClient(relay, { id: 'sleepy' })
    const bob = await startClient(relay, { id: 'sleepy' })
    const notes = [ada.open(), bob.open()] as const
    const stock = stockClient(`${relay.socketUrl}/y/sleepy`, 'note')
    await isSynced(ada, bob)
    const sockets = ada.network.opened + bob.network.opened
    let closes = 0
    stock.provider.on('connection-close', () => closes++)
    for (let i = 0; i < EDITS; i++) {
      const author = notes[i % 2] ?? notes[0]
      author.type(String.fromCharCode(97 + (i % 26)))
      await author.saved('relay')
      await relay.evict('sleepy')
    }
    const texts = () => [notes[0].read(), notes[1].read(), stock.text.toString()]
    await until('all read all of it', () => texts().every((text) => text.length === EDITS && text === texts()[0]))
    expect([ada.network.opened + bob.network.opened, closes]).toEqual([sockets, 0])
    expect(relay.errors()).toEqual([])
  })

  test('[P2][P3] that closes its sockets, as a deploy does, loses nothing, and everybody comes back', async () => {
    const ada = await startClient(relay, { id: 'deployed' })
    const bob = await startClient(relay, { id: 'deployed' })
    const notes = [ada.open(), bob.open()] as const
    const stock = stockClient(`${relay.socketUrl}/y/deployed`, 'note')
    await isSynced(ada, bob)
    for (let i = 0; i < DEPLOYS; i++) {
      // Then it runs.
      notes[0].type('a')
      await notes[0].saved('relay')
      for (let letter = 0; letter < 5; letter++) notes[i % 2 === 0 ? 0 : 1].type('b')
      stock.type('c')
      await relay.evict('deployed', 'close')
    }
    const texts = () => [notes[0].read(), notes[1].read(), stock.text.toString()]
    const all = 7 * DEPLOYS
    await until('all read all of it', () => texts().every((text) => text.length === all && text === texts()[0]), 30_000)
    expect(relay.errors()).toEqual([])
  })

  test('is not woken by a ping, and is by a message', async () => {
    const ada = await startClient(relay, { id: 'pinged' })
    const note = ada.open()
    await isSynced(ada)
    const { promise: opened, resolve: open } = Promise.withResolvers<void>()
    const socket = new WebSocket(`${relay.socketUrl}/sync/pinged`)
    const heard: unknown[] = []
    socket.addEventListener('open', () => open())
    socket.addEventListener('message', ({ data }) => heard.push(data))
    await opened
    await relay.evict('pinged')
    socket.send('ping')
    await until('the ping is answered', () => heard.includes('pong'))
    await expect(relay.evict('pinged')).rejects.toThrow('not currently running')
    note.type('a')
    await note.saved('relay')
    await relay.evict('pinged')
    socket.close()
  })

  test('[P3] goes on with other code, as a deploy brings it, in the middle of a session', async () => {
    const ada = await startClient(relay, { id: 'updated' })
    const bob = await startClient(relay, { id: 'updated' })
    const notes = [ada.open(), bob.open()] as const
    await isSynced(ada, bob)
    for (const name of ['one', 'two', 'three']) {
      notes[0].type(`${name} `)
      await relay.deploy({ VERSION: name })
      notes[1].type('! ')
    }
    await notes[0].saved('relay')
    await notes[1].saved('relay')
    const length = 'one two three '.length + 3 * 2
    await until('both read all of it', () => notes.every((note) => note.read().length === length))
    expect(notes[0].read()).toBe(notes[1].read())
  })

  test('shows who is there to those who come after', async () => {
    const ada = await startClient(relay, { id: 'people' })
    const note = ada.open()
    await isSynced(ada)
    note.awareness.setLocalState({ name: 'ada' })
    const stock = stockClient(`${relay.socketUrl}/y/people`, 'note')
    stock.provider.awareness.setLocalState({ name: 'stock' })
    const names = (states: Map<number, { [name: string]: unknown }>) =>
      [...states.values()].map(({ name }) => name).sort()
    await until('they see each other', () => names(note.awareness.getStates()).length === 2)
    await relay.evict('people')
    const bob = await startClient(relay, { id: 'people' })
    const later = bob.open()
    await until('who comes later sees both', () => names(later.awareness.getStates()).includes('ada'))
    expect(names(later.awareness.getStates())).toContain('stock')
    await relay.evict('people')
    await ada.workspace.close()
    await until('who has gone is gone', () => !names(later.awareness.getStates()).includes('ada'))
  })
})
