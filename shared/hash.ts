/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012) on 32-bit halves: 64 bits under a 128-bit key. With the public key below it
 * is a checksum and names a chain; under a secret key it is what digests are made of. Not a cryptographic hash of its own.
 */

/** 64 bits as 16 lower-case hexadecimal digits: a value that maps, databases and logs all take. */
export type Hash64 = string

/** A 128-bit key as four 32-bit words, little-endian. */
export type HashKey = readonly [number, number, number, number]

/** The public key of checksums and chains: 16 bytes of the text "rejoin checksum1". */
export const CHECKSUM_KEY: HashKey = [0x6f6a6572, 0x63206e69, 0x6b636568, 0x316d7573]

/** The two halves of the last `siphash`, high word first. One result at a time: read it before the next call. */
export const lastHash = new Uint32Array(2)

/** Hashes the first `length` of `bytes` under `key` into `lastHash`; returns its low word. */
export function siphash(bytes: Uint8Array, key: HashKey = CHECKSUM_KEY, length: number = bytes.length): number {
  const [k0, k1, k2, k3] = key
  let v0l = k0 ^ 0x70736575
  let v0h = k1 ^ 0x736f6d65
  let v1l = k2 ^ 0x6e646f6d
  let v1h = k3 ^ 0x646f7261
  let v2l = k0 ^ 0x6e657261
  let v2h = k1 ^ 0x6c796765
  let v3l = k2 ^ 0x79746573
  let v3h = k3 ^ 0x74656462
  const end = length - (length & 7)
  let at = 0
  let rounds = 0
  let ml = 0
  let mh = 0
  for (;;) {
    if (rounds === 0) {
      if (at < end) {
        ml = word(bytes, at)
        mh = word(bytes, at + 4)
        at += 8
        rounds = 2
      } else if (at === end) {
        ml = 0
        mh = (length & 0xff) << 24
        const left = length & 7
        for (let i = 0; i < left && i < 4; i++) ml |= (bytes[end + i] as number) << (8 * i)
        for (let i = 4; i < left; i++) mh |= (bytes[end + i] as number) << (8 * (i - 4))
        at = end + 1
        rounds = 2
      } else {
        ml = 0
        mh = 0
        v2l ^= 0xff
        at = -1
        rounds = 4
      }
      v3l ^= ml
      v3h ^= mh
    }
    // one SipRound on (high, low) pairs
    // A sum below what was added to has a carry.
    let low = (v0l + v1l) | 0
    v0h = (v0h + v1h + (low >>> 0 < v0l >>> 0 ? 1 : 0)) | 0
    v0l = low
    let t = (v1h << 13) | (v1l >>> 19)
    v1l = (v1l << 13) | (v1h >>> 19)
    v1h = t ^ v0h
    v1l ^= v0l
    t = v0h
    v0h = v0l
    v0l = t
    low = (v2l + v3l) | 0
    v2h = (v2h + v3h + (low >>> 0 < v2l >>> 0 ? 1 : 0)) | 0
    v2l = low
    t = (v3h << 16) | (v3l >>> 16)
    v3l = ((v3l << 16) | (v3h >>> 16)) ^ v2l
    v3h = t ^ v2h
    low = (v0l + v3l) | 0
    v0h = (v0h + v3h + (low >>> 0 < v0l >>> 0 ? 1 : 0)) | 0
    v0l = low
    t = (v3h << 21) | (v3l >>> 11)
    v3l = ((v3l << 21) | (v3h >>> 11)) ^ v0l
    v3h = t ^ v0h
    low = (v2l + v1l) | 0
    v2h = (v2h + v1h + (low >>> 0 < v2l >>> 0 ? 1 : 0)) | 0
    v2l = low
    t = (v1h << 17) | (v1l >>> 15)
    v1l = ((v1l << 17) | (v1h >>> 15)) ^ v2l
    v1h = t ^ v2h
    t = v2h
    v2h = v2l
    v2l = t
    if (--rounds === 0) {
      if (at === -1) break
      v0l ^= ml
      v0h ^= mh
    }
  }
  lastHash[0] = v0h ^ v1h ^ v2h ^ v3h
  lastHash[1] = v0l ^ v1l ^ v2l ^ v3l
  return lastHash[1] as number
}

/** The 64-bit hash of `bytes` as text. */
export function hash64(bytes: Uint8Array, key: HashKey = CHECKSUM_KEY): Hash64 {
  siphash(bytes, key)
  return lastHash64()
}

/** The last `siphash` as text. */
export const lastHash64 = (): Hash64 => hex32(lastHash[0] as number) + hex32(lastHash[1] as number)

/** Whether the last `siphash` is the one that this text says; no text is made for that. */
export function isLastHash64(text: Hash64): boolean {
  for (let at = 0; at < 16; at++) {
    const digit = ((lastHash[at >> 3] as number) >>> (28 - 4 * (at & 7))) & 15
    if (text.charCodeAt(at) !== DIGITS.charCodeAt(digit)) return false
  }
  return text.length === 16
}

const DIGITS = '0123456789abcdef'

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

function hex32(value: number): string {
  return `${HEX[value >>> 24]}${HEX[(value >>> 16) & 0xff]}${HEX[(value >>> 8) & 0xff]}${HEX[value & 0xff]}`
}

/** Bytes, or those of them from `from` to `to`, as lower-case hexadecimal text. */
export function toHex(bytes: Uint8Array, from = 0, to: number = bytes.length): string {
  let text = ''
  for (let at = from; at < to; at++) text += HEX[bytes[at] as number]
  return text
}

/** The bytes of hexadecimal text; the text must have an even number of digits. */
export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2)
  writeHex(text, bytes, 0)
  return bytes
}

/** Writes the bytes of hexadecimal text into others, which have room for them from `at` on. */
export function writeHex(text: string, bytes: Uint8Array, at: number): void {
  for (let i = 0; i < text.length; i += 2) bytes[at + i / 2] = byteAt(text, i)
}

/** The byte whose two hexadecimal digits begin at `at`. */
export const byteAt = (text: string, at: number): number =>
  (digit(text.charCodeAt(at)) << 4) | digit(text.charCodeAt(at + 1))

/** 0 to 9 are 48 to 57, letters begin at 65 and 97. */
const digit = (code: number): number => (code & 15) + 9 * (code >> 6)

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  )
}
