/** Unmodified `WebsocketProvider`s on a relay: real sockets, real SQLite. */

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { workspaceFileName } from '../../../server/runtime/data-folder.ts'
import { cleanUp, converged, pause, startRelay, stockClient, synced, temporaryFolder, until } from './support.ts'

describe('stock y-websocket clients', () => {
  test('[P1] two edit one document and end equal; one that comes later has all of it', async () => {
    const { socketUrl } = await startRelay()
    const alice = stockClient(`${socketUrl}/y/acme`, 'note')
    const bob = stockClient(`${socketUrl}/y/acme`, 'note')
    await synced(alice)
    alice.type('hello ')
    bob.type('world ')
    for (let i = 0; i < 50; i++) {
      alice.text.insert(0, 'a')
      bob.text.insert(bob.text.length, 'b')
      if (i % 7 === 0) bob.text.delete(0, 1)
      if (i % 10 === 0) await pause(1)
    }
    await until('both hold both', () => alice.text.length === 104 && bob.text.length === 104)
    await converged([alice, bob])
    const carol = stockClient(`${socketUrl}/y/acme`, 'note')
    await converged([alice, bob, carol], alice.text.toString())
  })

  test('[P1] edits made offline on both sides meet, also when the typing goes on before the handshake is done', async () => {
    const { socketUrl } = await startRelay()
    const alice = stockClient(`${socketUrl}/y/acme`, 'note')
    const bob = stockClient(`${socketUrl}/y/acme`, 'note')
    alice.type('base.')
    await converged([alice, bob], 'base.')
    for (const client of [alice, bob]) client.provider.disconnect()
    for (let i = 0; i < 1000; i++) {
      alice.type('a')
      bob.type('b')
    }
    // What is typed the moment the socket opens builds on a thousand edits that the relay does not have yet.
    for (const [client, letter] of [
      [alice, 'A'],
      [bob, 'B'],
    ] as const) {
      client.provider.on('status', ({ status }) => {
        if (status === 'connected') client.type(letter)
      })
      client.provider.connect()
    }
    await until('all is there', () => alice.text.length === 2007 && bob.text.length === 2007)
    await converged([alice, bob])
  })

  test('[P1] a difference that is only deletions is mended', async () => {
    const { socketUrl } = await startRelay()
    const alice = stockClient(`${socketUrl}/y/acme`, 'note')
    const bob = stockClient(`${socketUrl}/y/acme`, 'note')
    alice.type('one two three')
    await converged([alice, bob], 'one two three')
    alice.provider.disconnect()
    alice.text.delete(3, 4)
    alice.provider.connect()
    await converged([alice, bob], 'one three')
  })

  test('awareness appears, changes, goes with the connection and comes back with it', async () => {
    const { socketUrl } = await startRelay()
    const alice = stockClient(`${socketUrl}/y/acme`, 'note')
    const bob = stockClient(`${socketUrl}/y/acme`, 'note')
    const seenByBob = () => bob.provider.awareness.getStates().get(alice.doc.clientID)?.name
    const seenByAlice = () => alice.provider.awareness.getStates().get(bob.doc.clientID)?.name
    alice.provider.awareness.setLocalStateField('name', 'Alice')
    bob.provider.awareness.setLocalStateField('name', 'Bob')
    await until('they see each other', () => seenByBob() === 'Alice' && seenByAlice() === 'Bob')
    alice.provider.awareness.setLocalStateField('name', 'Alicia')
    await until('Bob sees the change', () => seenByBob() === 'Alicia')
    alice.provider.disconnect()
    await until('Alice is gone', () => seenByBob() === undefined)
    alice.provider.connect()
    await until('Alice is back', () => seenByBob() === 'Alicia')
    // Cut without a word, as by a network: the relay notices, and she comes back by herself.
    alice.provider.ws?.close()
    await until('Alice reconnected', () => alice.provider.wsconnected && seenByBob() === 'Alicia')
  })

  test('[P9] many rooms at once stay apart', async () => {
    const { socketUrl } = await startRelay()
    const pairs = Array.from({ length: 40 }, (_, i) => {
      const room = `room-${i}`
      return {
        room,
        clients: [stockClient(`${socketUrl}/y/acme`, room), stockClient(`${socketUrl}/y/acme`, room)] as const,
      }
    })
    for (const { room, clients } of pairs) clients[0].type(`<${room}`)
    for (const { room, clients } of pairs) await converged(clients, `<${room}`)
    for (const { clients } of pairs) clients[1].type('>')
    for (const { room, clients } of pairs) await converged(clients, `<${room}>`)
  })

  test('[P9] workspaces stay apart', async () => {
    const { socketUrl } = await startRelay()
    const here = stockClient(`${socketUrl}/y/acme`, 'note')
    const there = stockClient(`${socketUrl}/y/ACME`, 'note')
    here.type('here')
    there.type('there')
    for (const client of [here, there]) await synced(client)
    const late = stockClient(`${socketUrl}/y/acme`, 'note')
    await converged([here, late], 'here')
    expect(there.text.toString()).toBe('there')
  })

  test.each([
    'notes/today',
    'a b',
    'a//b',
    'ünïcödé 🎉 文',
    '100%',
    '50% of a/b c',
    '.hidden',
    "it's (1)*!",
    'x'.repeat(512),
  ])('the document id %j is itself at the relay', async (room) => {
    const data = temporaryFolder()
    const { relay, socketUrl } = await startRelay({ data })
    const client = stockClient(`${socketUrl}/y/acme`, room)
    client.type('here')
    await converged([client, stockClient(`${socketUrl}/y/acme`, room)], 'here')
    await relay.close()
    expect(documentsOf(data, 'acme')).toEqual([room])
  })

  test('the query is no part of the document id', async () => {
    const data = temporaryFolder()
    const { relay, socketUrl } = await startRelay({ data })
    const client = stockClient(`${socketUrl}/y/acme`, 'note')
    client.provider.params = { token: 'a/b' }
    client.provider.disconnect()
    client.provider.connect()
    client.type('here')
    await converged([client, stockClient(`${socketUrl}/y/acme`, 'note')], 'here')
    await relay.close()
    expect(documentsOf(data, 'acme')).toEqual(['note'])
  })

  test.each(['', '/', '/no\u0001te', `/${'x'.repeat(513)}`])(
    '[P5] a bad id %j ends for good, as a stock client understands it',
    async (rest) => {
      const { socketUrl } = await startRelay()
      const socket = new WebSocket(`${socketUrl}/y/acme${rest}`)
      cleanUp(() => socket.close())
      const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener('close', resolve))
      expect((await closed).code).toBe(4404)
    },
  )

  test('[P11] 100 reconnects leave the log unchanged, and the others hear nothing', async () => {
    const data = temporaryFolder()
    const { relay, socketUrl } = await startRelay({ data })
    const alice = stockClient(`${socketUrl}/y/acme`, 'note')
    const bob = stockClient(`${socketUrl}/y/acme`, 'note')
    for (let i = 0; i < 100; i++) alice.text.insert(i >> 1, 'x')
    alice.text.delete(10, 30)
    await converged([alice, bob], 'x'.repeat(70))
    const before = recordsOf(data, 'acme')
    expect(before).toBeGreaterThan(0)
    let heard = 0
    bob.provider.ws?.addEventListener('message', ({ data }) => {
      const [about, step] = new Uint8Array(data)
      // An answer to Bob's own step 1 may come late; an update is what somebody else wrote.
      if (about === 0 && step === 2) heard++
    })
    for (let i = 0; i < 100; i++) {
      alice.provider.disconnect()
      alice.provider.connect()
      await synced(alice)
    }
    // The last answer is on its way when the client says it is synced: an edit behind it shows that it has arrived.
    alice.type('!')
    await converged([alice, bob], `${'x'.repeat(70)}!`)
    expect(heard).toBe(1)
    await relay.close()
    expect(recordsOf(data, 'acme')).toBe(before + 1)
  })

  test('a room that somebody only looked into leaves nothing behind', async () => {
    const data = temporaryFolder()
    const { relay, socketUrl } = await startRelay({ data })
    await synced(stockClient(`${socketUrl}/y/acme`, 'note'))
    await relay.close()
    expect(documentsOf(data, 'acme')).toEqual([])
  })

  test('[P2] a restart keeps everything, and clients find back by themselves', async () => {
    const data = temporaryFolder()
    const first = await startRelay({ data })
    const alice = stockClient(`${first.socketUrl}/y/acme`, 'note')
    alice.type('before ')
    await converged([alice, stockClient(`${first.socketUrl}/y/acme`, 'note')], 'before ')
    await first.relay.close()
    await until('Alice noticed', () => !alice.provider.wsconnected)
    alice.type('while it was away ')
    const second = await startRelay({ data })
    alice.provider.serverUrl = `${second.socketUrl}/y/acme`
    await synced(alice)
    alice.type('after')
    const bob = stockClient(`${second.socketUrl}/y/acme`, 'note')
    await converged([alice, bob], 'before while it was away after')
  })

  test('[P11] a document larger than a send buffer comes whole', async () => {
    const { socketUrl } = await startRelay()
    const alice = stockClient(`${socketUrl}/y/acme`, 'large')
    await synced(alice)
    for (let i = 0; i < 8; i++) alice.doc.getMap('parts').set(`${i}`, `${i}`.repeat(500_000))
    const bob = stockClient(`${socketUrl}/y/acme`, 'large')
    await until('Bob has all of it', () => bob.doc.getMap('parts').size === 8)
    expect(bob.doc.getMap('parts').toJSON()).toEqual(alice.doc.getMap('parts').toJSON())
  })

  test('[P1] a document made offline that is larger than a record comes whole', async () => {
    const { socketUrl, errors } = await startRelay()
    const doc = new Y.Doc()
    for (let i = 0; i < 40; i++) doc.getText('text').insert(0, `${i % 10}`.repeat(100_000))
    const alice = stockClient(`${socketUrl}/y/acme`, 'large', doc)
    const codes: number[] = []
    alice.provider.on('connection-close', (event) => codes.push(event?.code ?? 0))
    const bob = stockClient(`${socketUrl}/y/acme`, 'large')
    await converged([alice, bob], doc.getText('text').toString())
    alice.type('!')
    await until('an edit follows it', () => bob.text.length === alice.text.length)
    expect(codes).toEqual([])
    expect(errors).toEqual([])
  })

  test('[P5] a document larger than a message may be is told by a close code that is final', async () => {
    const { socketUrl } = await startRelay({ limits: { yMessageBytesMax: 20_000 } })
    const alice = stockClient(`${socketUrl}/y/acme`, 'note')
    const closed: number[] = []
    alice.provider.on('closed', ({ code }) => closed.push(code))
    await synced(alice)
    alice.type('x'.repeat(30_000))
    await until('it is told for good', () => closed.includes(4413))
    await pause(300)
    expect(closed).toEqual([4413])
    expect(alice.provider.wsconnected).toBe(false)
  })
})

function documentsOf(data: string, workspace: string): unknown[] {
  return query(data, workspace, 'SELECT id FROM documents').map(({ id }) => id)
}

function recordsOf(data: string, workspace: string): number {
  return Number(query(data, workspace, 'SELECT COUNT(*) AS count FROM log')[0]?.count)
}

function query(data: string, workspace: string, sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(join(data, 'workspaces', workspaceFileName(workspace)), { readOnly: true })
  try {
    return database.prepare(sql).all()
  } finally {
    database.close()
  }
}
