/** Checkpoints at a relay: made of records, served in their place, and taken from who has what the relay has lost. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { decodeYMessage } from '../../../server/relay/y-protocol.ts'
import { createMemoryStore } from '../../../server/storage/memory.ts'
import { openSqliteStore } from '../../../server/storage/sqlite-file.ts'
import type { RelayStore } from '../../../server/storage/store.ts'
import { CHAIN_UNKNOWN } from '../../../shared/causality/chain.ts'
import { CHAIN_START, headOf, type VersionVector } from '../../../shared/causality/version-vector.ts'
import { systemEnvironment } from '../../../shared/environment.ts'
import { RejoinError } from '../../../shared/errors.ts'
import { fromRun } from '../../../shared/sync/runs.ts'
import { compactUpdates } from '../../../shared/update/compact.ts'
import { deflatePiece } from '../../../shared/update/deflate-piece.ts'
import { COMPACT_RECORDS } from '../../../shared/update/fold.ts'
import { inflatePiece } from '../../../shared/update/inflate-piece.ts'
import { hashJoinedLog } from '../../../shared/update/joined-log.ts'
import type { DocumentRef, UpdateRecord } from '../../../shared/update/record.ts'
import { seal } from '../../../shared/update/seal.ts'
import { splitUpdate } from '../../../shared/update/split.ts'
import type { Message, Piece } from '../../../shared/wire/messages.ts'
import { refTo } from '../../contract/relay-store.ts'
import { createRelayDisk } from '../../sim/index.ts'
import { amount } from '../../support/amount.ts'
import { type Bench, createBench } from './bench.ts'
import { type RejoinClient, rejoinClient } from './rejoin-client.ts'
import { cleanUp, temporaryFolder } from './support.ts'

const ALICE = 'a'.repeat(16)
const BOB = 'b'.repeat(16)
const NOTE = refTo('note')
const EMPTY: VersionVector = new Map()

/** Somebody who types into one document, a record for each edit. */
function createWriter(origin: string, where: DocumentRef = NOTE) {
  const doc = new Y.Doc({ gc: where.gc })
  const records: UpdateRecord[] = []
  doc.on('update', (bytes: Uint8Array, from: unknown) => {
    if (from === 'remote') return
    const seq = records.length + 1
    records.push(seal(where, { origin, seq, kind: 'yjs-v1', bytes }, records.at(-1)?.chain ?? CHAIN_START))
  })
  const text = doc.getText('text')
  const writer = {
    doc,
    text,
    records,
    /** The records of `count` keystrokes, each in a place of its own. */
    type(count: number): UpdateRecord[] {
      const from = records.length
      for (let i = 0; i < count; i++) text.insert((i * 7) % (text.length + 1), String(i % 10))
      return records.slice(from)
    },
    vectorAt: (seq: number): VersionVector => new Map([[origin, records[seq - 1] as UpdateRecord]]),
    get vector(): VersionVector {
      return writer.vectorAt(records.length)
    },
  }
  return writer
}

/** What a replica makes of what it is told: content and version vector, as the protocol says. */
function createReader(where: DocumentRef = NOTE) {
  const updates: Uint8Array[] = []
  const vector = new Map<string, { seq: number; chain: string }>()
  let pieces: Piece[] = []
  function takePiece(piece: Piece): void {
    if (piece.id !== pieces[0]?.id || piece.index === 0) pieces = []
    expect(piece.index).toBe(pieces.length + (pieces.length === 0 ? reader.heldPieces : 0))
    pieces.push(piece)
    if (piece.vector === undefined) return
    for (const each of pieces) updates.push(inflatePiece(each))
    for (const [origin, head] of piece.vector) if (head.seq > headOf(vector, origin).seq) vector.set(origin, head)
    pieces = []
    reader.heldPieces = 0
  }
  const reader = {
    updates,
    vector,
    /** Pieces of a transfer that are there already. */
    heldPieces: 0,
    take(messages: readonly Message[]): void {
      for (const message of messages) {
        if (message.type === 'piece' && message.document === where.document) takePiece(message)
        if (message.type !== 'entries' || message.document !== where.document) continue
        for (const run of message.runs) {
          for (const record of fromRun(where, run)) {
            if (record.seq <= headOf(vector, record.origin).seq) continue
            expect(record.seq).toBe(headOf(vector, record.origin).seq + 1)
            vector.set(record.origin, { seq: record.seq, chain: record.chain })
            updates.push(record.bytes)
          }
        }
      }
    },
    doc(): Y.Doc {
      const doc = new Y.Doc()
      for (const update of updates) Y.applyUpdate(doc, update)
      expect(doc.store.pendingStructs).toBeNull()
      return doc
    },
    text: (): string => reader.doc().getText('text').toString(),
    /** A Yjs state vector of all of it. */
    stateVector: (): Uint8Array => Y.encodeStateVector(reader.doc()),
  }
  return reader
}

/** Text that does not deflate well. */
function noise(length: number): string {
  const random = createRandom(length)
  return Array.from({ length }, () => String.fromCharCode(33 + random(90))).join('')
}

/** A relay of one workspace. */
function createRelay(open: RelayStore | (() => RelayStore) = createMemoryStore(), limits = {}) {
  let store = typeof open === 'function' ? undefined : open
  const bench = createBench(() => {
    if (typeof open === 'function') store = open()
    return store as RelayStore
  }, limits)
  const greeted = (replica: string, ...hello: Parameters<RejoinClient['hello']>): RejoinClient => {
    const client = rejoinClient(bench, 'acme', replica)
    client.hello(...hello)
    return client
  }
  return {
    bench,
    get store() {
      return store as RelayStore
    },
    greeted,
  }
}

/** Sends records, as many as fit a frame, and has them committed. */
function bring(bench: Bench, client: RejoinClient, records: readonly UpdateRecord[], where = NOTE): void {
  let frame: UpdateRecord[] = []
  let bytes = 0
  for (const record of records) {
    if (frame.length === 256 || bytes + record.bytes.length > 500_000) {
      client.entries(where, frame)
      frame = []
      bytes = 0
    }
    frame.push(record)
    bytes += record.bytes.length
  }
  if (frame.length > 0) client.entries(where, frame)
  bench.commit()
}

/** A relay that has folded what Alice typed. */
function folded(count = 600, limits = {}, store?: RelayStore) {
  const relay = createRelay(store, limits)
  const alice = createWriter(ALICE)
  const client = relay.greeted(ALICE)
  bring(relay.bench, client, alice.type(count))
  relay.bench.rest()
  return { ...relay, alice, client }
}

