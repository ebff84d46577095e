/**
 * How often a test does what it does: `npm run check` runs a part of the seeds, clients and messages of the longest tests, the
 * project `convergence` runs the same files with all of them.
 */
import { inject } from 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    /** Only in the project `unit`. */
    isQuick?: boolean
  }
}

/** `quick` of them in `npm run check`, `all` of them elsewhere. */
export function amount(quick: number, all: number): number {
  return inject('isQuick') === true ? quick : all
}

/** For `filter`: a quarter of a long list in `npm run check`, all of it elsewhere. */
export function inShare(_: unknown, index: number): boolean {
  return index % amount(4, 1) === 0
}
