/** What a client of the Rejoin protocol may try: it is told a code, at most its connection ends, and nobody else notices. */
import { randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { CHAIN_START } from '../../../shared/causality/version-vector.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { FRAME_BYTES_MAX, VECTOR_ORIGINS_MAX } from '../../../shared/limits.ts'
import { toEntries } from '../../../shared/sync/runs.ts'
import type { DocumentRef } from '../../../shared/update/record.ts'
import { seal } from '../../../shared/update/seal.ts'
import { decodeFrame, encodeFrame, encodeMessage } from '../../../shared/wire/codec.ts'
import type { Hello, Message } from '../../../shared/wire/messages.ts'
import { allRead, startClient } from '../client/support.ts'
import { cleanUp, type RunningRelay, startRelay, until } from '../server/support.ts'
import { byte, bytesOf, oneStruct, rootItem } from '../update/bytes.ts'

const NOTE: DocumentRef = { document: 'note', epoch: FIRST_EPOCH, gc: true }
const MALLORY = 'e'.repeat(16)
const HELLO: Hello = {
  type: 'hello',
  oldestVersion: 1,
  newestVersion: 1,
  replica: MALLORY,
  scope: 'all',
  token: '',
}

const frame = (...messages: Message[]): Uint8Array => encodeFrame(messages.map(encodeMessage))
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length))

interface Mallory {
  send(data: Uint8Array | string): void
  /** What it was told. */
  messages: Message[]
  closedWith(): number | undefined
  /** The code of the failure that it was told, if any. */
  failure(): string | undefined
}

/** A client that is up to no good; greeted, if it says hello first. */
async function mallory({ socketUrl }: RunningRelay, hello?: Hello): Promise<Mallory> {
  const socket = new WebSocket(`${socketUrl}/sync/acme`)
  socket.binaryType = 'arraybuffer'
  let code: number | undefined
  const messages: Message[] = []
  socket.onclose = (event) => {
    code = event.code
  }
  socket.onmessage = ({ data }) => {
    if (typeof data !== 'string') messages.push(...decodeFrame(new Uint8Array(data)))
  }
  cleanUp(() => socket.close())
  await until('the socket opens', () => socket.readyState === WebSocket.OPEN)
  if (hello !== undefined) {
    socket.send(frame(hello) as Uint8Array<ArrayBuffer>)
    await until('it is greeted', () => messages.some(({ type }) => type === 'welcome'))
  }
  return {
    send: (data) => socket.send(data as Uint8Array<ArrayBuffer> | string),
    messages,
    closedWith: () => code,
    failure: () => messages.flatMap((message) => (message.type === 'failure' ? [message.code] : []))[0],
  }
}

/** Two honest clients of the same document. */
async function bystanders(relay: RunningRelay) {
  const [alice, bob] = [await startClient(relay), await startClient(relay)]
  const [a, b] = [alice.open(), bob.open()]
  await Promise.all([a.whenSynced, b.whenSynced])
  let text = ''
  return async function expectUndisturbed(): Promise<void> {
    text += 'x'
    a.type('x')
    await allRead([a, b], text)
    expect([alice.network.opened, bob.network.opened]).toEqual([1, 1])
    expect([...alice.errors, ...bob.errors, ...alice.forks, ...bob.forks]).toEqual([])
  }
}

