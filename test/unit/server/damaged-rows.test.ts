/** Rows of a relay's file that are damaged, of every table but those of records and pieces: what they said is made anew, or done without. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { mintToken } from '../../../server/auth/tokens.ts'
import { compactFolder } from '../../../server/runtime/compact.ts'
import { openSqliteStore } from '../../../server/storage/sqlite-file.ts'
import { verifySteps } from '../../../server/storage/verify.ts'
import { deflatePiece } from '../../../shared/update/deflate-piece.ts'
import { seeded } from '../../support/random.ts'
import { seedOfTest } from '../../support/seed.ts'
import { startClient } from '../client/support.ts'
import { startRelay, temporaryFolder } from './support.ts'

const SECRET = 'a secret of thirty-two bytes, or of more'

const { bytes: EMPTY } = deflatePiece(new Uint8Array([0, 0]))

interface Written {
  data: string
  file: string
  texts: Record<string, string>
}

/** Documents in one relay's folder: one that is folded, one that is not, one that was deleted and begun anew. */
async function written(): Promise<Written> {
  const data = temporaryFolder()
  const texts: Record<string, string> = {}
  for (const part of ['first', 'second']) {
    const relay = await startRelay({ data })
    const alice = await startClient(relay)
    for (const id of ['folded', 'plain', 'renewed']) {
      if (id === 'plain' && part === 'first') continue
      const note = alice.open(id)
      await note.whenSynced
      note.type(`${id} ${part}; `)
      await note.saved('relay')
      texts[id] = note.read()
    }
    if (part === 'first') await alice.workspace.delete('renewed')
    await alice.workspace.close()
    await relay.relay.close()
    if (part === 'first') compactFolder(data, () => {})
  }
  return { data, file: join(data, 'workspaces', 'acme.sqlite'), texts }
}

function tamper(file: string, statement: string, ...values: (string | number | Uint8Array)[]): void {
  const database = new DatabaseSync(file)
  expect(database.prepare(statement).run(...values).changes).toBeGreaterThan(0)
  database.close()
}

function findings(file: string): string[] {
  const steps = verifySteps(file)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value.findings.map(({ what }) => what)
  }
}

/** Somebody who has nothing reads all of it, and writes. */
async function readAll({ data, texts }: Written): Promise<string[]> {
  const relay = await startRelay({ data })
  const bob = await startClient(relay)
  for (const [id, text] of Object.entries(texts)) {
    const note = bob.open(id)
    await note.whenSynced
    expect([id, note.read()]).toEqual([id, text])
    note.type('more')
    await note.saved('relay')
  }
  await bob.workspace.close()
  await relay.relay.close()
  return relay.told.map((told) => JSON.stringify(told))
}

describe('a damaged row of', () => {
  test.each([
    ['documents, its version vector', "UPDATE documents SET vector = x'00' WHERE id = 'folded'"],
    ['documents, its size', "UPDATE documents SET bytes = bytes + 4096 WHERE id = 'plain'"],
    ['documents, its gc', "UPDATE documents SET gc = 0 WHERE id = 'plain'"],
    ['documents, an epoch of its own', "UPDATE documents SET epoch = '4' || substr(epoch, 2) WHERE id = 'renewed'"],
    ['documents, the first epoch', "UPDATE documents SET epoch = '100000000000000000000000' WHERE id = 'plain'"],
    ['documents, its checksum', "UPDATE documents SET checksum = x'0011223344556677' WHERE id = 'folded'"],
    ['meta, the replica', "UPDATE meta SET value = '0000000000000000' WHERE key = 'replica'"],
    ['meta, the origin', "UPDATE meta SET value = 'x' WHERE key = 'origin'"],
    ['meta, where the log begins', "UPDATE meta SET value = '3' WHERE key = 'low'"],
    ['epochs', 'UPDATE epochs SET start = 1 WHERE number = (SELECT MAX(number) FROM epochs)'],
    ['marks', 'UPDATE marks SET at = at + 1'],
    ['summary', "INSERT INTO summary VALUES (1, x'00', x'0011223344556677')"],
  ])('[P5][P9] %s keeps nobody from anything, is told, and mended', async (what, statement) => {
    const made = await written()
    expect(findings(made.file)).toEqual([])
    tamper(made.file, statement)
    expect(findings(made.file).length).toBeGreaterThan(0)
    const told = (await readAll(made)).filter((each) => each.includes('damaged'))
    // These nobody has missed yet.
    if (!/begins|summary/.test(what)) expect(told).toHaveLength(1)
    const store = openSqliteStore(made.file)
    expect([store.low() <= store.head(), store.summary()?.head ?? 0]).toEqual([true, expect.any(Number)])
    store.close()
    expect(findings(made.file)).toEqual([])
  })

  test('[P5] one that is mended is told to whoever runs the relay', async () => {
    const made = await written()
    tamper(made.file, "UPDATE documents SET vector = x'00' WHERE id = 'folded'")
    const store = openSqliteStore(made.file)
    expect(Array.from(store.documents(), ({ document }) => document).sort()).toEqual(['folded', 'plain', 'renewed'])
    expect(store.troubles()).toEqual(['the row of "folded" was damaged, and is made anew from its records'])
    expect(store.troubles()).toEqual([])
    store.close()
  })

  test('[P9] a document of which nothing is sound is told of, and keeps nobody from the others', async () => {
    const made = await written()
    tamper(made.file, "UPDATE documents SET epoch = 'nonsense', checksum = x'0011223344556677' WHERE id = 'plain'")
    const log = "UPDATE log SET checksum = x'0011223344556677' WHERE document ="
    tamper(made.file, `${log} (SELECT number FROM documents WHERE id = 'plain')`)
    const store = openSqliteStore(made.file)
    expect(Array.from(store.documents(), ({ document }) => document).sort()).toEqual(['folded', 'renewed'])
    expect(store.troubles()).toHaveLength(1)
    expect(() => store.document('plain')).toThrow(expect.objectContaining({ code: 'corrupt' }))
    store.close()
  })

  test('[P5][P9] transfers: what had come is dropped, told, and may come again', () => {
    const file = join(temporaryFolder(), 'acme.sqlite')
    const where = { document: 'note', epoch: '0'.repeat(24), gc: true }
    const begin = (id: string) => ({ where, id: id.repeat(16), index: 0, piece: { size: 2, bytes: EMPTY }, at: 1 })
    const other = { ...begin('b'), where: { ...where, document: 'other' } }
    const store = openSqliteStore(file)
    store.commit({ documents: [], entries: [], transfers: [begin('a'), other] })
    tamper(file, "UPDATE transfers SET size = size + 1 WHERE document = 'note'")
    expect(findings(file)).toContainEqual(expect.stringContaining('checksum'))
    expect([...store.transfers()]).toMatchObject([{ where: { document: 'other' } }])
    expect(store.troubles()).toEqual(['a row of transfers was damaged, and is dropped'])
    expect(store.transfer('note')).toBeUndefined()
    store.commit({ documents: [], entries: [], transfers: [begin('c')] })
    expect(store.transfer('note')).toMatchObject({ id: 'c'.repeat(16), pieces: 1 })
    expect([...store.transferPieces('note')]).toHaveLength(1)
    store.close()
    expect(findings(file)).toEqual([])
  })

  test('[P5][P9] owners and writers: whose those names are is unknown then, and nobody is refused', async () => {
    const data = temporaryFolder()
    const file = join(data, 'workspaces', 'acme.sqlite')
    const auth = { secret: SECRET }
    const write = async () => {
      const relay = await startRelay({ data, auth })
      const alice = await startClient(relay, { token: await tokenOf('alice'), user: 'alice' })
      const note = alice.open()
      note.type('hello')
      await note.saved('relay')
      await alice.workspace.close()
      await relay.relay.close()
    }
    await write()
    tamper(file, 'UPDATE owners SET used = used + 1')
    tamper(file, 'UPDATE writers SET used = used + 1')
    expect(findings(file)).toHaveLength(2)
    await write()
    const [store, { origins }] = [openSqliteStore(file), originsOf(file)]
    for (const origin of origins) store.owner(origin)
    for (const each of store.writers({ document: 'note', epoch: '0'.repeat(24), gc: true }))
      expect(each.used).toBeGreaterThan(0)
    store.close()
    expect(findings(file)).toEqual([])
  })
})

