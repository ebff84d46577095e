/** Documents of which something stored is damaged for good: they are wanted again, and come back from clients and other relays. */
import { join } from 'node:path'
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { mintToken } from '../../../server/auth/tokens.ts'
import { readNews } from '../../../server/mesh/pushing.ts'
import { compactFolder } from '../../../server/runtime/compact.ts'
import { openSqliteStore } from '../../../server/storage/sqlite-file.ts'
import type { RelayStore } from '../../../server/storage/store.ts'
import { verifySteps } from '../../../server/storage/verify.ts'
import { RejoinError } from '../../../shared/errors.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { startClient } from '../client/support.ts'
import { areEqual, createRing, textAt } from '../mesh/support.ts'
import { converged, startRelay, stockClient, synced, temporaryFolder, until } from './support.ts'

const SECRET = 'a secret of thirty-two bytes, or of more'

const tokenOf = (subject: string) =>
  mintToken(SECRET, { subject, workspaces: ['acme'], role: 'write', lifetimeMs: 60_000 })

const OF_NOTE = "(SELECT number FROM documents WHERE id = 'note')"
const FIRST_OF_NOTE = `"offset" = (SELECT MIN("offset") FROM log WHERE document = ${OF_NOTE})`
const BEHIND_INDEXES = 'behind indexes'

const DAMAGES: [what: string, ...statements: string[]][] = [
  [
    'its row, and nothing behind it is sound',
    `UPDATE log SET checksum = x'0011223344556677' WHERE document = ${OF_NOTE}`,
    "UPDATE documents SET epoch = 'nonsense', checksum = x'0011223344556677' WHERE id = 'note'",
  ],
  [
    'a record',
    `UPDATE log SET bytes = x'0000' WHERE "offset" = (SELECT MIN("offset") FROM log WHERE document = ${OF_NOTE})`,
  ],
  ['the last record', `UPDATE log SET bytes = x'0000' WHERE "offset" = (SELECT MAX("offset") FROM log)`],
  ['the chain of a record', `UPDATE log SET chain = x'0011223344556677' WHERE document = ${OF_NOTE}`],
  ['a record, which is lost', `DELETE FROM log WHERE ${FIRST_OF_NOTE}`],
  ['the last record, which is lost', `DELETE FROM log WHERE "offset" = (SELECT MAX("offset") FROM log)`],
  ['a record, which is lost, and not from the indexes', BEHIND_INDEXES, `DELETE FROM log WHERE ${FIRST_OF_NOTE}`],
  [
    'a record, in whose place is one of another document, and not in the indexes',
    BEHIND_INDEXES,
    `UPDATE log SET (document, origin, seq, bytes, checksum, chain) =
      (SELECT document, origin, seq, bytes, checksum, chain FROM log WHERE document != ${OF_NOTE}) WHERE ${FIRST_OF_NOTE}`,
  ],
  [
    'a record, in whose place is another, and not in the indexes',
    BEHIND_INDEXES,
    `UPDATE log SET (origin, seq, bytes, checksum, chain) =
      (SELECT origin, seq, bytes, checksum, chain FROM log WHERE document = ${OF_NOTE} ORDER BY "offset" DESC)
      WHERE ${FIRST_OF_NOTE}`,
  ],
]

function tamper(file: string, ...statements: string[]): void {
  const database = new DatabaseSync(file)
  if (statements[0] === BEHIND_INDEXES) hideIndexes(database)
  for (const statement of statements) {
    if (statement !== BEHIND_INDEXES) expect(database.prepare(statement).run().changes).toBeGreaterThan(0)
  }
  database.close()
  if (statements[0] === BEHIND_INDEXES) showIndexes(file)
}

/** A page of the log was not written, or in the place of another: its indexes are as they were. */
let hidden: Record<string, SQLOutputValue>[] = []
function hideIndexes(database: DatabaseSync): void {
  database.enableDefensive(false)
  database.exec('PRAGMA writable_schema = ON')
  const indexes = "FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'log'"
  hidden = database.prepare(`SELECT * ${indexes}`).all()
  database.exec(`DELETE ${indexes}`)
  database.exec('PRAGMA writable_schema = RESET')
}
function showIndexes(file: string): void {
  const database = new DatabaseSync(file)
  database.enableDefensive(false)
  database.exec('PRAGMA writable_schema = ON')
  const insert = database.prepare('INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)')
  for (const { type = null, name = null, tbl_name = null, rootpage = null, sql = null } of hidden) {
    insert.run(type, name, tbl_name, rootpage, sql)
  }
  database.close()
}

