/**
 * The messages of a digest session and their bytes, side by side. `reconcile.ts` says when each is sent. A message is a
 * byte that names it, then its fields; larger ones than a frame are for the wire to cut into parts.
 */
import * as encoding from 'lib0/encoding'
import { RejoinError } from '../errors.ts'
import { DOCUMENT_ID_BYTES_MAX } from '../first-limits.ts'
import type { HashKey } from '../hash.ts'
import { checkDocumentId } from '../ids.ts'
import {
  bytesLeft,
  createReader,
  malformed,
  type Reader,
  readBytes,
  readCount,
  readText,
  readVarint,
} from '../reader.ts'
import { type BloomFilter, bloomFill } from './bloom.ts'
import {
  BLOOM_BITS_MAX,
  BLOOM_FILL_MAX,
  BLOOM_HASHES_MAX,
  CELLS_MAX,
  ELEMENTS_MAX,
  NAMES_PER_MESSAGE_MAX,
} from './bounds.ts'
import type { Cells } from './cells.ts'
import type { Root, Tag } from './element.ts'
import * as fields from './fields.ts'
import { type List, readList, readPlaces, writeList, writePlaces } from './list.ts'
import type { Sketch } from './sketch.ts'

/** First message of the responder, which names the key. */
export interface Hello {
  type: 'hello'
  key: HashKey
  root: Root
  /** Documents. */
  count: number
  sketch: Sketch
  cells: Cells
}

/** The initiator's root is the responder's: nothing differs. */
export interface Equal {
  type: 'equal'
}

/** Asks for `count` cells behind the `from` that are held; 0: as many as the counters make necessary. */
export interface More {
  type: 'more'
  from: number
  count: number
  sketch: Sketch
}

/** Documents that differ, in parts; they belong to the message that follows, which counts them all. */
export interface Names {
  type: 'names'
  ids: readonly string[]
}

/** How many names came before. */
interface Named {
  named: number
}

/** Cells from number `from` on, of the elements that are left. */
export interface MoreCells extends Named {
  type: 'cells'
  from: number
  cells: Cells
}

/** The elements that are left, as a filter. */
export interface Bloom extends Named {
  type: 'bloom'
  filter: BloomFilter
}

/** The cells were decoded: the names before are the sender's part, the tags that of the receiver. */
export interface Found extends Named {
  type: 'found'
  /** The root of what is left at the sender. */
  root: Root
  /** Tags of the receiver's elements, without those that the names make known. */
  tags: readonly Tag[]
  /** The XOR of all of the receiver's tags, with those that the names make known: mends one wrong guess. */
  sum: Tag
}

/** All elements of the sender under a new key; everything before is void. */
export interface FullList {
  type: 'list'
  key: HashKey
  list: List
}

/** What a list has that the sender has not. The names before are what the sender has that the list has not. */
export interface Missing extends Named {
  type: 'missing'
  root: Root
  places: readonly number[]
}

/** Roots of what is left are equal: done. The names before are those that the receiver could not know. */
export interface Agreed extends Named {
  type: 'agreed'
}

export type DigestMessage = Hello | Equal | More | Names | MoreCells | Bloom | Found | FullList | Missing | Agreed

interface Format<M extends DigestMessage> {
  number: number
  write(writer: encoding.Encoder, message: M): void
  read(reader: Reader): Omit<M, 'type'>
}

