/**
 * Which clocks of which Yjs client ids a log holds, and which of them are deleted: what a relay needs to know of a
 * document to tell news from repetition and to see what is missing, without its content. Joining is commutative and
 * idempotent (P3). It does not know content: two contents of one clock look the same here.
 */
import { createEncoder, toUint8Array, writeUint8, writeVarUint } from 'lib0/encoding'
import { RejoinError } from '../errors.ts'
import { type Hash64, hash64 } from '../hash.ts'
import { type Cursor, readCount, readVarUint } from './cursor.ts'
import type { Held } from './held.ts'
import type { StructRange, UpdateSummary } from './inspect.ts'
import { CLOCK_MAX } from './limits.ts'
import { addToSet, type RangeSet, setEnd, setHas, setSize, toRangeList, toRangeSet } from './range-set.ts'
import type { RangeList } from './ranges.ts'

/** A clock of a client id: all below it is meant. */
export interface ClientClock {
  readonly client: number
  readonly clock: number
}

export interface IntervalIndex {
  /** Whether the update holds structs or deletions that are not known yet. */
  adds(held: Held): boolean
  /**
   * The first dependency of the update that neither the index nor the update itself meets; `clock` is the exclusive bound
   * that is needed. Deletions of unknown clocks are not missing: Yjs keeps them until the structs come.
   */
  missing(summary: UpdateSummary): ClientClock | undefined
  /** Whether all that is deleted here is deleted there too. */
  deletesWithin(other: IntervalIndex): boolean
  /** Whether these clocks are deleted. */
  deletes(client: number, clock: number, length: number): boolean
  /** Joins the update in; again changes nothing. */
  add(held: Held): void
  /** The clock below which everything of `client` is known; 0 for an unknown client. */
  clock(client: number): number
  /** Client ids that something is known of. */
  readonly clients: number
  /** How many clocks are held, and how many of them deleted, added up. */
  clocks(): number
  /** `clock` of every client as a Yjs v1 state vector, in Yjs's own order. */
  stateVector(): Uint8Array
  /** Number of intervals: 16 bytes of memory each, and about 100 a client. */
  readonly size: number
  /** Canonical bytes: equal for equal indexes. See `decodeIntervalIndex`. */
  encode(): Uint8Array
  equals(other: IntervalIndex): boolean
  /** The hash of `encode()`. */
  digest(): Hash64
}

interface Intervals {
  readonly structs: RangeSet
  readonly deletes: RangeSet
}

/** First byte of the encoding; another layout gets another number. */
const ENCODING_VERSION = 1
/** Client id and two counts; start and length. */
const CLIENT_BYTES = 3
const RANGE_BYTES = 2

/** An index of nothing. */
export function createIntervalIndex(): IntervalIndex {
  return wrap(new Map())
}

function wrap(clients: Map<number, Intervals>): IntervalIndex {
  /** Until something is added. */
  let size: number | undefined
  const index: IntervalIndex = {
    adds: ({ structs, deletes }) => addsAny(clients, 'structs', structs) || addsAny(clients, 'deletes', deletes),
    deletesWithin(other) {
      for (const [client, { deletes }] of clients) {
        const list = toRangeList(deletes)
        for (let i = 0; i < list.length; i += 2) {
          const [from, to] = [list[i] as number, list[i + 1] as number]
          if (!other.deletes(client, from, to - from)) return false
        }
      }
      return true
    },
    deletes(client, clock, length) {
      const known = clients.get(client)
      return known !== undefined && setHas(known.deletes, clock, clock + length)
    },
    missing: (summary) => firstMissing(clients, summary),
    add({ structs, deletes }) {
      size = undefined
      join(clients, 'structs', structs)
      join(clients, 'deletes', deletes)
    },
    clock: (client) => knownBelow(clients, client),
    get clients() {
      return clients.size
    },
    clocks() {
      let clocks = 0
      for (const { structs, deletes } of clients.values()) {
        for (const ranges of [...structs, ...deletes]) {
          for (let at = 0; at < ranges.length; at += 2) clocks += (ranges[at + 1] as number) - (ranges[at] as number)
        }
      }
      return clocks
    },
    stateVector: () => encodeStateVector(clients),
    get size() {
      size ??= countIntervals(clients)
      return size
    },
    encode: () => encode(clients),
    equals: (other) => sameBytes(index.encode(), other.encode()),
    digest: () => hash64(index.encode()),
  }
  return index
}

type Side = keyof Intervals

function addsAny(clients: Map<number, Intervals>, side: Side, ranges: readonly StructRange[]): boolean {
  for (const { client, clock, length } of ranges) {
    const known = clients.get(client)
    if (known === undefined || !setHas(known[side], clock, clock + length)) return true
  }
  return false
}

function join(clients: Map<number, Intervals>, side: Side, ranges: readonly StructRange[]): void {
  for (const { client, clock, length } of ranges) addToSet(intervalsOf(clients, client)[side], clock, clock + length)
}

