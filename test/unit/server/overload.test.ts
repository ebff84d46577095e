/** More than a relay can do: what is over the bounds waits or is turned away, and whoever is there is served. */
import type { IncomingMessage } from 'node:http'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { describe, expect, test } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { mintToken } from '../../../server/auth/tokens.ts'
import { SESSION_TYPE } from '../../../server/polling.ts'
import { createAwarenessRooms, type Member } from '../../../server/relay/awareness.ts'
import { createBucket } from '../../../server/relay/bucket.ts'
import { RELAY_LIMITS } from '../../../server/relay/limits.ts'
import { createAddresses } from '../../../server/runtime/addresses.ts'
import { watchLoad } from '../../../server/runtime/load.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { SEND_BUFFER_BYTES_MAX } from '../../../shared/limits.ts'
import { joinFrames } from '../../../shared/wire/bodies.ts'
import { decodeFrame, encodeFrame, encodeMessage } from '../../../shared/wire/codec.ts'
import { amount } from '../../support/amount.ts'
import { startClient } from '../client/support.ts'
import { createBench } from './bench.ts'
import { writer } from './guarded.ts'
import { rejoinClient } from './rejoin-client.ts'
import { cleanUp, startRelay, until } from './support.ts'

const SECRET = 'a secret of thirty-two bytes, or of more'
const MIB = 1024 * 1024
/** All but one of them read. */
const READERS = amount(20, 100)

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

  test('[P7] of IPv6 are networks: one customer has more addresses than there are connections', () => {
    const of = (address: string) => createAddresses(limits, false, () => 0).of(from(address))
    expect(of('2001:db8:0:7::1')).toBe('2001:db8:0:7::/64')
    expect(of('2001:0DB8:0000:0007:ffff::2%eth0')).toBe('2001:db8:0:7::/64')
    expect(of('2001:db8::8')).toBe('2001:db8:0:0::/64')
    expect(['::1', '::ffff:10.0.0.1', 'fe80::1%lo'].map(of)).toEqual(['::1', '10.0.0.1', 'fe80:0:0:0::/64'])
  })

  test('[P7] are answered so many requests a second, and remembered while they owe', () => {
    let now = 0
    const addresses = createAddresses(limits, false, () => now)
    const ask = () => addresses.ask('10.0.0.1')
    for (let n = 0; n < 20; n++) expect(ask()).toBe(0)
    expect(ask()).toBeGreaterThan(0)
    addresses.tick()
    expect(ask()).toBeGreaterThan(0)
    expect([addresses.ask('127.0.0.1'), addresses.ask('10.0.0.2')]).toEqual([0, 0])
    now += 60_000
    addresses.tick()
    expect(ask()).toBe(0)
  })
})

