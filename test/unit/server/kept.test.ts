/** A relay that forgets all but its store and its sockets, as a Durable Object does that sleeps. */
import { describe, expect, test } from 'vitest'
import type { Kept, KeptGuest, KeptSync } from '../../../server/relay/connection.ts'
import { decodeYMessage, encodeAwareness, encodeUpdate } from '../../../server/relay/y-protocol.ts'
import { createMemoryStore } from '../../../server/storage/memory.ts'
import type { Salvage } from '../../../server/storage/store.ts'
import { PING_EVERY_MS, SILENCE_MS_MAX } from '../../../shared/limits.ts'
import { refTo } from '../../contract/relay-store.ts'
import { otherRecords } from '../../support/stores.ts'
import { createBench, type Socket } from './bench.ts'
import { rejoinClient } from './rejoin-client.ts'

const WORKSPACE = 'acme'
const ALICE = 'a'.repeat(16)
const BOB = 'b'.repeat(16)
const NOTE = refTo('note')
/** Client 7, clock 1. */
const SHOWN = new Uint8Array([1, 7, 1, 2, 0x7b, 0x7d])

/** What was kept, as a store of sockets gives it back. */
function keptOf<K extends Kept>({ handler }: Socket): K {
  expect(handler.resting).toBe(true)
  return structuredClone(handler.kept()) as K
}

/** What is said in one turn shares a frame. */
const told = (): Promise<void> => Promise.resolve()

function start() {
  const store = createMemoryStore()
  const bench = createBench(() => store)
  const alice = rejoinClient(bench, WORKSPACE, ALICE)
  const bob = rejoinClient(bench, WORKSPACE, BOB)
  for (const client of [alice, bob]) {
    client.hello()
    client.send({ type: 'open', ...NOTE })
  }
  const [first, ...others] = otherRecords(3, ALICE)
  if (first === undefined) throw new Error('no record was made')
  alice.entries(NOTE, [first])
  bench.commit()
  return { store, bench, alice, bob, others }
}

