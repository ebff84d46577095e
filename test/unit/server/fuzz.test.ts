/** Hostile bytes at every way in: 20,000 of them here, a million in test/soak. */
import { expect, test } from 'vitest'
import { fuzz } from '../../support/fuzz.ts'
import { seedOfTest } from '../../support/seed.ts'

test('[P7][P9] 20,000 hostile inputs: each is taken or refused with a code, soon, and in little memory', () => {
  const { failures, ways, slowestMs, largestBytes } = fuzz({ seed: seedOfTest(), cases: 20_000 })
  console.log(`the slowest took ${slowestMs.toFixed(1)} ms, the largest ${(largestBytes / 2 ** 20).toFixed(1)} MiB`)
  expect(failures).toEqual([])
  // Where nothing is ever taken, or all, the way in was not reached.
  for (const [way, { taken, refused }] of Object.entries(ways))
    expect([way, taken + refused > 500]).toEqual([way, true])
  for (const way of ['update', 'join', 'message', 'awareness', 'stateVector', 'yMessage', 'apply']) {
    expect([way, (ways[way]?.taken ?? 0) > 20, (ways[way]?.refused ?? 0) > 20]).toEqual([way, true, true])
  }
})
