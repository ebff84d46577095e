/** docs/moving.md: every example is run as it stands. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRelay } from '../../../server/index.ts'
import { examplesOf, runExample } from './run-example.ts'

const FILE = 'docs/moving.md'

/** As a page with the old code has left it. */
const STORED = `
import { IndexeddbPersistence } from 'y-indexeddb'
import { Doc } from 'yjs'
const before = new Doc()
const persistence = new IndexeddbPersistence('notes/today', before)
await persistence.whenSynced
before.getText('body').insert(0, 'stored before the move')
await persistence.set('written', 1)
await persistence.destroy()
`

describe('moving', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rejoin-moving-'))
  const relay = createRelay({ data: join(folder, 'relay') })
  let port = 0

  beforeAll(async () => {
    port = (await relay.listen(0)).port
  })
  afterAll(async () => {
    await relay.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it.each([
    ['provider', '', ['synced true', 'true']],
    ['stored', STORED, ['found true', 'stored before the move']],
    ['sidebyside', '', ['from the old page']],
    ['hocuspocus', '', ['synced true']],
    ['away', '', ['{"body":"mine","meta":{"pages":3}}']],
    ['stores', '', ['at once true']],
  ])('%s works as it stands', async (name, before, expected) => {
    const example = examplesOf(FILE).find((each) => each.name === name)
    if (example === undefined) throw new Error(`${FILE} has no example ${name}`)
    const said = await runExample(example, folder, port, before)
    for (const line of expected) expect(said).toContain(line)
  })

  it('has no other examples', () => {
    expect(examplesOf(FILE)).toHaveLength(6)
  })
})
