/** Seeds in several processes at once. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { type SeedResult, simulate } from '../../sim/index.ts'
import { simulateInJobs } from '../../sim/jobs.ts'
import { temporaryFolder } from '../../support/lifetime.ts'
import { worldOf as soakWorldOf } from '../../support/soak-worlds.ts'

const WORLD = { replicas: 3, relays: 2, durationMs: 3_000 }
const SEEDS = [3, 1, 4, 7, 5, 9]

function moduleOf(source: string): string {
  const file = join(temporaryFolder(), 'world.mjs')
  writeFileSync(file, source)
  return pathToFileURL(file).href
}

test('the same seeds are the same runs in three processes as in one', async () => {
  const here: SeedResult[] = []
  const there: SeedResult[] = []
  const one = await simulate({ ...WORLD, seeds: SEEDS, progress: (result) => here.push(result) })
  const three = await simulateInJobs({
    jobs: 3,
    seeds: SEEDS,
    world: moduleOf('export const worldOf = (seed, [json]) => JSON.parse(json)'),
    argv: [JSON.stringify(WORLD)],
    progress: (result) => there.push(result),
  })
  const hashes = (results: SeedResult[]) =>
    new Map(results.sort((a, b) => a.seed - b.seed).map((r) => [r.seed, r.hash]))
  expect(hashes(there)).toEqual(hashes(here))
  const { runs, virtualMs, edits, injected } = one
  expect(runs).toBe(6)
  expect(three).toMatchObject({ runs, edits, injected, failures: [] })
  expect(three.virtualMs).toBeCloseTo(virtualMs)
})

test('a process that dies is the failure of its seed, and another one goes on', async () => {
  const told: string[] = []
  const { runs, failures } = await simulateInJobs({
    jobs: 2,
    seeds: [1, 2, 3, 4, 5],
    world: moduleOf(`export const worldOf = (seed) => ({
      durationMs: 1000,
      faults: [],
      actions: { act: () => { if (seed === 2) process.exit(7); if (seed === 4) process.kill(process.pid, 'SIGKILL') } },
    })`),
    failed: ({ seed, failure }) => told.push(`${seed}: ${failure}`),
  })
  expect(runs).toBe(5)
  expect(failures.map(({ seed, failure }) => [seed, failure])).toEqual([
    [2, 'its process ended with code 7'],
    [4, 'its process ended with SIGKILL'],
  ])
  expect(told.sort()).toEqual(['2: its process ended with code 7', '4: its process ended with SIGKILL'])
})

test('of 10,000 seeds of the soak 100 are of 50 relays, 600 fold, and each other world has more than a thousand', () => {
  const shares = new Map<unknown, number>()
  for (let seed = 1; seed <= 10_000; seed++) {
    const world = soakWorldOf(seed, [])
    expect(soakWorldOf(seed, [])).toBe(world)
    shares.set(world, (shares.get(world) ?? 0) + 1)
  }
  const [large, ...others] = [...shares].sort(([, a], [, b]) => a - b)
  const folded = others.splice(0, 3)
  expect(large).toMatchObject([{ relays: 50, mesh: true }, 100])
  expect(folded).toMatchObject(Array(3).fill([{ folds: true }, 200]))
  expect(others.map(([, count]) => count > 1_000)).toEqual(Array(8).fill(true))
})
