/**
 * The plain list: every element as 64 bits under a key made for this one list, sorted. The larger half of each goes as the
 * distance from the one before, which saves 2 of 8 bytes at a million. For small sets, and for when all else failed: it
 * needs no luck and no key that anybody could have known before.
 */
import * as encoding from 'lib0/encoding'
import { bytesLeft, malformed, type Reader, readCount, readVarint } from '../reader.ts'
import { ELEMENTS_MAX } from './bounds.ts'
import { ELEMENT_WORDS } from './element.ts'
import type { ElementTable } from './table.ts'

/** Sorted by `high`, then `low`. */
export interface List {
  high: Uint32Array
  low: Uint32Array
}

/** Positions of a table in the order of its list. */
export function listOrder(table: ElementTable): Uint32Array {
  const { words } = table
  return Uint32Array.from({ length: table.count }, (_, position) => position).sort((a, b) => {
    const [left, right] = [a * ELEMENT_WORDS, b * ELEMENT_WORDS]
    const high = (words[left + 2] as number) - (words[right + 2] as number)
    return high === 0 ? (words[left + 3] as number) - (words[right + 3] as number) : high
  })
}

/** The list of a table whose order is given. */
export const listOf = (table: ElementTable, order: Uint32Array): List => ({
  high: order.map((position) => table.words[position * ELEMENT_WORDS + 2] as number),
  low: order.map((position) => table.words[position * ELEMENT_WORDS + 3] as number),
})

/** Compares a table (in the order of its list) with a peer's list: positions only here, places in the list only there. */
export function compareList(table: ElementTable, order: Uint32Array, theirs: List) {
  const mine = listOf(table, order)
  const here: number[] = []
  const there: number[] = []
  let i = 0
  let j = 0
  while (i < order.length || j < theirs.high.length) {
    const sign = i === order.length ? 1 : j === theirs.high.length ? -1 : compareAt(mine, i, theirs, j)
    if (sign < 0) here.push(order[i] as number)
    if (sign > 0) there.push(j)
    if (sign <= 0) i++
    if (sign >= 0) j++
  }
  return { here, there }
}

function compareAt(a: List, i: number, b: List, j: number): number {
  const high = (a.high[i] as number) - (b.high[j] as number)
  return high === 0 ? (a.low[i] as number) - (b.low[j] as number) : high
}

export function writeList(writer: encoding.Encoder, list: List): void {
  encoding.writeVarUint(writer, list.high.length)
  let last = 0
  for (let i = 0; i < list.high.length; i++) {
    encoding.writeVarUint(writer, (list.high[i] as number) - last)
    encoding.writeUint32(writer, list.low[i] as number)
    last = list.high[i] as number
  }
}

export function readList(reader: Reader): List {
  const count = readCount(reader, 5, ELEMENTS_MAX)
  const list: List = { high: new Uint32Array(count), low: new Uint32Array(count) }
  const view = new DataView(reader.bytes.buffer, reader.bytes.byteOffset, reader.bytes.length)
  let last = 0
  for (let i = 0; i < count; i++) {
    last += readVarint(reader, 0xffffffff - last)
    if (bytesLeft(reader) < 4) malformed('they end too soon')
    list.high[i] = last
    list.low[i] = view.getUint32(reader.at, true)
    reader.at += 4
    if (i > 0 && compareAt(list, i - 1, list, i) >= 0) malformed('a list is not sorted')
  }
  return list
}

/** Ascending places below `ELEMENTS_MAX`, each as its distance from the one before. */
export function writePlaces(writer: encoding.Encoder, places: readonly number[]): void {
  encoding.writeVarUint(writer, places.length)
  let next = 0
  for (const place of places) {
    encoding.writeVarUint(writer, place - next)
    next = place + 1
  }
}

export function readPlaces(reader: Reader): number[] {
  const count = readCount(reader, 1, ELEMENTS_MAX)
  const places: number[] = []
  let next = 0
  for (let i = 0; i < count; i++) {
    const place = next + readVarint(reader, ELEMENTS_MAX)
    if (place >= ELEMENTS_MAX) malformed('a place beyond any list')
    places.push(place)
    next = place + 1
  }
  return places
}