function intervalsOf(clients: Map<number, Intervals>, client: number): Intervals {
  let intervals = clients.get(client)
  if (intervals === undefined) {
    intervals = { structs: [], deletes: [] }
    clients.set(client, intervals)
  }
  return intervals
}

function knownBelow(clients: Map<number, Intervals>, client: number): number {
  const known = clients.get(client)
  return known === undefined ? 0 : setEnd(known.structs, 0)
}

function firstMissing(clients: Map<number, Intervals>, summary: UpdateSummary): ClientClock | undefined {
  let places: ReadonlyMap<number, number> | undefined
  for (const [client, clock] of summary.dependencies) {
    if (knownBelow(clients, client) >= clock) continue
    places ??= firstPlaces(summary.structs)
    const own = places.get(client)
    if (own === undefined || reach(clients, client, summary.structs, own) < clock) return { client, clock }
  }
  return undefined
}

/** client id -> index of its first range; the ranges of a client stand together. */
function firstPlaces(ranges: readonly StructRange[]): ReadonlyMap<number, number> {
  const places = new Map<number, number>()
  ranges.forEach(({ client }, at) => {
    if (!places.has(client)) places.set(client, at)
  })
  return places
}

/** The clock below which everything of `client` is known or in the update, whose ranges of it start at `own`. */
function reach(clients: Map<number, Intervals>, client: number, ranges: readonly StructRange[], own: number): number {
  const known = clients.get(client)?.structs ?? []
  let end = setEnd(known, 0)
  for (let at = own; ranges[at]?.client === client; at++) {
    const { clock, length } = ranges[at] as StructRange
    if (clock > end) break
    end = setEnd(known, Math.max(end, clock + length))
  }
  return end
}

function countIntervals(clients: Map<number, Intervals>): number {
  let count = 0
  for (const { structs, deletes } of clients.values()) count += setSize(structs) + setSize(deletes)
  return count
}

function encodeStateVector(clients: Map<number, Intervals>): Uint8Array {
  const known = [...clients.keys()].filter((client) => knownBelow(clients, client) > 0).sort((a, b) => b - a)
  const encoder = createEncoder()
  writeVarUint(encoder, known.length)
  for (const client of known) {
    writeVarUint(encoder, client)
    writeVarUint(encoder, knownBelow(clients, client))
  }
  return toUint8Array(encoder)
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

function encode(clients: Map<number, Intervals>): Uint8Array {
  const encoder = createEncoder()
  writeUint8(encoder, ENCODING_VERSION)
  writeVarUint(encoder, clients.size)
  for (const client of [...clients.keys()].sort((a, b) => a - b)) {
    const { structs, deletes } = clients.get(client) as Intervals
    writeVarUint(encoder, client)
    for (const list of [toRangeList(structs), toRangeList(deletes)]) {
      writeVarUint(encoder, list.length / 2)
      for (let i = 0; i < list.length; i++) writeVarUint(encoder, (list[i] as number) - (list[i - 1] ?? 0))
    }
  }
  return toUint8Array(encoder)
}

/** The index that `encode` wrote. Raises `corrupt` on bytes that no index writes; memory grows with the bytes only. */
export function decodeIntervalIndex(bytes: Uint8Array): IntervalIndex {
  try {
    return wrap(decode({ bytes, at: 0 }))
  } catch (cause) {
    throw new RejoinError('corrupt', 'The stored index of intervals is damaged', { cause })
  }
}

function decode(cursor: Cursor): Map<number, Intervals> {
  if (cursor.bytes[cursor.at++] !== ENCODING_VERSION) refuse('an unknown version')
  const clients = new Map<number, Intervals>()
  let previous = -1
  for (let left = readCount(cursor, CLIENT_BYTES); left > 0; left--) {
    const client = readVarUint(cursor)
    if (client <= previous) refuse('client ids out of order')
    previous = client
    const intervals = { structs: decodeRanges(cursor), deletes: decodeRanges(cursor) }
    if (intervals.structs.length + intervals.deletes.length === 0) refuse('a client without intervals')
    clients.set(client, intervals)
  }
  if (cursor.at !== cursor.bytes.length) refuse('bytes after its end')
  return clients
}

function decodeRanges(cursor: Cursor): RangeSet {
  const list: RangeList = []
  for (let left = readCount(cursor, RANGE_BYTES); left > 0; left--) {
    const gap = readVarUint(cursor)
    const length = readVarUint(cursor)
    const start = (list[list.length - 1] ?? 0) + gap
    if ((gap === 0 && list.length > 0) || length === 0 || start + length > CLOCK_MAX) refuse('ranges out of order')
    list.push(start, start + length)
  }
  return toRangeSet(list)
}

function refuse(what: string): never {
  throw new RejoinError('corrupt', `The index of intervals has ${what}`)
}
