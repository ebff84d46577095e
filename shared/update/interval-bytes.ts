/** The intervals of an index as bytes, and what else relays ask of an index that a client has no use for. */
import { createEncoder, toUint8Array, writeUint8, writeVarUint } from 'lib0/encoding'
import { RejoinError } from '../errors.ts'
import { type Cursor, readCount, readVarUint } from './cursor.ts'
import { createIntervalIndex, type IntervalIndex, type Intervals } from './intervals.ts'
import { CLOCK_MAX } from './limits.ts'
import { type RangeSet, toRangeSet } from './range-set.ts'
import type { RangeList } from './ranges.ts'

/** First byte of the encoding; another layout gets another number. */
const ENCODING_VERSION = 1
/** Client id and two counts; start and length. */
const CLIENT_BYTES = 3
const RANGE_BYTES = 2

/** Canonical bytes: equal for equal indexes. See `decodeIntervalIndex`. */
export function encodeIntervals(index: IntervalIndex): Uint8Array {
  const encoder = createEncoder()
  writeUint8(encoder, ENCODING_VERSION)
  writeVarUint(encoder, index.clients)
  for (const client of index.ids()) {
    const { structs, deletes } = index.ranges(client)
    writeVarUint(encoder, client)
    for (const list of [structs, deletes]) {
      writeVarUint(encoder, list.length / 2)
      for (let i = 0; i < list.length; i++) writeVarUint(encoder, (list[i] as number) - (list[i - 1] ?? 0))
    }
  }
  return toUint8Array(encoder)
}

/** The index that `encodeIntervals` wrote. Raises `corrupt` on bytes that no index writes; memory grows with the bytes only. */
export function decodeIntervalIndex(bytes: Uint8Array): IntervalIndex {
  try {
    return createIntervalIndex(decode({ bytes, at: 0 }))
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

/** Whether two indexes know the same. */
export function sameIntervals(a: IntervalIndex, b: IntervalIndex): boolean {
  const [one, other] = [encodeIntervals(a), encodeIntervals(b)]
  return one.length === other.length && one.every((byte, i) => byte === other[i])
}

/** `clock` of every client as a Yjs v1 state vector, in Yjs's own order. */
export function encodeKnownClocks(index: IntervalIndex): Uint8Array {
  const known = index.ids().filter((client) => index.clock(client) > 0)
  const encoder = createEncoder()
  writeVarUint(encoder, known.length)
  for (const client of known.reverse()) {
    writeVarUint(encoder, client)
    writeVarUint(encoder, index.clock(client))
  }
  return toUint8Array(encoder)
}

/** How many clocks are held, and how many of them deleted, added up. */
export function countClocks(index: IntervalIndex): number {
  let clocks = 0
  for (const client of index.ids()) {
    const { structs, deletes } = index.ranges(client)
    for (const list of [structs, deletes]) {
      for (let at = 0; at < list.length; at += 2) clocks += (list[at + 1] as number) - (list[at] as number)
    }
  }
  return clocks
}

/** Whether all that is deleted in `index` is deleted in the other too. */
export function deletesWithin(index: IntervalIndex, other: IntervalIndex): boolean {
  for (const client of index.ids()) {
    const { deletes } = index.ranges(client)
    for (let at = 0; at < deletes.length; at += 2) {
      const [from, to] = [deletes[at] as number, deletes[at + 1] as number]
      if (!other.deletes(client, from, to - from)) return false
    }
  }
  return true
}