/** What it answers to a vector. */
function ask(relay: ReturnType<typeof createRelay>, question: Partial<Message> & { vector: VersionVector }): Message[] {
  const client = relay.greeted('c'.repeat(16))
  client.forget()
  client.send({ type: 'vector', ...NOTE, reply: true, ...question } as Message)
  relay.bench.rest()
  return client.received()
}

const contentOf = ({ store }: { store: RelayStore }, where = NOTE): Uint8Array[] => [
  ...Array.from(store.pieces(where, 0), inflatePiece),
  ...Array.from(store.history(where, store.checkpoint(where)?.through), ({ record }) => record.bytes),
]

describe('folding', () => {
  test('[P1] makes a checkpoint of many records, in steps, which holds what they hold', () => {
    const relay = createRelay()
    const { bench, store } = relay
    const alice = createWriter(ALICE)
    bring(bench, relay.greeted(ALICE), alice.type(COMPACT_RECORDS))
    expect(bench.step()).toBe(false)
    bring(bench, relay.greeted(BOB), alice.type(1))
    expect(store.checkpoint(NOTE)).toBeUndefined()
    let steps = 0
    while (bench.step()) steps++
    expect(steps).toBeGreaterThan(3)
    const checkpoint = store.checkpoint(NOTE)
    expect(checkpoint).toMatchObject({ through: COMPACT_RECORDS + 1, pieces: 1 })
    expect([...(checkpoint?.vector ?? [])]).toEqual([
      [ALICE, { seq: COMPACT_RECORDS + 1, chain: alice.records.at(-1)?.chain }],
    ])
    expect(hashJoinedLog(contentOf(relay))).toBe(hashJoinedLog(alice.records.map(({ bytes }) => bytes)))
    expect(Y.encodeStateVector(alice.doc)).toEqual(Y.encodeStateVectorFromUpdate(contentOf(relay)[0] as Uint8Array))
    expect(bench.reported).toEqual([])
  })

  test('[P11] counts a document as its records and its checkpoint as it is stored', () => {
    const { store, alice } = folded()
    const records = alice.records.reduce((sum, { bytes }) => sum + bytes.length, 0)
    expect(store.document('note')?.bytes).toBe(records + (store.checkpoint(NOTE)?.bytes ?? 0))
    expect(store.checkpoint(NOTE)?.bytes).toBe(
      [...store.pieces(NOTE, 0)].reduce((sum, { bytes }) => sum + bytes.length, 0),
    )
  })

  test('what comes while a document is folded stays a record after the checkpoint', () => {
    const relay = createRelay()
    const alice = createWriter(ALICE)
    const client = relay.greeted(ALICE)
    bring(relay.bench, client, alice.type(600))
    relay.bench.step()
    relay.bench.step()
    bring(relay.bench, client, alice.type(5))
    relay.bench.rest()
    expect(relay.store.checkpoint(NOTE)?.through).toBe(600)
    expect([...relay.store.history(NOTE, 600)]).toHaveLength(5)
    expect(hashJoinedLog(contentOf(relay))).toBe(hashJoinedLog(alice.records.map(({ bytes }) => bytes)))
  })

  test('appends what comes later, and compacts everything when that has become a part of it', () => {
    const { bench, store, alice, client } = folded(20_000)
    const ids = new Set([store.checkpoint(NOTE)?.id])
    const pieces: number[] = []
    const compacted = new Set<number>()
    for (let i = 0; i < 12; i++) {
      bring(bench, client, alice.type(COMPACT_RECORDS + 1))
      bench.rest()
      const checkpoint = store.checkpoint(NOTE)
      ids.add(checkpoint?.id)
      pieces.push(checkpoint?.pieces ?? 0)
      compacted.add(checkpoint?.compacted ?? 0)
    }
    expect(ids.size).toBe(13)
    expect(Math.max(...pieces)).toBeGreaterThan(2)
    expect(pieces.some((count, i) => i > 0 && count < (pieces[i - 1] ?? 0))).toBe(true)
    expect(compacted.size).toBeGreaterThan(1)
    expect(hashJoinedLog(contentOf({ store }))).toBe(hashJoinedLog(alice.records.map(({ bytes }) => bytes)))
  })

  test.each([true, false])('drops what was deleted where the document collects garbage (gc %s)', (gc) => {
    const where = { ...NOTE, gc }
    const relay = createRelay()
    const alice = createWriter(ALICE, where)
    alice.text.insert(0, 'a secret word')
    alice.text.delete(0, 9)
    bring(relay.bench, relay.greeted(ALICE), [...alice.records, ...alice.type(600)], where)
    relay.bench.rest()
    const [piece] = Array.from(relay.store.pieces(where, 0), (each) => new TextDecoder().decode(inflatePiece(each)))
    expect(piece?.includes('secret')).toBe(!gc)
  })

  test('is given up where a checkpoint came from outside meanwhile', () => {
    const relay = createRelay()
    const alice = createWriter(ALICE)
    const client = relay.greeted(ALICE)
    bring(relay.bench, client, alice.type(600))
    relay.bench.step()
    relay.bench.step()
    const bob = createWriter(BOB)
    bob.type(30)
    const update = compactUpdates(
      bob.records.map(({ bytes }) => bytes),
      { gc: true },
    )
    const piece = { id: 'e'.repeat(16), index: 0, count: 1, ...deflatePiece(update), vector: bob.vector }
    client.send({ type: 'piece', ...NOTE, through: 0, ...piece })
    relay.bench.rest()
    relay.bench.commit()
    relay.bench.rest()
    const all = [...alice.records, ...bob.records].map(({ bytes }) => bytes)
    expect(hashJoinedLog(contentOf(relay))).toBe(hashJoinedLog(all))
    expect(headOf(relay.store.checkpoint(NOTE)?.vector ?? EMPTY, BOB).seq).toBe(30)
  })

  test('is given up where somebody comes meanwhile who wants deleted content kept', () => {
    const relay = createRelay()
    const alice = createWriter(ALICE)
    const client = relay.greeted(ALICE)
    alice.text.insert(0, 'a secret word')
    alice.text.delete(0, 9)
    bring(relay.bench, client, [...alice.records, ...alice.type(600)])
    relay.bench.step()
    bring(relay.bench, client, alice.type(1), { ...NOTE, gc: false })
    relay.bench.rest()
    expect(relay.store.document('note')?.gc).toBe(false)
    expect(
      contentOf(relay)
        .map((bytes) => new TextDecoder().decode(bytes))
        .join(''),
    ).toContain('secret')
    expect(hashJoinedLog(contentOf(relay))).toBe(hashJoinedLog(alice.records.map(({ bytes }) => bytes)))
  })

  test('[P5] that fails is reported, changes nothing, and is not tried with every commit', () => {
    const store = createMemoryStore()
    const commit = store.commit.bind(store)
    let fails = true
    store.commit = (batch) => {
      if (fails && (batch.folds?.length ?? 0) > 0) throw new RejoinError('storage-full', 'the disk is full')
      commit(batch)
    }
    const { bench, alice, client } = folded(600, {}, store)
    expect(bench.reported).toMatchObject([{ code: 'storage-full' }])
    for (let i = 0; i < 100; i++) bring(bench, client, alice.type(1))
    bench.rest()
    expect(bench.reported).toHaveLength(1)
    fails = false
    bring(bench, client, alice.type(600))
    bench.rest()
    expect(store.checkpoint(NOTE)?.through).toBe(1300)
    expect(store.document('note')?.bytes).toBeGreaterThan(0)
  })

  test('[P11] is what an index is made of after a restart: known content makes no record, unknown is missed', () => {
    const { store, alice } = folded(600, { retainRecordsMax: 1 })
    const again = createRelay(store)
    let read = 0
    const history = store.history.bind(store)
    store.history = function* (where, after) {
      for (const entry of history(where, after)) {
        read++
        yield entry
      }
    }
    const client = again.greeted(BOB)
    const submit = (request: number, bytes: Uint8Array) =>
      client.send({ type: 'submit', ...NOTE, request, kind: 'yjs-v1', bytes })
    submit(1, Y.encodeStateAsUpdate(alice.doc))
    const more = alice.type(2)
    submit(2, more[1]?.bytes as Uint8Array)
    submit(3, more[0]?.bytes as Uint8Array)
    again.bench.commit()
    expect(client.received('stamped')).toMatchObject([
      { request: 1, seq: 0 },
      { request: 3, seq: 1 },
    ])
    expect(client.received('refused')).toMatchObject([{ request: 2, code: 'dependency' }])
    expect(read).toBe(0)
  })
})

