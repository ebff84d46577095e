import { join } from 'node:path'
import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

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

export default defineConfig({
  test: {
    reporters: ['default', './test/ci-reporter.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          testTimeout: 60_000,
          provide: { isQuick: true },
        },
      },
      // Hundreds of seeds, and what needs processes of its own: minutes, so not in `npm run check`.
      {
        test: { name: 'convergence', include: ['test/convergence/**/*.test.ts', ...LONG], testTimeout: 180_000 },
      },
      // Inside of workerd.
      {
        plugins: [cloudflareTest({ wrangler: { configPath: './wrangler.toml' }, miniflare: { cf: false } })],
        test: { name: 'workerd', include: ['test/workers/inside/**/*.test.ts'], testTimeout: 60_000 },
      },
      // A relay in workerd, and clients on Node.
      {
        test: {
          name: 'workers',
          include: ['test/workers/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
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
