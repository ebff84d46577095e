/** Bugs put into the code on purpose: a suite that misses one would miss its like. */
import { expect, test, vi } from 'vitest'
import { BUGS_INSIDE, type BugInside } from '../unit/convergence/planted/inside.ts'

const SEEDS_MAX = 200

/** The suite, with other code under it. */
async function loadWith(plant: BugInside['plant']): Promise<typeof import('../sim/index.ts')> {
  vi.resetModules()
  for (const [module, change] of Object.entries(plant)) {
    vi.doMock(`../../${module}`, async (importOriginal) => {
      const original = await importOriginal<Record<string, unknown>>()
      return { ...original, ...change(original) }
    })
  }
  const loaded = await import('../sim/index.ts')
  for (const module of Object.keys(plant)) vi.doUnmock(`../../${module}`)
  return loaded
}

test.each(Object.entries(BUGS_INSIDE))('finds: %s', async (_name, { plant, bend, faults, world, found }) => {
  const options = { faults, durationMs: 30_000, ...world }
  const { runSeed } = await loadWith(plant)
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    const { failure } = await runSeed(seed, { ...options, bend })
    if (failure === undefined) continue
    expect(failure).toMatch(found)
    // The bug is to blame, not the seed.
    const sound = await loadWith({})
    expect((await sound.runSeed(seed, options)).failure).toBeUndefined()
    return
  }
  expect.fail(`not found within ${SEEDS_MAX} seeds`)
})
