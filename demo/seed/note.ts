/** What a sample note is made of. */
import type { NoteKind } from '../notebook/ids.ts'

export interface SampleNote {
  kind: NoteKind
  title: string
  /** Of a note. */
  markdown?: string
  /** Of a board. */
  columns?: { title: string; cards: string[] }[]
  /** When it was last edited, in days before now. */
  daysAgo: number
  pinned?: boolean
}

/** Chance that gives the same notes everywhere: mulberry32. */
export function createChance(seed: number): Chance {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (bound: number): number => Math.floor(next() * bound)
  return {
    below,
    one<T>(values: readonly T[]): T {
      const value = values[below(values.length)]
      if (value === undefined) throw new Error('there is nothing to choose from')
      return value
    },
    some<T>(values: readonly T[], count: number): T[] {
      const left = [...values]
      return Array.from({ length: Math.min(count, left.length) }, () => left.splice(below(left.length), 1)).flat()
    },
  }
}

export interface Chance {
  below(bound: number): number
  one<T>(values: readonly T[]): T
  /** So many of them, each once. */
  some<T>(values: readonly T[], count: number): T[]
}
