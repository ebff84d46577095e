/** Version vectors side by side: what one lacks, where two contradict each other, and a fingerprint in place of one. */
import { CHECKSUM_KEY, type Hash64, type HashKey, lastHash, siphash, writeHex } from '../hash.ts'
import type { OriginId } from '../ids.ts'
import { type DotRange, type Head, headOf, type VersionVector } from './version-vector.ts'

/** What `theirs` lacks of `mine`, in the order of `mine`. */
export function lacking(theirs: VersionVector, mine: VersionVector): DotRange[] {
  const ranges: DotRange[] = []
  for (const [origin, head] of mine) {
    const from = headOf(theirs, origin).seq + 1
    if (from <= head.seq) ranges.push({ origin, from, to: head.seq })
  }
  return ranges
}

export const countDots = (ranges: readonly DotRange[]): number =>
  ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0)

/** Where two vectors name the same dot and rest on different chains: forks that show without looking at records. */
export function conflicts(a: VersionVector, b: VersionVector): OriginId[] {
  const origins: OriginId[] = []
  for (const [origin, head] of a) {
    const other = b.get(origin)
    if (other !== undefined && other.seq === head.seq && other.chain !== head.chain) origins.push(origin)
  }
  return origins
}

/** A 64-bit fingerprint as two words: the sum of a keyed hash of each entry, so that order does not matter. */
export function fingerprint(vector: VersionVector, key: HashKey = CHECKSUM_KEY): Hash64 {
  let high = 0
  let low = 0
  for (const [origin, head] of vector) {
    siphash(entryBytes(origin, head), key)
    low += lastHash[1] as number
    high = (high + (lastHash[0] as number) + (low > 0xffffffff ? 1 : 0)) >>> 0
    low = low >>> 0
  }
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')
}

const entry = new Uint8Array(24)
const view = new DataView(entry.buffer)

function entryBytes(origin: OriginId, head: Head): Uint8Array {
  writeHex(origin, entry, 0)
  view.setUint32(8, Math.floor(head.seq / 2 ** 32))
  view.setUint32(12, head.seq >>> 0)
  writeHex(head.chain, entry, 16)
  return entry
}
