/** The examples of docs/testing.md are run as they stand. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { FAULT_GROUPS, FAULT_KINDS } from '../sim/index.ts'

const root = resolve(import.meta.dirname, '../..')
const run = promisify(execFile)
const page = readFileSync(join(root, 'docs/testing.md'), 'utf8')
const examples = new Map(
  [...page.matchAll(/<!-- run: (\w+) -->\n```ts\n([\s\S]*?)```/g)].map(([, name = '', code = '']) => [name, code]),
)

describe('docs/testing.md', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rejoin-docs-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  async function runExample(name: string): Promise<string> {
    const code = examples.get(name) ?? ''
    const file = join(folder, `${name}.mts`)
    writeFileSync(file, code.replaceAll("'rejoin/testing'", JSON.stringify(join(root, 'test/sim/index.ts'))))
    const { stdout } = await run(process.execPath, [file], { timeout: 60_000, cwd: folder })
    return stdout
  }

  test('all examples are known here', () => {
    expect([...examples.keys()]).toEqual(['seats', 'apologies', 'story'])
  })

  test('simulation finds the over-booking, in two steps', async () => {
    const [failure, ...steps] = (await runExample('seats')).trim().split('\n')
    expect(failure).toMatch(/^seed \d+: Error: booked twice: /)
    expect(steps.filter((step) => step.endsWith('book'))).toHaveLength(2)
  })

  test('[P1] the apology is the same everywhere', async () => {
    expect(await runExample('apologies')).toBe('20 seeds, 0 failures, some apologies: true\n')
  })

  test('a story is told step by step', async () => {
    expect(await runExample('story')).toBe('no failure true\n')
  })

  test('names every kind of fault', () => {
    for (const name of [...FAULT_KINDS, ...Object.keys(FAULT_GROUPS)]) expect(page).toContain(`\`${name}\``)
  })
})
