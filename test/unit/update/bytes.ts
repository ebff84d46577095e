/** Updates written by hand: what no Yjs would write. */
import {
  createEncoder,
  type Encoder,
  toUint8Array,
  writeUint8,
  writeUint8Array,
  writeVarString,
  writeVarUint,
} from 'lib0/encoding'

/** Numbers are written as varuints, strings with their length, `byte(n)` as one byte and bytes as they are. */
export type Part = number | string | Uint8Array

export function bytesOf(...parts: readonly Part[]): Uint8Array {
  const encoder = createEncoder()
  for (const part of parts) write(encoder, part)
  return toUint8Array(encoder)
}

/** What `give` has for each number below `count`. */
export function many(count: number, give: (i: number) => readonly Part[]): Uint8Array {
  const encoder = createEncoder()
  for (let i = 0; i < count; i++) for (const part of give(i)) write(encoder, part)
  return toUint8Array(encoder)
}

function write(encoder: Encoder, part: Part): void {
  if (typeof part === 'number') writeVarUint(encoder, part)
  else if (typeof part === 'string') writeVarString(encoder, part)
  else writeUint8Array(encoder, part)
}

export function byte(value: number): Uint8Array {
  const encoder = createEncoder()
  writeUint8(encoder, value)
  return toUint8Array(encoder)
}

/** An update of one struct of client 1 at clock 0, without deletions. */
export function oneStruct(...struct: readonly Part[]): Uint8Array {
  return bytesOf(1, 1, 1, 0, ...struct, 0)
}

/** The start of an item in the root type 'text': info byte, parent. */
export function rootItem(kind: number): Part[] {
  return [byte(kind), 1, 'text']
}