describe('retention', () => {
  test('[P7] keeps so many records that a checkpoint stands for, and trims those before them', () => {
    const { store, bench, alice } = folded(600, { retainRecordsMax: 100 })
    expect([...store.history(NOTE)]).toHaveLength(100)
    expect(store.low()).toBe(500)
    expect(store.head()).toBe(600)
    expect(hashJoinedLog(contentOf({ store }))).toBe(hashJoinedLog(alice.records.map(({ bytes }) => bytes)))
    const kept = alice.records.slice(500).reduce((sum, { bytes }) => sum + bytes.length, 0)
    expect(store.document('note')?.bytes).toBe(kept + (store.checkpoint(NOTE)?.bytes ?? 0))
    expect(bench.reported).toEqual([])
  })

  test('[P7] trims what has become old, and what has become much', () => {
    const old = folded(600, { retainMs: 3_600_000 })
    old.bench.pass(3_000_000)
    old.bench.rest()
    expect(old.store.low()).toBe(0)
    bring(old.bench, old.greeted(ALICE), old.alice.type(1))
    old.bench.pass(3_700_000)
    old.greeted(ALICE)
    old.bench.pass(60_000)
    old.bench.rest()
    expect(old.store.low()).toBe(600)

    const much = createRelay(createMemoryStore(), { retainBytesMax: 1_000_000 })
    const writer = createWriter(ALICE)
    for (let i = 0; i < 40; i++) writer.text.insert(0, String(i % 10).repeat(100_000))
    const client = much.greeted(ALICE)
    for (const record of writer.records) bring(much.bench, client, [record])
    much.bench.rest()
    const bytes = [...much.store.history(NOTE)].reduce((sum, { record }) => sum + record.bytes.length, 0)
    expect(bytes).toBeLessThan(3_200_000)
    expect(bytes).toBeGreaterThan(1_000_000)
  })

  test('[P7] never takes a record that no checkpoint stands for', () => {
    const relay = createRelay(createMemoryStore(), { retainRecordsMax: 1 })
    const alice = createWriter(ALICE)
    bring(relay.bench, relay.greeted(ALICE), alice.type(300))
    relay.bench.pass(120_000)
    relay.bench.rest()
    expect([...relay.store.history(NOTE)]).toHaveLength(300)
    expect(relay.store.low()).toBe(0)
  })

  test('a place before what was trimmed is none any more, one after it is', () => {
    const relay = folded(600, { retainRecordsMax: 100 })
    const epoch = relay.store.epochs().at(-1)?.epoch ?? ''
    const at = (offset: number) => relay.greeted(BOB, { epoch, offset }).received('welcome')[0]?.resumed
    expect([499, 500, 550, 600, 601].map(at)).toEqual([false, true, true, true, false])
  })

  test('[P1] a reader that is so far behind that what it has missed is trimmed is cut, and compares', () => {
    const relay = folded(600)
    const epoch = relay.store.epochs().at(-1)?.epoch ?? ''
    const bob = relay.greeted(BOB, { epoch, offset: 600 })
    bob.socket.reads = false
    bob.socket.unread = 2_000_000
    bring(relay.bench, relay.client, relay.alice.type(2_000))
    relay.bench.rest()
    // As with a short retention: everything up to there was covered and is gone.
    relay.store.trim(2_000, 10_000)
    bob.forget()
    bob.socket.read()
    expect(bob.received()).toMatchObject([{ type: 'failure', code: 'slow-reader' }])
    expect(relay.bench.reported).toEqual([])
  })

  test('[P11] what is resent together is acknowledged together, and once', () => {
    const relay = folded(600, { retainRecordsMax: 100 })
    relay.client.forget()
    for (let at = 500; at < 600; at += 10) relay.client.entries(NOTE, relay.alice.records.slice(at, at + 10))
    expect(relay.client.received('ack')).toEqual([])
    relay.bench.commit()
    expect(relay.client.received('refused')).toEqual([])
    expect(relay.client.received('ack')).toMatchObject([{ seq: 600, chain: relay.alice.records[599]?.chain }])
  })

  test('[P8] a record resent whose chain is gone is answered with the head, which its sender can compare', () => {
    const relay = folded(600, { retainRecordsMax: 100 })
    relay.client.forget()
    const { records } = relay.alice
    for (const resent of [records.slice(10, 20), records.slice(550, 560), records.slice(400)]) {
      relay.client.entries(NOTE, resent)
      relay.bench.commit()
    }
    expect(relay.client.received('refused')).toEqual([])
    const head = { seq: 600, chain: records[599]?.chain, through: 0 }
    expect(relay.client.received('ack')).toMatchObject([head, head, head])
    const other = createWriter(ALICE)
    other.type(580)
    relay.client.entries(NOTE, other.records.slice(550))
    expect(relay.client.received('refused')).toMatchObject([{ code: 'fork', held: 600 }])
  })
})

