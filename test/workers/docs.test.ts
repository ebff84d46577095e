/** The Worker of docs/deploy-workers.md is run as it stands, with the settings beside it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/lifetime.ts'
import { startWorkerd } from '../support/workerd.ts'
import { isSynced, startClient } from '../unit/client/support.ts'

const root = join(import.meta.dirname, '../..')

test('docs/deploy-workers.md: a Worker of your own serves its routes and a relay', async () => {
  const page = readFileSync(join(root, 'docs/deploy-workers.md'), 'utf8')
  const [, code = ''] = /<!-- run: worker -->\n```ts\n([\s\S]*?)```/.exec(page) ?? []
  const [, settings = ''] = /```toml\n([\s\S]*?)```/.exec(page) ?? []
  const folder = temporaryFolder()
  const compatibility = /compatibility_date = .*/.exec(readFileSync(join(root, 'wrangler.toml'), 'utf8'))?.[0]
  const alias = `[alias]\n"rejoin/worker" = ${JSON.stringify(join(root, 'server/worker.ts'))}\n`
  writeFileSync(join(folder, 'index.ts'), code)
  writeFileSync(join(folder, 'wrangler.toml'), `name = "own"\nmain = "index.ts"\n${compatibility}\n${alias}${settings}`)
  const relay = await startWorkerd(join(folder, 'wrangler.toml'))
  try {
    expect(await (await fetch(`${relay.url}/hello`)).text()).toBe('hello')
    const ada = await startClient(relay)
    ada.open().type('a')
    await isSynced(ada)
    expect(relay.errors()).toEqual([])
  } finally {
    await relay.close()
  }
})
