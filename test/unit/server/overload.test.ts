/** More than a relay can do: what is over the bounds waits or is turned away, and whoever is there is served. */
import type { IncomingMessage } from 'node:http'
import { describe, expect, test } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { mintToken } from '../../../server/auth/tokens.ts'
import { RELAY_LIMITS } from '../../../server/relay/limits.ts'
import { createAddresses } from '../../../server/runtime/addresses.ts'
import { createBucket } from '../../../server/runtime/bucket.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { SEND_BUFFER_BYTES_MAX } from '../../../shared/limits.ts'
import { decodeFrame, encodeFrame, encodeMessage } from '../../../shared/wire/codec.ts'
import { startClient } from '../client/support.ts'
import { createBench } from './bench.ts'
import { rejoinClient } from './rejoin-client.ts'
import { cleanUp, startRelay, until } from './support.ts'

const SECRET = 'a secret of thirty-two bytes, or of more'
const MIB = 1024 * 1024

const from = (remoteAddress: string, forwarded?: string): IncomingMessage =>
  ({ headers: { 'x-forwarded-for': forwarded }, socket: { remoteAddress } }) as unknown as IncomingMessage

describe('a token bucket', () => {
  test('[P7] lets a burst pass, then so much a second; debts are paid by waiting', () => {
    const bucket = createBucket(10, 20)
    for (let n = 0; n < 20; n++) expect(bucket.take(1, 0)).toBe(0)
    expect(bucket.take(1, 0)).toBe(100)
    expect(bucket.take(9, 0)).toBe(1_000)
    expect(bucket.take(0, 1_000)).toBe(0)
    expect(bucket.take(1, 1_050)).toBe(50)
    // A clock that is put back gives nothing and takes nothing.
    expect(bucket.take(0, 0)).toBe(50)
  })
})

describe('addresses', () => {
  const limits = { ...RELAY_LIMITS, connectionsPerAddressMax: 2, messagesPerSecondMax: 1, burstMs: 1_000 }

  test('[P7] have room for so many connections, and slow down together', () => {
    const addresses = createAddresses(limits, false, () => 0)
    const visitors = ['10.0.0.1', '10.0.0.1', '10.0.0.2'].map((address) => addresses.enter(address))
    expect(['10.0.0.1', '10.0.0.2', '127.0.0.1'].map(addresses.hasRoom)).toEqual([false, true, true])
    visitors[0]?.leave()
    visitors[0]?.leave()
    expect(addresses.hasRoom('10.0.0.1')).toBe(true)
    const crowd = Array.from({ length: 30 }, () => addresses.enter('10.0.0.9'))
    const waits = crowd.map((visitor) => visitor.spend(1, 1))
    expect(waits.slice(0, 20)).toEqual(Array(20).fill(0))
    expect(Math.min(...waits.slice(20))).toBeGreaterThan(0)
  })

  test('are what the proxy says where it is trusted, and only then', () => {
    expect(createAddresses(limits, false, () => 0).of(from('10.0.0.1', '6.6.6.6'))).toBe('10.0.0.1')
    expect(createAddresses(limits, true, () => 0).of(from('10.0.0.1', '6.6.6.6, 10.9.9.9'))).toBe('10.9.9.9')
    expect(createAddresses(limits, true, () => 0).of(from('10.0.0.1'))).toBe('10.0.0.1')
  })
})

