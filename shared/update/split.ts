/**
 * One large update as several that a relay takes one by one. Structs come in causal order, so that each part can be
 * integrated when those before it were; deletions come after all structs. Bytes are copied as they are; only a text or list
 * too large for one part is cut, where Yjs' `splitItem` could have cut it. Time and memory are linear in the bytes.
 */
import {
  createEncoder,
  type Encoder,
  toUint8Array,
  writeBinaryEncoder,
  writeUint8,
  writeUint8Array,
  writeVarUint,
} from 'lib0/encoding'
import { causalOrder, openSources, type Source } from './causal-order.ts'
import { type Cursor, codePointSize, readVarUint, skipString, utf16Length } from './cursor.ts'
import { UPDATE_LIMITS } from './limits.ts'
import { hasCount } from './piece.ts'
import { finish, STEP_STRUCTS, type Steps } from './steps.ts'
import { ANY, HAS_KEY, HAS_ORIGIN, HAS_RIGHT_ORIGIN, KIND_BITS, NONE, SKIP, STRING, type StructHead } from './struct.ts'
import { skipAny } from './values.ts'
import { isWithinLimits } from './walk.ts'

/**
 * Splits a Yjs v1 update into updates of at most `bytesMax` bytes that say the same when they are applied in order. What
 * cannot be cut (a binary, an embed, one value of a list) and is larger stands alone. An update that fits comes back as it
 * is; one that is read, as it does not or is of more than 64 KiB, raises `invalid-update`. Clients and deletions are within
 * `UPDATE_LIMITS` in each part, and need not be in the whole.
 */
export const splitUpdate = (bytes: Uint8Array, bytesMax: number): Uint8Array[] => finish(splitSteps(bytes, bytesMax))

/**
 * `splitUpdate` in steps, to let others run between them. A step takes up to 16,384 structs or deletions, or what makes one
 * part; only a single text or list is read whole, twice, before it is cut.
 */
export function* splitSteps(bytes: Uint8Array, bytesMax: number): Steps<Uint8Array[]> {
  if (bytes.length <= bytesMax && isWithinLimits(bytes)) return [bytes]
  const { sources, end } = yield* openSources(bytes)
  const parts: Parts = { bytesMax, open: emptyPart(), done: [] }
  let steps = 0
  let done = 0
  for (const source of causalOrder(sources)) {
    if (isCut(parts, source)) yield* addCut(parts, source)
    else addStruct(parts, source)
    if (++steps % STEP_STRUCTS !== 0 && parts.done.length === done) continue
    done = parts.done.length
    yield
  }
  yield* addDeletions(parts, { bytes, at: end })
  close(parts)
  return parts.done
}

/** Structs or deletions of one client in a part. */
interface Section {
  readonly clock: number
  /** The clock after its last struct. */
  end: number
  count: number
  readonly body: Encoder
}

interface Part {
  readonly structs: Map<number, Section>
  readonly deletes: Map<number, Section>
  deletions: number
  /** What it takes when it is written. */
  bytes: number
}

interface Parts {
  readonly bytesMax: number
  open: Part
  readonly done: Uint8Array[]
}

/** Two counts of nothing. */
const PART_BYTES = 2

function emptyPart(): Part {
  return { structs: new Map(), deletes: new Map(), deletions: 0, bytes: PART_BYTES }
}

function isEmpty(part: Part): boolean {
  return part.bytes === PART_BYTES
}

/** What a part holds beside its only struct is less: two counts, and number, client and clock of a section. */
const STRUCT_HEAD_BYTES_MAX = 32

/** Whether a struct is too large for any part, and can be cut. */
function isCut({ bytesMax }: Parts, { client, clock, head, from, cursor }: Source): boolean {
  const bytes = cursor.at - from
  if (bytes + STRUCT_HEAD_BYTES_MAX <= bytesMax || !hasCount(head.info & KIND_BITS)) return false
  return PART_BYTES + structBytes(emptyPart(), client, clock, bytes) > bytesMax
}

function addStruct(parts: Parts, { client, clock, head, from, cursor }: Source): void {
  const bytes = cursor.at - from
  if (!fits(parts, client, clock, bytes)) close(parts)
  const section = openSection(parts.open, client, clock, head.length, bytes)
  writeUint8Array(section.body, cursor.bytes.subarray(from, cursor.at))
}

function fits({ open, bytesMax }: Parts, client: number, clock: number, bytes: number): boolean {
  const hasRoom = open.structs.size < UPDATE_LIMITS.clientsMax || open.structs.has(client)
  return hasRoom && open.bytes + structBytes(open, client, clock, bytes) <= bytesMax
}

/** By how much a part grows with a struct of `bytes` bytes. */
function structBytes({ structs }: Part, client: number, clock: number, bytes: number): number {
  const section = structs.get(client)
  if (section === undefined) return growth(structs.size, 1) + sizeOf(client) + sizeOf(clock) + 1 + bytes
  const gap = clock - section.end
  return gap > 0 ? growth(section.count, 2) + 1 + sizeOf(gap) + bytes : growth(section.count, 1) + bytes
}

/** Makes room for a struct of `bytes` bytes; a gap before it is written. */
function openSection(part: Part, client: number, clock: number, length: number, bytes: number): Section {
  part.bytes += structBytes(part, client, clock, bytes)
  let section = part.structs.get(client)
  if (section === undefined) {
    section = { clock, end: clock, count: 0, body: createEncoder() }
    part.structs.set(client, section)
  } else if (clock > section.end) {
    writeUint8(section.body, SKIP)
    writeVarUint(section.body, clock - section.end)
    section.count++
  }
  section.end = clock + length
  section.count++
  return section
}

