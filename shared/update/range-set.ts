/**
 * A set of numbers as ranges that is changed anywhere, often: the ranges of `ranges.ts` in chunks, so that a change moves
 * one chunk and not all that follows. (A document in which much was deleted has tens of thousands of ranges; most clients
 * have one.)
 */
import { addRange, hasRange, type RangeList, rangeEnd } from './ranges.ts'

/** Chunks in order, none empty. */
export type RangeSet = RangeList[]

/** Numbers in a chunk, two for a range: to move so many takes no longer than to find the chunk. */
const CHUNK_NUMBERS_MAX = 1_024
const CHUNK_NUMBERS = CHUNK_NUMBERS_MAX / 2

/** The set of ranges that are in order and apart. */
export function toRangeSet(ranges: RangeList): RangeSet {
  const set: RangeSet = []
  for (let at = 0; at < ranges.length; at += CHUNK_NUMBERS) set.push(ranges.slice(at, at + CHUNK_NUMBERS))
  return set
}

/** All ranges of a set, flat and in order. */
export function toRangeList(set: RangeSet): RangeList {
  return set.flat()
}

/** Adds [start, end). */
export function addToSet(set: RangeSet, start: number, end: number): void {
  if (set.length === 0) {
    set.push([start, end])
    return
  }
  // beyond all ranges the last chunk grows
  const at = Math.min(firstReaching(set, start), set.length - 1)
  const chunk = set[at] as RangeList
  let after = at + 1
  while (after < set.length && (set[after]?.[0] as number) <= end) after++
  for (const touched of set.splice(at + 1, after - at - 1)) chunk.push(...touched)
  addRange(chunk, start, end)
  if (chunk.length > CHUNK_NUMBERS_MAX) set.splice(at, 1, ...toRangeSet(chunk))
}

/** Whether all of [start, end) is in the set. */
export function setHas(set: RangeSet, start: number, end: number): boolean {
  const chunk = set[firstReaching(set, end)]
  return chunk !== undefined && hasRange(chunk, start, end)
}

/** The end of the range that holds `clock` or ends there; `clock` where there is none. */
export function setEnd(set: RangeSet, clock: number): number {
  const chunk = set[firstReaching(set, clock)]
  return chunk === undefined ? clock : rangeEnd(chunk, clock)
}

/** Number of ranges. */
export function setSize(set: RangeSet): number {
  return set.reduce((size, chunk) => size + chunk.length / 2, 0)
}

/** Index of the first chunk that reaches `clock`; the number of chunks where none does. */
function firstReaching(set: RangeSet, clock: number): number {
  let low = 0
  let high = set.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (lastEnd(set, middle) < clock) low = middle + 1
    else high = middle
  }
  return low
}

function lastEnd(set: RangeSet, at: number): number {
  const chunk = set[at] as RangeList
  return chunk[chunk.length - 1] as number
}
