/**
 * Versions of the protocol, a line of history each. Both sides say which they speak; the greatest common one is used.
 *
 *  1  places, catalogs, version vectors, records with chains, stamped updates, awareness
 */
export const PROTOCOL_VERSION = 1
export const PROTOCOL_VERSION_OLDEST = 1

/** The greatest version that both ranges hold; `undefined` where there is none. */
export function commonVersion(oldest: number, newest: number): number | undefined {
  const version = Math.min(newest, PROTOCOL_VERSION)
  return version >= Math.max(oldest, PROTOCOL_VERSION_OLDEST) ? version : undefined
}
