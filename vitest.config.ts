import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    reporters: ['default', './test/ci-reporter.ts'],
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 60_000 } },
      // Hundreds of seeds, and what needs processes of its own: minutes, so not in `npm run check`.
      {
        test: { name: 'convergence', include: ['test/convergence/**/*.test.ts'], testTimeout: 180_000 },
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
