/** `rejoin verify`: says nothing of sound data, and something of data in which a bit has flipped. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { compactFolder } from '../../server/runtime/compact.ts'
import { verifyFolder } from '../../server/runtime/verify.ts'
import { type Verified, verifySteps } from '../../server/storage/verify.ts'
import { hashJoinedLog } from '../../shared/update/joined-log.ts'
import { seeded } from '../support/random.ts'
import { bytesInUse } from '../support/sqlite-cells.ts'
import { allRead, isSynced, noise, startClient } from '../unit/client/support.ts'
import { startRelay, temporaryFolder } from '../unit/server/support.ts'

/** REJOIN_FLIPS=10000 for the figure in docs/security.md. */
const FLIPS = Number(process.env.REJOIN_FLIPS ?? 2_000)

const CLI = join(import.meta.dirname, '../../server/cli.ts')

interface Data {
  folder: string
  file: string
  hashes: Map<string, string>
}

/** What a relay has stored of three documents: one compacted, one with records behind its checkpoint, one deleted. */
async function make(compacted: boolean): Promise<Kept> {
  const folder = temporaryFolder()
  const hashes = new Map<string, string>()
  for (const part of ['first', 'second']) {
    const relay = await startRelay({ data: folder })
    const [alice, bob] = [await startClient(relay), await startClient(relay)]
    for (const id of ['one', 'two', 'gone']) {
      if (id === 'one' && part === 'second') continue
      const [a, b] = [alice.open(id), bob.open(id)]
      await Promise.all([a.whenSynced, b.whenSynced])
      for (let n = 0; n < 10; n++) {
        a.type(`alice writes ${n}: ${noise(600)}. `)
        await a.saved('relay')
        b.type(`bob too: ${noise(500 + n)}. `)
        await b.saved('relay')
      }
      await allRead([a, b])
      hashes.set(id, hashJoinedLog([Y.encodeStateAsUpdate(a.doc)]))
    }
    if (part === 'second') await alice.workspace.delete('gone')
    await isSynced(alice, bob)
    await alice.workspace.close()
    await bob.workspace.close()
    await relay.relay.close()
    if (part === 'first' && compacted) compactFolder(folder, () => {})
  }
  return { bytes: readFileSync(join(folder, 'workspaces', 'acme.sqlite')), hashes }
}

interface Kept {
  bytes: Buffer
  hashes: Map<string, string>
}

const kept = new Map<boolean, Kept>()

/** The same each time: it takes some seconds. */
async function store({ compacted = true } = {}): Promise<Data> {
  const { bytes, hashes } = kept.get(compacted) ?? (await make(compacted))
  kept.set(compacted, { bytes, hashes })
  const folder = temporaryFolder()
  const file = join(folder, 'workspaces', 'acme.sqlite')
  mkdirSync(join(folder, 'workspaces'))
  writeFileSync(file, bytes)
  return { folder, file, hashes }
}

function verify(path: string): Verified {
  const steps = verifySteps(path)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

const run = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, 'verify', ...args], { encoding: 'utf8' })
  return { status, lines: stdout.trim().split('\n'), stderr }
}

