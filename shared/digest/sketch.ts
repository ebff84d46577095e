/**
 * How many elements two sets differ in, from a few hundred counters (the second moment of a count sketch; Thorup and
 * Zhang, 2004). Every element adds +1 or -1 to one counter, both chosen by its keyed hash; the squares of the
 * differences of two sides' counters sum up to the number of differing elements, within sqrt(2 / counters) at one
 * standard deviation. A session that is misled about the size costs bytes, never a result.
 */
import { SKETCH_COUNTERS } from './bounds.ts'

/** Counters; their number is a power of two. */
export type Sketch = Int32Array

export const createSketch = (): Sketch => new Int32Array(SKETCH_COUNTERS)

/** Adds (sign 1) or takes away (sign -1) the element whose words stand in `words` from `at`. */
export function addToSketch(sketch: Sketch, words: Uint32Array, at: number, sign: 1 | -1): void {
  const word = words[at + 3] as number
  const counter = word & (SKETCH_COUNTERS - 1)
  sketch[counter] = (sketch[counter] as number) + (word & SKETCH_COUNTERS ? sign : -sign)
}

/** The same sketch with fewer counters: their number is a power of two again. */
export function foldSketch(sketch: Sketch, counters: number): Sketch {
  const folded = new Int32Array(counters)
  for (let i = 0; i < sketch.length; i++) {
    const at = i & (counters - 1)
    folded[at] = (folded[at] as number) + (sketch[i] as number)
  }
  return folded
}

/** About how many elements differ between the sets of two sketches, of which the smaller number of counters is used. */
export function estimateDifference(a: Sketch, b: Sketch): number {
  const counters = Math.min(a.length, b.length)
  const mine = foldSketch(a, counters)
  const theirs = foldSketch(b, counters)
  let sum = 0
  for (let i = 0; i < counters; i++) sum += ((mine[i] as number) - (theirs[i] as number)) ** 2
  return sum
}
