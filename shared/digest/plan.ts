/**
 * What a session sends next and how much of it, from estimates alone: the cost model. A wrong estimate costs bytes or a
 * round trip, never a result. The constants were fitted on random sets; bench/digest.ts measures what they lead to.
 */
import { BLOOM_HASHES_MAX, CELLS_MAX, HELLO_CELLS } from './bounds.ts'

export type Way = 'cells' | 'bloom' | 'list'

/** Bytes of a difference that is left to cells: 1.5 cells each. */
const DIFFERENCE_BYTES = 12

/** A cell: nearly all have 2 bytes of check. */
const CELL_BYTES = 8.2

/** Salts and spare bits of two filters. */
const FILTER_HEAD_BYTES = 60

/** Key of a list, root of its answer. */
const LIST_HEAD_BYTES = 36

/** What the answer to a list says of each entry that is missing there. */
const PLACE_BYTES = 1.5

/** ln(2)^2: a filter of b bits an entry hides with a chance of e^(-b * FILTER_GAIN). */
const FILTER_GAIN = Math.LN2 ** 2

/**
 * The part of a side's differing elements that are taken to be of documents which only it has. The others show when either
 * side's filter finds them, so they hide less. If all are of one side the filter is some bits too small.
 */
const ONE_SIDED = 0.3

/** With what chance the filter that answers the first one is taken to hide. */
export const OTHER_HIDES = 0.1

/** The cheapest way for sets of `mine` and `theirs` elements that differ in about `difference`. */
export function chooseWay(mine: number, theirs: number, difference: number): Way {
  const list = listBytes(mine) + PLACE_BYTES * exposedTo(difference, mine, theirs) + LIST_HEAD_BYTES
  const cells = moreCellsBytes(difference)
  const bloom = bloomBytes(mine, theirs, difference)
  if (list <= Math.min(cells, bloom)) return 'list'
  return cells <= bloom ? 'cells' : 'bloom'
}

function moreCellsBytes(difference: number): number {
  const { count, counters } = firstAsk(difference)
  const cells = count > 0 ? count : cellsFor(difference, Math.sqrt(2 / counters)) - HELLO_CELLS
  return cells > CELLS_MAX ? Number.POSITIVE_INFINITY : cells * CELL_BYTES + 1.4 * counters
}

/** Bytes of a list: half of every entry goes as a distance that shrinks with their number. */
export function listBytes(entries: number): number {
  const distanceBits = Math.log2(2 ** 32 / (entries + 1))
  return entries * (4 + Math.max(1, Math.ceil(distanceBits / 7)))
}

function bloomBytes(mine: number, theirs: number, difference: number): number {
  const there = exposedTo(difference, theirs, mine)
  const here = exposedTo(difference, mine, theirs)
  const first = bitsPerEntry(mine, there, OTHER_HIDES)
  const left = Math.max(theirs - there, 0)
  const second = bitsPerEntry(left, here, filterHides(first))
  const hides = [filterHides(first), filterHides(second)] as const
  const oneSided = ONE_SIDED * (there * hides[0] + here * hides[1])
  const changed = 2 * (1 - ONE_SIDED) * there * hides[0] * hides[1]
  const residue = cellsFor(oneSided + changed, residueDeviation(oneSided + changed)) * CELL_BYTES
  return (mine * first + left * second) / 8 + residue + FILTER_HEAD_BYTES
}

const filterHides = (bits: number): number => Math.exp(-bits * FILTER_GAIN)

/** How many of `theirs` the other side has not, if the sets differ in `difference`. */
export const exposedTo = (difference: number, theirs: number, mine: number): number =>
  Math.min(theirs, Math.max(0, (difference + theirs - mine) / 2))

/**
 * Bits an entry at which a filter of `entries` and what it hides of `exposed` elements are cheapest together.
 * `otherHides` is the chance with which the other side's filter hides.
 */
export function bitsPerEntry(entries: number, exposed: number, otherHides: number): number {
  const weight = exposed * (ONE_SIDED + 2 * otherHides * (1 - ONE_SIDED))
  const hides = entries / (8 * FILTER_GAIN * DIFFERENCE_BYTES * Math.max(weight, 1))
  return Math.min(BLOOM_HASHES_MAX / Math.LN2, Math.max(1.5, -Math.log(hides) / FILTER_GAIN))
}

/** Cells that decode `difference` tags nearly always, if it is known within `deviation` (relative, one sigma). */
export function cellsFor(difference: number, deviation: number): number {
  const most = difference * (1 + 1.5 * deviation)
  return Math.ceil(1.36 * most + 4 * Math.sqrt(most) + 6)
}

/** What two filters have hidden from each other. */
export interface FilterOutcome {
  /** Chance with which the filter that was sent first hides, and the one sent second. */
  firstHides: number
  secondHides: number
  /** Documents found by the first: that both have, and that only the finder has. */
  changed: number
  theirsOnly: number
  /** Elements found by the second. */
  second: number
}

/** About how many tags are left after two filters. */
export function hiddenByFilters(outcome: FilterOutcome): number {
  const { firstHides, secondHides, changed, theirsOnly, second } = outcome
  const missed = firstHides / (1 - firstHides)
  const changedMissed = changed * missed
  const mineOnly = Math.max(0, second - changedMissed * (1 - secondHides))
  return theirsOnly * missed + (mineOnly * secondHides) / (1 - secondHides) + 2 * changedMissed * secondHides
}

/** How well `hiddenByFilters` knows it, relative: both what was found and what was hidden are chance. */
export const residueDeviation = (hidden: number): number => Math.sqrt(2 / (hidden + 1))

/** How to ask for cells behind the first message's: so many, or these counters for the other side to say. */
export function firstAsk(difference: number): { count: number; counters: number } {
  if (difference > 400) return { count: 0, counters: 512 }
  if (difference > 40) return { count: 0, counters: 128 }
  return { count: Math.max(22, cellsFor(difference, 0.1) - HELLO_CELLS), counters: 0 }
}

/** Cells that are not larger than the list of `entries` elements would be. */
export const cellsWorth = (entries: number): number => Math.min(CELLS_MAX, Math.floor(listBytes(entries) / CELL_BYTES))

/** All cells to be held for the next try, after `held` were too few. */
export const cellsAfterFailure = (held: number): number => Math.ceil(held * 1.4) + 8
