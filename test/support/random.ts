/** Chance from one seed, in tests: the same seed, the same test. */

/** A whole number from 0 to below `bound`. */
export type Random = (bound: number) => number

/** mulberry32 (Tommy Ettinger), which is small and good enough for tests. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound)
  }
}