describe('rejoin verify', () => {
  test('finds nothing in sound data, says the hash of its content, and changes nothing', async () => {
    const { folder, file, hashes } = await store()
    const before = [readFileSync(file), readdirSync(join(folder, 'workspaces'))]
    expect(run(folder)).toEqual({ status: 0, lines: ['acme: 3 documents, nothing is wrong'], stderr: '' })
    const { status, lines } = run(folder, '--json')
    expect(status).toBe(0)
    const told = lines.map((line) => JSON.parse(line))
    expect(told.at(-1)).toEqual({ workspace: 'acme', documents: 3, findings: 0 })
    for (const id of ['one', 'two']) {
      expect(told.find(({ document }) => document === id)).toMatchObject({ workspace: 'acme', hash: hashes.get(id) })
    }
    expect(run('--hash', folder).lines).toContain(`acme: "one": ${hashes.get('one')}`)
    expect([readFileSync(file), readdirSync(join(folder, 'workspaces'))]).toEqual(before)
  }, 60_000)

  test('[P5] tells what is wrong, of which document, and ends with 1', async () => {
    const { folder, file } = await store()
    const database = new DatabaseSync(file)
    database.exec(`UPDATE pieces SET bytes = x'0300' WHERE document = (SELECT number FROM documents WHERE id = 'one')`)
    database.close()
    const { status, lines } = run(folder)
    expect(status).toBe(1)
    expect(lines[0]).toContain('acme: "one": a piece of "one" does not match its checksum')
    expect(lines.at(-1)).toMatch(/^acme: 3 documents, \d things are wrong$/)
    expect(run(folder, '--json').lines.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ workspace: 'acme', document: 'one', what: expect.stringContaining('a piece') }),
    )
  }, 60_000)

  test.each([
    ['a row that is gone', 'DELETE FROM log WHERE "offset" = 5', /up to|missing/],
    ['a row twice under two names', 'UPDATE log SET seq = seq + 100 WHERE "offset" = 6', /checksum/],
    ['what is no number', "UPDATE log SET kind = x'' WHERE kind = 0", /in the place of a number/],
    ['a start that is no number', "UPDATE epochs SET start = x'' WHERE start = 0", /in the place of a number/],
    ['a chain', 'UPDATE log SET chain = x\'0102030405060708\' WHERE "offset" = 4', /chain/],
    [
      'a version vector that was set back',
      'UPDATE documents SET vector = (SELECT vector FROM documents WHERE deleted > 0)',
      /"document","/,
    ],
    ['rows of no document', "DELETE FROM documents WHERE id = 'two'", /belong to no document/],
    ['a part of nothing', "INSERT INTO parts VALUES (1, 1, x'00')", /parts, and nothing/],
    ['a size', 'UPDATE documents SET bytes = bytes + 1', /checksum: \["document","one"/],
    ['who it is', "UPDATE meta SET value = 'nobody' WHERE key = 'origin'", /checksum: \["meta","origin","nobody"/],
    ['another program', 'PRAGMA application_id = 7', /another program/],
    ['a later version', 'PRAGMA user_version = 99', /version 99/],
  ])('[P5] finds: %s', async (_what, sql, expected) => {
    const { file } = await store({ compacted: false })
    const database = new DatabaseSync(file)
    database.exec(sql)
    database.close()
    expect(
      verify(file)
        .findings.map(({ what }) => what)
        .join('\n'),
    ).toMatch(expected)
  })

  test('what is not there, and no relay', () => {
    const folder = temporaryFolder()
    expect(() => verifyFolder(folder, { hash: false, json: false, say() {}, progress() {}, now: () => 0 })).toThrow(
      /data folder/,
    )
    mkdirSync(join(folder, 'workspaces'))
    expect(verifyFolder(folder, { hash: false, json: false, say() {}, progress() {}, now: () => 0 })).toBe(0)
    writeFileSync(join(folder, 'workspaces', 'acme.sqlite'), 'no database')
    const said: string[] = []
    const say = (line: string): void => void said.push(line)
    expect(verifyFolder(folder, { hash: false, json: false, say, progress() {}, now: () => 0 })).toBe(1)
    expect(said.join()).toMatch(/cannot be read/)
  })

  test(
    `[P5] of ${FLIPS} bits of what is stored that flip, each is found; elsewhere each is, or everything reads as before`,
    async () => {
      const { file } = await store()
      const sound = readFileSync(file)
      const used = bytesInUse(file, sound)
      const before = allRows(file)
      const random = seeded(1)
      const copy = join(temporaryFolder(), 'flipped.sqlite')
      const isFound = (at: number, bit: number): boolean => {
        const flipped = Buffer.from(sound)
        flipped[at] = (flipped[at] as number) ^ (1 << bit)
        writeFileSync(copy, flipped)
        return verify(copy).findings.length > 0
      }
      const places = { used: placesOf(used, 1), slack: placesOf(used, 0) }
      const pick = (from: readonly number[]): [number, number] => [from[random(from.length)] as number, random(8)]
      const missed: string[] = []
      let [found, unread] = [0, 0]
      while (found + missed.length < FLIPS) {
        const [at, bit] = pick(places.used)
        if (isFound(at, bit)) found++
        else if (allRows(copy) === before) unread++
        else missed.push(`bit ${bit} of byte ${at}`)
      }
      let harmless = 0
      const changed: string[] = []
      for (let n = 0; n < FLIPS / 5; n++) {
        const [at, bit] = pick(places.slack)
        if (isFound(at, bit)) continue
        harmless++
        if (allRows(copy) !== before) changed.push(`bit ${bit} of byte ${at}`)
      }
      const slack = `of ${FLIPS / 5} in ${places.slack.length} bytes of slack ${harmless} change nothing, and the others are found`
      console.log(
        `${found} of ${FLIPS} flipped bits in ${places.used.length} bytes in use are found, and ${unread} more change nothing; ${slack}`,
      )
      expect([missed, changed]).toEqual([[], []])
      expect(unread).toBeLessThan(FLIPS / 100)
      expect(places.used.length).toBeGreaterThan(sound.length / 10)
    },
    FLIPS * 100,
  )
})

const placesOf = (used: Uint8Array, value: number): number[] =>
  Array.from(used.keys()).filter((at) => used[at] === value)

/** All that SQLite returns of a file, the schema included. */
function allRows(file: string): string {
  try {
    const database = new DatabaseSync(file, { readOnly: true })
    try {
      const schema = database.prepare('SELECT * FROM sqlite_schema ORDER BY name').all()
      const tables = schema.filter(({ type }) => type === 'table').map(({ name }) => String(name))
      const rows = tables.map((name) => database.prepare(`SELECT * FROM ${name}`).all())
      return JSON.stringify([schema, rows])
    } finally {
      database.close()
    }
  } catch (error) {
    return String(error)
  }
}
