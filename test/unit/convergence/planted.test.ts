/** Bugs put in on purpose: a suite that misses one would miss its like. */
import { expect, test } from 'vitest'
import { runSeed } from '../../sim/index.ts'
import { inShare } from '../../support/amount.ts'
import { PLANTED } from './planted/index.ts'

const SEEDS_MAX = 200

test('there are 20 planted bugs and more', () => {
  expect(Object.keys(PLANTED).length).toBeGreaterThanOrEqual(20)
})

test.each(Object.entries(PLANTED).filter(inShare))('finds: %s', async (_name, { bend, faults, world }) => {
  const options = { faults, durationMs: 30_000, ...world }
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    const { failure } = await runSeed(seed, { ...options, bend })
    if (failure === undefined) continue
    // The bug is to blame, not the seed.
    expect((await runSeed(seed, options)).failure).toBeUndefined()
    return
  }
  expect.fail(`not found within ${SEEDS_MAX} seeds`)
})

test('the canary: a world that loses edits on purpose never passes', async () => {
  const { bend } = PLANTED['lost delete-only update'] ?? {}
  for (let seed = 1; seed <= 10; seed++) {
    expect((await runSeed(seed, { edits: ['edit'], faults: [], bend })).failure, `seed ${seed}`).toBeDefined()
  }
})
