/** The y-websocket endpoint against clients that misbehave: sockets and time are the test's. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import {
  decodeYMessage,
  encodeAwareness,
  encodeStep1,
  encodeStep2,
  encodeUpdate,
} from '../../../server/relay/y-protocol.ts'
import { createMemoryStore } from '../../../server/storage/memory.ts'
import type { RelayStore } from '../../../server/storage/store.ts'
import { SEND_BUFFER_BYTES_HIGH, SEND_BUFFER_BYTES_MAX, UPDATE_BYTES_MAX } from '../../../shared/limits.ts'
import { refTo } from '../../contract/relay-store.ts'
import { createBench, type Socket } from './bench.ts'

/** What a socket was sent of one kind. */
const received = ({ sent }: Socket, type: string) => sent.map(decodeYMessage).filter((message) => message.type === type)

const NOTHING = new Uint8Array([0])

function typing(...texts: string[]): { doc: Y.Doc; updates: Uint8Array[] } {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  for (const text of texts) doc.getText('text').insert(doc.getText('text').length, text)
  return { doc, updates }
}

function textOf(updates: readonly Uint8Array[]): string {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc.getText('text').toString()
}

function createStored() {
  const store = createMemoryStore()
  return { store, bench: createBench(() => store) }
}

const updatesOf = (store: RelayStore): Uint8Array[] =>
  [...store.history(refTo('note'))].map(({ record }) => record.bytes)

