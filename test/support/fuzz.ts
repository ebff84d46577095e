/**
 * Hostile bytes for every way in: structured (real messages and updates, changed), spliced, cut, made of huge numbers, and random.
 * A case is told by its seed and number alone. What takes too long or too much memory is tried again, since other work on the machine
 * looks the same now and then, and not each time.
 */
import * as Y from 'yjs'
import { createAwarenessRooms } from '../../server/relay/awareness.ts'
import {
  decodeYMessage,
  encodeAwareness,
  encodeStep1,
  encodeStep2,
  encodeUpdate,
} from '../../server/relay/y-protocol.ts'
import { CHAIN_START } from '../../shared/causality/version-vector.ts'
import { decodeSummary } from '../../shared/digest/summary.ts'
import { RejoinError } from '../../shared/errors.ts'
import { siphash } from '../../shared/hash.ts'
import { FIRST_EPOCH } from '../../shared/ids.ts'
import { toEntries } from '../../shared/sync/runs.ts'
import { compactUpdates } from '../../shared/update/compact.ts'
import { deflatePiece } from '../../shared/update/deflate-piece.ts'
import { inflatePiece } from '../../shared/update/inflate-piece.ts'
import { inspectUpdate } from '../../shared/update/inspect.ts'
import { decodeIntervalIndex } from '../../shared/update/interval-bytes.ts'
import { joinUpdates } from '../../shared/update/join.ts'
import { nestingDepth } from '../../shared/update/nesting.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import { seal } from '../../shared/update/seal.ts'
import { splitUpdate } from '../../shared/update/split.ts'
import { cutUpdate, inspectStateVector } from '../../shared/update/state-vector.ts'
import { decodeFrame, decodeVector, encodeFrame, encodeMessage } from '../../shared/wire/codec.ts'
import type { Hello, Message } from '../../shared/wire/messages.ts'
import { MESSAGES } from '../fixtures/v1/messages.ts'
import { type Bench, createBench, type Socket } from '../unit/server/bench.ts'
import { createChance, createDoc, randomHistory } from '../unit/update/histories.ts'
import { type Random, seeded } from './random.ts'
import { threadTimeOf } from './thread-time.ts'

export interface FuzzReport {
  cases: number
  /** Cases by way in: how many were taken, and how many refused with a code. */
  ways: Record<string, { taken: number; refused: number }>
  /** The longest one, and the most memory that one took. */
  slowestMs: number
  largestBytes: number
  failures: string[]
}

export interface FuzzOptions {
  seed: number
  cases: number
  /** Is told which case is next. */
  progress?(at: number): void
}

/** What any input may cost. */
const CASE_MS_MAX = 50
const CASE_BYTES_MAX = 32 * 1024 * 1024
const TRIES = 10
/** Failures that are told. */
const FAILURES_MAX = 20

const NOTE: DocumentRef = { document: 'note', epoch: FIRST_EPOCH, gc: true }
const MALLORY = 'e'.repeat(16)

/** A way in takes bytes and raises a `RejoinError`, or not. */
type Way = (bytes: Uint8Array) => void

export function fuzz({ seed, cases, progress = () => {} }: FuzzOptions): FuzzReport {
  const report: FuzzReport = { cases, ways: {}, slowestMs: 0, largestBytes: 0, failures: [] }
  const world = createWorld()
  const corpus = createCorpus(seed)
  const ways = Object.entries(createWays(world))
  for (let at = 0; at < cases && report.failures.length < FAILURES_MAX; at++) {
    progress(at)
    const random = seeded(seed * 1_000_003 + at)
    const [name, way] = ways[at % ways.length] as (typeof ways)[number]
    const bytes = hostile(random, corpus[name] ?? corpus.update ?? [])
    const count = report.ways[name] ?? { taken: 0, refused: 0 }
    report.ways[name] = count
    const failed = (what: string): void => {
      const hex = Buffer.from(bytes.subarray(0, 200)).toString('hex')
      report.failures.push(`case ${at} of seed ${seed}, ${name}, ${bytes.length} bytes ${hex}: ${what}`)
    }
    let cost = run(way, bytes, count, failed)
    for (let tries = 1; tries < TRIES && isTooMuch(cost); tries++) cost = smaller(cost, run(way, bytes))
    report.slowestMs = Math.max(report.slowestMs, cost.ms)
    report.largestBytes = Math.max(report.largestBytes, cost.bytes)
    if (isTooMuch(cost)) failed(`${cost.ms} ms and ${cost.bytes} bytes`)
  }
  report.failures.push(...world.troubles())
  return report
}

interface Cost {
  ms: number
  bytes: number
}