test('[P5][P9] any bit of a row of a document that flips is found, and made good', async () => {
  const made = await written()
  const random = seeded(seedOfTest())
  const database = new DatabaseSync(made.file)
  const before = database.prepare('SELECT * FROM documents ORDER BY number').all()
  database.close()
  for (let n = 0; n < 40; n++) {
    const row = before[random(before.length)] as Record<string, string | number | Uint8Array>
    const columns = ['epoch', 'vector', 'bytes', 'gc', 'checksum']
    const column = columns[random(columns.length)] as string
    tamper(
      made.file,
      `UPDATE documents SET ${column} = ? WHERE number = ?`,
      flipped(row[column], random),
      Number(row.number),
    )
    const store = openSqliteStore(made.file)
    const read = Array.from(store.documents(), ({ document }) => document)
    expect([column, read.length, store.troubles().length]).toEqual([column, 3, 1])
    store.close()
    const after = new DatabaseSync(made.file)
    expect(after.prepare('SELECT * FROM documents ORDER BY number').all()).toEqual(before)
    after.close()
  }
})

function flipped(value: string | number | Uint8Array | undefined, random: (below: number) => number) {
  if (typeof value === 'number') return value <= 1 ? 1 - value : value ^ (1 << random(20))
  if (typeof value === 'string') {
    const at = random(value.length)
    return value.slice(0, at) + String.fromCharCode(value.charCodeAt(at) ^ (1 << random(7))) + value.slice(at + 1)
  }
  const bytes = new Uint8Array(value ?? [])
  const at = random(bytes.length)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8))
  return bytes
}

function originsOf(file: string): { origins: string[] } {
  const database = new DatabaseSync(file, { readOnly: true })
  const origins = database
    .prepare('SELECT hex(origin) AS origin FROM owners')
    .all()
    .map(({ origin }) => String(origin).toLowerCase())
  database.close()
  return { origins }
}

const tokenOf = (subject: string) =>
  mintToken(SECRET, { subject, workspaces: ['acme'], role: 'write', lifetimeMs: 60_000 })

describe('an id that is another in its row than in the index', () => {
  test('[P7] leads nobody back for ever: documents are listed, and verified, with an end', async () => {
    const { file } = await written()
    const sound = readFileSync(file)
    const copy = join(temporaryFolder(), 'damaged.sqlite')
    let places = 0
    for (let at = sound.indexOf('renewed'); at >= 0; at = sound.indexOf('renewed', at + 1)) {
      places++
      const damaged = Buffer.from(sound)
      damaged.write('a', at)
      writeFileSync(copy, damaged)
      const store = openSqliteStore(copy)
      let listed = 0
      for (const _document of store.documents()) if (++listed > 100) break
      store.close()
      expect(listed, `the place ${at}`).toBeLessThan(10)
      let [steps, isOver] = [0, false]
      for (const verifying = verifySteps(copy); !isOver && steps < 1_000; steps++)
        isOver = verifying.next().done === true
      expect(isOver).toBe(true)
    }
    expect(places).toBeGreaterThan(1)
  })
})
