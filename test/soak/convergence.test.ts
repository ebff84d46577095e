/** `npm run soak`: as many seeds as REJOIN_SEEDS says, from REJOIN_SEED on; 10,000 from 1 by default. */
import { expect, test } from 'vitest'
import { type SimulateOptions, simulate } from '../sim/index.ts'
import { openTrace } from '../support/traces.ts'

const seeds = Number(process.env.REJOIN_SEEDS ?? 10_000)
const firstSeed = Number(process.env.REJOIN_SEED ?? 1)
/** Seeds between two lines of progress; after as many the next world is taken. */
const REPORT_EVERY = 250

const recording = openTrace('rustcode', 1, 20_000).txns.slice(0, 20_000)

const WORLDS: readonly Omit<SimulateOptions, 'seeds'>[] = [
  { relays: 1 },
  { relays: 2 },
  { relays: 3 },
  { relays: 1, replicas: 8, editsPerMinute: 15 },
  { relays: 2, replicas: 2, documents: 1, recording, editsPerMinute: 90 },
  { relays: 3, mesh: true },
  { relays: 7, mesh: true, replicas: 6, editsPerMinute: 15 },
  { relays: 50, mesh: true, replicas: 6, editsPerMinute: 10, durationMs: 20_000 },
  { relays: 1, faults: ['clone', 'profile restore', 'evict', 'relay restore', 'break', 'abort', 'tab open'] },
]

test(`[P1][P2][P4][P7][P8][P10] ${seeds} seeds converge`, async () => {
  const failures: string[] = []
  const injected: Record<string, number> = {}
  let virtualMs = 0
  let realMs = 0
  for (let done = 0; done < seeds; done += REPORT_EVERY) {
    const world = WORLDS[(done / REPORT_EVERY) % WORLDS.length]
    const result = await simulate({
      ...world,
      seeds: Math.min(REPORT_EVERY, seeds - done),
      firstSeed: firstSeed + done,
      failed({ seed, failure, shrunk }) {
        failures.push(`seed ${seed}: ${failure}\n${JSON.stringify(shrunk)}`)
        console.error(JSON.stringify({ ...world, recording: undefined }), failures.at(-1))
      },
    })
    virtualMs += result.virtualMs
    realMs += result.realMs
    for (const [kind, times] of Object.entries(result.injected)) injected[kind] = (injected[kind] ?? 0) + times
    console.log(
      `${done + result.runs} seeds, ${Math.round(virtualMs / realMs)} times real time, ${failures.length} failures`,
    )
  }
  console.table(injected)
  expect(failures).toEqual([])
})
