/** Making records. */
import { type Chain, nextChain } from '../causality/chain.ts'
import { type DocumentRef, recordChecksum, type Unsealed, type UpdateRecord } from './record.ts'

/** Gives an update its checksum and its chain after `previous`. */
export function seal(where: DocumentRef, update: Unsealed, previous: Chain): UpdateRecord {
  const checksum = recordChecksum(where, update)
  return { ...update, checksum, chain: nextChain(previous, checksum) }
}