describe('a relay that forgets all but its sockets', () => {
  test('[P2][P4] goes on where it was: the same epoch, the same place, nobody greeted again', () => {
    const { store, alice, bob, others } = start()
    const keptByAlice = keptOf<KeptSync>(alice.socket)
    const keptByBob = keptOf<KeptSync>(bob.socket)
    const bench = createBench(() => store, {}, undefined, undefined, keptByBob.epoch)
    const again = rejoinClient(bench, WORKSPACE, ALICE, keptByAlice)
    const reader = rejoinClient(bench, WORKSPACE, BOB, keptByBob)
    again.entries(NOTE, others)
    bench.commit()
    expect(again.received()).toMatchObject([{ type: 'ack', seq: others.at(-1)?.seq, through: 3 }])
    expect(reader.received()).toMatchObject([{ type: 'entries', through: 3 }])
    expect(store.epochs()).toHaveLength(1)
    expect(bench.reported).toEqual([])
  })

  test('[P4] opens an epoch where nobody was there to go on with: the store may be an older one', () => {
    const { store, others } = start()
    const bench = createBench(() => store)
    const alice = rejoinClient(bench, WORKSPACE, ALICE)
    alice.hello()
    alice.entries(NOTE, others)
    bench.commit()
    expect(store.epochs()).toHaveLength(2)
  })

  test('[P2] does not rest while something waits for its commit', () => {
    const { bench, alice, others } = start()
    const before = alice.socket.handler.changes
    alice.entries(NOTE, others)
    expect(alice.socket.handler.resting).toBe(false)
    bench.commit()
    expect(alice.socket.handler.resting).toBe(true)
    // An edit changes nothing of what is kept: its place is the end of the log.
    expect(alice.socket.handler.changes).toBe(before)
  })

  test('[P4] nobody goes on where the end of the log was given up, until something is written behind it', () => {
    const store = createMemoryStore()
    const damaged: string[] = []
    const salvage = (): Salvage => ({ where: NOTE, updates: [], damaged: 1 })
    const bench = createBench(() => ({ ...store, damaged: () => damaged.splice(0), salvage }))
    const alice = rejoinClient(bench, WORKSPACE, ALICE)
    alice.hello()
    const records = otherRecords(3, ALICE)
    alice.entries(NOTE, records)
    bench.commit()
    expect(alice.socket.handler.resting).toBe(true)
    damaged.push('note')
    bench.pass(5_000)
    expect(alice.socket.closedWith).toBeDefined()
    expect(store.head()).toBe(0)
    const bob = rejoinClient(bench, WORKSPACE, BOB)
    bob.hello()
    expect(bob.received()).toContainEqual(expect.objectContaining({ type: 'welcome', head: 3 }))
    expect(bob.socket.handler.resting).toBe(false)
    bob.entries(NOTE, records)
    bench.commit()
    expect(bob.received()).toContainEqual(expect.objectContaining({ type: 'ack', through: 6 }))
    expect(store.head()).toBe(6)
    expect(bob.socket.handler.resting).toBe(true)
  })

  test('shows those who are there, and tells when they go', async () => {
    const { store, bench, alice, bob } = start()
    alice.send({ type: 'awareness', ...NOTE, bytes: SHOWN })
    const stock = bench.yWebsocket(WORKSPACE, NOTE.document)
    stock.handler.received(encodeAwareness(new Uint8Array([1, 8, 1, 2, 0x7b, 0x7d])))
    const kept = [keptOf<KeptSync>(alice.socket), keptOf<KeptSync>(bob.socket)]
    const keptByStock = keptOf<KeptGuest>(stock)
    const next = createBench(() => store, {}, undefined, undefined, kept[0]?.epoch)
    const [again, reader] = kept.map((each, i) => rejoinClient(next, WORKSPACE, i === 0 ? ALICE : BOB, each))
    const guest = next.yWebsocket(WORKSPACE, NOTE.document, undefined, keptByStock)
    if (again === undefined || reader === undefined) throw new Error('nobody is there')
    const late = rejoinClient(next, WORKSPACE, 'c'.repeat(16))
    late.hello()
    late.send({ type: 'open', ...NOTE })
    await told()
    expect(late.received('awareness')[0]?.bytes).toHaveLength(2 * SHOWN.length - 1)
    again.socket.handler.closed()
    await told()
    expect(reader.received('awareness').at(-1)?.bytes.subarray(0, 3)).toEqual(new Uint8Array([1, 7, 2]))
    // The stock client is told what is written, without asking again.
    expect(guest.sent.map((frame) => decodeYMessage(frame).type)).toEqual(['awareness'])
    expect(next.reported).toEqual([])
  })

  test('takes what stock clients write, and hands it on', () => {
    const { store, bench } = start()
    const [writer, reader] = [bench.yWebsocket(WORKSPACE, 'y'), bench.yWebsocket(WORKSPACE, 'y')]
    const [update] = otherRecords(1)
    const kept = [writer, reader].map((socket) => keptOf<KeptGuest>(socket))
    const next = createBench(() => store)
    const [a, b] = kept.map((each) => next.yWebsocket(WORKSPACE, 'y', undefined, each))
    a?.handler.received(encodeUpdate(update?.bytes ?? new Uint8Array()))
    expect(a?.handler.resting).toBe(false)
    next.commit()
    expect(a?.handler.resting).toBe(true)
    expect(b?.sent.map((frame) => decodeYMessage(frame).type)).toEqual(['update'])
  })

  test('[P7] cuts who was not heard of before, also by pings that the runtime answered', () => {
    const { store, alice, bob } = start()
    const [keptByAlice, keptByBob] = [keptOf<KeptSync>(alice.socket), keptOf<KeptSync>(bob.socket)]
    const bench = createBench(() => store)
    const [heard, silent] = [
      rejoinClient(bench, WORKSPACE, ALICE, keptByAlice),
      rejoinClient(bench, WORKSPACE, BOB, keptByBob),
    ]
    bench.jump(SILENCE_MS_MAX)
    heard.socket.handler.heard(SILENCE_MS_MAX)
    bench.pass(PING_EVERY_MS)
    expect([heard.socket.closedWith, silent.socket.closedWith]).toEqual([undefined, 1001])
  })

  test('has no timer while nothing is to be done', () => {
    const { bench, alice, bob } = start()
    alice.send({ type: 'awareness', ...NOTE, bytes: SHOWN })
    bob.send({ type: 'vector', ...NOTE, vector: new Map(), reply: true })
    bench.yWebsocket(WORKSPACE, 'y')
    bench.rest()
    expect(bench.timers()).toBe(0)
  })
})

describe('stock clients among Rejoin clients', () => {
  test('hear of the others before they take them for gone', async () => {
    const { bench, alice } = start()
    alice.send({ type: 'awareness', ...NOTE, bytes: SHOWN })
    const stock = bench.yWebsocket(WORKSPACE, NOTE.document)
    await told()
    alice.forget()
    bench.jump(15_000)
    stock.handler.received(encodeAwareness(new Uint8Array([1, 8, 1, 2, 0x7b, 0x7d])))
    await told()
    // Told that it has gone, it says that it has not, and the stock client hears it.
    expect(alice.received('awareness').map(({ bytes }) => bytes[1])).toEqual([8, 7])
    alice.send({ type: 'awareness', ...NOTE, bytes: new Uint8Array([1, 7, 2, 2, 0x7b, 0x7d]) })
    expect(decodeYMessage(stock.sent.at(-1) ?? new Uint8Array())).toMatchObject({ type: 'awareness' })
    alice.forget()
    stock.handler.received(encodeAwareness(new Uint8Array([1, 8, 2, 2, 0x7b, 0x7d])))
    await told()
    expect(alice.received('awareness').map(({ bytes }) => bytes[1])).toEqual([8])
  })
})
