/** `npm run soak`: as many seeds as REJOIN_SEEDS says, from REJOIN_SEED on; 10,000 from 1 by default. On all cores. */
import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { simulateInJobs } from '../sim/jobs.ts'
import { createReport } from '../sim/report.ts'

const total = Number(process.env.REJOIN_SEEDS ?? 10_000)
const firstSeed = Number(process.env.REJOIN_SEED ?? 1)
const world = new URL('../support/soak-worlds.ts', import.meta.url).href
const SAY_EVERY_MS = 30_000
/** Of one core, also on a machine that has much else to do. */
const SEED_MS_MAX = 10_000

/** Some worlds type what the traces say. */
const traces = process.env.REJOIN_TRACES === undefined ? '' : `REJOIN_TRACES='${process.env.REJOIN_TRACES}' `

const repeatCommand = (seed: number): string =>
  `${traces}REJOIN_SEEDS=1 REJOIN_SEED=${seed} npx vitest run --project soak test/soak/convergence.test.ts`

test(`[P1][P2][P4][P7][P8][P10] ${total} seeds converge`, { timeout: 60_000 + total * SEED_MS_MAX }, async () => {
  const report = createReport({ total, say: (line) => console.log(line), everyMs: SAY_EVERY_MS })
  const result = await simulateInJobs({
    jobs: availableParallelism(),
    seeds: Array.from({ length: total }, (_, i) => firstSeed + i),
    world,
    progress: (each) => report.ran(each),
    failed: (failure) => report.failed(failure, repeatCommand(failure.seed)),
  })
  report.end(result)
  expect(result.failures.map(({ seed, failure }) => `seed ${seed}: ${failure} (${repeatCommand(seed)})`)).toEqual([])
  expect(result.runs).toBe(total)
})
