import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { createMemoryStore } from '../../../server/storage/memory.ts'
import { PART_BYTES_MAX } from '../../../server/storage/parts.ts'
import { openSqliteStore } from '../../../server/storage/sqlite-file.ts'
import type { RelayStore } from '../../../server/storage/store.ts'
import { CHAIN_START } from '../../../shared/causality/version-vector.ts'
import { bytesOf, createScribe, refTo, testRelayStore } from '../../contract/relay-store.ts'
import { cleanUp, temporaryFolder } from './support.ts'

testRelayStore('in memory', () => {
  const store = createMemoryStore()
  return { store, reopen: () => store }
})

testRelayStore('in SQLite', () => {
  const path = temporaryFile()
  let store = open(path)
  return {
    store,
    reopen() {
      store.close()
      store = open(path)
      return store
    },
  }
})

const ALICE = 'a'.repeat(16)

describe('the SQLite store', () => {
  test('[P2] commits with fsync: WAL and synchronous=FULL', () => {
    const path = temporaryFile()
    open(path)
    const other = new DatabaseSync(path)
    cleanUp(() => other.close())
    expect(other.prepare('PRAGMA journal_mode').get()).toMatchObject({ journal_mode: 'wal' })
    // FULL is 2; it is no property of the file, so it is what this build opens connections with that counts.
    expect(other.prepare('PRAGMA synchronous').get()).toMatchObject({ synchronous: 2 })
  })

  test('[P5] a record that was changed on disk is told as corrupt, and harms no other document', () => {
    const path = temporaryFile()
    const store = open(path)
    createScribe(store).write([refTo('bad'), ALICE, bytesOf(1, 2, 3)], [refTo('good'), ALICE, bytesOf(4)])
    tamper(path, "UPDATE log SET bytes = x'010203ff' WHERE offset = 1")
    expect(() => [...store.history(refTo('bad'))]).toThrow(expect.objectContaining({ code: 'corrupt' }))
    expect(() => store.entry(1)).toThrow(expect.objectContaining({ code: 'corrupt' }))
    expect([...store.history(refTo('good'))]).toHaveLength(1)
  })

  test('[P5] a record that was moved to another document is told as corrupt', () => {
    const path = temporaryFile()
    const store = open(path)
    createScribe(store).write([refTo('one'), ALICE, bytesOf(1)], [refTo('two'), ALICE, bytesOf(2)])
    tamper(path, 'DELETE FROM log WHERE offset = 2; UPDATE log SET document = 2 WHERE offset = 1')
    expect(() => [...store.history(refTo('two'))]).toThrow(expect.objectContaining({ code: 'corrupt' }))
  })

  test('[P5] a commit that fails leaves nothing of the batch', () => {
    const path = temporaryFile()
    const store = open(path)
    const scribe = createScribe(store)
    const [entry] = scribe.write([refTo('note'), ALICE, bytesOf(1)])
    if (entry === undefined) throw new Error('nothing was written')
    const stored = store.document('note')
    if (stored === undefined) throw new Error('no document was written')
    const twice = { ...entry, offset: 3 }
    const fresh = { ...entry, offset: 2, record: { ...entry.record, seq: 2 } }
    expect(() => store.commit({ documents: [{ ...stored, bytes: 99 }], entries: [fresh, twice] })).toThrow(
      expect.objectContaining({ code: 'storage-failed' }),
    )
    expect(store.head()).toBe(1)
    expect(store.document('note')?.bytes).toBe(1)
    scribe.write([refTo('note'), ALICE, bytesOf(2)])
    expect(store.head()).toBe(2)
  })

  test('[P11] parts what is larger than a row when it opens a file of an earlier version', () => {
    const path = temporaryFile()
    const store = open(path)
    createScribe(store).write([refTo('note'), ALICE, bytesOf(1)])
    const intervals = Uint8Array.from({ length: 4_000_000 }, (_, at) => at * 31 + (at >> 8))
    const vector = new Map([[ALICE, { seq: 1, chain: CHAIN_START }]])
    const checkpoint = { id: ALICE, vector, through: 1, pieces: 0, bytes: 0, size: 0, compacted: 0, intervals }
    store.commit({ documents: [], entries: [], folds: [{ where: refTo('note'), checkpoint, keep: 0, pieces: [] }] })
    store.close()
    const database = new DatabaseSync(path)
    database.prepare('UPDATE checkpoints SET intervals = ?').run(intervals)
    database.exec('DROP TABLE parts; DROP TABLE quarantine; PRAGMA user_version = 4')
    database.close()
    expect(open(path).checkpoint(refTo('note'))).toEqual(checkpoint)
    const migrated = new DatabaseSync(path)
    cleanUp(() => migrated.close())
    const largest = (column: string, table: string): number =>
      Number(migrated.prepare(`SELECT MAX(length(${column})) AS bytes FROM ${table}`).get()?.bytes)
    expect([largest('intervals', 'checkpoints'), largest('bytes', 'parts')]).toEqual([PART_BYTES_MAX, PART_BYTES_MAX])
  })

  test('refuses a file of another program, and one of a later version', () => {
    const foreign = temporaryFile()
    tamper(foreign, 'CREATE TABLE t (a); PRAGMA user_version = 1')
    expect(() => openSqliteStore(foreign)).toThrow(expect.objectContaining({ code: 'storage-failed' }))
    const later = temporaryFile()
    open(later).close()
    tamper(later, 'PRAGMA user_version = 1000')
    expect(() => openSqliteStore(later)).toThrow(/version 1000/)
    expect(() => openSqliteStore(join(temporaryFolder(), 'no', 'such', 'folder'))).toThrow(
      expect.objectContaining({ code: 'storage-failed' }),
    )
  })
})

const temporaryFile = (): string => join(temporaryFolder(), 'store.sqlite')

function open(path: string): RelayStore {
  const store = openSqliteStore(path)
  cleanUp(() => store.close())
  return store
}

function tamper(path: string, sql: string): void {
  const database = new DatabaseSync(path)
  database.exec(sql)
  database.close()
}