function findings(file: string): string[] {
  const steps = verifySteps(file)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value.findings.map(({ what }) => what)
  }
}

describe('a document of which something is damaged', () => {
  test.each(DAMAGES)('[P5][P10] %s: a client that holds it brings it back', async (_what, ...statements) => {
    const data = temporaryFolder()
    const file = join(data, 'workspaces', 'acme.sqlite')
    const first = await startRelay({ data })
    const port = Number(new URL(first.url).port)
    const alice = await startClient(first)
    const note = alice.open('note')
    const other = alice.open('other')
    for (const word of ['one ', 'two ', 'three ']) {
      other.type(word)
      await other.saved('relay')
      note.type(word)
      await note.saved('relay')
    }
    await first.relay.close()
    tamper(file, ...statements)
    const again = await startRelay({ data }, port)
    const bob = await startClient(again)
    const seen = bob.open('note')
    await until('it is there again', () => seen.read() === 'one two three ')
    note.type('four')
    await note.saved('relay')
    await until('they go on', () => seen.read() === 'one two three four')
    expect(again.told.map((told) => JSON.stringify(told)).join()).toContain('"code":"corrupt"')
    await alice.workspace.close()
    await bob.workspace.close()
    await again.relay.close()
    expect(findings(file)).toEqual([])
  })

  test('[P5][P10] a piece: a client that holds it brings it back', async () => {
    const data = temporaryFolder()
    const file = join(data, 'workspaces', 'acme.sqlite')
    const first = await startRelay({ data })
    const port = Number(new URL(first.url).port)
    const alice = await startClient(first)
    const note = alice.open('note')
    note.type('folded')
    await note.saved('relay')
    await first.relay.close()
    compactFolder(data, () => {})
    tamper(file, "UPDATE pieces SET bytes = x'00'")
    const again = await startRelay({ data }, port)
    const bob = await startClient(again)
    const seen = bob.open('note')
    await until('it is there again', () => seen.read() === 'folded', 60_000)
    await alice.workspace.close()
    await bob.workspace.close()
    await again.relay.close()
    expect(findings(file)).toEqual([])
  })

  test('[P5][P10] whose names are its own for somebody: others who hold it bring it back', async () => {
    const data = temporaryFolder()
    const auth = { secret: SECRET }
    const first = await startRelay({ data, auth })
    const port = Number(new URL(first.url).port)
    const alice = await startClient(first, { token: await tokenOf('alice'), user: 'alice' })
    const bob = await startClient(first, { token: await tokenOf('bob'), user: 'bob' })
    const note = alice.open('note')
    const seen = bob.open('note')
    for (const word of ['one ', 'two ', 'three ']) {
      note.type(word)
      await note.saved('relay')
    }
    await until('bob has it', () => seen.read() === 'one two three ')
    await alice.workspace.close()
    await first.relay.close()
    const [, [, ...statements] = []] = DAMAGES
    tamper(join(data, 'workspaces', 'acme.sqlite'), ...statements)
    const again = await startRelay({ data, auth }, port)
    const carol = await startClient(again, { token: await tokenOf('carol'), user: 'carol' })
    const read = carol.open('note')
    await until('it is there again', () => read.read() === 'one two three ')
    seen.type('four')
    await seen.saved('relay')
    await until('they go on', () => read.read() === 'one two three four')
  })

  test('[P5][P10] a stock client brings back what it has', async () => {
    const data = temporaryFolder()
    const first = await startRelay({ data })
    const port = Number(new URL(first.url).port)
    const alice = stockClient(`${first.socketUrl}/y/acme`, 'note')
    alice.type('hello')
    await synced(alice)
    await first.relay.close()
    tamper(join(data, 'workspaces', 'acme.sqlite'), "UPDATE log SET bytes = x'0000'")
    const again = await startRelay({ data }, port)
    const bob = stockClient(`${again.socketUrl}/y/acme`, 'note')
    await converged([alice, bob], 'hello')
  })
})

