import { join } from 'node:path'
import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestCase, type TestModule, type TestSpecification, type TestSuite } from 'vitest/node'

// Dozens of tests start a relay or an example in a process of its own: each of them would strip and compile all sources anew.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules/.cache/compiled')

/** These run in `npm run check` with a part of their seeds, clients and messages, and in `convergence` with all. */
const LONG = [
  'test/unit/client/{replica-pieces,storage-trouble}.test.ts',
  'test/unit/convergence/{planted,regressions}.test.ts',
  'test/unit/digest/reconcile.test.ts',
  'test/unit/server/{attacks,checkpoints,honest,overload}.test.ts',
  'test/unit/update/*.test.ts',
]

/** These write under the names of others on purpose, of which Yjs warns. */
function isForging(by: TestModule | TestSuite | TestCase | undefined): boolean {
  const file = by?.type === 'module' ? by.moduleId : by?.module.moduleId
  return /\/unit\/(convergence\/planted|server\/(attacks|ownership)|update\/split)\.test\.ts$/.test(file ?? '')
}

/** What a test started ends in a hook, one after the other: each relay waits some seconds for clients that do not close. */
const CLEANED_UP_MS = 60_000

/** Pages, Workers and their tests wait most of the time: three at once, after what keeps all cores busy. */
const WAITING = { maxWorkers: 3, sequence: { groupOrder: 1 } }

/** Tests in a browser that keep more than one core busy. */
const BUSY = ['test/e2e/{browser-crash,demo-quality,large,tabs,troubles}.test.ts']

/** What takes longest begins first, also in a fresh clone, where nobody knows yet how long anything takes. */
const LONGEST =
  /\/(convergence\/(seeds|mesh-seeds|faults|relay-crash)|e2e\/(demo-lab|demo-mesh|demo-offline))\.test\.ts$/

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isLongest = ({ moduleId }: TestSpecification) => LONGEST.test(moduleId)
    return [...sorted.filter(isLongest), ...sorted.filter((file) => !isLongest(file))]
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    onConsoleLog: (log, _type, by) => !(isForging(by) && log.includes('[yjs] Changed the client-id')),
    reporters: ['default', './test/ci-reporter.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: CLEANED_UP_MS,
          provide: { isQuick: true },
        },
      },
      // Hundreds of seeds, and what needs processes of its own: minutes, so not in `npm run check`.
      {
        test: {
          name: 'convergence',
          include: ['test/convergence/**/*.test.ts', ...LONG],
          testTimeout: 180_000,
          hookTimeout: CLEANED_UP_MS,
          maxWorkers: '100%',
        },
      },
      // Inside of workerd.
      {
        plugins: [cloudflareTest({ wrangler: { configPath: './wrangler.toml' }, miniflare: { cf: false } })],
        test: {
          name: 'workerd',
          include: ['test/workers/inside/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: CLEANED_UP_MS,
          maxWorkers: '100%',
        },
      },
      // A relay in workerd, and clients on Node.
      {
        test: {
          name: 'workers',
          include: ['test/workers/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          ...WAITING,
        },
      },
      // In a browser,
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude: BUSY,
          testTimeout: 180_000,
          hookTimeout: 120_000,
          ...WAITING,
        },
      },
      // and one after another where all of them write without a pause, or are timed.
      {
        test: {
          name: 'e2e busy',
          include: BUSY,
          testTimeout: 180_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'soak',
          include: ['test/soak/**/*.test.ts'],
          testTimeout: 3_600_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
