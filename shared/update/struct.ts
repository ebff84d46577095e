/**
 * One struct of a Yjs v1 update: reading it in place. Layout and names follow yjs 13.6: an item is an info byte (content
 * kind in five bits, then: has a key, right origin, origin), the origins, where it has neither its parent, then content.
 */
import { type Cursor, invalid, readCount, readVarUint, skipBytes, skipString, utf16Length } from './cursor.ts'
import { CLOCK_MAX, EMPTY_LENGTH_MAX } from './limits.ts'
import { skipAny, skipJson, skipJsonElement, skipName, skipSubdocumentOptions } from './values.ts'

/** The kinds of structs: the lower five bits of an info byte. */
export const GC = 0
export const DELETED = 1
export const JSON_LIST = 2
export const BINARY = 3
export const STRING = 4
export const EMBED = 5
export const FORMAT = 6
export const TYPE = 7
export const ANY = 8
export const SUBDOCUMENT = 9
export const SKIP = 10

/** Bits of an info byte. */
export const KIND_BITS = 0x1f
export const HAS_KEY = 0x20
export const HAS_RIGHT_ORIGIN = 0x40
export const HAS_ORIGIN = 0x80

/** Type refs from 0 (YArray) to 6 (YXmlText); elements and hooks carry a name. */
const TYPE_REF_MAX = 6
const XML_ELEMENT_REF = 3
const XML_HOOK_REF = 5

/** What stands before a parent: 1 before the name of a root type, 0 before the id of an item that holds a type. */
export const ROOT = 1

/** No id: structs without an origin, right origin or parent id. */
export const NONE = -1

/** A struct as it lies in the bytes; one object serves a whole walk. */
export interface StructHead {
  /** The info byte as it was. */
  info: number
  /** Clocks that the struct covers. */
  length: number
  originClient: number
  originClock: number
  rightClient: number
  rightClock: number
  /** The item that holds the parent type, where it is given by id. */
  parentClient: number
  parentClock: number
  /** Where the bytes of the parent (and key) start; content starts at `contentAt`. */
  parentAt: number
  contentAt: number
}

/** A head to read into. */
export function createHead(): StructHead {
  return {
    info: 0,
    length: 0,
    originClient: NONE,
    originClock: 0,
    rightClient: NONE,
    rightClock: 0,
    parentClient: NONE,
    parentClock: 0,
    parentAt: 0,
    contentAt: 0,
  }
}

/** Reads the struct at the cursor into `head`; raises `invalid-update`. */
export function readStruct(cursor: Cursor, head: StructHead): void {
  if (cursor.at >= cursor.bytes.length) invalid('it ends in a struct')
  const info = cursor.bytes[cursor.at++] as number
  head.info = info
  head.originClient = NONE
  head.rightClient = NONE
  head.parentClient = NONE
  const kind = info & KIND_BITS
  if (kind === GC || kind === SKIP) {
    if (info !== kind) invalid('a struct has flags that it cannot have')
    head.contentAt = cursor.at
    head.length = kind === GC ? readEmptyLength(cursor) : readGap(cursor)
    return
  }
  if (info >= HAS_RIGHT_ORIGIN) readOrigins(cursor, head)
  head.parentAt = cursor.at
  if (info < HAS_RIGHT_ORIGIN) readParent(cursor, head)
  head.contentAt = cursor.at
  head.length = skipContent(cursor, kind)
}

function readOrigins(cursor: Cursor, head: StructHead): void {
  if ((head.info & HAS_ORIGIN) !== 0) {
    head.originClient = readVarUint(cursor)
    head.originClock = readClock(cursor)
  }
  if ((head.info & HAS_RIGHT_ORIGIN) !== 0) {
    head.rightClient = readVarUint(cursor)
    head.rightClock = readClock(cursor)
  }
}

function readParent(cursor: Cursor, head: StructHead): void {
  const isRoot = readVarUint(cursor)
  if (isRoot === ROOT) skipName(cursor)
  else if (isRoot === 0) {
    head.parentClient = readVarUint(cursor)
    head.parentClock = readClock(cursor)
  } else invalid('a parent is neither a name nor an id')
  if ((head.info & HAS_KEY) !== 0) skipName(cursor)
}

/** A clock of something that exists, hence below the bound. */
export function readClock(cursor: Cursor): number {
  const clock = readVarUint(cursor)
  if (clock >= CLOCK_MAX) invalid('a clock is too high')
  return clock
}

/** The length of a gap; where it ends is bounded with the clocks. */
function readGap(cursor: Cursor): number {
  const length = readVarUint(cursor)
  if (length === 0) invalid('a length is zero')
  return length
}

/** A length that no bytes stand for. */
function readEmptyLength(cursor: Cursor): number {
  const length = readVarUint(cursor)
  if (length === 0 || length > EMPTY_LENGTH_MAX) invalid('a length is zero or too high')
  return length
}

/** Steps over content; returns the clocks it covers. */
function skipContent(cursor: Cursor, kind: number): number {
  switch (kind) {
    case STRING:
      return skipText(cursor)
    case DELETED:
      return readEmptyLength(cursor)
    case ANY:
      return skipList(cursor, skipAny)
    case JSON_LIST:
      return skipList(cursor, skipJsonElement)
    case BINARY:
      skipBytes(cursor, readVarUint(cursor))
      return 1
    case EMBED:
      skipJson(cursor)
      return 1
    case FORMAT:
      skipName(cursor)
      skipJson(cursor)
      return 1
    case TYPE:
      skipType(cursor)
      return 1
    case SUBDOCUMENT:
      skipString(cursor)
      skipSubdocumentOptions(cursor)
      return 1
    default:
      return invalid('a struct has an unknown kind')
  }
}

function skipText(cursor: Cursor): number {
  const length = readCount(cursor, 1)
  if (length === 0) invalid('a text is empty')
  const from = cursor.at
  cursor.at = from + length
  return utf16Length(cursor.bytes, from, cursor.at)
}

function skipList(cursor: Cursor, skip: (cursor: Cursor) => void): number {
  const length = readCount(cursor, 1)
  if (length === 0) invalid('a list is empty')
  for (let left = length; left > 0; left--) skip(cursor)
  return length
}

function skipType(cursor: Cursor): void {
  const ref = readVarUint(cursor)
  if (ref > TYPE_REF_MAX) invalid('a type is unknown')
  if (ref === XML_ELEMENT_REF || ref === XML_HOOK_REF) skipName(cursor)
}
