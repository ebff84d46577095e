/** Fields that messages and stored summaries share: writing and reading side by side, every number bounded. */
import * as encoding from 'lib0/encoding'
import type { HashKey } from '../hash.ts'
import { malformed, type Reader, readByte, readCount, readFixed, readVarint } from '../reader.ts'
import { CELLS_MAX, ELEMENTS_MAX, SKETCH_COUNTERS } from './bounds.ts'
import { type Cells, createCells, WIDE_CHECKS } from './cells.ts'
import { getWord, type Root, type Tag } from './element.ts'
import type { Sketch } from './sketch.ts'

type Writer = encoding.Encoder

/** Four words, least byte first: a key, a salt or a root. */
export function writeWords(writer: Writer, words: Root | HashKey): void {
  for (const word of words) encoding.writeUint32(writer, word)
}

export function readRoot(reader: Reader): Root {
  const bytes = readFixed(reader, 16)
  return Uint32Array.from([0, 4, 8, 12], (at) => getWord(bytes, at))
}

export function readKey(reader: Reader): HashKey {
  const [a = 0, b = 0, c = 0, d = 0] = readRoot(reader)
  return [a, b, c, d]
}

export function writeTag(writer: Writer, tag: Tag): void {
  encoding.writeUint32(writer, tag % 2 ** 32)
  encoding.writeUint16(writer, Math.floor(tag / 2 ** 32))
}

export function readTag(reader: Reader): Tag {
  const bytes = readFixed(reader, 6)
  return readUint16(bytes, 4) * 2 ** 32 + getWord(bytes, 0)
}

/** Cells whose first is number `from` of the sequence: it decides how many bytes of check they carry. */
export function writeCells(writer: Writer, from: number, cells: Cells): void {
  const count = cells.low.length
  encoding.writeVarUint(writer, count)
  for (let i = 0; i < count; i++) {
    encoding.writeUint32(writer, cells.low[i] as number)
    encoding.writeUint16(writer, cells.high[i] as number)
    encoding.writeUint16(writer, (cells.check[i] as number) & 0xffff)
    if (from + i < WIDE_CHECKS) encoding.writeUint8(writer, (cells.check[i] as number) >>> 16)
  }
}

export function readCells(reader: Reader, from: number): Cells {
  const count = readCount(reader, 8, CELLS_MAX - from)
  const cells = createCells(count)
  for (let i = 0; i < count; i++) {
    const bytes = readFixed(reader, 8)
    cells.low[i] = getWord(bytes, 0)
    cells.high[i] = readUint16(bytes, 4)
    cells.check[i] = readUint16(bytes, 6) | (from + i < WIDE_CHECKS ? readByte(reader) << 16 : 0)
  }
  return cells
}

/** The number of counters, a power of two or none; each with its sign in the lowest bit. */
export function writeSketch(writer: Writer, sketch: Sketch): void {
  encoding.writeVarUint(writer, sketch.length)
  for (const counter of sketch) encoding.writeVarUint(writer, counter < 0 ? -2 * counter - 1 : 2 * counter)
}

export function readSketch(reader: Reader): Sketch {
  const count = readCount(reader, 1, SKETCH_COUNTERS)
  if ((count & (count - 1)) !== 0) malformed(`${count} counters`)
  const sketch = new Int32Array(count)
  for (let i = 0; i < count; i++) {
    const value = readVarint(reader, 2 * ELEMENTS_MAX)
    sketch[i] = value % 2 === 1 ? -(value + 1) / 2 : value / 2
  }
  return sketch
}

const readUint16 = (bytes: Uint8Array, at: number): number => (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
