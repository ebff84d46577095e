/**
 * The chain: what a dot rests on (P8). chain(n) = hash64(chain(n-1), checksum of record n), so two logs of one origin
 * that agree at n agree on everything before it, and a fork shows at the first record after it.
 */
import { type Hash64, hash64, writeHex } from '../hash.ts'

export type Chain = Hash64

/** Stands for a chain that is not known any more, where one has to be told. No record has it. */
export const CHAIN_UNKNOWN: Chain = 'f'.repeat(16)

const scratch = new Uint8Array(16)

/** The chain after a record with this checksum. */
export function nextChain(previous: Chain, checksum: Hash64): Chain {
  writeHex(previous, scratch, 0)
  writeHex(checksum, scratch, 8)
  return hash64(scratch)
}
