/**
 * Elements of a digest: (document id, fingerprint of its version vector), and what they become under a key: 64 bits of
 * the id, 64 bits of both (by SipHash-2-4), and from these the 48-bit tag that cells carry and the sum that is the root.
 * Whoever does not know the key can neither foresee nor choose any of it.
 */
import { RejoinError } from '../errors.ts'
import { DOCUMENT_ID_BYTES_MAX } from '../first-limits.ts'
import { type Hash64, type HashKey, lastHash, siphash } from '../hash.ts'

/** A document and the fingerprint of its version vector. A digest holds every id once. */
export interface DigestElement {
  id: string
  fingerprint: Hash64
}

/**
 * 48 bits of an element as a number: 28 of the id's hash, so that two versions of one document can be paired, and 20
 * of the version's. Two tags may be equal by chance; the root, which knows all the bits, finds out.
 */
export type Tag = number

/** Words of one element: the hash of the id (high, low), the hash of id and fingerprint (high, low). */
export const ELEMENT_WORDS = 4

/** The words of the last `hashElement` or `hashId`. One result at a time: read it before the next call. */
export const lastElement = new Uint32Array(ELEMENT_WORDS)

// The last byte of what is hashed tells the three uses of one key apart.
const USE_ID = 1
const USE_VERSION = 2
const USE_ROOT = 3

const idBytes = new Uint8Array(DOCUMENT_ID_BYTES_MAX + 1)
const pair = new Uint8Array(17)
const encoder = new TextEncoder()

/** Hashes a document id into the first half of `lastElement`. Raises `invalid-id` for one that is too long. */
export function hashId(id: string, key: HashKey): void {
  const length = encodeId(id)
  idBytes[length] = USE_ID
  siphash(idBytes, key, length + 1)
  lastElement[0] = lastHash[0] as number
  lastElement[1] = lastHash[1] as number
}

/** Hashes an element into `lastElement`. */
export function hashElement(id: string, fingerprint: Hash64, key: HashKey): void {
  hashId(id, key)
  hashVersion(fingerprint, key)
}

/** Hashes a fingerprint of the document whose id stands in `lastElement` into its second half. */
export function hashVersion(fingerprint: Hash64, key: HashKey): void {
  putWord(pair, 0, lastElement[0] as number)
  putWord(pair, 4, lastElement[1] as number)
  putWord(pair, 8, hexWord(fingerprint, 0))
  putWord(pair, 12, hexWord(fingerprint, 8))
  pair[16] = USE_VERSION
  siphash(pair, key)
  lastElement[2] = lastHash[0] as number
  lastElement[3] = lastHash[1] as number
}

/** Puts an id as UTF-8 into `idBytes`; ASCII, which is most, without the detour through the platform's encoder. */
function encodeId(id: string): number {
  const { length } = id
  for (let i = 0; i < length && i < DOCUMENT_ID_BYTES_MAX; i++) {
    const unit = id.charCodeAt(i)
    if (unit > 0x7f) break
    idBytes[i] = unit
    if (i === length - 1) return length
  }
  const { read, written } = encoder.encodeInto(id, idBytes.subarray(0, DOCUMENT_ID_BYTES_MAX))
  if (read < length) throw new RejoinError('invalid-id', `the id is longer than ${DOCUMENT_ID_BYTES_MAX} bytes`)
  return written
}

/** 8 lower-case hexadecimal digits as a word; much faster than a slice and `parseInt`. */
function hexWord(text: string, from: number): number {
  let word = 0
  for (let i = from; i < from + 8; i++) {
    const unit = text.charCodeAt(i)
    word = (word << 4) | (unit < 0x40 ? unit - 0x30 : unit - 0x57)
  }
  return word
}

/** The tag of the element whose words stand in `words` from `at`. */
export function tagAt(words: Uint32Array, at: number): Tag {
  return tagHigh(words, at) * 2 ** 32 + tagLow(words, at)
}

/** Low 32 bits of a tag: 28 bits of the id, 4 of the version. */
export const tagLow = (words: Uint32Array, at: number): number =>
  (((words[at] as number) & 0xfffffff0) | ((words[at + 2] as number) >>> 28)) >>> 0

/** High 16 bits of a tag: version. */
export const tagHigh = (words: Uint32Array, at: number): number => ((words[at + 2] as number) >>> 12) & 0xffff

/** The part of a tag that two versions of one document share. */
export const tagDocument = (tag: Tag): number => ((tag % 2 ** 32) & 0xfffffff0) >>> 0

/** The bitwise difference of two tags. */
export function xorTags(a: Tag, b: Tag): Tag {
  const low = ((a % 2 ** 32) ^ (b % 2 ** 32)) >>> 0
  return (Math.floor(a / 2 ** 32) ^ Math.floor(b / 2 ** 32)) * 2 ** 32 + low
}

/** A sum of keyed hashes mod 2^128 as four words, least first: equal sets have equal roots, whatever their order. */
export type Root = Uint32Array

export const emptyRoot = (): Root => new Uint32Array(4)

export const rootsEqual = (a: Root, b: Root): boolean =>
  a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3]

/** Adds (sign 1) or takes away (sign -1) the element whose words stand in `words` from `at`. */
export function addToRoot(root: Root, words: Uint32Array, at: number, key: HashKey, sign: 1 | -1): void {
  for (let i = 0; i < ELEMENT_WORDS; i++) putWord(pair, 4 * i, words[at + i] as number)
  pair[16] = USE_ROOT
  siphash(pair, key)
  let carry = addWord(root, 0, lastHash[1] as number, sign, 0)
  carry = addWord(root, 1, lastHash[0] as number, sign, carry)
  carry = addWord(root, 2, words[at + 3] as number, sign, carry)
  addWord(root, 3, words[at + 2] as number, sign, carry)
}

function addWord(root: Root, at: number, word: number, sign: 1 | -1, carry: number): number {
  const sum = (root[at] as number) + sign * word + carry
  root[at] = sum
  return Math.floor(sum / 2 ** 32)
}

/** Writes a word, least byte first. */
export function putWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word
  bytes[at + 1] = word >>> 8
  bytes[at + 2] = word >>> 16
  bytes[at + 3] = word >>> 24
}

/** The word that `putWord` wrote. */
export const getWord = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)) >>>
  0