/** Adds a text or list piece by piece: the first keeps its place, each other follows the one before it, as in `splitItem`. */
function* addCut(parts: Parts, { client, clock, head, from, cursor }: Source): Steps<void> {
  const { bytes, at: to } = cursor
  const content: Cursor = { bytes, at: head.contentAt }
  readVarUint(content)
  let place = bytes.subarray(from, head.contentAt)
  let start = clock
  while (content.at < to) {
    const before = content.at
    const headBytes = place.length + sizeOf(to - before)
    const room = parts.bytesMax - parts.open.bytes - structBytes(parts.open, client, start, headBytes)
    const length = takeContent(content, head.info & KIND_BITS, to, room)
    if (content.at - before > room && !isEmpty(parts.open)) {
      content.at = before
      close(parts)
      yield
      continue
    }
    const count = (head.info & KIND_BITS) === STRING ? content.at - before : length
    const all = place.length + sizeOf(count) + content.at - before
    const { body } = openSection(parts.open, client, start, length, all)
    writeUint8Array(body, place)
    writeVarUint(body, count)
    writeUint8Array(body, bytes.subarray(before, content.at))
    start += length
    place = placeAfter(head, client, start)
  }
}

/** Steps over as much content as has room, but at least one element; returns the clocks it covers. */
function takeContent(content: Cursor, kind: number, to: number, room: number): number {
  const { bytes, at: from } = content
  if (kind === STRING) {
    let end = Math.min(to, from + Math.max(room, 0))
    // a code point is whole, so a surrogate pair is too
    while (end < to && end > from && ((bytes[end] as number) & 0xc0) === 0x80) end--
    content.at = end > from ? end : from + codePointSize(bytes, from, to)
    return utf16Length(bytes, from, content.at)
  }
  const skip = kind === ANY ? skipAny : skipString
  let length = 0
  for (let end = from; end < to; end = content.at) {
    skip(content)
    if (length > 0 && content.at - from > room) {
      content.at = end
      break
    }
    length++
  }
  return length
}

/** The head of what follows the clock before `clock` in one item: that clock as origin, which stands for the parent too. */
function placeAfter(head: StructHead, client: number, clock: number): Uint8Array {
  const encoder = createEncoder()
  const hasRight = head.rightClient !== NONE
  writeUint8(encoder, (head.info & (KIND_BITS | HAS_KEY)) | HAS_ORIGIN | (hasRight ? HAS_RIGHT_ORIGIN : 0))
  writeVarUint(encoder, client)
  writeVarUint(encoder, clock - 1)
  if (hasRight) {
    writeVarUint(encoder, head.rightClient)
    writeVarUint(encoder, head.rightClock)
  }
  return toUint8Array(encoder)
}

/** Copies the delete set at the cursor behind what is there. */
function* addDeletions(parts: Parts, cursor: Cursor): Steps<void> {
  let steps = 0
  for (let clients = readVarUint(cursor); clients > 0; clients--) {
    const client = readVarUint(cursor)
    for (let ranges = readVarUint(cursor); ranges > 0; ranges--) {
      const from = cursor.at
      readVarUint(cursor)
      readVarUint(cursor)
      addDeletion(parts, client, cursor.bytes.subarray(from, cursor.at))
      if (++steps % STEP_STRUCTS === 0) yield
    }
  }
}

function addDeletion(parts: Parts, client: number, range: Uint8Array): void {
  if (!fitsDeletion(parts, client, range.length)) close(parts)
  const part = parts.open
  part.bytes += deletionBytes(part, client, range.length)
  part.deletions++
  let section = part.deletes.get(client)
  if (section === undefined) {
    section = { clock: 0, end: 0, count: 0, body: createEncoder() }
    part.deletes.set(client, section)
  }
  section.count++
  writeUint8Array(section.body, range)
}

function fitsDeletion({ open, bytesMax }: Parts, client: number, bytes: number): boolean {
  const { clientsMax, deleteRangesMax } = UPDATE_LIMITS
  if (open.deletions === deleteRangesMax) return false
  if (open.deletes.size === clientsMax && !open.deletes.has(client)) return false
  return open.bytes + deletionBytes(open, client, bytes) <= bytesMax
}

/** By how much a part grows with a range of `bytes` bytes. */
function deletionBytes({ deletes }: Part, client: number, bytes: number): number {
  const section = deletes.get(client)
  if (section === undefined) return growth(deletes.size, 1) + sizeOf(client) + 1 + bytes
  return growth(section.count, 1) + bytes
}

function close(parts: Parts): void {
  if (isEmpty(parts.open)) return
  parts.done.push(written(parts.open))
  parts.open = emptyPart()
}

/** Client ids from high to low, as Yjs writes them. */
function written({ structs, deletes }: Part): Uint8Array {
  const encoder = createEncoder()
  writeVarUint(encoder, structs.size)
  for (const [client, { count, clock, body }] of highestFirst(structs)) {
    writeVarUint(encoder, count)
    writeVarUint(encoder, client)
    writeVarUint(encoder, clock)
    writeBinaryEncoder(encoder, body)
  }
  writeVarUint(encoder, deletes.size)
  for (const [client, { count, body }] of highestFirst(deletes)) {
    writeVarUint(encoder, client)
    writeVarUint(encoder, count)
    writeBinaryEncoder(encoder, body)
  }
  return toUint8Array(encoder)
}

function highestFirst(sections: ReadonlyMap<number, Section>): [number, Section][] {
  return [...sections].sort(([a], [b]) => b - a)
}

/** By how many bytes a count grows. */
function growth(count: number, by: number): number {
  return sizeOf(count + by) - sizeOf(count)
}

/** The bytes of a number. */
function sizeOf(value: number): number {
  let size = 1
  for (let rest = value; rest >= 128; rest /= 128) size++
  return size
}