describe('a stock client', () => {
  test('is asked for what is missing at once, and answered what it lacks', () => {
    const bench = createBench()
    const alice = bench.yWebsocket('acme', 'note')
    expect(alice.sent.map(decodeYMessage)).toEqual([{ type: 'step1', vector: NOTHING }])
    const { doc } = typing('hello')
    alice.send(encodeStep2(Y.encodeStateAsUpdate(doc)))
    bench.commit()
    const bob = bench.yWebsocket('acme', 'note')
    expect(received(bob, 'step1')).toEqual([{ type: 'step1', vector: Y.encodeStateVector(doc) }])
    bob.send(encodeStep1(NOTHING))
    const [answer] = received(bob, 'step2')
    expect(answer?.type === 'step2' && textOf([answer.update])).toBe('hello')
  })

  test('[P2] is handed nothing before it is durable', () => {
    const bench = createBench()
    const [alice, bob] = [bench.yWebsocket('acme', 'note'), bench.yWebsocket('acme', 'note')]
    const { updates } = typing('hello')
    for (const update of updates) alice.send(encodeUpdate(update))
    expect(received(bob, 'update')).toEqual([])
    bob.send(encodeStep1(NOTHING))
    expect(received(bob, 'step2')).toEqual([{ type: 'step2', update: new Uint8Array([0, 0]) }])
    bench.commit()
    expect(received(bob, 'update')).toEqual([{ type: 'update', update: updates[0] }])
  })

  test('[P11] gets what one commit made durable as one message, and never only its own', () => {
    const bench = createBench()
    const [alice, bob, carol] = [
      bench.yWebsocket('acme', 'note'),
      bench.yWebsocket('acme', 'note'),
      bench.yWebsocket('acme', 'other'),
    ]
    const { updates } = typing('a', 'b', 'c', 'd')
    for (const update of updates) alice.send(encodeUpdate(update))
    bench.commit()
    const [handed, ...others] = received(bob, 'update')
    expect(others).toEqual([])
    expect(handed?.type === 'update' && textOf([handed.update])).toBe('abcd')
    expect(received(alice, 'update')).toEqual([])
    expect(received(carol, 'update')).toEqual([])
  })

  test('[P11] that sends what is known makes no record and no fan-out', () => {
    const { bench, store } = createStored()
    const [alice, bob] = [bench.yWebsocket('acme', 'note'), bench.yWebsocket('acme', 'note')]
    const { doc, updates } = typing('a', 'b')
    doc.getText('text').delete(0, 1)
    for (const update of updates) alice.send(encodeUpdate(update))
    bench.commit()
    for (let i = 0; i < 3; i++) bob.send(encodeStep2(Y.encodeStateAsUpdate(doc)))
    bench.commit()
    expect(store.head()).toBe(3)
    expect(received(alice, 'update')).toEqual([])
  })

  test('that falls silent hears a sign of life before it gives up after 30 s', () => {
    const bench = createBench()
    const alice = bench.yWebsocket('acme', 'note')
    alice.sent.length = 0
    bench.pass(10_000)
    expect(alice.sent).toEqual([])
    bench.pass(10_000)
    expect(received(alice, 'awareness')).toEqual([{ type: 'awareness', bytes: new Uint8Array([0]) }])
    bench.pass(60_000)
    expect(alice.sent.length).toBeGreaterThanOrEqual(3)
    alice.sent.length = 0
    bench.jump(-3_600_000)
    bench.pass(20_000)
    expect(alice.sent.length).toBeGreaterThanOrEqual(1)
  })

  test('[P5] whose update rests on something unknown is asked for it, once', () => {
    const { bench, store } = createStored()
    const alice = bench.yWebsocket('acme', 'note')
    const { doc, updates } = typing('a', 'b', 'c')
    alice.send(encodeStep2(new Uint8Array([0, 0])))
    alice.send(encodeUpdate(updates[1] as Uint8Array))
    alice.send(encodeUpdate(updates[2] as Uint8Array))
    expect(received(alice, 'step1')).toHaveLength(2)
    expect(alice.closedWith).toBeUndefined()
    alice.send(encodeStep2(Y.encodeStateAsUpdate(doc)))
    bench.commit()
    expect(textOf(updatesOf(store))).toBe('abc')
    expect(alice.closedWith).toBeUndefined()
  })

  test('[P5] that keeps sending what rests on something unknown is closed', () => {
    const { bench, store } = createStored()
    const alice = bench.yWebsocket('acme', 'note')
    const { updates } = typing('a', 'b', 'c')
    alice.send(encodeStep2(new Uint8Array([0, 0])))
    alice.send(encodeUpdate(updates[1] as Uint8Array))
    alice.send(encodeStep2(updates[2] as Uint8Array))
    expect(alice.closedWith).toBe(1002)
    expect(store.head()).toBe(0)
  })

  test('[P5] whose every answer rests on something unknown is closed', () => {
    const bench = createBench()
    const alice = bench.yWebsocket('acme', 'note')
    const { updates } = typing('a', 'b', 'c')
    alice.send(encodeStep2(updates[1] as Uint8Array))
    expect(received(alice, 'step1')).toHaveLength(2)
    alice.send(encodeStep2(updates[2] as Uint8Array))
    expect(alice.closedWith).toBe(1002)
    expect(received(alice, 'step1')).toHaveLength(2)
  })

  test('that types before the handshake is done is not disturbed: the answer to the step 1 brings all of it', () => {
    const { bench, store } = createStored()
    const alice = bench.yWebsocket('acme', 'note')
    const { doc, updates } = typing('a', 'b', 'c')
    alice.send(encodeUpdate(updates[1] as Uint8Array))
    alice.send(encodeUpdate(updates[2] as Uint8Array))
    alice.send(encodeStep2(Y.encodeStateAsUpdate(doc)))
    bench.commit()
    expect(received(alice, 'step1')).toHaveLength(1)
    expect(alice.closedWith).toBeUndefined()
    expect(textOf(updatesOf(store))).toBe('abc')
  })

  test.each([
    ['text', 'hello', 1002],
    ['nothing', new Uint8Array(), 1007],
    ['an unknown message', new Uint8Array([9, 0]), 1007],
    ['an unknown step', new Uint8Array([0, 7, 0]), 1007],
    ['a length beyond the end', new Uint8Array([0, 2, 200, 1, 1]), 1007],
    ['a length without end', new Uint8Array([0, 2, ...Array(12).fill(255)]), 1007],
    ['bytes behind the message', new Uint8Array([0, 2, 2, 0, 0, 1]), 1007],
    ['a state vector cut short', encodeStep1(new Uint8Array([2, 1, 1])), 4422],
    ['7 bytes that claim 33 million structs', encodeUpdate(new Uint8Array([1, 255, 255, 255, 15, 1, 0])), 4422],
    ['awareness that is no JSON', encodeAwareness(new Uint8Array([1, 1, 1, 1, 123])), 1007],
  ])('[P9] that sends %s is closed with a code, and nobody else', (_, data, code) => {
    const { bench, store } = createStored()
    const [alice, mallory] = [bench.yWebsocket('acme', 'note'), bench.yWebsocket('acme', 'note')]
    mallory.handler.received(data)
    expect(mallory.closedWith).toBe(code)
    const { updates } = typing('fine')
    for (const update of updates) alice.send(encodeUpdate(update))
    bench.commit()
    expect(alice.closedWith).toBeUndefined()
    expect(textOf(updatesOf(store))).toBe('fine')
    expect(received(mallory, 'update')).toEqual([])
    expect(bench.reported).toEqual([])
  })

  test('[P7] that reads too slowly is cut; one that reads is not', () => {
    const bench = createBench()
    const [alice, bob, carol] = [
      bench.yWebsocket('acme', 'note'),
      bench.yWebsocket('acme', 'note'),
      bench.yWebsocket('acme', 'note'),
    ]
    bob.reads = false
    const { updates } = typing(...Array.from({ length: 40 }, (_, i) => String(i % 10).repeat(64 * 1024)))
    for (const update of updates) {
      alice.send(encodeUpdate(update))
      bench.commit()
    }
    expect(bob.closedWith).toBe(1013)
    expect(bob.unread).toBeLessThan(SEND_BUFFER_BYTES_MAX + 2 * 64 * 1024)
    expect(received(carol, 'update')).toHaveLength(40)
    expect(carol.closedWith).toBeUndefined()
  })

  test('[P7] that is sent a large document may take its time for that', () => {
    const bench = createBench()
    const alice = bench.yWebsocket('acme', 'note')
    const parts = typing(...Array.from({ length: 30 }, () => 'x'.repeat(100_000)))
    for (const update of parts.updates) alice.send(encodeUpdate(update))
    bench.commit()
    const bob = bench.yWebsocket('acme', 'note')
    bob.reads = false
    bob.send(encodeStep1(NOTHING))
    expect(bob.unread).toBeGreaterThan(2 * SEND_BUFFER_BYTES_MAX)
    parts.doc.getText('text').insert(0, 'y')
    alice.send(encodeUpdate(parts.updates.at(-1) as Uint8Array))
    bench.commit()
    expect(bob.closedWith).toBeUndefined()
    expect(received(bob, 'update')).toHaveLength(1)
  })

  test('[P7] that was handed more than a reader may be behind may take its time for that, too', () => {
    const bench = createBench()
    const [alice, bob] = [bench.yWebsocket('acme', 'note'), bench.yWebsocket('acme', 'note')]
    bob.reads = false
    const { updates, doc } = typing(...Array.from({ length: 30 }, () => 'x'.repeat(100_000)))
    alice.send(encodeStep2(Y.encodeStateAsUpdate(doc)))
    bench.commit()
    expect(bob.unread).toBeGreaterThan(2 * SEND_BUFFER_BYTES_MAX)
    doc.getText('text').insert(0, 'y')
    alice.send(encodeUpdate(updates.at(-1) as Uint8Array))
    bench.commit()
    expect(bob.closedWith).toBeUndefined()
  })

  test('[P7] whose document is larger than a record has it sealed in several, and in order', () => {
    const { bench, store } = createStored()
    const alice = bench.yWebsocket('acme', 'note')
    const text = Array.from({ length: 3 * UPDATE_BYTES_MAX }, (_, i) => String.fromCharCode(97 + (i % 26))).join('')
    const { doc } = typing(text)
    doc.getText('text').delete(100, 1_000)
    alice.send(encodeStep2(Y.encodeStateAsUpdate(doc)))
    bench.commit()
    expect(alice.closedWith).toBeUndefined()
    expect(store.head()).toBeGreaterThan(2)
    for (const update of updatesOf(store)) expect(update.length).toBeLessThanOrEqual(UPDATE_BYTES_MAX)
    expect(textOf(updatesOf(store))).toBe(doc.getText('text').toString())
    const head = store.head()
    alice.send(encodeStep2(Y.encodeStateAsUpdate(doc)))
    bench.commit()
    expect(store.head()).toBe(head)
  })

  test('[P5] whose update cannot be cut to what a record takes is closed for good, and the log says so', () => {
    const { bench, store } = createStored()
    const alice = bench.yWebsocket('acme', 'note')
    const doc = new Y.Doc()
    doc.getMap('map').set('picture', new Uint8Array(UPDATE_BYTES_MAX + 1))
    alice.send(encodeStep2(Y.encodeStateAsUpdate(doc)))
    bench.commit()
    expect(alice.closedWith).toBe(4413)
    expect(bench.noted.at(-1)).toBe('stock client turned away: acme')
    expect(store.head()).toBe(0)
  })

  test('[P7] that asks again and again for everything is answered as fast as it reads, and within a budget', () => {
    const bench = createBench()
    const alice = bench.yWebsocket('acme', 'note')
    const { doc } = typing('x'.repeat(SEND_BUFFER_BYTES_HIGH))
    alice.send(encodeStep2(Y.encodeStateAsUpdate(doc)))
    bench.commit()
    const mallory = bench.yWebsocket('acme', 'note')
    mallory.reads = false
    for (let i = 0; i < 50; i++) mallory.send(encodeStep1(NOTHING))
    expect(received(mallory, 'step2')).toHaveLength(1)
    mallory.read()
    expect(received(mallory, 'step2')).toHaveLength(2)
    mallory.reads = true
    mallory.read()
    for (let i = 0; i < 50; i++) mallory.send(encodeStep1(NOTHING))
    const answered = received(mallory, 'step2').length
    expect(answered).toBeLessThan(10)
    // The last question is not lost: the budget that comes with time answers it.
    bench.pass(5_000)
    expect(received(mallory, 'step2')).toHaveLength(answered + 1)
    expect(mallory.closedWith).toBeUndefined()
  })

  test('[P5] is told when the relay stops', () => {
    const bench = createBench()
    const alice = bench.yWebsocket('acme', 'note')
    bench.core.close()
    expect(alice.closedWith).toBe(1012)
    expect(bench.yWebsocket('acme', 'note').closedWith).toBe(1012)
  })

  test('[P5] is told when the commit of its update failed, and the next one is taken', () => {
    const store = createMemoryStore()
    let full = true
    const commit = store.commit.bind(store)
    store.commit = (batch) => {
      if (full) throw new Error('no space')
      commit(batch)
    }
    const bench = createBench(() => store)
    const [alice, bob] = [bench.yWebsocket('acme', 'note'), bench.yWebsocket('acme', 'note')]
    const { updates } = typing('a')
    alice.send(encodeUpdate(updates[0] as Uint8Array))
    bench.commit()
    expect(alice.closedWith).toBe(1011)
    expect(bench.reported).toHaveLength(1)
    full = false
    bob.send(encodeUpdate(updates[0] as Uint8Array))
    bench.commit()
    expect(textOf(updatesOf(store))).toBe('a')
  })
})

