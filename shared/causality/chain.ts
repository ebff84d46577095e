/**
 * The chain: what a dot rests on (P8). chain(n) = hash64(chain(n-1), checksum of record n), so two logs of one origin
 * that agree at n agree on everything before it, and a fork shows at the first record after it.
 */
import { type Hash64, isLastHash64, lastHash64, siphash, writeHex } from '../hash.ts'

export type Chain = Hash64

/** Stands for a chain that is not known any more, where one has to be told. No record has it. */
export const CHAIN_UNKNOWN: Chain = 'f'.repeat(16)

const scratch = new Uint8Array(16)

/** The chain after a record with this checksum. */
export function nextChain(previous: Chain, checksum: Hash64): Chain {
  link(previous, checksum)
  return lastHash64()
}

/** Whether `chain` is the one after a record with this checksum. */
export function isNextChain(previous: Chain, checksum: Hash64, chain: Chain): boolean {
  link(previous, checksum)
  return isLastHash64(chain)
}

function link(previous: Chain, checksum: Hash64): void {
  writeHex(previous, scratch, 0)
  writeHex(checksum, scratch, 8)
  siphash(scratch)
}
