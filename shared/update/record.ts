/**
 * Records: sealed, checksummed updates. The checksum covers where a record belongs as well as what it holds, so that a row
 * that was flipped, cut or moved is seen when it is read.
 */

import type { Chain } from '../causality/chain.ts'
import type { Dot } from '../causality/version-vector.ts'
import { RejoinError } from '../errors.ts'
import { CHECKSUM_KEY, fromHex, type Hash64, hash64, isLastHash64, lastHash64, siphash, writeHex } from '../hash.ts'
import type { DocumentEpoch, DocumentId } from '../ids.ts'

/** What the bytes of an update are. `yjs-v1` is one Yjs update in version 1 of its encoding; sealed content may follow. */
export const UPDATE_KINDS = ['yjs-v1'] as const
export type UpdateKind = (typeof UPDATE_KINDS)[number]

/** A document as replicas agree on it: its id, its generation, and whether content of deletions may be dropped. */
export interface DocumentRef {
  document: DocumentId
  epoch: DocumentEpoch
  /** Yjs' `gc`, fixed when the document is created. */
  gc: boolean
}

/** Only what names a document, of something that has more. */
export const refOf = ({ document, epoch, gc }: DocumentRef): DocumentRef => ({ document, epoch, gc })

/** One sealed update. Its bytes never change: the same dot is the same content for ever (P8). */
export interface UpdateRecord extends Dot {
  kind: UpdateKind
  bytes: Uint8Array
  checksum: Hash64
  chain: Chain
}

/** What is sealed, before it rests on anything. */
export interface Unsealed extends Dot {
  kind: UpdateKind
  bytes: Uint8Array
}

/** Whether a stored record is what was sealed. */
export function isSound(where: DocumentRef, record: UpdateRecord): boolean {
  hashRecord(where, record)
  return isLastHash64(record.checksum)
}

/** Raises `corrupt` where it is not. */
export function verify(where: DocumentRef, record: UpdateRecord): void {
  if (!isSound(where, record)) {
    throw new RejoinError(
      'corrupt',
      `record ${record.origin}/${record.seq} of ${JSON.stringify(where.document)} does not match its checksum`,
    )
  }
}

/** The checksum of one record: of its bytes, then of its place (document, epoch, origin, seq, kind). */
export function recordChecksum(where: DocumentRef, update: Unsealed): Hash64 {
  hashRecord(where, update)
  return lastHash64()
}

function hashRecord(where: DocumentRef, update: Unsealed): void {
  const place = placeOf(where)
  const end = update.bytes.length + place.length
  const input = scratchOf(end + 17)
  input.set(update.bytes, 0)
  input.set(place, update.bytes.length)
  writeHex(update.origin, input, end)
  writeSeq(update.seq, input, end + 8)
  input[end + 16] = UPDATE_KINDS.indexOf(update.kind)
  siphash(input, CHECKSUM_KEY, end + 17)
}

const encoder = new TextEncoder()

/** A document, and the hash that stands for it in checksums of its records. */
interface PlaceHash {
  document: DocumentId
  epoch: DocumentEpoch
  bytes: Uint8Array
}

/** Documents whose hash is kept: those that come and go at a time, few enough to look through. */
const PLACES_MAX = 16
const places: PlaceHash[] = []
let nextPlace = 0

function placeOf({ document, epoch }: DocumentRef): Uint8Array {
  for (const place of places) if (place.document === document && place.epoch === epoch) return place.bytes
  const bytes = fromHex(hash64(encoder.encode(`${epoch}/${document}`)))
  places[nextPlace] = { document, epoch, bytes }
  nextPlace = (nextPlace + 1) % PLACES_MAX
  return bytes
}

/** 64 bits, the highest first. */
function writeSeq(seq: number, bytes: Uint8Array, at: number): void {
  writeWord(Math.floor(seq / 2 ** 32), bytes, at)
  writeWord(seq >>> 0, bytes, at + 4)
}

function writeWord(word: number, bytes: Uint8Array, at: number): void {
  bytes[at] = word >>> 24
  bytes[at + 1] = word >>> 16
  bytes[at + 2] = word >>> 8
  bytes[at + 3] = word
}

let scratch = new Uint8Array(4096)

/** At least so many bytes, with anything in them. */
function scratchOf(length: number): Uint8Array {
  if (length > scratch.length) {
    if (length > 1 << 20) return new Uint8Array(length)
    scratch = new Uint8Array(2 * length)
  }
  return scratch
}
