/**
 * Sets of numbers as sorted lists of disjoint, non-adjacent half-open ranges, flat: [start, end, start, end, ...]. Clocks
 * arrive nearly in order, so such a list stays short and its last range is the one that grows.
 */
export type RangeList = number[]

/** From how many ranges on sorting both lists together is cheaper than moving the list for each. */
const BULK_RANGES = 64

/** Adds [start, end). In order it takes constant time, else a binary search and a move of what follows. */
export function addRange(list: RangeList, start: number, end: number): void {
  const length = list.length
  if (length === 0 || start > (list[length - 1] as number)) {
    list.push(start, end)
    return
  }
  if (start >= (list[length - 2] as number)) {
    if (end > (list[length - 1] as number)) list[length - 1] = end
    return
  }
  const from = firstEndAtOrAfter(list, start)
  let to = from
  while (to < length && (list[to] as number) <= end) to += 2
  if (to === from) list.splice(from, 0, start, end)
  else {
    list[from] = Math.min(start, list[from] as number)
    list[from + 1] = Math.max(end, list[to - 1] as number)
    if (to > from + 2) list.splice(from + 2, to - from - 2)
  }
}

/** Adds many ranges in any order; never quadratic in their number. */
export function addRanges(list: RangeList, added: readonly number[]): void {
  if (added.length <= 2 * BULK_RANGES) {
    for (let i = 0; i < added.length; i += 2) addRange(list, added[i] as number, added[i + 1] as number)
    return
  }
  const all = list.concat(added)
  list.length = 0
  for (const at of rangesInOrder(all)) addRange(list, all[at] as number, all[at + 1] as number)
}

/** Indexes of the ranges of a flat list, ordered by their starts. */
function rangesInOrder(flat: readonly number[]): number[] {
  const order = Array.from({ length: flat.length >> 1 }, (_, i) => 2 * i)
  return order.sort((a, b) => (flat[a] as number) - (flat[b] as number))
}

/** Whether all of [start, end) is in the list. */
export function hasRange(list: RangeList, start: number, end: number): boolean {
  const at = firstEndAtOrAfter(list, end)
  return at < list.length && (list[at] as number) <= start
}

/** The end of the range that holds `clock` or ends there; `clock` where there is none. */
export function rangeEnd(list: RangeList, clock: number): number {
  const at = firstEndAtOrAfter(list, clock)
  return at < list.length && (list[at] as number) <= clock ? (list[at + 1] as number) : clock
}

/** Index of the first range whose end is at or after `clock`; the list's length where there is none. */
function firstEndAtOrAfter(list: RangeList, clock: number): number {
  let low = 0
  let high = list.length >> 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((list[2 * middle + 1] as number) < clock) low = middle + 1
    else high = middle
  }
  return 2 * low
}
