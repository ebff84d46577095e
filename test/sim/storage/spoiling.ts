/** How a disk spoils what was written. */
import type { Chance } from '../time/chance.ts'

/** A bit flips; the end is missing; another row was written in its place; the row was never written. */
export type Spoiling = 'flip' | 'tear' | 'misdirect' | 'lose'

/** Other bytes than these, or `undefined` where there is no other way to spoil them. */
export function spoilBytes(
  bytes: Uint8Array,
  chance: Chance,
  how: Spoiling,
  other: () => Uint8Array,
): Uint8Array | undefined {
  if (how === 'lose' || bytes.length === 0) return undefined
  if (how === 'tear') return bytes.slice(0, chance.below(bytes.length))
  if (how === 'flip') {
    const flipped = bytes.slice()
    const at = chance.below(flipped.length)
    flipped[at] = (flipped[at] as number) ^ (1 << chance.below(8))
    return flipped
  }
  const misdirected = other().slice()
  const isSame = misdirected.length === bytes.length && misdirected.every((byte, at) => byte === bytes[at])
  return isSame ? undefined : misdirected
}
