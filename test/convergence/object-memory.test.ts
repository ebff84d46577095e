import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const SCRIPT = new URL('../support/object-memory.ts', import.meta.url).pathname

test('[P7] a relay with the bounds of a Durable Object keeps at most 64 MB, with 200 sockets and a log of 10 MB', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', SCRIPT])
  const { logBytes, all } = JSON.parse(stdout)
  expect(logBytes).toBeGreaterThan(10_000_000)
  expect(all).toBeLessThan(64)
})
