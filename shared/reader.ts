/** Bounded reading of bytes from outside: every length is checked against what is left, every failure is `bad-frame`. */
import { RejoinError } from './errors.ts'
import { toHex } from './hash.ts'

export interface Reader {
  readonly bytes: Uint8Array
  at: number
}

export const createReader = (bytes: Uint8Array): Reader => ({ bytes, at: 0 })

export const bytesLeft = (reader: Reader): number => reader.bytes.length - reader.at

/** Raises `bad-frame`. */
export function malformed(what: string): never {
  throw new RejoinError('bad-frame', `malformed bytes: ${what}`)
}

export function readByte(reader: Reader): number {
  const byte = reader.bytes[reader.at]
  if (byte === undefined) malformed('they end too soon')
  reader.at++
  return byte
}

/** An unsigned integer of 7 bits a byte, least first; at most 2^53 - 1 and `max`. */
export function readVarint(reader: Reader, max: number = Number.MAX_SAFE_INTEGER): number {
  let value = 0
  let scale = 1
  for (let i = 0; i < 8; i++) {
    const byte = readByte(reader)
    value += (byte & 0x7f) * scale
    if (byte < 0x80) {
      if (value > max) malformed(`the number ${value} is greater than ${max}`)
      return value
    }
    scale *= 128
  }
  return malformed('a number is too long')
}

/** A count of things that take at least `bytesEach` bytes. */
export function readCount(reader: Reader, bytesEach: number, max: number): number {
  const count = readVarint(reader, max)
  if (count * bytesEach > bytesLeft(reader)) malformed(`a count of ${count} is more than the bytes can hold`)
  return count
}

export function readFixed(reader: Reader, length: number): Uint8Array {
  const from = step(reader, length)
  return reader.bytes.subarray(from, reader.at)
}

/** Goes on behind so many bytes; returns where they begin. */
function step(reader: Reader, length: number): number {
  if (length > bytesLeft(reader)) malformed('they end too soon')
  const { at } = reader
  reader.at += length
  return at
}

export const readBytes = (reader: Reader, max: number): Uint8Array => readFixed(reader, readVarint(reader, max))

/** 8 bytes as hexadecimal text. */
export function readHex8(reader: Reader): string {
  const from = step(reader, 8)
  return toHex(reader.bytes, from, reader.at)
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function readText(reader: Reader, bytesMax: number): string {
  const bytes = readBytes(reader, bytesMax)
  try {
    return decoder.decode(bytes)
  } catch {
    return malformed('text is not UTF-8')
  }
}

export function readBoolean(reader: Reader): boolean {
  const byte = readByte(reader)
  if (byte > 1) malformed(`${byte} is neither true nor false`)
  return byte === 1
}
