/** Sockets that break the rules, below and above the WebSocket protocol: only they are harmed. */
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { RELAY_LIMITS } from '../../../server/relay/limits.ts'
import { encodeUpdate } from '../../../server/relay/y-protocol.ts'
import { encodeFrame } from '../../../shared/wire/codec.ts'
import { cleanUp, converged, type RunningRelay, startRelay, stockClient, until } from './support.ts'

const PATHS = ['/sync/acme', '/y/acme/note'] as const

/** A WebSocket made by hand, that can send what no WebSocket would. It closes when it is told to. */
async function rawSocket(url: string, path: string): Promise<{ socket: Socket; closed: () => boolean }> {
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  cleanUp(() => socket.destroy())
  let received = Buffer.alloc(0)
  let closed = false
  socket.on('data', (data) => {
    received = Buffer.concat([received, data])
    if (isToldToClose(received)) socket.end()
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    closed = true
  })
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
  )
  await until('the upgrade is done', () => received.includes('101 Switching'))
  return { socket, closed: () => closed }
}

/** Whether one of the frames behind the handshake, all below 64 KiB, is a close. */
function isToldToClose(received: Buffer): boolean {
  let at = received.indexOf('\r\n\r\n') + 4
  while (at > 3 && at + 3 < received.length) {
    if (received[at] === 0x88) return true
    const length = received[at + 1] ?? 0
    at += length < 126 ? 2 + length : 4 + received.readUInt16BE(at + 2)
  }
  return false
}

/** One masked binary frame, its header saying what it likes. */
function frame(payload: Uint8Array, { first = 0x82, length = payload.length } = {}): Uint8Array {
  const head = Buffer.alloc(14)
  head[0] = first
  head[1] = 0xff
  head.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([head, payload])
}

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length))

const ATTACKS: [what: string, bytes: () => Uint8Array][] = [
  ['7 bytes with the reserved bits set', () => new Uint8Array([0xf2, 0x81, 1, 2, 3, 4, 5])],
  ['7 bytes with a reserved opcode', () => new Uint8Array([0x83, 0x81, 1, 2, 3, 4, 5])],
  ['a frame without a mask', () => new Uint8Array([0x82, 1, 0])],
  ['a ping larger than a ping may be', () => frame(random(200), { first: 0x89 })],
  ['a close with a code that is none', () => new Uint8Array([0x88, 0x82, 0, 0, 0, 0, 0, 5])],
  ['a frame longer than the relay takes', () => frame(new Uint8Array(), { length: RELAY_LIMITS.yMessageBytesMax * 2 })],
  ['a frame of 2^62 bytes', () => frame(new Uint8Array(), { length: 2 ** 62 })],
  ['text that is no UTF-8', () => frame(new Uint8Array([0xff, 0xfe]), { first: 0x81 })],
  ['random bytes as a message', () => frame(random(1000))],
  ['nothing as a message', () => frame(new Uint8Array())],
  ['a Rejoin frame with a wrong message in it', () => frame(encodeFrame([new Uint8Array([200, 1, 2, 3])]))],
  ['an update that claims more than it holds', () => frame(encodeUpdate(new Uint8Array([1, 255, 255, 255, 15, 1, 0])))],
  ['continuation of nothing', () => frame(random(10), { first: 0x80 })],
  [
    '20,000 fragments of one message',
    () =>
      Buffer.concat([
        frame(random(1), { first: 0x02 }),
        ...Array.from({ length: 20_000 }, () => frame(random(1), { first: 0 })),
      ]),
  ],
]

/** Two clients that go on editing while others misbehave. */
async function bystanders({ socketUrl }: RunningRelay) {
  const [alice, bob] = [stockClient(`${socketUrl}/y/acme`, 'note'), stockClient(`${socketUrl}/y/acme`, 'note')]
  let drops = 0
  for (const { provider } of [alice, bob]) provider.on('connection-close', () => drops++)
  let text = ''
  return {
    async expectUndisturbed(): Promise<void> {
      text += 'x'
      alice.type('x')
      await converged([alice, bob], text)
      expect(drops).toBe(0)
    },
  }
}

describe('hostile sockets', () => {
  test('[P9] end alone, whatever they send', async () => {
    const relay = await startRelay()
    const others = await bystanders(relay)
    await others.expectUndisturbed()
    for (const path of PATHS) {
      for (const [what, bytes] of ATTACKS) {
        const { socket, closed } = await rawSocket(relay.url, path)
        socket.write(bytes())
        await until(`the relay closes ${path} on ${what}`, closed)
        await others.expectUndisturbed()
      }
    }
    expect(relay.errors).toEqual([])
  })

  test('[P9] that break off in the middle of a frame or of the handshake are forgotten', async () => {
    const relay = await startRelay()
    const others = await bystanders(relay)
    const whole = frame(encodeUpdate(Y.encodeStateAsUpdate(new Y.Doc())))
    for (const path of PATHS) {
      for (let length = 1; length < whole.length; length += 3) {
        const { socket } = await rawSocket(relay.url, path)
        socket.write(whole.subarray(0, length))
        if (length % 2 === 0) socket.resetAndDestroy()
        else socket.end()
      }
    }
    const { port } = new URL(relay.url)
    for (let i = 0; i < 20; i++) {
      const socket = connect(Number(port), '127.0.0.1')
      socket.on('error', () => {})
      socket.write(
        `GET /y/acme/note HTTP/1.1\r\nHost: evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      )
      setTimeout(() => socket.resetAndDestroy(), i % 4)
    }
    await others.expectUndisturbed()
    expect(relay.errors).toEqual([])
  })

  test('[P7] cannot make memory grow: 200 MB of garbage in 200 messages', async () => {
    const relay = await startRelay()
    const others = await bystanders(relay)
    await others.expectUndisturbed()
    const garbage = frame(random(1_000_000))
    const send = async () => {
      const sockets = await Promise.all(Array.from({ length: 10 }, (_, i) => rawSocket(relay.url, PATHS[i % 2] ?? '/')))
      for (const { socket } of sockets) socket.write(garbage)
      await until('they are closed', () => sockets.every(({ closed }) => closed()))
    }
    await send()
    const before = process.memoryUsage().rss
    for (let round = 0; round < 20; round++) await send()
    await others.expectUndisturbed()
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024)
  })
})