const isTooMuch = ({ ms, bytes }: Cost): boolean => ms > CASE_MS_MAX || bytes > CASE_BYTES_MAX
const smaller = (a: Cost, b: Cost): Cost => ({ ms: Math.min(a.ms, b.ms), bytes: Math.min(a.bytes, b.bytes) })

function run(
  way: Way,
  bytes: Uint8Array,
  count = { taken: 0, refused: 0 },
  failed = (_what: string): void => {},
): Cost {
  const before = memory()
  const { ms } = threadTimeOf(() => {
    try {
      way(bytes)
      count.taken++
    } catch (error) {
      if (error instanceof RejoinError) count.refused++
      else failed(error instanceof Error ? (error.stack ?? error.message) : String(error))
    }
  })
  return { ms, bytes: memory() - before }
}

const memory = (): number => process.memoryUsage.rss()

interface World {
  bench: Bench
  /** A connection that has said hello, and stays: only what ends it makes a new one. */
  rejoin(): Socket
  stock(): Socket
  /** What went wrong at the relay and was nobody's to be told; an honest reader that was disturbed. */
  troubles(): string[]
}

/** A relay with an honest reader of the document that all write. */
function createWorld(): World {
  const bench = createBench()
  const hello: Hello = { type: 'hello', oldestVersion: 1, newestVersion: 1, replica: MALLORY, scope: 'all', token: '' }
  const enter = (replica: string): Socket => {
    const socket = bench.sync('acme')
    socket.send(encodeFrame([encodeMessage({ ...hello, replica })]))
    socket.send(encodeFrame([encodeMessage({ type: 'open', ...NOTE })]))
    return socket
  }
  const honest = enter('a'.repeat(16))
  let [rejoin, stock]: (Socket | undefined)[] = []
  return {
    bench,
    rejoin() {
      if (rejoin === undefined || rejoin.closedWith !== undefined) rejoin = enter(MALLORY)
      rejoin.sent.length = 0
      return rejoin
    },
    stock() {
      if (stock === undefined || stock.closedWith !== undefined) stock = bench.yWebsocket('acme', 'note')
      stock.sent.length = 0
      honest.sent.length = 0
      return stock
    },
    troubles() {
      const told = bench.reported.map((error) => `the relay reported ${error instanceof Error ? error.stack : error}`)
      if (honest.closedWith !== undefined) told.push(`the honest reader was closed with ${honest.closedWith}`)
      return told
    },
  }
}

function createWays({ bench, rejoin, stock }: World): Record<string, Way> {
  const index = new Y.Doc()
  index.getText('text').insert(0, 'hello')
  const known = Y.encodeStateAsUpdate(index)
  const rooms = createAwarenessRooms({ now: () => 0, setTimer: () => () => {} }, 1_000)
  const member = { send() {} }
  rooms.enter(NOTE, member)
  return {
    update: (bytes) => void inspectUpdate(bytes),
    join: (bytes) => void joinUpdates([bytes, known, bytes]),
    compact: (bytes) => void compactUpdates([bytes, known], { gc: true }),
    split: (bytes) => void splitUpdate(bytes, 64),
    nesting(bytes) {
      inspectUpdate(bytes)
      nestingDepth([bytes, known])
    },
    /** What is let in harms no Y.Doc: it decodes, and goes on telling of its changes. */
    apply(bytes) {
      inspectUpdate(bytes)
      const doc = createDoc(true)
      Y.applyUpdate(doc, bytes)
      let told = false
      doc.on('update', () => {
        told = true
      })
      doc.getText(`of ${doc.clientID}`).insert(0, 'x')
      if (!told) throw new Error('the Y.Doc tells of nothing any more')
    },
    stateVector: (bytes) => void inspectStateVector(bytes),
    cut: (bytes) => void cutUpdate(known, bytes),
    vector: (bytes) => void decodeVector(bytes),
    frame: (bytes) => void decodeFrame(bytes),
    message: (bytes) => void decodeFrame(framed(bytes)),
    piece: (bytes) => void inspectUpdate(inflatePiece({ size: 1000, bytes })),
    index: (bytes) => void decodeIntervalIndex(bytes),
    summary: (bytes) => void decodeSummary(bytes),
    awareness: (bytes) => rooms.update(NOTE, bytes, member),
    yMessage: (bytes) => void decodeYMessage(bytes),
    /** Whole conversations: what is wrong is told there, and nothing raised. */
    rejoin(bytes) {
      rejoin().send(framed(bytes))
      bench.commit()
    },
    rawFrame(bytes) {
      rejoin().send(bytes)
      bench.commit()
    },
    stock(bytes) {
      stock().send(bytes)
      bench.commit()
    },
  }
}

