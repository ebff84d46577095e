/**
 * Bloom filter (Bloom, 1970) with double hashing (Kirsch and Mitzenmacher, 2006), salted per session. Without a salt that
 * is new each time a document can be made so that the filter hides it for ever; with one, a document that is hidden
 * once is hidden by chance. What a filter hides is left to the cells that follow it.
 */
import { type HashKey, lastHash, siphash } from '../hash.ts'
import { BLOOM_BITS_MAX, BLOOM_HASHES_MAX } from './bounds.ts'
import { ELEMENT_WORDS, putWord } from './element.ts'

export interface BloomFilter {
  salt: HashKey
  /** Positions per entry. */
  hashes: number
  /** 8 bits a byte, least first; the number of bits is a multiple of 8. */
  bytes: Uint8Array
}

/** A filter for `entries` entries at about `bitsPerEntry` bits, at most half full. */
export function createBloom(entries: number, bitsPerEntry: number, salt: HashKey): BloomFilter {
  const hashes = Math.min(BLOOM_HASHES_MAX, Math.max(1, Math.floor(bitsPerEntry * Math.LN2)))
  // A hash position an entry fills half of 1.4427 bits; small filters get some more against bad luck.
  const bits = Math.max(entries * bitsPerEntry, (entries * hashes) / Math.LN2) + 64
  return { salt, hashes, bytes: new Uint8Array(Math.min(BLOOM_BITS_MAX / 8, Math.ceil(bits / 8))) }
}

/** Adds the element whose words stand in `words` from `at`. */
export function addToBloom(filter: BloomFilter, words: Uint32Array, at: number): void {
  const { bytes, hashes } = filter
  const bits = bytes.length * 8
  hashPositions(filter, words, at)
  let position = lastHash[0] as number
  const stride = (lastHash[1] as number) | 1
  for (let i = 0; i < hashes; i++) {
    const bit = (position >>> 0) % bits
    bytes[bit >>> 3] = (bytes[bit >>> 3] as number) | (1 << (bit & 7))
    position = (position + stride) | 0
  }
}

/** Whether an element may be in the filter; `false` is certain. */
export function bloomHas(filter: BloomFilter, words: Uint32Array, at: number): boolean {
  const { bytes, hashes } = filter
  const bits = bytes.length * 8
  hashPositions(filter, words, at)
  let position = lastHash[0] as number
  const stride = (lastHash[1] as number) | 1
  for (let i = 0; i < hashes; i++) {
    const bit = (position >>> 0) % bits
    if (((bytes[bit >>> 3] as number) & (1 << (bit & 7))) === 0) return false
    position = (position + stride) | 0
  }
  return true
}

/** The part of its bits that are set, 0 to 1. */
export function bloomFill(filter: BloomFilter): number {
  let set = 0
  for (const byte of filter.bytes) set += BITS_SET[byte] as number
  return set / (filter.bytes.length * 8)
}

/** About how many entries a filter was made of (Swamidass and Baldi, 2007). */
export const bloomEntries = (filter: BloomFilter): number =>
  (-filter.bytes.length * 8 * Math.log(1 - bloomFill(filter))) / filter.hashes

/** The chance that the filter hides an element that is not in it. */
export const bloomHides = (filter: BloomFilter): number => bloomFill(filter) ** filter.hashes

const BITS_SET = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length)

const scratch = new Uint8Array(4 * ELEMENT_WORDS)

function hashPositions(filter: BloomFilter, words: Uint32Array, at: number): void {
  for (let i = 0; i < ELEMENT_WORDS; i++) putWord(scratch, 4 * i, words[at + i] as number)
  siphash(scratch, filter.salt)
}
