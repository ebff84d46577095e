/**
 * The attacks of docs/security.md, by name: what each does to plain Yjs, or to whoever takes what it is sent, and that a relay refuses
 * it, with a code, while others go on.
 */
import { deflateRawSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { NESTING_MAX } from '../../../server/relay/limits.ts'
import { encodeAwareness, encodeStep1, encodeUpdate } from '../../../server/relay/y-protocol.ts'
import { siphash } from '../../../shared/hash.ts'
import { encodeFrame, encodeMessage } from '../../../shared/wire/codec.ts'
import type { Hello, Message } from '../../../shared/wire/messages.ts'
import { amount } from '../../support/amount.ts'
import { seeded } from '../../support/random.ts'
import { seedOfTest } from '../../support/seed.ts'
import { byte, bytesOf, oneStruct, rootItem } from '../update/bytes.ts'
import { createBench } from './bench.ts'
import { ALICE, answers, BOB, codes, enter, guarded, NOTE, piece, sealer, submitted, writer } from './guarded.ts'
import { rejoinClient } from './rejoin-client.ts'
import { startRelay } from './support.ts'

/** Random ones, of which each may be the one that is not meant to do anything. */
const MESSAGES = amount(10_000, 100_000)

const FAR = 2 ** 53 - 1

/** A relay with Alice's text in it, and Mallory, who may write. */
async function scene() {
  const bench = guarded()
  const [alice, mallory] = [await enter(bench, 'alice', ALICE), await enter(bench, 'mallory', BOB)]
  const [a, sealA, sealM] = [writer(11), sealer(ALICE), sealer(BOB)]
  const first = a.type('hello')
  expect(answers(bench, alice, [sealA(first)])).toEqual(['ack'])
  return {
    bench,
    first,
    /** What Mallory is told of an update, as a record and to be stamped: one answer. */
    tried(update: Uint8Array): string {
      const [asSubmit] = submitted(bench, mallory, update)
      const [asRecord] = answers(bench, mallory, [sealM(update)])
      return asSubmit === asRecord ? (asSubmit ?? 'nothing') : `${asSubmit} and ${asRecord}`
    },
    told(...messages: readonly Message[]): string[] {
      mallory.forget()
      mallory.send(...messages)
      bench.commit()
      return codes(mallory)
    },
    /** Alice writes on, and is acknowledged. */
    goesOn: () => expect(answers(bench, alice, [sealA(a.type('.'))])).toEqual(['ack']),
  }
}

/** An attack that is one update: what it does to a Y.Doc, and the code that it is refused with. */
interface Attack {
  name: string
  update: Uint8Array | (() => Uint8Array)
  /** True where the harm is done. */
  hurts?: (update: Uint8Array) => boolean
  code: string | RegExp
}

const applied = (update: Uint8Array, doc = new Y.Doc()): Y.Doc => {
  Y.applyUpdate(doc, update)
  return doc
}

function throws(act: () => unknown): boolean {
  try {
    act()
    return false
  } catch {
    return true
  }
}

/** Arrays in one another, and the outermost deleted. */
function deepTypes(depth: number): Uint8Array {
  const doc = new Y.Doc()
  doc.clientID = 66
  let at: Y.Array<unknown> = doc.getArray('root')
  doc.transact(() => {
    for (let level = 0; level < depth; level++) {
      const inner = new Y.Array<unknown>()
      at.insert(0, [inner])
      at = inner
    }
  })
  return Y.encodeStateAsUpdate(doc)
}

const lists = (depth: number) =>
  Uint8Array.from({ length: 2 * depth + 1 }, (_, i) => (i === 2 * depth ? 126 : i % 2 === 0 ? 117 : 1))

/** Client ids whose first clock is missing. */
function gaps(clients: number): Uint8Array {
  const sections = Array.from({ length: clients }, (_, n) => bytesOf(1, 1_000 + n, 1, byte(0x84), 1_000 + n, 0, 'x'))
  return bytesOf(clients, ...sections, 0)
}

const ATTACKS: readonly Attack[] = [
  {
    name: 'an array allocated for structs that do not come (7 bytes, 256 MB)',
    update: bytesOf(1, 2 ** 25, 1, 0),
    code: 'invalid-update',
  },
  {
    name: 'the second format of updates, whose decoder can be made to hang (yjs#687)',
    update: () => Y.encodeStateAsUpdateV2(applied(writer(5).type('x'))),
    code: 'invalid-update',
  },
  {
    name: 'thousands of clients that wait for something missing',
    update: gaps(2_000),
    hurts: (update) => applied(update).store.pendingStructs !== null,
    code: 'dependency',
  },
  {
    name: 'the deletion of what a victim will write (11 bytes)',
    update: bytesOf(0, 1, 11, 1, 5, 2 ** 39),
    hurts(update) {
      const [alice, victim] = [writer(11), new Y.Doc()]
      for (const each of [alice.type('hello'), update, alice.type(' world')]) Y.applyUpdate(victim, each)
      return victim.getText('text').toString() === 'hello'
    },
    code: 'dependency',
  },
  {
    name: 'the next clocks of a victim, forged',
    update() {
      const forger = writer(11)
      forger.read(bytesOf(...[writer(11).type('hello')]))
      return forger.type(' EVIL')
    },
    hurts(update) {
      const [alice, server] = [writer(11), new Y.Doc()]
      Y.applyUpdate(server, alice.type('hello'))
      Y.applyUpdate(server, update)
      Y.applyUpdate(server, alice.type(' mine'))
      const vectors = [alice.doc, server].map((doc) => Buffer.from(Y.encodeStateVector(doc)).toString('hex'))
      return vectors[0] === vectors[1] && alice.doc.getText('text').toString() !== server.getText('text').toString()
    },
    code: 'foreign',
  },
  {
    name: 'a clock used again for something else',
    update: () => Y.mergeUpdates([writer(11).type('HOLLE'), writer(22).type('x')]),
    hurts(update) {
      const [one, two] = [applied(writer(11).type('hello')), applied(update)]
      Y.applyUpdate(one, update)
      Y.applyUpdate(two, writer(11).type('hello'))
      return one.getText('text').toString() !== two.getText('text').toString()
    },
    code: 'invalid-update',
  },
  {
    name: 'a collected struct of 2^53 - 2 clocks in the name of another',
    update: oneStruct(byte(0), FAR - 1),
    hurts: (update) => Y.decodeStateVector(Y.encodeStateVector(applied(update))).get(1) === FAR - 1,
    code: 'invalid-update',
  },
  {
    name: 'a clock at the end of the range, where counting stops',
    update: bytesOf(1, 1, 1, FAR, byte(0), 1, 0),
    code: 'invalid-update',
  },
  {
    name: 'a value nested 20,000 deep',
    update: oneStruct(...rootItem(8), 1, lists(20_000)),
    hurts: (update) => throws(() => applied(update).getArray('text').toJSON()),
    code: 'invalid-update',
  },
  {
    name: 'types nested 8,000 deep, which overflow the stack when they are deleted',
    update: () => deepTypes(8_000),
    hurts(update) {
      const doc = applied(update)
      const broken = throws(() => doc.getArray('root').delete(0, 1))
      let told = false
      doc.on('update', () => {
        told = true
      })
      doc.getText('text').insert(0, 'x')
      return broken && !told
    },
    code: 'too-big',
  },
  {
    name: 'an update that is cut off, of which Yjs applies a part',
    update: () => Y.encodeStateAsUpdate(writer(5).doc).slice(0, -1),
    hurts() {
      const doc = new Y.Doc()
      const whole = applied(writer(5).type('partly there'))
      const failed = throws(() => Y.applyUpdate(doc, Y.encodeStateAsUpdate(whole).slice(0, -1)))
      return failed && doc.getText('text').toString() === 'partly there'
    },
    code: 'invalid-update',
  },
  {
    name: 'a key __proto__, which chooses the prototype of what readers make',
    update: oneStruct(
      ...rootItem(8),
      1,
      bytesOf(byte(118), 1, '__proto__', byte(118), 1, 'polluted', byte(125), byte(1)),
    ),
    hurts(update) {
      const [value] = applied(update).getArray('text').toJSON()
      return value.polluted === 1 && !Object.hasOwn(value, 'polluted')
    },
    code: 'invalid-update',
  },
  {
    name: '200,000 ranges of deletions',
    update: () => bytesOf(0, 1, 11, 200_000, new Uint8Array(400_000).fill(1)),
    hurts: (update) => (applied(update).store.pendingDs?.length ?? 0) > 100_000,
    code: /too-big|invalid-update/,
  },
  {
    name: '40,000 root types',
    update: () =>
      bytesOf(
        1,
        40_000,
        66,
        0,
        ...Array.from({ length: 40_000 }, (_, n) => bytesOf(byte(8), 1, `root ${n}`, 1, byte(126))),
        0,
      ),
    hurts: (update) => applied(update).share.size === 40_000,
    code: 'too-big',
  },
  {
    name: '20,000 client ids in one update',
    update: () => bytesOf(20_000, ...Array.from({ length: 20_000 }, (_, n) => bytesOf(1, 1_000 + n, 0, byte(0), 1)), 0),
    hurts: (update) => applied(update).store.clients.size === 20_000,
    code: 'too-big',
  },
  {
    name: 'bytes behind the end, which Yjs does not look at',
    update: bytesOf(0, 0, 1, 2, 3),
    hurts: (update) => !throws(() => applied(update)),
    code: 'invalid-update',
  },
]

describe('updates', () => {
  test.each(ATTACKS)('[P9] $name', async ({ update: made, hurts, code }) => {
    const update = typeof made === 'function' ? made() : made
    if (hurts !== undefined) expect(hurts(update)).toBe(true)
    const { tried, goesOn, bench } = await scene()
    const told = tried(update)
    if (typeof code === 'string') expect(told).toBe(code)
    else expect(told).toMatch(code)
    goesOn()
    expect(bench.reported).toEqual([])
  })

  test('[P9] types nested a level at a time, below every bound of one update', async () => {
    const { told, goesOn } = await scene()
    const doc = new Y.Doc()
    let last = new Uint8Array()
    doc.on('update', (update: Uint8Array) => {
      last = update as Uint8Array<ArrayBuffer>
    })
    let at: Y.Array<unknown> = doc.getArray('root')
    const answers = []
    for (let level = 1; level <= NESTING_MAX + 1; level++) {
      const inner = new Y.Array<unknown>()
      at.insert(0, [inner])
      at = inner
      answers.push(...told({ type: 'submit', ...NOTE, request: level, kind: 'yjs-v1', bytes: last }))
    }
    expect(answers.slice(-2)).toEqual(['stamped', 'too-big'])
    goesOn()
  })
})

describe('names', () => {
  test('[P8] a bundle that claims what its origin has not written yet', async () => {
    const { told, goesOn } = await scene()
    expect(told(piece(writer(22).type('x'), { [ALICE]: [100, '0'.repeat(16)] }))).toEqual(['foreign'])
    expect(told(piece(writer(22).type('x'), { ['c'.repeat(16)]: [2 ** 40, '0'.repeat(16)] }))).toEqual([
      'invalid-update',
    ])
    goesOn()
  })

  test('[P8] the next record of another origin', async () => {
    const { bench, goesOn, first } = await scene()
    const mallory = await enter(bench, 'mallory', BOB)
    const seal = sealer(ALICE, sealer(ALICE)(first))
    expect(answers(bench, mallory, [seal(writer(22).type('x'))])).toEqual(['foreign'])
    goesOn()
  })

  test('[P8] deletion with the last epoch that there is, so that nobody can delete it again', async () => {
    const { told, goesOn } = await scene()
    expect(told({ type: 'tombstone', ...NOTE, epoch: `ffffffff${'0'.repeat(16)}`, through: 0 })).toEqual([
      'invalid-update',
    ])
    goesOn()
  })
})

describe('awareness', () => {
  const stateOf = (client: number, clock: number, json: string) => bytesOf(1, client, clock, json)

  async function people() {
    const bench = guarded()
    const [alice, mallory] = [await enter(bench, 'alice', ALICE), await enter(bench, 'mallory', BOB)]
    for (const each of [alice, mallory]) each.send({ type: 'open', ...NOTE })
    const say = (who: typeof alice, bytes: Uint8Array) => who.send({ type: 'awareness', ...NOTE, bytes })
    const seenBy = (who: typeof alice) => {
      const seen = new Awareness(new Y.Doc())
      for (const { bytes } of who.received('awareness')) applyAwarenessUpdate(seen, bytes, 'test')
      const states = new Map(seen.getStates())
      seen.destroy()
      return states
    }
    return { bench, alice, mallory, say, seenBy }
  }

  test('[P9] showing as somebody else, with a clock that the victim never reaches', async () => {
    const doc = new Y.Doc()
    const [victim, reader] = [new Awareness(doc), new Awareness(new Y.Doc())]
    victim.setLocalState({ name: 'Alice' })
    applyAwarenessUpdate(reader, stateOf(doc.clientID, 2 ** 39, '{"name":"not Alice"}'), 'forged')
    victim.setLocalState({ name: 'Alice', cursor: 1 })
    applyAwarenessUpdate(reader, encodeAwarenessUpdate(victim, [doc.clientID]), 'honest')
    expect(reader.getStates().get(doc.clientID)).toEqual({ name: 'not Alice' })
    victim.destroy()
    reader.destroy()

    const { alice, mallory, say, seenBy } = await people()
    say(alice, stateOf(11, 1, '{"name":"Alice"}'))
    say(mallory, stateOf(11, 2 ** 39, '{"name":"not Alice"}'))
    say(mallory, stateOf(11, 2 ** 39 + 1, 'null'))
    say(mallory, stateOf(22, 1, '{"name":"Mallory","subject":"alice"}'))
    say(alice, stateOf(11, 2, '{"name":"Alice","cursor":1}'))
    await Promise.resolve()
    expect(seenBy(mallory).get(11)).toEqual({ name: 'Alice', cursor: 1, subject: 'alice' })
    expect(seenBy(alice).get(22)).toEqual({ name: 'Mallory', subject: 'mallory' })
    expect(seenBy(alice).has(11)).toBe(false)
  })

  test.each([
    ['a clock at the end of the range', stateOf(22, FAR, '{}'), 1007],
    ['thousands of people', bytesOf(4_000, ...Array.from({ length: 4_000 }, (_, n) => bytesOf(n + 1, 1, '{}'))), 1013],
    ['a state nested 1,000 deep', stateOf(22, 1, `{"a":${'['.repeat(1_000)}${']'.repeat(1_000)}}`), 1007],
    ['a key __proto__', stateOf(22, 1, '{"user":{"__proto__":{"admin":true}}}'), 1007],
    ['a state of 100 KB', stateOf(22, 1, JSON.stringify({ a: 'x'.repeat(100_000) })), 1007],
  ])('[P7][P9] %s', async (_name, bytes, closedWith) => {
    const { mallory, alice, bench } = await people()
    const stock = bench.yWebsocket('acme', 'note', 'mallory')
    await Promise.resolve()
    stock.send(encodeAwareness(bytes))
    mallory.send({ type: 'awareness', ...NOTE, bytes: bytes.length > 60_000 ? bytes.subarray(0, 60_000) : bytes })
    expect(mallory.socket.closedWith).toBe(closedWith)
    expect(alice.socket.closedWith).toBeUndefined()
    expect(alice.received('awareness')).toEqual([])
  })
})

describe('connections', () => {
  const hello: Hello = {
    type: 'hello',
    oldestVersion: 1,
    newestVersion: 1,
    replica: BOB,
    scope: 'all',
    token: 'mallory',
  }
  const frame = (...messages: readonly Message[]) => encodeFrame(messages.map(encodeMessage))

  test('[P7] a frame that inflates a thousandfold', () => {
    const bomb = deflateRawSync(new Uint8Array(64 * 1024 * 1024))
    expect(bomb.length).toBeLessThan(100_000)
    const payload = bytesOf(byte(15), 1024 * 1024, bomb)
    const whole = new Uint8Array(payload.length + 4)
    whole.set(payload, 4)
    new DataView(whole.buffer).setUint32(0, siphash(payload), true)
    const bench = createBench()
    const socket = bench.sync('acme')
    const before = process.memoryUsage.rss()
    socket.send(whole)
    expect(socket.closedWith).toBe(1007)
    expect(process.memoryUsage.rss() - before).toBeLessThan(32 * 1024 * 1024)
  })

  test('[P7] a piece that inflates to more than it says', async () => {
    const { told, goesOn } = await scene()
    const honest = piece(writer(22).type('x'), { [BOB]: [1, '0'.repeat(16)] })
    const bomb = { ...honest, bytes: new Uint8Array(deflateRawSync(new Uint8Array(16 * 1024 * 1024))) } as Message
    expect(told(bomb)[0]).not.toBe('ack')
    goesOn()
  })

  test('[P7] frames in front of the answer to hello, or a hello of megabytes: nothing is kept for them', async () => {
    const bench = guarded()
    const [early, large] = [bench.sync('acme'), bench.sync('acme')]
    early.send(frame(hello))
    early.send(frame({ type: 'vector', ...NOTE, vector: new Map(), reply: true }))
    large.send(new Uint8Array(1_000_000))
    await new Promise((resolve) => setImmediate(resolve))
    expect([early.closedWith, large.closedWith]).toEqual([1002, 1013])
    expect(bench.noted).toEqual([])
  })

  test('[P7] a state vector of 100,000 entries', () => {
    const bench = createBench()
    const stock = bench.yWebsocket('acme', 'note')
    stock.send(encodeStep1(bytesOf(100_000, ...Array.from({ length: 100_000 }, (_, n) => bytesOf(n, 1)))))
    // It is not read: all there is goes, once.
    expect([stock.closedWith, stock.sent.length <= 3]).toEqual([undefined, true])
  })

  test('[P11] asking again and again for the whole document with one byte: beyond a few, answers wait', () => {
    const bench = createBench()
    const stock = bench.yWebsocket('acme', 'note')
    stock.send(encodeUpdate(writer(5).type('x'.repeat(10_000))))
    bench.commit()
    stock.sent.length = 0
    for (let n = 0; n < 1_000; n++) stock.send(encodeStep1(new Uint8Array([0])))
    expect(stock.sent.length).toBeLessThan(20)
    expect(stock.closedWith).toBeUndefined()
  })

  test.each([
    ['another page with the user in front of it (CSWSH)', { Origin: 'https://evil.example' }],
    ['a name that was made to lead here (DNS rebinding)', { Host: 'evil.example' }],
  ])('[P9] %s', async (_name, headers) => {
    const { request } = await import('node:http')
    const relay = await startRelay()
    const { port } = new URL(relay.url)
    const upgrade = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'eHh4eHh4eHh4eHh4eHh4eA==',
    }
    const status = await new Promise((resolve, reject) => {
      const asking = request({
        port,
        host: '127.0.0.1',
        path: '/sync/acme',
        headers: { Host: `127.0.0.1:${port}`, ...upgrade, ...headers },
      })
      asking.on('response', (response) => resolve(response.statusCode))
      asking.on('upgrade', () => resolve(101))
      asking.on('error', reject)
      asking.end()
    })
    expect(status).toBe(403)
  })

  test('[P9] a workspace that is a path', () => {
    const bench = createBench()
    for (const id of ['..', '.', '../secrets', 'a/b', '\u0000', '', 'x'.repeat(81)]) {
      const socket = bench.sync(id)
      expect([id, socket.closedWith]).toEqual([id, 4404])
    }
  })

  test(`[P9] ${MESSAGES} random messages of somebody who may only read change nothing`, async () => {
    const random = seeded(seedOfTest())
    const bench = createBench(undefined, {}, undefined, {
      authenticate: ({ token }) => ({ subject: token, role: token === 'reader' ? 'read' : 'write' }),
    })
    const alice = await enter(bench, 'alice', ALICE)
    alice.send({ type: 'open', ...NOTE })
    const a = writer(11)
    const sealA = sealer(ALICE)
    expect(answers(bench, alice, [sealA(a.type('as it is'))])).toEqual(['ack'])
    alice.forget()
    const m = writer(22)
    const bytes = m.type('x')
    const record = sealer(BOB)(bytes)
    const makes: (() => Message)[] = [
      () => ({ type: 'submit', ...NOTE, request: 1 + random(9), kind: 'yjs-v1', bytes }),
      () => ({
        type: 'entries',
        ...NOTE,
        through: 0,
        runs: [{ origin: BOB, first: 1 + random(3), chain: record.chain, updates: [record] }],
      }),
      () => piece(bytes, { [BOB]: [1 + random(9), record.chain] }),
      () => ({ type: 'tombstone', ...NOTE, epoch: `0000000${random(9)}${BOB}`, through: 0 }),
      () => ({
        type: 'vector',
        ...NOTE,
        epoch: `0000000${random(9)}${BOB}`,
        vector: new Map([[ALICE, { seq: 1 + random(99), chain: BOB }]]),
        reply: random(2) === 0,
      }),
      () => ({ type: 'awareness', ...NOTE, bytes: bytesOf(1, 1 + random(30), random(99), '{"name":"x"}') }),
      () => ({ type: 'open', ...NOTE }),
      () => ({ type: 'content', ...NOTE, version: BOB, hash: ALICE }),
      () => ({ type: 'submit', ...NOTE, document: `note ${random(9)}`, request: 1, kind: 'yjs-v1', bytes }),
    ]
    let reader = await enter(bench, 'reader', BOB)
    let connections = 1
    for (let n = 0; n < MESSAGES; n++) {
      if (reader.socket.closedWith !== undefined) {
        reader = await enter(bench, 'reader', BOB)
        connections++
      }
      const message = encodeMessage((makes[random(makes.length)] as () => Message)())
      if (random(50) === 0) message[random(message.length)] = random(256)
      const payload = new Uint8Array(message.length + 4)
      payload.set(message, 4)
      new DataView(payload.buffer).setUint32(0, siphash(message), true)
      reader.socket.send(payload)
      reader.socket.sent.length = 0
    }
    bench.commit()
    expect(connections).toBeGreaterThan(10)
    expect(alice.received()).toEqual([])
    const fresh = rejoinClient(bench, 'acme', 'd'.repeat(16))
    fresh.hello(undefined, 'all', 'alice')
    await new Promise((resolve) => setImmediate(resolve))
    const [catalog] = fresh.received('catalog')
    expect(catalog?.documents.map(({ document }) => document)).toEqual(['note'])
    expect(answers(bench, alice, [sealA(a.type('.'))])).toEqual(['ack'])
    expect(bench.reported).toEqual([])
  })
})