describe('a relay that is asked for a document', () => {
  test('[P11] sends who has nothing the checkpoint, then the records after it', () => {
    const relay = folded(5_000)
    bring(relay.bench, relay.client, relay.alice.type(20))
    const messages = ask(relay, { vector: EMPTY })
    expect(messages.map(({ type }) => type)).toEqual(['piece', 'piece', 'vector'])
    const reader = createReader()
    reader.take(messages)
    expect(reader.text()).toBe(relay.alice.text.toString())
    expect(reader.vector.get(ALICE)?.seq).toBe(5_020)
    const bytes = (messages as Piece[]).slice(0, 2).reduce((sum, piece) => sum + piece.bytes.length, 0)
    expect(bytes).toBeLessThan(relay.alice.records.reduce((sum, record) => sum + record.bytes.length, 0) / 4)
  })

  test('[P11] sends who lacks many records these joined, and who lacks few the records', () => {
    const relay = folded(5_000)
    const many = ask(relay, { vector: relay.alice.vectorAt(4_000) })
    expect(many.map(({ type }) => type)).toEqual(['piece', 'vector'])
    expect(many[0]).toMatchObject({ index: 0, count: 1, through: 0 })
    const few = ask(relay, { vector: relay.alice.vectorAt(4_990) })
    expect(few.map(({ type }) => type)).toEqual(['entries', 'vector'])
    for (const [messages, from] of [
      [many, 4_000],
      [few, 4_990],
    ] as const) {
      const reader = createReader()
      reader.take([
        {
          type: 'entries',
          ...NOTE,
          through: 0,
          runs: [
            {
              origin: ALICE,
              first: 1,
              chain: relay.alice.records[0]?.chain ?? '',
              updates: relay.alice.records.slice(0, from),
            },
          ],
        },
      ])
      reader.take(messages)
      expect(reader.text()).toBe(relay.alice.text.toString())
      expect(reader.vector.get(ALICE)).toMatchObject({ seq: 5_000, chain: relay.alice.records.at(-1)?.chain })
    }
  })

  test('[P11] sends who was away for long the checkpoint without what its state vector covers', () => {
    const relay = createRelay(createMemoryStore(), { retainRecordsMax: 10 })
    const alice = createWriter(ALICE)
    alice.text.insert(0, noise(20_000))
    const client = relay.greeted(ALICE)
    bring(relay.bench, client, [...alice.records, ...alice.type(600)])
    relay.bench.rest()
    const bob = createReader()
    bob.take(ask(relay, { vector: EMPTY }))
    bring(relay.bench, client, alice.type(600))
    relay.bench.rest()
    alice.text.delete(0, 50)
    bring(relay.bench, client, alice.records.slice(-1))
    const whole = ask(relay, { vector: bob.vector })
    const cut = ask(relay, { vector: bob.vector, stateVector: bob.stateVector() })
    const bytes = (messages: Message[]) =>
      messages.reduce((sum, each) => sum + (each.type === 'piece' ? each.bytes.length : 0), 0)
    expect(bytes(cut)).toBeLessThan(bytes(whole) / 2)
    bob.take(cut)
    expect(bob.text()).toBe(alice.text.toString())
    expect(bob.vector.get(ALICE)?.seq).toBe(1_202)
  })

  test('[P11] goes on with a transfer that was cut', () => {
    const relay = createRelay(createMemoryStore(), { retainRecordsMax: 1 })
    const alice = createWriter(ALICE)
    for (let i = 0; i < 30; i++) alice.text.insert(0, noise(50_000))
    bring(relay.bench, relay.greeted(ALICE), alice.records)
    relay.bench.rest()
    const all = ask(relay, { vector: EMPTY }).filter((message) => message.type === 'piece')
    expect(all.length).toBeGreaterThan(4)
    const id = all[0]?.id ?? ''
    const reader = createReader()
    reader.take(all.slice(0, 3))
    const rest = ask(relay, { vector: EMPTY, partial: { id, pieces: 3 } })
    expect(rest.filter(({ type }) => type === 'piece')).toEqual(all.slice(3))
    reader.take(rest)
    expect(reader.text()).toBe(alice.text.toString())
    // Another transfer, or one that nobody sends in so many pieces, begins anew.
    for (const partial of [
      { id: 'd'.repeat(16), pieces: 3 },
      { id, pieces: all.length },
    ]) {
      expect(ask(relay, { vector: EMPTY, partial }).filter(({ type }) => type === 'piece')).toEqual(all)
    }
  })

  test('[P1] begins anew where the checkpoint is replaced while it is sent', () => {
    const relay = createRelay()
    const alice = createWriter(ALICE)
    for (let i = 0; i < 30; i++) alice.text.insert(0, noise(50_000))
    const client = relay.greeted(ALICE)
    bring(relay.bench, client, alice.records)
    relay.bench.rest()
    const bob = relay.greeted(BOB)
    bob.forget()
    bob.socket.reads = false
    bob.send({ type: 'vector', ...NOTE, reply: true, vector: EMPTY })
    const first = bob.received('piece')
    expect(first.length).toBeGreaterThan(0)
    expect(first.at(-1)?.vector).toBeUndefined()
    bring(relay.bench, client, alice.type(600))
    relay.bench.rest()
    for (let i = 0; i < 40; i++) bob.socket.read()
    const whole = bob.received('piece').filter(({ count }) => count > 1)
    const ids = new Set(whole.map(({ id }) => id))
    expect(ids.size).toBe(2)
    const reader = createReader()
    const answers = bob.received().filter((message) => !('through' in message) || message.through === 0)
    reader.take(answers.filter((message) => message.type !== 'piece' || message.id !== first[0]?.id))
    expect(reader.text()).toBe(alice.text.toString())
  })

  test('[P9] that has lost records ends that conversation with `corrupt`, and no other', () => {
    const relay = folded(100)
    const locate = relay.store.locate.bind(relay.store)
    relay.store.locate = (where, ranges) => locate(where, ranges).slice(5)
    const messages = ask(relay, { vector: EMPTY })
    expect(messages).toMatchObject([{ type: 'failure', code: 'corrupt' }])
    expect(relay.bench.reported).toMatchObject([{ code: 'corrupt' }])
    expect(relay.client.socket.closedWith).toBeUndefined()
  })

  test('[P9] with a state vector that is none ends that conversation, and one too large is left unread', () => {
    const relay = folded(600, { retainRecordsMax: 1 })
    const vector = relay.alice.vectorAt(1)
    expect(ask(relay, { vector, stateVector: new Uint8Array([9, 1]) })).toMatchObject([
      { type: 'failure', code: 'invalid-update' },
    ])
    const large = Y.encodeStateVector(new Map(Array.from({ length: 5_000 }, (_, i) => [i, 1])))
    expect(ask(relay, { vector, stateVector: large })[0]).toMatchObject({
      type: 'piece',
      id: relay.store.checkpoint(NOTE)?.id,
    })
  })

  test('[P8] tells who asks of a fork behind the head, which joined records would not show', () => {
    const relay = folded(600)
    const other = createWriter(ALICE)
    other.type(300)
    const messages = ask(relay, { vector: other.vectorAt(200) })
    expect(messages[0]).toMatchObject({ type: 'refused', code: 'fork', origin: ALICE, seq: 200, held: 600 })
    expect(ask(relay, { vector: relay.alice.vectorAt(200) }).map(({ type }) => type)).toEqual(['piece', 'vector'])
  })

  test('[P11] reads on from a place with neighbours joined', () => {
    const relay = folded(3_000)
    const epoch = relay.store.epochs().at(-1)?.epoch ?? ''
    const bob = relay.greeted(BOB, { epoch, offset: 1_000 })
    relay.bench.rest()
    expect(bob.received().map(({ type }) => type)).toEqual(['welcome', 'piece'])
    expect(bob.received('piece')[0]).toMatchObject({ count: 1, through: 3_000 })
    // What is its own it is told of by a receipt, of the last for all.
    const alice = relay.greeted(ALICE, { epoch, offset: 2_990 })
    relay.bench.rest()
    expect(alice.received().map(({ type }) => type)).toEqual(['welcome', 'ack'])
    expect(alice.received('ack')).toMatchObject([{ origin: ALICE, seq: 3_000, through: 3_000 }])
  })
})

