/** What the Node runtime sees to beneath the core: dead peers, and readers that fall behind. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { WebSocket as Ws } from 'ws'
import * as Y from 'yjs'
import { RELAY_LIMITS } from '../../../server/relay/limits.ts'
import { createSockets } from '../../../server/runtime/sockets.ts'
import { parseTarget } from '../../../server/target.ts'
import { systemEnvironment } from '../../../shared/environment.ts'
import { FIRST_EPOCH, randomId } from '../../../shared/ids.ts'
import { inflatePiece } from '../../../shared/update/inflate-piece.ts'
import { decodeFrame, encodeFrame, encodeMessage } from '../../../shared/wire/codec.ts'
import type { Message } from '../../../shared/wire/messages.ts'
import { createBench } from './bench.ts'
import { cleanUp, startRelay, until } from './support.ts'

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUp(() => server.close())
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function opened(url: string, options: { autoPong?: boolean } = {}): Promise<Ws> {
  const socket = new Ws(url, options)
  cleanUp(() => socket.terminate())
  await new Promise((resolve) => socket.once('open', resolve))
  return socket
}

const UNBOUNDED = { address: '127.0.0.1', spend: () => 0, leave() {} }

describe('sockets', () => {
  test('[P7] stock clients that leave two pings unanswered are cut, others are not', async () => {
    let now = 0
    const { core } = createBench()
    const sockets = createSockets({ core, limits: RELAY_LIMITS, now: () => now, broken() {} })
    const server = createServer()
    server.on('upgrade', (request, socket, head) => {
      const target = parseTarget(request.url ?? '')
      if (target !== undefined) sockets.accept(request, socket, head, target, UNBOUNDED)
    })
    const url = await listening(server)
    const [alive, dead, talking, own] = await Promise.all([
      opened(`${url}/y/acme/note`),
      opened(`${url}/y/acme/note`, { autoPong: false }),
      opened(`${url}/y/acme/note`, { autoPong: false }),
      opened(`${url}/sync/acme`, { autoPong: false }),
    ])
    let pongs = 0
    alive.on('ping', () => pongs++)
    const queryAwareness = new Uint8Array([3])
    for (let i = 1; i <= 4; i++) {
      // The clock may be put back between two of them.
      now += i === 3 ? -3_600_000 : 20_000
      sockets.tick()
      await until('the ping has arrived', () => pongs === i)
      talking.send(queryAwareness)
      // What is sent on one connection arrives in order: with the answer, the pong before it was read.
      await new Promise((resolve) => {
        alive.once('pong', resolve)
        alive.ping()
      })
    }
    await until('the dead one is cut', () => dead.readyState === Ws.CLOSED)
    expect([alive, talking, own].map(({ readyState }) => readyState)).toEqual([Ws.OPEN, Ws.OPEN, Ws.OPEN])
    expect(sockets.size).toBe(3)
  })

  test('[P7] of those who send large messages in bits the one that holds the most is cut', async () => {
    const limits = { ...RELAY_LIMITS, yUnfinishedBytesMax: 1_000_000 }
    const { core } = createBench()
    const errors: Error[] = []
    const sockets = createSockets({ core, limits, now: () => 0, broken: (error) => errors.push(error) })
    const server = createServer()
    server.on('upgrade', (request, socket, head) => {
      const target = parseTarget(request.url ?? '')
      if (target !== undefined) sockets.accept(request, socket, head, target, UNBOUNDED)
    })
    const url = await listening(server)
    const [small, large, whole] = await Promise.all([1, 2, 3].map(() => opened(`${url}/y/acme/note`)))
    // What is whole is not held: it counts no more.
    for (let i = 0; i < 20; i++) whole?.send(new Uint8Array([3]))
    small?.send(new Uint8Array(300_000), { fin: false })
    large?.send(new Uint8Array(600_000), { fin: false })
    await until('all of it has come', async () => sockets.size === 3)
    large?.send(new Uint8Array(200_000), { fin: false })
    await until('the largest is cut', () => large?.readyState === Ws.CLOSED)
    expect(errors).toMatchObject([{ code: 'overloaded' }])
    expect([small, whole].map((socket) => socket?.readyState)).toEqual([Ws.OPEN, Ws.OPEN])
    small?.send(new Uint8Array(300_000), { fin: false })
    const echo = new Promise((resolve) => whole?.once('message', resolve))
    whole?.send(new Uint8Array([0, 0, 1, 0]))
    await echo
    expect(sockets.size).toBe(2)
  })

  test('[P7] a Rejoin client that pauses is not cut and misses nothing: it is fed again when it reads', async () => {
    const { socketUrl, errors } = await startRelay()
    const reader = await greeted(socketUrl)
    const writer = await greeted(socketUrl)
    reader.socket.pause()
    const doc = new Y.Doc()
    let request = 0
    const where = { document: 'note', epoch: FIRST_EPOCH, gc: true }
    doc.on('update', (bytes: Uint8Array) =>
      writer.send({ type: 'submit', ...where, request: ++request, kind: 'yjs-v1', bytes }),
    )
    for (let i = 0; i < 200; i++) doc.getText('text').insert(0, String(i % 10).repeat(50_000))
    await until('all is stamped', () => writer.received.filter(({ type }) => type === 'stamped').length === 200)
    const before = reader.received.length
    reader.socket.resume()
    const copy = new Y.Doc()
    await until(
      'the reader has all of it',
      () => {
        for (const message of reader.received.splice(before)) {
          if (message.type === 'piece') Y.applyUpdate(copy, inflatePiece(message))
          if (message.type !== 'entries') continue
          for (const run of message.runs) for (const { bytes } of run.updates) Y.applyUpdate(copy, bytes)
        }
        return copy.getText('text').length === 200 * 50_000
      },
      30_000,
    )
    expect(errors).toEqual([])
  })
})

/** A bare Rejoin client of the whole workspace. */
async function greeted(socketUrl: string) {
  const socket = await opened(`${socketUrl}/sync/acme`)
  const received: Message[] = []
  socket.on('message', (data: Buffer) => received.push(...decodeFrame(new Uint8Array(data))))
  const send = (...messages: Message[]) => socket.send(encodeFrame(messages.map(encodeMessage)))
  const replica = randomId(systemEnvironment)
  send({ type: 'hello', oldestVersion: 1, newestVersion: 1, replica, scope: 'all', token: '' })
  await until('the relay welcomes', () => received.some(({ type }) => type === 'welcome'))
  return { socket, received, send }
}