describe('awareness of stock clients', () => {
  const state = (client: number, clock: number, json: string): Uint8Array => {
    const text = new TextEncoder().encode(json)
    return encodeAwareness(new Uint8Array([1, client, clock, text.length, ...text]))
  }
  const bytesOf = (frame: Uint8Array) => ({ type: 'awareness', bytes: frame.slice(2) })

  test('goes to the others in the room, and to those who come later or ask', () => {
    const bench = createBench()
    const [alice, bob, elsewhere] = [
      bench.yWebsocket('acme', 'note'),
      bench.yWebsocket('acme', 'note'),
      bench.yWebsocket('acme', 'other'),
    ]
    const shown = state(1, 1, '{"name":"A"}')
    alice.send(shown)
    expect(received(bob, 'awareness')).toEqual([bytesOf(shown)])
    expect(received(alice, 'awareness')).toEqual([])
    expect(received(elsewhere, 'awareness')).toEqual([])
    const carol = bench.yWebsocket('acme', 'note')
    expect(received(carol, 'awareness')).toEqual([bytesOf(shown)])
    carol.send(new Uint8Array([3]))
    expect(received(carol, 'awareness')).toHaveLength(2)
  })

  test('goes with its connection; who comes back with the old clock is told, so that it shows itself again', () => {
    const bench = createBench()
    const [alice, bob] = [bench.yWebsocket('acme', 'note'), bench.yWebsocket('acme', 'note')]
    alice.send(state(1, 5, '{"name":"A"}'))
    alice.handler.closed()
    expect(received(bob, 'awareness').at(-1)).toEqual(bytesOf(state(1, 6, 'null')))
    const again = bench.yWebsocket('acme', 'note')
    again.send(state(1, 5, '{"name":"A"}'))
    expect(received(again, 'awareness')).toEqual([bytesOf(state(1, 6, 'null'))])
    again.send(state(1, 7, '{"name":"A"}'))
    expect(received(bob, 'awareness').at(-1)).toEqual(bytesOf(state(1, 7, '{"name":"A"}')))
  })

  test('[P7] is left out for a reader that is behind', () => {
    const bench = createBench()
    const [alice, bob] = [bench.yWebsocket('acme', 'note'), bench.yWebsocket('acme', 'note')]
    bob.unread = SEND_BUFFER_BYTES_HIGH
    alice.send(state(1, 1, '{}'))
    expect(received(bob, 'awareness')).toEqual([])
    bob.unread = 0
    alice.send(state(1, 2, '{}'))
    expect(received(bob, 'awareness')).toHaveLength(1)
  })
})