test.each(DAMAGES)(
  '[P5][P10] %s, at one relay of two: it has it again from the other',
  async (_what, ...statements) => {
    const ring = createRing(2)
    try {
      const file = join(temporaryFolder(), 'acme.sqlite')
      const [one, two] = [ring.node(0), ring.node(1)]
      one.restart(openSqliteStore(file, ring.environment))
      const doc = new Y.Doc()
      ring.write(one, 'other', 'other')
      await ring.run(1_000)
      for (let n = 0; n < 2; n++) {
        ring.write(one, 'note', 'note ', doc)
        await ring.run(1_000)
      }
      await ring.until('both have it', () => areEqual([one, two]))
      one.workspace.close()
      tamper(file, ...statements)
      one.restart(openSqliteStore(file, ring.environment))
      // Somebody reads it.
      attempt(() => [...one.workspace.read(0)])
      attempt(() => [...one.workspace.content({ document: 'note', epoch: FIRST_EPOCH, gc: true })])
      one.workspace.tick()
      expect(one.errors.join()).toContain('asked of others')
      // As is done every few seconds.
      for (let n = 0; n < 3; n++) {
        void one.mesh.compare()
        await ring.run(3_000)
        one.workspace.tick()
      }
      await ring.until('it is there again', () => areEqual([one, two]))
      expect(textAt(one, 'note')).toBe('note note ')
    } finally {
      ring.close()
    }
  },
)

/** Writes that a relay makes when it gives a document up: of its new name, and of all else at once. */
test.each([
  [1, 'its new name'],
  [2, 'what is left'],
])('[P2][P8] a relay that cannot write when it gives a document up has lost nothing, write %i: %s', async (nth) => {
  const ring = createRing(1)
  try {
    const file = join(temporaryFolder(), 'acme.sqlite')
    const one = ring.node(0)
    one.restart(openSqliteStore(file, ring.environment))
    const [doc, other] = [new Y.Doc(), new Y.Doc()]
    for (const each of [doc, other, doc]) {
      ring.write(one, 'note', each === doc ? 'sound ' : 'damaged ', each)
      await ring.run(1_000)
    }
    const known = one.workspace.document('note')?.vector
    one.workspace.close()
    tamper(file, `UPDATE log SET bytes = x'0000' WHERE "offset" = 2`)
    const store = openSqliteStore(file, ring.environment)
    let writes = 0
    const commit: RelayStore['commit'] = (batch) => {
      if (++writes === nth) throw new RejoinError('storage-failed', 'the disk does not answer')
      store.commit(batch)
    }
    one.restart({ ...store, commit })
    attempt(() => [...one.workspace.read(0)])
    one.workspace.tick()
    expect(writes).toBe(nth)
    expect(one.errors.join()).toContain('the disk does not answer')
    expect(one.workspace.document('note')?.vector).toEqual(known)
    attempt(() => [...one.workspace.read(0)])
    one.workspace.tick()
    expect(textAt(one, 'note')).toBe('sound sound ')
    // Under no name that others may know with something else.
    const vector = one.workspace.document('note')?.vector ?? new Map()
    for (const origin of known?.keys() ?? []) expect(vector.has(origin)).toBe(false)
    ring.write(one, 'note', 'and on', doc)
    await ring.run(1_000)
    expect(textAt(one, 'note')).toBe('sound sound and on')
    expect(one.refusals).toEqual([])
  } finally {
    ring.close()
  }
})

test('[P7] nothing is left to tell a peer where the newest entries were given up', () => {
  const log = { read: () => [], head: () => 7 }
  const filter = { isForeign: () => false, isCompared: () => false }
  expect(readNews(log, 3, filter)).toMatchObject({ messages: [], through: 7 })
})

function attempt(act: () => unknown): void {
  try {
    act()
  } catch (error) {
    expect(error).toMatchObject({ code: expect.stringMatching(/^(corrupt|storage-failed)$/) })
  }
}
