/**
 * Version vectors: origin -> (highest seq held without a gap, its chain), per document and document epoch. They only grow
 * (P4). Not Yjs's state vector: that one counts clocks of Yjs clients and does not cover deletions.
 */
import type { OriginId } from '../ids.ts'
import type { Chain } from './chain.ts'

/** The name of a record within a document and document epoch. */
export interface Dot {
  origin: OriginId
  /** Counts up by one from 1 per document and origin. */
  seq: number
}

/** How far an origin's records are held: all of 1 to `seq`, the last one's chain being `chain`. */
export interface Head {
  seq: number
  chain: Chain
}

export type VersionVector = ReadonlyMap<OriginId, Head>

/** Records of `origin` from `from` to `to`, both included. */
export interface DotRange {
  origin: OriginId
  from: number
  to: number
}

/** The chain before an origin's first record in a document. */
export const CHAIN_START: Chain = '0'.repeat(16)

const NOTHING: Head = { seq: 0, chain: CHAIN_START }

/** The head of an origin; seq 0 and the starting chain where nothing is held. */
export const headOf = (vector: VersionVector, origin: OriginId): Head => vector.get(origin) ?? NOTHING

/** Whether everything in `other` is held by `vector`, going by seqs. */
export function covers(vector: VersionVector, other: VersionVector): boolean {
  for (const [origin, head] of other) if (headOf(vector, origin).seq < head.seq) return false
  return true
}