describe('a relay that has lost a document', () => {
  /** A checkpoint as a client that has no records any more keeps it. */
  function checkpointOf(writer: ReturnType<typeof createWriter>, pieceBytes = 150, id = 'e'.repeat(16)): Piece[] {
    const updates = splitUpdate(
      compactUpdates(
        writer.records.map(({ bytes }) => bytes),
        { gc: true },
      ),
      pieceBytes,
    )
    return updates.map((update, index) => {
      const end = index === updates.length - 1 ? { vector: writer.vector } : {}
      return { type: 'piece', ...NOTE, through: 0, id, index, count: updates.length, ...deflatePiece(update), ...end }
    })
  }

  function typed(count = 1_000) {
    const alice = createWriter(ALICE)
    alice.type(count)
    return { alice, pieces: checkpointOf(alice) }
  }

  test('[P1] [P2] takes it in pieces, from who has no records of it any more, and hands it on in its log', () => {
    const { alice, pieces } = typed()
    const relay = createRelay()
    const [client, bob] = [relay.greeted(ALICE), relay.greeted(BOB)]
    bob.forget()
    expect(pieces.length).toBeGreaterThan(5)
    for (const piece of pieces.slice(0, -1)) client.send(piece)
    relay.bench.commit()
    expect(relay.store.document('note')).toBeUndefined()
    expect(relay.store.head()).toBe(0)
    expect(client.received('ack')).toEqual([])
    client.send(...pieces.slice(-1))
    relay.bench.commit()
    const last = alice.records.at(-1)
    expect(client.received('ack')).toMatchObject([{ origin: ALICE, seq: 1_000, chain: last?.chain, through: 1 }])
    expect(client.received('piece')).toEqual([])
    expect([...(relay.store.document('note')?.vector ?? [])]).toEqual([[ALICE, { seq: 1_000, chain: last?.chain }]])
    expect(relay.store.head()).toBe(1)
    expect([...relay.store.transfers()]).toEqual([])
    const reader = createReader()
    reader.take(bob.received())
    expect(bob.received('piece').at(-1)).toMatchObject({ through: 1 })
    expect(reader.text()).toBe(alice.text.toString())
    // A reader that comes later and reads from before it gets it too, and what follows.
    bring(relay.bench, client, alice.type(3))
    const epoch = relay.store.epochs().at(-1)?.epoch ?? ''
    const late = createReader()
    late.take(relay.greeted('d'.repeat(16), { epoch, offset: 0 }).received())
    expect(late.text()).toBe(alice.text.toString())
    expect(late.vector.get(ALICE)?.seq).toBe(1_003)
    expect(relay.bench.reported).toEqual([])
  })

  test('[P11] whoever reads on behind several of one document gets the newest, once, and every place', () => {
    const { alice, pieces } = typed()
    const relay = createRelay()
    const client = relay.greeted(ALICE)
    client.send(...pieces)
    relay.bench.commit()
    const from = alice.records.length
    alice.type(400)
    const base = { base: alice.vectorAt(from) }
    const later = checkpointOf(alice, 150, 'b'.repeat(16)).map((each) => (each.vector ? { ...each, ...base } : each))
    relay.greeted(ALICE).send(...later)
    relay.bench.commit()
    const epoch = relay.store.epochs().at(-1)?.epoch ?? ''
    expect(relay.store.head()).toBe(2)
    const late = relay.greeted(BOB, { epoch, offset: 0 })
    const reader = createReader()
    const received = late.received()
    reader.take(received)
    expect(reader.text()).toBe(alice.text.toString())
    expect(received.flatMap((each) => ('through' in each && each.through > 0 ? [each.through] : []))).toEqual([1, 2])
    const sent = received.filter(({ type }) => type === 'piece').length
    expect(sent).toBe(relay.store.checkpoint(NOTE)?.pieces)
  })

  test('[P1] joins it with the records that it has', () => {
    const { alice, pieces } = typed()
    const relay = createRelay()
    const client = relay.greeted(ALICE)
    const bob = createWriter(BOB)
    Y.applyUpdate(bob.doc, alice.records[0]?.bytes as Uint8Array, 'remote')
    bring(relay.bench, client, alice.records.slice(0, 300))
    bring(relay.bench, client, bob.type(20))
    client.send(...pieces.map((piece) => (piece.vector ? { ...piece, base: alice.vectorAt(300) } : piece)))
    bring(relay.bench, client, bob.type(5))
    const all = [...alice.records, ...bob.records].map(({ bytes }) => bytes)
    expect(hashJoinedLog(contentOf(relay))).toBe(hashJoinedLog(all))
    expect(relay.store.checkpoint(NOTE)?.through).toBe(321)
    const reader = createReader()
    reader.take(ask(relay, { vector: EMPTY }))
    expect(hashJoinedLog(reader.updates)).toBe(hashJoinedLog(all))
    expect(reader.vector.get(BOB)?.seq).toBe(25)
    // The next fold makes of it what it makes of any other.
    bring(relay.bench, client, alice.type(600))
    relay.bench.rest()
    expect(hashJoinedLog(contentOf(relay))).toBe(
      hashJoinedLog([...alice.records, ...bob.records].map(({ bytes }) => bytes)),
    )
  })

  test('[P8] seals again what it sealed since its start under a name that somebody else holds with other content', () => {
    const disk = createRelayDisk({ environment: systemEnvironment })
    const alice = createWriter(ALICE)
    const [first, lost, third] = alice.type(3)
    const told = (from: RejoinClient, update: UpdateRecord | undefined) => {
      const bytes = update?.bytes ?? expect.fail()
      from.send({ type: 'submit', ...NOTE, request: 1, kind: 'yjs-v1', bytes })
      relay.bench.commit()
      return from.received('stamped').at(-1) ?? expect.fail()
    }
    let relay = createRelay(disk.open(() => {}))
    told(relay.greeted(ALICE), first)
    const copy = disk.copy()
    const before = told(relay.greeted(ALICE), lost)
    const head = told(relay.greeted(ALICE), third)
    disk.restore(copy)
    relay = createRelay(disk.open(() => {}))
    const client = relay.greeted(BOB)
    const bob = createWriter(BOB)
    const [other] = bob.type(1)
    const after = told(client, other)
    expect([after.origin, after.seq]).toEqual([before.origin, before.seq])
    const vector = new Map([[head.origin, { seq: head.seq, chain: head.chain }]])
    for (let times = 0; times < 2; times++) {
      client.send({ type: 'vector', ...NOTE, vector, reply: true })
      relay.bench.commit()
      const stored = relay.store.document('note')?.vector ?? EMPTY
      const [renewed] = [...stored.keys()].filter((origin) => origin !== head.origin)
      const records = [...relay.store.history(NOTE)].filter(({ record }) => record.origin === renewed)
      // What was sealed before the start is there, and once is enough.
      expect(records.map(({ record }) => record.bytes)).toEqual([other?.bytes])
    }
  })

  test('[P8] believes nobody who knows the chain no more, unless all that is deleted here comes too', () => {
    const { alice, pieces } = typed()
    const bob = createWriter(BOB)
    Y.applyUpdate(bob.doc, alice.records[0]?.bytes as Uint8Array, 'remote')
    bob.text.delete(0, 1)
    const [deletion] = bob.records
    if (deletion === undefined) expect.fail()
    const erased = deflatePiece(deletion.bytes)
    const last = pieces.at(-1) as Piece
    const told = new Map([[BOB, deletion]])
    const brought = (seq: number, others: Piece['base'] = told, more: readonly Piece[] = []) => {
      const relay = createRelay()
      const client = relay.greeted(ALICE)
      bring(relay.bench, client, alice.records.slice(0, 300))
      bring(relay.bench, client, bob.records)
      client.forget()
      const id = '1'.repeat(16)
      const base = new Map([...(others ?? []), [ALICE, { seq, chain: CHAIN_UNKNOWN }]])
      const all = [...pieces.map((piece) => ({ ...piece, vector: undefined, base: undefined })), ...more]
      const end = { vector: last.vector, base }
      client.send(
        ...all.map((piece, index) => ({
          ...piece,
          id,
          index,
          count: all.length,
          ...(index === all.length - 1 && end),
        })),
      )
      relay.bench.commit()
      const { seq: held } = headOf(relay.store.document('note')?.vector ?? EMPTY, ALICE)
      return [held, ...client.received('refused').map(({ code }) => code)]
    }
    expect(brought(300)).toEqual([300, 'unproven'])
    // What it goes by is not what is held now.
    expect(brought(299)).toEqual([300, 'gap'])
    expect(brought(300, told, [{ ...last, ...erased }])).toEqual([alice.records.length])
    // What came since it was told is nothing that it could hold.
    expect(brought(300, new Map())).toEqual([alice.records.length])
  })

  test('[P11] knows what came while the pieces did: resent, it makes no record', () => {
    const { pieces } = typed()
    const store = createMemoryStore()
    const relay = createRelay(store)
    const [client, other] = [relay.greeted(ALICE), relay.greeted(BOB)]
    const bob = createWriter(BOB)
    client.send(...pieces.slice(0, 3))
    bring(relay.bench, other, bob.type(20))
    client.send(...pieces.slice(3))
    relay.bench.commit()
    const known = Y.encodeStateAsUpdate(bob.doc)
    other.send({ type: 'submit', ...NOTE, request: 1, kind: 'yjs-v1', bytes: known })
    relay.bench.commit()
    expect(other.received('stamped')).toMatchObject([{ request: 1, seq: 0 }])
    const again = createRelay(store)
    const late = again.greeted(BOB)
    late.send({ type: 'submit', ...NOTE, request: 1, kind: 'yjs-v1', bytes: known })
    again.bench.commit()
    expect(late.received('stamped')).toMatchObject([{ request: 1, seq: 0 }])
  })

  test('[P2] goes on with a transfer after a cut and after a restart', () => {
    const { alice, pieces } = typed()
    const store = createMemoryStore()
    const first = createRelay(store)
    first.greeted(ALICE).send(...pieces.slice(0, 4))
    first.bench.commit()
    const second = createRelay(store)
    const client = second.greeted(ALICE)
    client.send({ type: 'vector', ...NOTE, reply: true, vector: alice.vector })
    expect(client.received('vector')).toMatchObject([{ partial: { id: pieces[0]?.id, pieces: 4 } }])
    // One that came before is nothing new.
    client.send(...pieces.slice(3))
    second.bench.commit()
    expect(client.received('ack')).toMatchObject([{ seq: 1_000 }])
    expect(hashJoinedLog(contentOf(second))).toBe(hashJoinedLog(alice.records.map(({ bytes }) => bytes)))
  })

  test('[P10] takes its last piece again where what it is joined with could not be read for a moment', () => {
    const { alice, pieces } = typed()
    const store = createMemoryStore()
    const { history } = store
    let damaged = false
    store.history = (where, after) => {
      if (damaged) throw new RejoinError('corrupt', 'a record does not match its checksum')
      return history(where, after)
    }
    const relay = createRelay(store)
    const bob = createWriter(BOB)
    const client = relay.greeted(ALICE)
    bring(relay.bench, client, bob.type(20))
    client.send(...pieces.slice(0, -1))
    relay.bench.commit()
    damaged = true
    client.send(...pieces.slice(-1))
    // What comes in one piece is joined with the same.
    const carol = createWriter('c'.repeat(16))
    carol.type(3)
    relay.greeted('c'.repeat(16)).send(...checkpointOf(carol, 1_000_000, 'c'.repeat(16)))
    relay.bench.commit()
    expect(client.received('refused')).toMatchObject([{ code: 'corrupt' }])
    damaged = false
    const again = relay.greeted(ALICE)
    again.send({ type: 'vector', ...NOTE, reply: true, vector: alice.vector })
    expect(again.received('vector')).toMatchObject([{ partial: { pieces: pieces.length - 1 } }])
    again.send(...pieces.slice(-1))
    relay.bench.commit()
    expect(again.received('ack')).toMatchObject([{ seq: 1_000 }])
    expect(hashJoinedLog(contentOf(relay))).toBe(
      hashJoinedLog([...bob.records, ...alice.records].map(({ bytes }) => bytes)),
    )
  })

  test('says what of it need not be sent', () => {
    const { alice } = typed()
    const relay = createRelay()
    const client = relay.greeted(BOB)
    bring(relay.bench, client, alice.records.slice(0, 300))
    client.send({ type: 'vector', ...NOTE, reply: true, vector: alice.vector })
    const [reply] = client.received('vector')
    const doc = new Y.Doc()
    for (const { bytes } of alice.records.slice(0, 300)) Y.applyUpdate(doc, bytes)
    expect(reply?.stateVector).toEqual(Y.encodeStateVector(doc))
    client.forget()
    client.send({ type: 'vector', ...NOTE, reply: true, vector: alice.vectorAt(100) })
    expect(client.received('vector')[0]?.stateVector).toBeUndefined()
  })

  test('hands it to stock clients in the room', () => {
    const { alice, pieces } = typed()
    const relay = createRelay()
    const stock = relay.bench.yWebsocket('acme', 'note')
    relay.greeted(ALICE).send(...pieces)
    relay.bench.commit()
    const doc = new Y.Doc()
    for (const message of stock.sent.map(decodeYMessage))
      if (message.type === 'update') Y.applyUpdate(doc, message.update)
    expect(doc.getText('text').toString()).toBe(alice.text.toString())
  })

  test('[P3] takes what it holds already for that, and acknowledges it', () => {
    const { alice, pieces } = typed()
    const relay = createRelay()
    const client = relay.greeted(ALICE)
    bring(relay.bench, client, alice.records)
    client.forget()
    client.send(...checkpointOf(alice, 1_000_000))
    client.send(...pieces)
    relay.bench.commit()
    expect(client.received('ack')).toMatchObject([
      { seq: 1_000, through: 0 },
      { seq: 1_000, through: 0 },
    ])
    expect(relay.store.head()).toBe(1_000)
    expect(relay.store.checkpoint(NOTE)).toBeUndefined()
  })

  test('[P8] refuses one with another history', () => {
    const { alice } = typed()
    const other = createWriter(ALICE)
    other.type(1_000)
    const relay = createRelay()
    const client = relay.greeted(ALICE)
    bring(relay.bench, client, alice.records)
    const [only] = checkpointOf(other, 1_000_000)
    client.send(only as Piece)
    relay.bench.commit()
    expect(client.received('refused')).toMatchObject([{ code: 'fork', origin: ALICE, seq: 1_000 }])
    const shorter = createWriter(ALICE)
    shorter.type(500)
    client.send(checkpointOf(shorter, 1_000_000)[0] as Piece)
    expect(client.received('refused')[1]).toMatchObject({ code: 'fork', origin: ALICE, seq: 500 })
    expect(hashJoinedLog(contentOf(relay))).toBe(hashJoinedLog(alice.records.map(({ bytes }) => bytes)))
  })

  test('[P5] refuses a piece out of order, one that rests on nothing, and bytes that are none', () => {
    const { pieces } = typed()
    const relay = createRelay()
    const client = relay.greeted(ALICE)
    const [first, second] = pieces as [Piece, Piece]
    client.send(second)
    client.send({ ...second, index: 0 })
    client.send({ ...first, bytes: new Uint8Array([1, 2, 3]) })
    client.send({ ...first, ...deflatePiece(new Uint8Array([1, 255, 255, 255, 15, 1, 0])) })
    relay.bench.commit()
    expect(client.received('refused').map(({ code }) => code)).toEqual([
      'gap',
      'dependency',
      'invalid-update',
      'invalid-update',
    ])
    expect([...relay.store.transfers()]).toEqual([])
    expect([...relay.store.documents()]).toEqual([])
    expect(relay.bench.reported).toEqual([])
  })

  test('[P10] lets one sender finish, and another take over where that one has gone', () => {
    const { alice, pieces } = typed()
    const others = checkpointOf(alice, 400, 'f'.repeat(16))
    const relay = createRelay()
    const [client, bob] = [relay.greeted(ALICE), relay.greeted(BOB)]
    client.send(pieces[0] as Piece)
    bob.send(others[0] as Piece)
    relay.bench.commit()
    expect(bob.received('refused')).toMatchObject([{ code: 'overloaded' }])
    relay.bench.pass(30_000)
    bob.send(...others)
    relay.bench.commit()
    expect(bob.received('ack')).toMatchObject([{ seq: 1_000, through: 1 }])
    client.send(...pieces.slice(1))
    relay.bench.commit()
    expect(client.received('ack')).toMatchObject([{ seq: 1_000 }])
    expect(relay.store.head()).toBe(1)
  })

  test('[P7] takes no more transfers at a time than it has room for', () => {
    const { pieces } = typed()
    const relay = createRelay()
    const client = relay.greeted(ALICE)
    const first = (document: string): Piece => ({ ...(pieces[0] as Piece), document })
    for (let i = 0; i < 65; i++) client.send(first(`note ${i}`))
    relay.bench.commit()
    expect(client.received('refused')).toMatchObject([{ document: 'note 64', code: 'overloaded' }])
    relay.bench.pass(30_000)
    client.send(first('note 64'))
    relay.bench.commit()
    expect(client.received('refused')).toHaveLength(1)
    expect([...relay.store.transfers()].length).toBeLessThanOrEqual(64)
  })

  test('[P7] drops a transfer that nobody has gone on with for a day', () => {
    const { pieces } = typed()
    const store = createMemoryStore()
    const relay = createRelay(store)
    const first = relay.greeted(ALICE)
    first.send(pieces[0] as Piece)
    relay.bench.commit()
    relay.bench.pass(25 * 3_600_000)
    first.socket.handler.closed()
    const client = relay.greeted(ALICE)
    client.send({ ...(pieces[0] as Piece), document: 'list' })
    relay.bench.commit()
    expect([...store.transfers()]).toHaveLength(2)
    client.socket.handler.closed()
    relay.bench.pass(100_000)
    expect(relay.bench.noted.at(-1)).toBe('workspace closed: acme')
    relay.greeted(ALICE)
    expect([...store.transfers()].map(({ where }) => where.document)).toEqual(['list'])
  })

  test('[P10] drops a transfer of a time when the clock was years ahead, and does not wait for it', () => {
    const { pieces } = typed()
    const store = createMemoryStore()
    const ahead = createRelay(store)
    ahead.bench.jump(10 * 365 * 24 * 3_600_000)
    ahead.greeted(ALICE).send(pieces[0] as Piece)
    ahead.bench.commit()
    expect([...store.transfers()]).toHaveLength(1)
    createRelay(store).greeted(BOB)
    expect([...store.transfers()]).toEqual([])
  })

  test('[P10] takes a document from another where the clock was put back after one began to send it', () => {
    const { alice, pieces } = typed()
    const relay = createRelay()
    relay.greeted(ALICE).send(pieces[0] as Piece)
    relay.bench.commit()
    const bob = relay.greeted(BOB)
    const others = checkpointOf(alice, 150, 'f'.repeat(16))
    bob.send(others[0] as Piece)
    relay.bench.commit()
    expect(bob.received('refused')).toMatchObject([{ code: 'overloaded' }])
    relay.bench.jump(-3_600_000)
    bob.send(...others)
    relay.bench.commit()
    expect(bob.received('refused')).toHaveLength(1)
    expect(bob.received('ack')).toMatchObject([{ seq: 1_000 }])
  })

  test('[P2] tells nobody of a checkpoint whose commit failed, and has forgotten it', () => {
    const { alice, pieces } = typed()
    const store = createMemoryStore()
    const commit = store.commit.bind(store)
    let full = false
    store.commit = (batch) => {
      if (full && (batch.folds?.length ?? 0) > 0) throw new RejoinError('storage-full', 'the disk is full')
      commit(batch)
    }
    const relay = createRelay(store)
    const client = relay.greeted(ALICE)
    full = true
    client.send(...pieces)
    relay.bench.commit()
    expect(client.received('refused')).toMatchObject([{ code: 'storage-full' }])
    expect(client.received('ack')).toEqual([])
    full = false
    const again = relay.greeted(ALICE)
    again.send({ type: 'vector', ...NOTE, reply: true, vector: alice.vector })
    expect(again.received('vector')).toMatchObject([{ vector: new Map() }])
    again.send(...pieces.slice(-1))
    relay.bench.commit()
    expect(again.received('ack')).toMatchObject([{ seq: 1_000 }])
  })
})

