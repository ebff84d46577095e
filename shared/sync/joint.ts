/**
 * Where a transfer joins what its receiver holds. Pieces show no chain of what is in them, so with their `vector` comes its
 * `base`: the heads that they continue. A receiver whose history is another one there has a fork before it, not news (P8).
 */

import { CHAIN_UNKNOWN, type Chain } from '../causality/chain.ts'
import { type Head, headOf, type VersionVector } from '../causality/version-vector.ts'
import type { OriginId } from '../ids.ts'

/** One origin of a transfer, and what is to be found out before it is taken. */
export interface Joint {
  origin: OriginId
  /** The last record that both have, as far as the transfer says. */
  seq: number
  /** The chain there in the history of the sender. */
  chain: Chain
  /** Records follow that the receiver lacks: then it must know its own chain there, or compare anew. */
  continues: boolean
}

/**
 * The joints of a transfer with what is held, and origins of which records are missing in between (`gaps`). An origin of which
 * nothing is held needs none.
 */
export function jointsOf(
  mine: VersionVector,
  vector: VersionVector,
  base: VersionVector,
): { joints: Joint[]; gaps: OriginId[] } {
  const joints: Joint[] = []
  const gaps: OriginId[] = []
  for (const [origin, head] of vector) {
    const held = headOf(mine, origin)
    const from = headOf(base, origin)
    if (head.seq <= held.seq) joints.push({ origin, ...pick(head), continues: false })
    else if (from.seq > held.seq || (from.seq === 0 && held.seq > 0)) gaps.push(origin)
    else if (held.seq > 0) joints.push({ origin, ...pick(from), continues: true })
  }
  return { joints, gaps }
}

/** What the transfer of `vector` continues at somebody who told `theirs`; `chainAt` gives the chains that are known here. */
export function baseOf(
  vector: VersionVector,
  theirs: VersionVector,
  chainAt: (origin: OriginId, seq: number) => Chain | undefined,
): Map<OriginId, Head> {
  const base = new Map<OriginId, Head>()
  for (const [origin, { seq }] of vector) {
    const told = headOf(theirs, origin)
    // A chain that is gone here is taken for what it is said to be: there is nothing to hold it against.
    if (told.seq > 0 && told.seq < seq)
      base.set(origin, { seq: told.seq, chain: chainAt(origin, told.seq) ?? told.chain })
  }
  return base
}

/** The first origin of a base of which it is not known any more what is continued. */
export function firstUnknown(base: VersionVector): OriginId | undefined {
  for (const [origin, { chain }] of base) if (chain === CHAIN_UNKNOWN) return origin
  return undefined
}

/**
 * A base of which something is unknown, and is proven by what comes with it: it names all that the receiver told, so that what that
 * has taken since then proves nothing.
 */
export const provable = (base: VersionVector, theirs: VersionVector): VersionVector => new Map([...theirs, ...base])

const pick = ({ seq, chain }: Head): Head => ({ seq, chain })
