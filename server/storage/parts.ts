/**
 * What may grow past what a row is to hold lies in parts: the first in its own row, those behind it in the table `parts`. A Durable
 * Object takes no value above 2 MB. The checksum of the row is of all of them, so that one that is lost or old is seen.
 */

/** With the version vector beside it, which is below 600 KB, a row of a checkpoint stays below 1 MiB. */
export const PART_BYTES_MAX = 256 * 1024

/** At least one part. */
export function toParts(bytes: Uint8Array): [first: Uint8Array, ...rest: Uint8Array[]] {
  const rest: Uint8Array[] = []
  for (let at = PART_BYTES_MAX; at < bytes.length; at += PART_BYTES_MAX)
    rest.push(bytes.subarray(at, at + PART_BYTES_MAX))
  return [bytes.subarray(0, PART_BYTES_MAX), ...rest]
}

/** `rest` is asked for only where there may be more parts. */
export function fromParts(first: Uint8Array, rest: () => Iterable<Uint8Array>): Uint8Array {
  if (first.length < PART_BYTES_MAX) return first
  const parts = [first, ...rest()]
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