/** mulberry32 */
function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

describe.each(['memory', 'SQLite'])('folds, trims, transfers and restarts in %s', (kind) => {
  test.each([1, 2, 3, 4, 5, 6].slice(0, amount(1, 6)))(
    '[P1] change nothing of what a document holds, and every reader gets all of it (seed %i)',
    (seed) => {
      const random = createRandom(seed)
      const path = kind === 'SQLite' ? join(temporaryFolder(), 'store.sqlite') : undefined
      const memory = createMemoryStore()
      const limits = { retainRecordsMax: 1 + random(1_500) }
      const open = () => (path === undefined ? memory : openSqliteStore(path))
      let relay = createRelay(open, limits)
      cleanUp(() => relay.bench.core.close())
      const writers = [ALICE, BOB, 'd'.repeat(16)].map((origin) => createWriter(origin))
      const sent = writers.map(() => 0)
      const readers = [createReader(), createReader(), createReader()]
      const places: (number | undefined)[] = readers.map(() => undefined)

      function restart(): void {
        relay.bench.core.close()
        relay = createRelay(open, limits)
      }

      /** A client comes, sends what it has typed, and reads the rest by version vector. */
      function meet(i: number): void {
        const writer = writers[i] as ReturnType<typeof createWriter>
        const reader = readers[i] as ReturnType<typeof createReader>
        relay.greeted('9'.repeat(16)).socket.handler.closed()
        const epoch = relay.store.epochs().at(-1)?.epoch ?? ''
        const offset = places[i]
        const from = random(2) === 0 && offset !== undefined ? { epoch, offset } : undefined
        const client = relay.greeted((writer.records[0]?.origin ?? ALICE) as string, from)
        bring(relay.bench, client, writer.records.slice(sent[i]))
        sent[i] = writer.records.length
        const stateVector = random(2) === 0 ? reader.stateVector() : undefined
        if (client.received('welcome')[0]?.resumed !== true) {
          client.send({ type: 'vector', ...NOTE, reply: true, vector: reader.vector, stateVector })
        }
        for (let steps = random(30); steps > 0; steps--) relay.bench.step()
        relay.bench.commit()
        if (random(3) === 0) relay.bench.rest()
        const told = client.received().filter(({ type }) => type !== 'ack')
        reader.take(own(writer))
        reader.take(told)
        places[i] = relay.store.head()
        for (const update of reader.updates.slice()) Y.applyUpdate(writer.doc, update, 'remote')
        client.socket.handler.closed()
        expect(client.received('refused')).toEqual([])
        expect(relay.bench.reported).toEqual([])
      }

      const own = ({ records }: ReturnType<typeof createWriter>): Message[] => {
        const [first] = records
        if (first === undefined) return []
        return [
          {
            type: 'entries',
            ...NOTE,
            through: 0,
            runs: [{ origin: first.origin, first: 1, chain: first.chain, updates: records }],
          },
        ]
      }

      for (let round = 0; round < 60; round++) {
        const i = random(3)
        const writer = writers[i] as ReturnType<typeof createWriter>
        writer.type(1 + random(120))
        if (writer.text.length > 60 && random(2) === 0) writer.text.delete(random(writer.text.length - 50), random(50))
        meet(i)
        if (random(8) === 0) restart()
        if (random(6) === 0) relay.bench.pass(70_000)
      }
      for (const i of [0, 1, 2, 0, 1, 2]) meet(i)
      relay.bench.rest()
      const all = writers.flatMap(({ records }) => records.map(({ bytes }) => bytes))
      const hash = hashJoinedLog(all)
      expect(hashJoinedLog(contentOf(relay))).toBe(hash)
      for (const reader of readers) expect(hashJoinedLog(reader.updates)).toBe(hash)
      expect(relay.store.checkpoint(NOTE)).toBeDefined()
      const totals = [...relay.store.history(NOTE)].reduce((sum, { record }) => sum + record.bytes.length, 0)
      expect(relay.store.document('note')?.bytes).toBe(totals + (relay.store.checkpoint(NOTE)?.bytes ?? 0))
    },
  )
})
