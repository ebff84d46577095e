/**
 * Rateless invertible Bloom lookup table after Yang, Gilad and Alizadeh, "Practical Rateless Set Reconciliation" (SIGCOMM
 * 2024). A cell holds the XOR of the tags that fall into it and of their checks. Cell i takes a tag with a chance of
 * 1 / (1 + i / 2), so any prefix of the endless sequence is a sketch, and 1.35 to 1.7 cells per difference decode. No
 * count is kept: whose side a tag is from shows by looking it up. What does not decode is noticed; what decodes wrongly is
 * rare, and left to the root.
 */
import type { Tag } from './element.ts'

/** A prefix of the sequence of cells: 6 bytes of tags and 2 or 3 of checks each. */
export interface Cells {
  low: Uint32Array
  high: Uint16Array
  check: Uint32Array
}

/**
 * The first cells take most tags, so a chance match of the check there is not caught by the test that the tag belongs
 * into that cell at all (`isPure`). They have 24 bits of check, the others 16.
 */
export const WIDE_CHECKS = 64

export const createCells = (count: number): Cells => ({
  low: new Uint32Array(count),
  high: new Uint16Array(count),
  check: new Uint32Array(count),
})

/** Cells `from` to `to`, which share memory with `cells`. */
export const sliceCells = (cells: Cells, from: number, to: number): Cells => ({
  low: cells.low.subarray(from, to),
  high: cells.high.subarray(from, to),
  check: cells.check.subarray(from, to),
})

/** `first` and behind it `second`. */
export function joinCells(first: Cells, second: Cells): Cells {
  const joined = createCells(first.low.length + second.low.length)
  for (const field of ['low', 'high', 'check'] as const) {
    joined[field].set(first[field])
    joined[field].set(second[field], first.low.length)
  }
  return joined
}

/** Adds a tag to the cells, or takes it away: it is the same. */
export function toggleTag(cells: Cells, low: number, high: number): void {
  const count = cells.low.length
  const check = checkOf(low, high)
  for (let step = 0, cell = 0; cell < count; cell = nextCell(cell, low, high, step++)) {
    toggleCell(cells, cell, low, high, check)
  }
}

function toggleCell(cells: Cells, cell: number, low: number, high: number, check: number): void {
  cells.low[cell] = (cells.low[cell] as number) ^ low
  cells.high[cell] = (cells.high[cell] as number) ^ high
  cells.check[cell] = (cells.check[cell] as number) ^ narrowCheck(check, cell)
}

/** What two sides' cells of the same count differ in. */
export function subtractCells(mine: Cells, theirs: Cells): Cells {
  const count = mine.low.length
  const rest = createCells(count)
  for (let i = 0; i < count; i++) {
    rest.low[i] = (mine.low[i] as number) ^ (theirs.low[i] as number)
    rest.high[i] = (mine.high[i] as number) ^ (theirs.high[i] as number)
    rest.check[i] = (mine.check[i] as number) ^ (theirs.check[i] as number)
  }
  return rest
}

/** The tags in `cells`, which are emptied on the way; `undefined` where there are too many to tell apart. */
export function decodeCells(cells: Cells): Tag[] | undefined {
  const count = cells.low.length
  const tags: Tag[] = []
  // Later cells hold fewer tags: they are looked at first.
  const waiting = Array.from({ length: count }, (_, cell) => cell)
  for (let cell = waiting.pop(); cell !== undefined; cell = waiting.pop()) {
    if (!isPure(cells, cell)) continue
    // More tags than cells cannot be told apart: a wrong tag is going round in circles.
    if (tags.length === count) return undefined
    const low = cells.low[cell] as number
    const high = cells.high[cell] as number
    tags.push(high * 2 ** 32 + low)
    const check = checkOf(low, high)
    for (let step = 0, other = 0; other < count; other = nextCell(other, low, high, step++)) {
      toggleCell(cells, other, low, high, check)
      waiting.push(other)
    }
  }
  return isEmpty(cells) ? tags : undefined
}

/** Whether exactly one tag is in a cell: the check fits, and the tag belongs there. */
function isPure(cells: Cells, cell: number): boolean {
  const low = cells.low[cell] as number
  const high = cells.high[cell] as number
  const check = cells.check[cell] as number
  if ((low === 0 && high === 0) || check !== narrowCheck(checkOf(low, high), cell)) return false
  let at = 0
  for (let step = 0; at < cell; step++) at = nextCell(at, low, high, step)
  return at === cell
}

function isEmpty(cells: Cells): boolean {
  for (let i = 0; i < cells.low.length; i++) {
    if (cells.low[i] !== 0 || cells.high[i] !== 0 || cells.check[i] !== 0) return false
  }
  return true
}

/**
 * The next cell that a tag falls into, as in section 4.2 of the paper. It needs a correctly rounded square root, which
 * every engine takes from the processor. Both halves of the tag feed every step, or tags with equal seeds never part.
 */
function nextCell(cell: number, low: number, high: number, step: number): number {
  const chance = mix(low + Math.imul(step, 0x9e3779b9)) ^ mix(high + 0x51ed2705 + Math.imul(step, 0x85ebca77))
  const fraction = ((chance >>> 0) + 0.5) / 2 ** 32
  return cell + Math.max(1, Math.ceil((cell + 1.5) * (1 / Math.sqrt(fraction) - 1)))
}

const checkOf = (low: number, high: number): number => mix(mix(low ^ 0x2545f491) + high) >>> 8

const narrowCheck = (check: number, cell: number): number => (cell < WIDE_CHECKS ? check : check & 0xffff)

/** The finalizer of MurmurHash3: every bit of the result depends on every bit given. */
function mix(value: number): number {
  let word = value | 0
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35)
  return word ^ (word >>> 16)
}