/** With the checksum that it has to have, so that what is behind that is reached. */
function framed(bytes: Uint8Array): Uint8Array {
  const frame = new Uint8Array(bytes.length + 4)
  frame.set(bytes, 4)
  new DataView(frame.buffer).setUint32(0, siphash(bytes), true)
  return frame
}

/** What honest ones send, by way in. */
function createCorpus(seed: number): Record<string, readonly Uint8Array[]> {
  const chance = createChance(seed)
  const updates: Uint8Array[] = []
  for (let n = 0; n < 8; n++) {
    const history = randomHistory(chance, { clients: 3, edits: 60, gc: n % 2 === 0 })
    updates.push(...history.updates, ...history.docs.map((doc) => Y.encodeStateAsUpdate(doc)))
  }
  const vectors = updates.map((update) => Y.encodeStateVectorFromUpdate(update))
  const awareness = Array.from({ length: 20 }, (_, n) =>
    Uint8Array.from([1, n + 1, n, ...lengthAnd(JSON.stringify({ name: `person ${n}`, cursor: [n, { a: [] }] }))]),
  )
  const ofUpdates: Message[] = updates.flatMap((bytes, n): Message[] => {
    const record = seal(NOTE, { origin: MALLORY, seq: 1, kind: 'yjs-v1', bytes }, CHAIN_START)
    const end = { vector: new Map([[MALLORY, record]]), base: new Map() }
    const piece = {
      type: 'piece' as const,
      ...NOTE,
      through: 0,
      id: MALLORY,
      index: 0,
      count: 1,
      ...deflatePiece(bytes),
      ...end,
    }
    const submit = { type: 'submit' as const, ...NOTE, request: n + 1, kind: 'yjs-v1' as const, bytes }
    return [toEntries(NOTE, [record], 0), submit, piece]
  })
  const others: Message[] = [
    ...MESSAGES,
    { type: 'token', token: 'abc' },
    { type: 'access', role: 'write', expiresInMs: 1 },
    { type: 'tombstone', ...NOTE, through: 0 },
    { type: 'content', ...NOTE, version: MALLORY, hash: MALLORY },
    { type: 'digest', last: true, bytes: new Uint8Array([1, 2, 3]) },
    ...awareness.map((bytes): Message => ({ type: 'awareness', ...NOTE, bytes })),
    ...vectors.map(
      (stateVector): Message => ({ type: 'vector', ...NOTE, vector: new Map(), reply: true, stateVector }),
    ),
  ]
  const messages = [...others, ...ofUpdates].map(encodeMessage)
  const frames = messages.map((message) => encodeFrame([message]))
  const stock = [
    ...updates.flatMap((update) => [encodeUpdate(update), encodeStep2(update)]),
    ...vectors.map(encodeStep1),
    ...awareness.map(encodeAwareness),
  ]
  return {
    update: updates,
    stateVector: vectors,
    cut: vectors,
    awareness,
    frame: frames,
    rawFrame: frames,
    message: messages,
    rejoin: messages,
    piece: updates.map((update) => deflatePiece(update).bytes),
    yMessage: stock,
    stock,
  }
}

const lengthAnd = (text: string): number[] => [text.length, ...new TextEncoder().encode(text)]

const RANDOM_BYTES_MAX = 200

/** Bytes as an attacker would send them. */
function hostile(random: Random, honest: readonly Uint8Array[]): Uint8Array {
  const bytes = honest[random(honest.length)]?.slice() ?? new Uint8Array()
  const at = random(bytes.length + 1)
  switch (random(8)) {
    case 0:
      return Uint8Array.from({ length: random(RANDOM_BYTES_MAX) }, () => random(256))
    case 1:
      return Uint8Array.from({ length: random(RANDOM_BYTES_MAX) }, () => random(12))
    case 2:
      return bytes.subarray(0, at)
    case 3:
      return concat(bytes.subarray(0, at), varint(2 ** random(54) - random(2)), bytes.subarray(at + 1))
    case 4: {
      const other = honest[random(honest.length)] ?? bytes
      return concat(bytes.subarray(0, at), other.subarray(random(other.length + 1)))
    }
    case 5:
      return concat(
        bytes.subarray(0, at),
        Uint8Array.from({ length: random(16) }, () => random(256)),
        bytes.subarray(at),
      )
    default:
      for (let flips = 1 + random(4); flips > 0 && bytes.length > 0; flips--) bytes[random(bytes.length)] = random(256)
      return bytes
  }
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = Math.max(0, value)
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Uint8Array.from([...bytes, rest])
}