const FORMATS: { [T in DigestMessage['type']]: Format<Extract<DigestMessage, { type: T }>> } = {
  hello: {
    number: 0,
    write(writer, message) {
      fields.writeWords(writer, message.key)
      fields.writeWords(writer, message.root)
      encoding.writeVarUint(writer, message.count)
      fields.writeSketch(writer, message.sketch)
      fields.writeCells(writer, 0, message.cells)
    },
    read(reader) {
      const key = fields.readKey(reader)
      const root = fields.readRoot(reader)
      const count = readVarint(reader, ELEMENTS_MAX)
      const sketch = fields.readSketch(reader)
      if (sketch.length === 0) malformed('no counters')
      return { key, root, count, sketch, cells: fields.readCells(reader, 0) }
    },
  },
  equal: { number: 1, write: () => {}, read: () => ({}) },
  more: {
    number: 2,
    write(writer, message) {
      encoding.writeVarUint(writer, message.from)
      encoding.writeVarUint(writer, message.count)
      fields.writeSketch(writer, message.sketch)
    },
    read(reader) {
      const from = readVarint(reader, CELLS_MAX)
      return { from, count: readVarint(reader, CELLS_MAX - from), sketch: fields.readSketch(reader) }
    },
  },
  names: {
    number: 3,
    write(writer, message) {
      encoding.writeVarUint(writer, message.ids.length)
      for (const id of message.ids) encoding.writeVarString(writer, id)
    },
    read(reader) {
      const ids = Array.from({ length: readCount(reader, 2, NAMES_PER_MESSAGE_MAX) }, () => readId(reader))
      return ids.length > 0 ? { ids } : malformed('no names')
    },
  },
  cells: {
    number: 4,
    write(writer, message) {
      encoding.writeVarUint(writer, message.named)
      encoding.writeVarUint(writer, message.from)
      fields.writeCells(writer, message.from, message.cells)
    },
    read(reader) {
      const named = readNamed(reader)
      const from = readVarint(reader, CELLS_MAX)
      return { named, from, cells: fields.readCells(reader, from) }
    },
  },
  bloom: {
    number: 5,
    write(writer, message) {
      encoding.writeVarUint(writer, message.named)
      fields.writeWords(writer, message.filter.salt)
      encoding.writeVarUint(writer, message.filter.hashes)
      encoding.writeVarUint8Array(writer, message.filter.bytes)
    },
    read(reader) {
      const named = readNamed(reader)
      const salt = fields.readKey(reader)
      const hashes = readVarint(reader, BLOOM_HASHES_MAX)
      const filter = { salt, hashes, bytes: readBytes(reader, BLOOM_BITS_MAX / 8) }
      if (hashes === 0 || filter.bytes.length === 0) malformed('a Bloom filter without bits or hashes')
      if (bloomFill(filter) > BLOOM_FILL_MAX)
        throw new RejoinError('protocol', 'a Bloom filter is too full to show anything')
      return { named, filter }
    },
  },
  found: {
    number: 6,
    write(writer, message) {
      encoding.writeVarUint(writer, message.named)
      fields.writeWords(writer, message.root)
      fields.writeTag(writer, message.sum)
      encoding.writeVarUint(writer, message.tags.length)
      for (const tag of message.tags) fields.writeTag(writer, tag)
    },
    read: (reader) => ({
      named: readNamed(reader),
      root: fields.readRoot(reader),
      sum: fields.readTag(reader),
      tags: Array.from({ length: readCount(reader, 6, CELLS_MAX) }, () => fields.readTag(reader)),
    }),
  },
  list: {
    number: 7,
    write(writer, message) {
      fields.writeWords(writer, message.key)
      writeList(writer, message.list)
    },
    read: (reader) => ({ key: fields.readKey(reader), list: readList(reader) }),
  },
  missing: {
    number: 8,
    write(writer, message) {
      encoding.writeVarUint(writer, message.named)
      fields.writeWords(writer, message.root)
      writePlaces(writer, message.places)
    },
    read: (reader) => ({ named: readNamed(reader), root: fields.readRoot(reader), places: readPlaces(reader) }),
  },
  agreed: {
    number: 9,
    write: (writer, message) => encoding.writeVarUint(writer, message.named),
    read: (reader) => ({ named: readNamed(reader) }),
  },
}

const readNamed = (reader: Reader): number => readVarint(reader, ELEMENTS_MAX)

function readId(reader: Reader): string {
  const id = readText(reader, DOCUMENT_ID_BYTES_MAX)
  try {
    checkDocumentId(id)
    return id
  } catch {
    return malformed('a name that is no document id')
  }
}

const typeByNumber = new Map<number, DigestMessage['type']>(
  (Object.keys(FORMATS) as DigestMessage['type'][]).map((type) => [FORMATS[type].number, type]),
)

export function encodeDigestMessage(message: DigestMessage): Uint8Array {
  const writer = encoding.createEncoder()
  const format = FORMATS[message.type] as Format<DigestMessage>
  encoding.writeUint8(writer, format.number)
  format.write(writer, message)
  return encoding.toUint8Array(writer)
}

/** Exactly one message. Raises `bad-frame` for anything else, `protocol` for a Bloom filter that is too full. */
export function decodeDigestMessage(bytes: Uint8Array): DigestMessage {
  const reader = createReader(bytes)
  const type = typeByNumber.get(bytes[reader.at++] ?? -1)
  if (type === undefined) return malformed('there is no such digest message')
  const message = { type, ...FORMATS[type].read(reader) } as DigestMessage
  return bytesLeft(reader) === 0 ? message : malformed('bytes follow a digest message')
}
