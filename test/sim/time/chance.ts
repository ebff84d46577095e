/** Chance of a simulation: streams that come from one seed, one for each part, so that a change in one leaves the others be. */

export interface Chance {
  /** A whole number from 0 to below `bound`. */
  below(bound: number): number
  /** Whether something of this probability happens. */
  happens(probability: number): boolean
  one<Value>(values: readonly Value[]): Value
  bytes(length: number): Uint8Array
  /** A stream of its own, named: the same name of the same stream gives the same stream. */
  fork(name: string): Chance
}

/** mulberry32 (Tommy Ettinger): small, quick, and good enough to find faults with. */
export function createChance(seed: number): Chance {
  const start = seed >>> 0
  let state = start
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const below = (bound: number): number => Math.floor((next() / 2 ** 32) * bound)
  return {
    below,
    happens: (probability) => next() < probability * 2 ** 32,
    one<Value>(values: readonly Value[]): Value {
      const value = values[below(values.length)]
      if (value === undefined) throw new Error('there is nothing to choose from')
      return value
    },
    bytes(length) {
      const bytes = new Uint8Array(length)
      for (let i = 0; i < length; i++) bytes[i] = next() >>> 24
      return bytes
    },
    fork: (name) => createChance(hashText(start, name)),
  }
}

/** FNV-1a of a text from a starting value; 32 bits. */
export function hashText(from: number, text: string): number {
  let hash = (from ^ 0x811c9dc5) >>> 0
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0
  return hash
}