const BROKEN: [what: string, bytes: () => Uint8Array | string, code: string][] = [
  ['nothing', () => new Uint8Array(), 'bad-frame'],
  ['a checksum only', () => new Uint8Array(4), 'bad-frame'],
  ['random bytes', () => random(500), 'bad-frame'],
  ['a wrong checksum', () => flip(frame(HELLO), 0), 'bad-frame'],
  ['a flipped bit', () => flip(frame(HELLO), 9), 'bad-frame'],
  ['an unknown message', () => encodeFrame([new Uint8Array([200, 1, 2])]), 'bad-frame'],
  ['bytes after a message', () => encodeFrame([encodeMessage(HELLO), new Uint8Array([255])]), 'bad-frame'],
  ['a scope that is none', () => encodeFrame([patched(HELLO, 11, 7)]), 'bad-frame'],
  [
    '5,000 messages in a frame',
    () => encodeFrame(Array(5_000).fill(encodeMessage({ type: 'close', ...NOTE }))),
    'bad-frame',
  ],
  ['a token of a megabyte', () => frame({ ...HELLO, token: 'x'.repeat(1_000_000) }), 'bad-frame'],
  ['versions nobody speaks', () => frame({ ...HELLO, oldestVersion: 90, newestVersion: 99 }), 'version'],
]

const WITHOUT_PLACE: [what: string, messages: Message[]][] = [
  ['records before hello', [toEntries(NOTE, [record(edit('x'))], 0)]],
  ['a vector before hello', [{ type: 'vector', ...NOTE, vector: new Map(), reply: true }]],
  ['a welcome', [HELLO, { type: 'welcome', version: 1, replica: MALLORY, epoch: MALLORY, head: 1, resumed: false }]],
  ['two hellos', [HELLO, HELLO]],
  ['a catalog', [HELLO, { type: 'catalog', documents: [], last: true }]],
  ['an epoch', [HELLO, { type: 'epoch', epoch: MALLORY, start: 1 }]],
  ['an acknowledgement', [HELLO, { type: 'ack', ...NOTE, origin: MALLORY, seq: 1, chain: CHAIN_START, through: 1 }]],
  [
    'a stamp',
    [HELLO, { type: 'stamped', ...NOTE, request: 1, origin: MALLORY, seq: 1, chain: CHAIN_START, through: 1 }],
  ],
  ['records of a log', [HELLO, toEntries(NOTE, [record(edit('x'))], 7)]],
  ['sameness', [HELLO, { type: 'same', ...NOTE }]],
]

const nested = (depth: number) => bytesOf(...Array.from({ length: depth }, () => [byte(117), 1]).flat(), byte(126))

const HOSTILE: [what: string, update: Uint8Array][] = [
  ['a huge count in seven bytes', bytesOf(1, 2 ** 25, 1, 0)],
  ['a huge count of clients', bytesOf(2 ** 50, 1, 1, 0)],
  ['clocks of a far future', bytesOf(1, 1, 1, 2 ** 53 - 1, byte(0), 1, 0)],
  ['a tombstone of 2^53 clocks', oneStruct(byte(0), 2 ** 53 - 2)],
  ['deletions of what nobody has', bytesOf(0, 1, 1, 1, 2 ** 30, 5)],
  ['deletions up to 2^53', bytesOf(0, 1, 1, 1, 0, 2 ** 53 - 1)],
  ['values nested 10,000 deep', oneStruct(...rootItem(8), 1, nested(10_000))],
  ['a key __proto__', oneStruct(byte(0x28), 1, 'map', '__proto__', 1, byte(126))],
  ['bytes after the end', bytesOf(edit('x'), 0)],
  ['an end that is missing', edit('hello').slice(0, -2)],
  ['what builds on what nobody has', bytesOf(1, 1, 77, 5, byte(0x84), 77, 4, 'x', 0)],
  ['no update at all', random(300)],
]