describe('a flood', () => {
  test('[P7][P9] of messages is read later, and all of it; others are served meanwhile', async () => {
    const limits = { messagesPerSecondMax: 50, burstMs: 1_000 }
    const relay = await startRelay({ auth: { secret: SECRET }, limits })
    const token = await mintToken(SECRET, { subject: 'eve', workspaces: ['acme'], role: 'write', lifetimeMs: 60_000 })
    const socket = new Ws(`${relay.socketUrl}/sync/acme`)
    cleanUp(() => socket.terminate())
    await new Promise((resolve) => socket.once('open', resolve))
    let acks = 0
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) for (const { type } of decodeFrame(new Uint8Array(data))) if (type === 'vector') acks++
    })
    const replica = 'e'.repeat(16)
    const hello = { type: 'hello', oldestVersion: 1, newestVersion: 1, replica, scope: 'opened', token } as const
    socket.send(encodeFrame([encodeMessage(hello)]))
    const ask = { document: 'note', epoch: FIRST_EPOCH, gc: true, vector: new Map(), reply: true }
    await until('it is greeted', () => relay.told.some((told) => JSON.stringify(told).includes('workspace opened')))
    await new Promise<void>((resolve) => socket.once('message', () => resolve()))
    const frame = encodeFrame([encodeMessage({ type: 'vector', ...ask })])
    for (let n = 0; n < 150; n++) socket.send(frame)
    await until('what came in one piece is answered', () => acks === 150)
    const startedAt = performance.now()
    socket.send(frame)
    const alice = await startClient(relay, { token: token.slice(), user: 'alice' })
    const note = alice.open()
    note.type('hello')
    await note.saved('relay')
    await until('all is answered', () => acks === 151, 20_000)
    // 50 were free, and each second pays for 50.
    expect(performance.now() - startedAt).toBeGreaterThan(1_000)
    expect(socket.readyState).toBe(Ws.OPEN)
  }, 30_000)

  test('[P7] of connections is turned away, with a time to come back', async () => {
    const relay = await startRelay({ auth: { secret: SECRET }, limits: { connectionsMax: 3 } })
    const open = () => new Ws(`${relay.socketUrl}/sync/acme`)
    const inside = Array.from({ length: 3 }, open)
    for (const socket of inside) {
      cleanUp(() => socket.terminate())
      await new Promise((resolve) => socket.once('open', resolve))
    }
    const turnedAway = open()
    const answer = await new Promise<{ statusCode?: number; headers: Record<string, unknown> }>((resolve) =>
      turnedAway.once('unexpected-response', (_request, response) => resolve(response)),
    )
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '5'])
  })

  test('[P7] of HTTP bodies is cut', async () => {
    const relay = await startRelay({ auth: { secret: SECRET } })
    const url = `${relay.url}/v1/workspaces/acme/tickets`
    expect((await fetch(url, { method: 'POST', body: 'x'.repeat(100_000) })).status).toBe(413)
  })
})

test('[P7] who comes and does not say who it is goes again', async () => {
  const bench = createBench(undefined, {}, undefined, { authenticate: () => undefined })
  const silent = bench.sync('acme')
  const slow = rejoinClient(bench, 'acme', 'a'.repeat(16))
  bench.pass(20_000)
  expect(silent.closedWith).toBe(1001)
  expect(slow.socket.closedWith).toBe(1001)
  // Nothing of the workspace was opened for them.
  expect(bench.noted).toEqual([])
})

test('[P7] a reader that pauses among 100 holds little, whatever is written, and misses nothing', () => {
  const bench = createBench()
  const note = { document: 'note', epoch: FIRST_EPOCH, gc: true }
  const readers = Array.from({ length: 100 }, (_, n) => rejoinClient(bench, 'acme', n.toString(16).padStart(16, '0')))
  for (const reader of readers) reader.hello()
  const [writer, paused] = [rejoinClient(bench, 'acme', 'f'.repeat(16)), readers[7]]
  if (paused === undefined) throw new Error('nobody')
  writer.hello()
  paused.socket.reads = false
  let most = 0
  let written = 0
  for (let n = 1; written < 3 * MIB; n++) {
    // A text of client n that no deflation makes small.
    const text = Array.from({ length: 30_000 }, (_, i) => String.fromCharCode(33 + ((i * i * n) % 90))).join('')
    const head = [1, 1, ...varint(n), 0, 4, 1, 1, 116, ...varint(text.length)]
    const bytes = new Uint8Array([...head, ...new TextEncoder().encode(text), 0])
    written += bytes.length
    writer.send({ type: 'submit', ...note, request: n, kind: 'yjs-v1', bytes })
    bench.commit()
    most = Math.max(most, paused.socket.unread)
  }
  expect(most).toBeLessThanOrEqual(1.25 * SEND_BUFFER_BYTES_MAX)
  const all = JSON.stringify(readers[8]?.received('entries').flatMap(({ runs }) => runs.map(({ first }) => first)))
  expect(all?.length).toBeGreaterThan(100)
  expect(paused.socket.closedWith).toBeUndefined()
})

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]
}
