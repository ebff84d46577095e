import { execFile } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/lifetime.ts'

const root = join(import.meta.dirname, '../..')
const WRANGLER = join(root, 'node_modules/wrangler/bin/wrangler.js')
/** What the platform takes of a free plan, compressed, is 3 MB; this is before that, with Yjs for what reads documents as JSON. */
const BUNDLE_BYTES_MAX = 950_000

test('`wrangler deploy` would deploy the Worker, with its class and nothing of Node', async () => {
  const folder = temporaryFolder()
  const args = [WRANGLER, 'deploy', '--dry-run', '--outdir', folder]
  const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', NO_COLOR: '1' }
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, env })
  expect(stdout).toContain('RelayObject')
  const [script] = readdirSync(folder).filter((name) => name.endsWith('.js'))
  expect(statSync(join(folder, script ?? '')).size).toBeLessThan(BUNDLE_BYTES_MAX)
})
