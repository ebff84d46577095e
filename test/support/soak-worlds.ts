/**
 * The worlds of the soak. Which one a seed has follows from the seed alone, so that a seed which failed meets its world again,
 * alone and in any process. One seed in a hundred has a mesh of 50 relays, which takes as long as fifty others; three in fifty fold their logs
 * all the time.
 */
import type { WorldModule } from '../sim/jobs.ts'
import type { SimulateOptions } from '../sim/run/options.ts'
import { openTrace } from './traces.ts'

type World = Omit<SimulateOptions, 'seeds'>

const recording = openTrace('rustcode', 1, 20_000).txns.slice(0, 20_000)

const COPIES = ['clone', 'profile restore', 'evict', 'relay restore', 'break', 'abort', 'tab open'] as const

const WORLDS: readonly World[] = [
  { relays: 1 },
  { relays: 2 },
  { relays: 3 },
  { relays: 1, replicas: 8, editsPerMinute: 15 },
  { relays: 2, replicas: 2, documents: 1, recording, editsPerMinute: 90 },
  { relays: 3, mesh: true },
  { relays: 7, mesh: true, replicas: 6, editsPerMinute: 15 },
  { relays: 1, faults: COPIES },
]

/** A failure of it is told with nearly all of its steps: each run in search of fewer takes many seconds. */
const LARGE: World = {
  relays: 50,
  mesh: true,
  replicas: 6,
  editsPerMinute: 10,
  durationMs: 20_000,
  shrinkRunsMax: 10,
}

/** By the rest that a seed leaves when it is divided by 50. */
const FOLDED: Readonly<Record<number, World>> = {
  7: { relays: 2, folds: true },
  19: { relays: 1, folds: true, faults: COPIES },
  33: { relays: 3, mesh: true, folds: true },
}

export const worldOf: WorldModule['worldOf'] = (seed) =>
  seed % 100 === 0 ? LARGE : (FOLDED[seed % 50] ?? WORLDS[seed % WORLDS.length] ?? LARGE)