describe('a flood', () => {
  test.each([
    ['somebody', { auth: { secret: SECRET } }],
    ['anybody', {}],
  ])(
    '[P7][P9] of messages of %s is read later, and all of it; others are served meanwhile',
    async (_who, options) => {
      const limits = { messagesPerSecondMax: 50, burstMs: 1_000 }
      const relay = await startRelay({ ...options, limits })
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
      // From before the first: a busy machine makes it longer, never shorter.
      const startedAt = performance.now()
      for (let n = 0; n < 150; n++) socket.send(frame)
      await until('what came in one piece is answered', () => acks === 150)
      socket.send(frame)
      const alice = await startClient(relay, { token: token.slice(), user: 'alice' })
      const note = alice.open()
      note.type('hello')
      await note.saved('relay')
      await until('all is answered', () => acks === 151, 20_000)
      // 50 were free, and each second pays for 50.
      expect(performance.now() - startedAt).toBeGreaterThan(1_000)
      expect(socket.readyState).toBe(Ws.OPEN)
    },
    30_000,
  )

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

describe('plain requests', () => {
  const id = 'a'.repeat(32)
  const hello = encodeFrame([
    encodeMessage({
      type: 'hello',
      oldestVersion: 1,
      newestVersion: 1,
      replica: 'e'.repeat(16),
      scope: 'all',
      token: '',
    }),
  ])

  function ask(url: string, what: string, frames: readonly Uint8Array[] = [], address = '10.0.0.1'): Promise<Response> {
    const headers = { 'Content-Type': SESSION_TYPE, 'Rejoin-Session': `${id} ${what}`, 'X-Forwarded-For': address }
    return fetch(`${url}/exchange/acme`, { method: 'POST', headers, body: new Uint8Array(joinFrames(frames)) })
  }

  test('[P7] that bring more than they may are answered later, and who does not wait is refused', async () => {
    const { url } = await startRelay({ limits: { messagesPerSecondMax: 20, burstMs: 1_000 } })
    expect((await ask(url, 'open 0')).status).toBe(204)
    const pings = Array.from({ length: 60 }, () => new Uint8Array(0))
    const startedAt = performance.now()
    const late = ask(url, 'send 1', [hello, ...pings])
    let refused: Response | undefined
    // Until the first is read there is nothing to wait for.
    await until('the second is refused', async () => {
      refused = await ask(url, 'send 2', pings)
      return refused.status === 503
    })
    expect(refused?.headers.get('Retry-After')).toBe('5')
    expect((await late).status).toBe(204)
    // 41 more than the 20 that were saved up, at 20 a second; timers may be a little early.
    expect(performance.now() - startedAt).toBeGreaterThan(1_900)
  })

  test('[P7] open as many connections as others, and no more', async () => {
    const { url } = await startRelay({ trustProxy: true, limits: { connectionsPerAddressMax: 1 } })
    expect((await ask(url, 'open 0')).status).toBe(204)
    const socket = new Ws(`${url.replace('http', 'ws')}/sync/acme`, { headers: { 'X-Forwarded-For': '10.0.0.1' } })
    const status = await new Promise((resolve) =>
      socket.once('unexpected-response', (_request, response) => resolve(response.statusCode)),
    )
    expect(status).toBe(503)
    expect((await ask(url, 'close 0')).status).toBe(204)
    expect((await ask(url, 'open 0')).status).toBe(204)
  })

  test('[P7] of one address are answered so many a second; how the relay is, it always says', async () => {
    const { url } = await startRelay({ trustProxy: true, limits: { messagesPerSecondMax: 1, burstMs: 1_000 } })
    const get = (path: string, address: string) => fetch(`${url}${path}`, { headers: { 'X-Forwarded-For': address } })
    const answers = await Promise.all(Array.from({ length: 60 }, () => get('/nothing', '10.0.0.1')))
    const refused = answers.filter(({ status }) => status === 503)
    expect(refused.length).toBeGreaterThan(20)
    expect(Number(refused[0]?.headers.get('Retry-After'))).toBeGreaterThan(0)
    expect((await get('/healthz', '10.0.0.1')).status).toBe(200)
    expect((await get('/nothing', '10.0.0.2')).status).toBe(404)
  })
})

describe('a document', () => {
  const note = { document: 'note', epoch: FIRST_EPOCH, gc: true }

  test('[P7][P9] that many write too fast is read more slowly from them, and taken; others are not', () => {
    const bench = createBench(undefined, { documentMessagesPerSecondMax: 10, burstMs: 1_000 })
    const people = Array.from({ length: 3 }, (_, n) => rejoinClient(bench, 'acme', `${n}`.repeat(16)))
    for (const person of people) person.hello()
    const [alice, bob, carol] = people
    for (let n = 1; n <= 10; n++) {
      alice?.send({ type: 'submit', ...note, request: n, kind: 'yjs-v1', bytes: writer(n).type('x') })
      bob?.send({ type: 'submit', ...note, request: n, kind: 'yjs-v1', bytes: writer(100 + n).type('x') })
    }
    carol?.send({ type: 'submit', ...note, document: 'other', request: 1, kind: 'yjs-v1', bytes: writer(1).type('x') })
    bench.commit()
    expect(people.map(({ socket }) => socket.slowedMs > 0)).toEqual([true, true, false])
    expect(alice?.socket.slowedMs).toBeLessThanOrEqual(1_000)
    const told = carol?.received('entries').flatMap(({ runs }) => runs.flatMap(({ updates }) => updates))
    expect(told?.length).toBe(20)
    bench.pass(10_000)
    carol?.send({ type: 'submit', ...note, request: 2, kind: 'yjs-v1', bytes: writer(999).type('x') })
    expect(carol?.socket.slowedMs).toBe(0)
  })

  test('[P7] in which many move tells the newest of each, so many times a second', () => {
    let now = 0
    const timers: { at: number; act: () => void }[] = []
    const setTimer = (act: () => void, ms: number) => {
      const timer = { at: now + ms, act }
      timers.push(timer)
      return () => void timers.splice(timers.indexOf(timer), 1)
    }
    const rooms = createAwarenessRooms({ now: () => now, setTimer }, 50)
    const shown = new Map<number, number>()
    let told = 0
    const reader: Member = {
      send({ bytes }) {
        told++
        for (const [client, clock] of clocksOf(bytes)) shown.set(client, Math.max(clock, shown.get(client) ?? 0))
      },
    }
    rooms.enter(note, reader)
    const crowd = Array.from({ length: 100 }, (): Member => ({ send() {} }))
    for (const member of crowd) rooms.enter(note, member)
    for (let clock = 1; clock <= 100; clock++) {
      for (const [n, member] of crowd.entries()) rooms.update(note, stateOf(n, clock), member)
      now += 100
      for (const timer of timers.filter(({ at }) => at <= now)) {
        timers.splice(timers.indexOf(timer), 1)
        timer.act()
      }
    }
    expect(timers.length).toBeLessThanOrEqual(1)
    for (const { act } of timers) act()
    // Ten seconds at fifty, and four more that were saved up; the last ones may take several messages.
    expect(told).toBeLessThanOrEqual(720)
    expect([...shown.values()]).toEqual(Array(100).fill(100))
    // Where nobody is there any more, nobody is told.
    for (const member of [reader, ...crowd]) rooms.leaveAll(member)
    expect(timers.length).toBeLessThanOrEqual(1)
  })
})

test('[P7] memory of documents in use is shared by all workspaces', () => {
  const bench = createBench(undefined, { memoryTotalBytesMax: 40_000 })
  const note = { epoch: FIRST_EPOCH, gc: true }
  for (const [n, workspace] of ['small', 'large', 'larger'].entries()) {
    const client = rejoinClient(bench, workspace, `${n}`.repeat(16))
    client.hello()
    for (let document = 0; document < 10 ** (n + 1) / 4; document++) {
      const bytes = writer(1).type('x')
      client.send({ type: 'submit', document: `${document}`, ...note, request: 1, kind: 'yjs-v1', bytes })
    }
    bench.commit()
  }
  expect(bench.core.memory).toBeGreaterThan(100_000)
  bench.core.tick()
  expect(bench.core.memory).toBeLessThanOrEqual(40_000)
  // What is small is left in peace, and the others share the rest.
  expect(bench.core.memory).toBeGreaterThan(30_000)
})

describe('the load of a process', () => {
  test('[P7] keeps others out while it lasts, and not for one pause of the machine', () => {
    const late = [3_000, 10, 3_000, 3_000, 3_000, 10]
    const load = watchLoad(1_000, { lateMs: () => late.shift() ?? 0, close() {} })
    const told = Array.from({ length: 6 }, () => {
      load.tick()
      return load.excess()
    })
    expect(told.map((why) => why !== undefined)).toEqual([false, false, false, true, true, false])
    expect(told[3]).toContain('3000 ms late')
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

test(`[P7] a reader that pauses among ${READERS} holds little, whatever is written, and misses nothing`, () => {
  const bench = createBench()
  const note = { document: 'note', epoch: FIRST_EPOCH, gc: true }
  const readers = Array.from({ length: READERS }, (_, n) =>
    rejoinClient(bench, 'acme', n.toString(16).padStart(16, '0')),
  )
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

function stateOf(client: number, clock: number): Uint8Array {
  const encoder = encoding.createEncoder()
  for (const number of [1, client, clock]) encoding.writeVarUint(encoder, number)
  encoding.writeVarString(encoder, JSON.stringify({ at: clock }))
  return encoding.toUint8Array(encoder)
}

function clocksOf(bytes: Uint8Array): [client: number, clock: number][] {
  const decoder = decoding.createDecoder(bytes)
  return Array.from({ length: decoding.readVarUint(decoder) }, () => {
    const clock = [decoding.readVarUint(decoder), decoding.readVarUint(decoder)] as [number, number]
    decoding.readVarString(decoder)
    return clock
  })
}
