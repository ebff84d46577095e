/** Every code block of the documentation that is marked `<!-- run: name -->` is run as it stands, against a real relay. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRelay } from '../../../server/index.ts'

const root = resolve(import.meta.dirname, '../../..')
const run = promisify(execFile)

function examples(file: string): { name: string; code: string }[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(/<!-- run: (\w+) -->\n```ts\n([\s\S]*?)```/g)].map(([, name = '', code = '']) => ({
    name,
    code,
  }))
}

describe('the examples of the README', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rejoin-docs-'))
  const relay = createRelay({ data: join(folder, 'relay') })
  let port = 0

  beforeAll(async () => {
    port = (await relay.listen(0)).port
  })
  afterAll(async () => {
    await relay.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function runExample(name: string, page = 'README.md'): Promise<string> {
    const example = examples(page).find((each) => each.name === name)
    if (example === undefined) throw new Error(`${page} has no example ${name}`)
    const code = example.code
      .replaceAll("'rejoin/server'", JSON.stringify(join(root, 'server/index.ts')))
      .replaceAll("'rejoin'", JSON.stringify(join(root, 'client/index.ts')))
      .replaceAll("'yjs'", JSON.stringify(join(root, 'node_modules/yjs/dist/yjs.mjs')))
      .replaceAll('127.0.0.1:8787', `127.0.0.1:${port}`)
      .replaceAll('listen(8787)', 'listen(0)')
      .replaceAll("'./data'", JSON.stringify(join(folder, `data-${name}`)))
    const file = join(folder, `${name}.mts`)
    writeFileSync(file, code)
    const { stdout, stderr } = await run(process.execPath, [file], { timeout: 30_000, cwd: folder })
    expect(stderr).not.toContain('Error')
    return stdout
  }

  it('all are known here', () => {
    expect(examples('README.md').map(({ name }) => name)).toEqual(['first', 'provider', 'relay'])
  })

  it('[P2] the first one writes a note that a relay has', async () => {
    expect(await runExample('first')).toContain('relay hello')
  })

  it('the provider syncs', async () => {
    expect(await runExample('provider')).toContain('synced true')
  })

  it('who has a token may write', async () => {
    expect(await runExample('tokens', 'docs/security.md')).toContain('write')
  })

  it('[P10] the relays of a mesh meet', async () => {
    expect(await runExample('mesh', 'docs/mesh.md')).toContain('the second relay knows 1 other')
  })

  it('[P2] documents are written by the relay and read over plain requests', async () => {
    expect(await runExample('requests', 'docs/requests.md')).toContain("{ body: 'hello' }\n1 document")
  })

  it('the relay listens', async () => {
    expect(await runExample('relay')).toContain('a relay listens on http://127.0.0.1:')
  })
})
