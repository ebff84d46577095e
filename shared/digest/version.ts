/** The version of a document as digests and catalogs compare it: what is held of it, and in which epoch. */
import { fingerprint } from '../causality/comparing.ts'
import type { VersionVector } from '../causality/version-vector.ts'
import { fromHex, type Hash64, hash64 } from '../hash.ts'
import { type DocumentEpoch, FIRST_EPOCH } from '../ids.ts'

/** The fingerprint of the version vector, mixed with the epoch where that is not the first. */
export function documentVersion(epoch: DocumentEpoch, vector: VersionVector): Hash64 {
  const held = fingerprint(vector)
  return epoch === FIRST_EPOCH ? held : hash64(fromHex(epoch + held))
}