describe('a hostile client of the Rejoin protocol', () => {
  test('[P9] that sends what is no frame is told why, and harms nobody', async () => {
    const relay = await startRelay()
    const expectUndisturbed = await bystanders(relay)
    for (const [what, bytes, code] of BROKEN) {
      for (const hello of [undefined, HELLO]) {
        const client = await mallory(relay, hello)
        client.send(bytes())
        await until(`the relay ends the connection on ${what}`, () => client.closedWith() !== undefined)
        // After a greeting a second one has no place, whatever it says.
        expect([code, 'protocol'], what).toContain(client.failure())
      }
      await expectUndisturbed()
    }
    expect(relay.errors).toEqual([])
  })

  test('[P9] that sends frames cut anywhere is told so', async () => {
    const relay = await startRelay()
    const expectUndisturbed = await bystanders(relay)
    const whole = frame(toEntries(NOTE, [record(edit('x'))], 0))
    const clients = await Promise.all(Array.from(whole, () => mallory(relay, HELLO)))
    for (const [length, client] of clients.entries()) {
      client.send(whole.subarray(0, length))
      // The same with a checksum that is right: what is in it is cut.
      if (length > 4) client.send(encodeFrame([whole.subarray(4, length)]))
    }
    await until('all are ended', () => clients.every(({ closedWith }) => closedWith() !== undefined))
    expect(new Set(clients.map(({ failure }) => failure()))).toEqual(new Set(['bad-frame']))
    await expectUndisturbed()
    expect(relay.errors).toEqual([])
  })

  test('[P7] that sends more than a frame may hold is cut', async () => {
    const relay = await startRelay()
    const expectUndisturbed = await bystanders(relay)
    const client = await mallory(relay, HELLO)
    client.send(random(FRAME_BYTES_MAX + 1))
    await until('it is ended', () => client.closedWith() !== undefined)
    expect(client.closedWith()).toBe(1009)
    await expectUndisturbed()
  })

  test('[P9] that says what has no place ends its conversation', async () => {
    const relay = await startRelay()
    const expectUndisturbed = await bystanders(relay)
    for (const [what, messages] of WITHOUT_PLACE) {
      const client = await mallory(relay)
      client.send(frame(...messages))
      await until(`the relay ends it on ${what}`, () => client.closedWith() !== undefined)
      expect(client.failure(), what).toBe('protocol')
      expect(client.closedWith()).toBe(1002)
      await expectUndisturbed()
    }
    expect(relay.errors).toEqual([])
  })

  test('[P9] that sends hostile updates is refused each, as record and to be stamped', async () => {
    const relay = await startRelay()
    const expectUndisturbed = await bystanders(relay)
    const client = await mallory(relay, HELLO)
    let request = 0
    for (const [what, bytes] of HOSTILE) {
      client.messages.length = 0
      client.send(frame({ type: 'submit', ...NOTE, request: ++request, kind: 'yjs-v1', bytes }))
      client.send(frame(toEntries(NOTE, [record(bytes)], 0)))
      const refusals = () => client.messages.filter((message) => message.type === 'refused')
      await until(`both are refused: ${what}`, () => refusals().length === 2)
      for (const refusal of refusals()) {
        expect(['invalid-update', 'too-big', 'dependency'], what).toContain(refusal.code)
      }
      await expectUndisturbed()
    }
    // It may still do what is right.
    client.send(
      frame({ type: 'submit', ...NOTE, document: 'other', request: ++request, kind: 'yjs-v1', bytes: edit('fine') }),
    )
    await until('that is taken', () => client.messages.some(({ type }) => type === 'stamped'))
    expect(client.closedWith()).toBeUndefined()
    expect(relay.errors).toEqual([])
  })

  test('[P8][P9] that forges records of others is not believed', async () => {
    const relay = await startRelay()
    const expectUndisturbed = await bystanders(relay)
    await expectUndisturbed()
    const client = await mallory(relay, { ...HELLO, scope: 'opened' })
    client.send(frame({ type: 'vector', ...NOTE, vector: new Map(), reply: true }))
    const known = () => client.messages.find((message) => message.type === 'vector')
    await until('it knows who writes', () => known() !== undefined)
    const [origin, head] = [...(known()?.vector ?? [])][0] ?? expect.fail('nobody writes')
    client.messages.length = 0
    // Another content under a dot that is taken; a dot that comes too early; a chain out of the air.
    const forged = seal(NOTE, { origin, seq: head.seq, kind: 'yjs-v1', bytes: edit('forged') }, 'd'.repeat(16))
    const early = seal(NOTE, { origin, seq: head.seq + 5, kind: 'yjs-v1', bytes: edit('forged') }, head.chain)
    const loose = seal(NOTE, { origin, seq: head.seq + 1, kind: 'yjs-v1', bytes: edit('forged') }, 'd'.repeat(16))
    for (const each of [forged, early, loose]) client.send(frame(toEntries(NOTE, [each], 0)))
    const refusals = () => client.messages.flatMap((message) => (message.type === 'refused' ? [message.code] : []))
    await until('all are refused', () => refusals().length === 3)
    expect(refusals().sort()).toEqual(['fork', 'fork', 'gap'])
    await expectUndisturbed()
  })

  test('[P7] that sends huge version vectors is answered or refused, and memory stays flat', async () => {
    const relay = await startRelay()
    const expectUndisturbed = await bystanders(relay)
    await expectUndisturbed()
    const heads = (count: number) =>
      new Map(
        Array.from({ length: count }, (_, i) => [i.toString(16).padStart(16, '0'), { seq: 1, chain: CHAIN_START }]),
      )
    const largest = frame({ type: 'vector', ...NOTE, vector: heads(VECTOR_ORIGINS_MAX), reply: true })
    const client = await mallory(relay, HELLO)
    const answers = () => client.messages.filter(({ type }) => type === 'vector').length
    const ask = async () => {
      client.messages.length = 0
      for (let i = 0; i < 10; i++) client.send(largest)
      await until('they are answered', () => answers() === 10)
    }
    await ask()
    const before = memoryInUse()
    for (let round = 0; round < 4; round++) await ask()
    await expectUndisturbed()
    expect(memoryInUse() - before).toBeLessThan(10 * 1024 * 1024)

    const more = await mallory(relay, HELLO)
    more.send(frame({ type: 'vector', ...NOTE, vector: heads(VECTOR_ORIGINS_MAX + 1), reply: true }))
    await until('that is too much', () => more.closedWith() !== undefined)
    expect(more.failure()).toBe('bad-frame')
    await expectUndisturbed()
    expect(relay.errors).toEqual([])
  })

  test('[P9] that shows awareness that is none is told so, and others see nothing of it', async () => {
    const relay = await startRelay()
    const expectUndisturbed = await bystanders(relay)
    const attacks = [
      random(50),
      bytesOf(2 ** 40, 1, 1, '{}'),
      bytesOf(1, 1, 2 ** 50, '{}'),
      bytesOf(1, 1, 1, '"text"'),
      bytesOf(1, 1, 1, '{'),
      bytesOf(1, 1, 1, '{}', 0),
      bytesOf(1, 1, 1, JSON.stringify({ large: 'x'.repeat(5_000) })),
      bytesOf(300, ...Array.from({ length: 300 }, (_, i) => [i + 1, 1, '{}']).flat()),
    ]
    for (const bytes of attacks) {
      const client = await mallory(relay, HELLO)
      client.send(frame({ type: 'open', ...NOTE }, { type: 'awareness', ...NOTE, bytes }))
      await until('it is ended', () => client.closedWith() !== undefined)
      expect(['bad-frame', 'too-big', 'overloaded']).toContain(client.failure())
      await expectUndisturbed()
    }
    expect(relay.errors).toEqual([])
  })
})

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** Bytes that are in use, and not only waiting to be collected. */
function memoryInUse(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const flipped = bytes.slice()
  flipped[at] = (flipped[at] ?? 0) ^ 1
  return flipped
}

/** A message with one byte changed. */
function patched(message: Message, at: number, value: number): Uint8Array {
  const bytes = encodeMessage(message)
  bytes[at] = value
  return bytes
}

function edit(text: string): Uint8Array {
  const doc = new Y.Doc()
  doc.getText('text').insert(0, text)
  return Y.encodeStateAsUpdate(doc)
}

/** The first record of Mallory's. */
function record(bytes: Uint8Array) {
  return seal(NOTE, { origin: MALLORY, seq: 1, kind: 'yjs-v1', bytes }, CHAIN_START)
}
