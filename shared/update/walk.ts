/**
 * One pass over a whole Yjs v1 update: every check that needs no more than its bytes, and each struct and deletion shown
 * to a visitor on the way. A visitor may have seen much before an error is raised, so it must not act before the end.
 */
import { RejoinError } from '../errors.ts'
import { type Cursor, invalid, readCount, readVarUint } from './cursor.ts'
import { CLOCK_MAX, UPDATE_LIMITS, type UpdateLimits } from './limits.ts'
import { createHead, readClock, readStruct, type StructHead } from './struct.ts'

/** What happens to structs and deletions, in the order of the bytes. `into` is what the visitor gathers. */
export interface UpdateVisitor<Into> {
  /** `head` is valid during the call only; the struct's content ends at `end`. */
  struct(into: Into, client: number, clock: number, head: StructHead, end: number): void
  deletion(into: Into, client: number, clock: number, length: number): void
}

/** One head for all walks, which are many and short: nothing waits or nests while a struct is looked at. */
const head: StructHead = createHead()

/** For what this module wrote itself: no bounds but those of the bytes. */
export const NO_LIMITS: UpdateLimits = {
  bytesMax: Number.POSITIVE_INFINITY,
  clientsMax: Number.POSITIVE_INFINITY,
  deleteRangesMax: Number.POSITIVE_INFINITY,
}

/** A client with structs takes five bytes: count, client id, clock, and a struct of two. */
const CLIENT_BYTES = 5
const STRUCT_BYTES = 2
/** A client with deletions takes four: client id, count, and a range of two. */
const DELETE_CLIENT_BYTES = 4
const DELETE_BYTES = 2

/** Checks and walks an update. Raises `invalid-update`, or `too-big` where only a bound of `limits` is broken. */
export function walkUpdate<Into>(
  bytes: Uint8Array,
  limits: UpdateLimits,
  visitor: UpdateVisitor<Into>,
  into: Into,
): void {
  walkOn(startWalk(bytes, limits), visitor, into, Number.POSITIVE_INFINITY)
}

const NOTHING: UpdateVisitor<undefined> = { struct() {}, deletion() {} }

/** Fewer cannot name more clients than one update may, and still fewer ranges. */
const UNREAD_BYTES = UPDATE_LIMITS.clientsMax * DELETE_CLIENT_BYTES

/** Whether a valid update is within the bounds of one, which what was joined may pass. Raises `invalid-update`, if it is read. */
export function isWithinLimits(bytes: Uint8Array): boolean {
  if (bytes.length <= UNREAD_BYTES) return true
  try {
    walkUpdate(bytes, UPDATE_LIMITS, NOTHING, undefined)
    return true
  } catch (error) {
    if (error instanceof RejoinError && error.code === 'too-big') return false
    throw error
  }
}

/** Where a walk stands. */
export interface Walk {
  readonly cursor: Cursor
  readonly limits: UpdateLimits
  readonly seen: Set<number> | undefined
  clientsLeft: number
  structsLeft: number
  client: number
  clock: number
}

/** A walk that has not seen anything but the number of clients. */
export function startWalk(bytes: Uint8Array, limits: UpdateLimits): Walk {
  if (bytes.length > limits.bytesMax) tooBig('bytes')
  const cursor: Cursor = { bytes, at: 0 }
  const clientsLeft = readCount(cursor, CLIENT_BYTES)
  if (clientsLeft > limits.clientsMax) tooBig('clients')
  return { cursor, limits, seen: seenAmong(clientsLeft), clientsLeft, structsLeft: 0, client: 0, clock: 0 }
}

/**
 * Goes on for up to `structs` structs, a struct past `bytes` bytes at most; whether it got to the end. Raises what `walkUpdate`
 * raises.
 */
export function walkOn<Into>(
  walk: Walk,
  visitor: UpdateVisitor<Into>,
  into: Into,
  structs: number,
  bytes: number = Number.POSITIVE_INFINITY,
): boolean {
  const until = walk.cursor.at + bytes
  let left = structs
  while (walk.clientsLeft > 0 || walk.structsLeft > 0) {
    if (left <= 0 || walk.cursor.at >= until) return false
    if (walk.structsLeft === 0) walkIntoClient(walk)
    left -= walkStructs(walk, visitor, into, Math.min(left, walk.structsLeft), until)
  }
  walkDeletions(walk.cursor, walk.limits, visitor, into)
  if (walk.cursor.at !== walk.cursor.bytes.length) invalid('bytes follow its end')
  return true
}

function tooBig(what: string): never {
  throw new RejoinError('too-big', `The update has too many ${what}`)
}

function walkIntoClient(walk: Walk): void {
  const { cursor } = walk
  walk.clientsLeft--
  walk.structsLeft = readCount(cursor, STRUCT_BYTES)
  if (walk.structsLeft === 0) invalid('a client has no structs')
  walk.client = readClient(cursor, walk.seen)
  walk.clock = readClock(cursor)
}

function seenAmong(clients: number): Set<number> | undefined {
  return clients > 1 ? new Set() : undefined
}

function readClient(cursor: Cursor, seen: Set<number> | undefined): number {
  const client = readVarUint(cursor)
  if (seen !== undefined && seen.size === seen.add(client).size) invalid('a client id comes twice')
  return client
}

/** Returns how many structs it walked: up to `count`, until one ends at or past `until`. */
function walkStructs<Into>(walk: Walk, visitor: UpdateVisitor<Into>, into: Into, count: number, until: number): number {
  const { cursor, client } = walk
  let clock = walk.clock
  let walked = 0
  for (; walked < count && cursor.at < until; walked++) {
    readStruct(cursor, head)
    checkOwnReferences(client, clock)
    if (clock + head.length > CLOCK_MAX) invalid('a clock is too high')
    visitor.struct(into, client, clock, head, cursor.at)
    clock += head.length
  }
  walk.clock = clock
  walk.structsLeft -= walked
  return walked
}

/** A struct can only rest on earlier ones of its own client; Yjs throws at others. */
function checkOwnReferences(client: number, clock: number): void {
  if (
    (head.originClient === client && head.originClock >= clock) ||
    (head.rightClient === client && head.rightClock >= clock) ||
    (head.parentClient === client && head.parentClock >= clock)
  ) {
    invalid('a struct rests on itself or on a later one of its client')
  }
}

function walkDeletions<Into>(cursor: Cursor, limits: UpdateLimits, visitor: UpdateVisitor<Into>, into: Into): void {
  const clients = readCount(cursor, DELETE_CLIENT_BYTES)
  if (clients > limits.clientsMax) tooBig('clients')
  const seen = seenAmong(clients)
  let total = 0
  for (let left = clients; left > 0; left--) {
    const client = readClient(cursor, seen)
    const count = readCount(cursor, DELETE_BYTES)
    if (count === 0) invalid('a client has no deletions')
    total += count
    if (total > limits.deleteRangesMax) tooBig('deletions')
    for (let ranges = count; ranges > 0; ranges--) walkDeletion(cursor, client, visitor, into)
  }
}

function walkDeletion<Into>(cursor: Cursor, client: number, visitor: UpdateVisitor<Into>, into: Into): void {
  const clock = readClock(cursor)
  const length = readVarUint(cursor)
  if (length === 0 || clock + length > CLOCK_MAX) invalid('a deletion is empty or reaches too far')
  visitor.deletion(into, client, clock, length)
}
