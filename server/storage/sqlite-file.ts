/**
 * A relay's store in one SQLite file per workspace (node:sqlite): WAL, synchronous=FULL, so `commit` returns after the
 * disk's fsync.
 */
import { DatabaseSync } from 'node:sqlite'
import { type Environment, systemEnvironment } from '../../shared/environment.ts'
import { RejoinError, toRejoinError } from '../../shared/errors.ts'
import { randomId } from '../../shared/ids.ts'
import { rowChecksum } from './checksums.ts'
import type { Database } from './database.ts'
import { migrate } from './migrate.ts'
import { metaName } from './rows.ts'
import { APPLICATION_ID, SCHEMA_VERSION, STATEMENTS } from './schema.ts'
import { createSqliteStore } from './sqlite.ts'
import type { RelayStore } from './store.ts'

/**
 * Pages of new files. A commit of a few hundred bytes changes six to nine pages, each of which is written whole to the WAL: at
 * 1 KiB that is half the bytes that it is at SQLite's 4 KiB. To read or write a megabyte takes two to three times as long, 2 ms.
 */
const PAGE_BYTES = 1024
/** Length of the WAL at which it is written back to the file: SQLite's own, counted in its pages of 4 KiB. */
const WAL_BYTES = 4 * 1024 * 1024
/** How long to wait for another process that holds the file (a backup, a shell) before failing. */
const BUSY_TIMEOUT_MS = 5_000

/** Opens or creates the file. Raises `storage-failed` where it cannot be opened or is no store of this version. */
export function openSqliteStore(path: string, environment: Environment = systemEnvironment): RelayStore {
  try {
    const database = new DatabaseSync(path)
    try {
      prepare(database, environment)
      return createSqliteStore(toDatabase(database), environment)
    } catch (error) {
      database.close()
      throw error
    }
  } catch (error) {
    throw toRejoinError(error, 'storage-failed', `the store ${path} does not open`)
  }
}

/** Makes another replica of a copy of a store: with new ids it seals nothing twice. Raises `storage-failed`. */
export function renewIdentity(path: string, environment: Environment = systemEnvironment): void {
  try {
    const database = new DatabaseSync(path)
    try {
      prepare(database, environment)
      // Nobody is known to own what others have to bring back.
      database.exec('DELETE FROM owners; DELETE FROM writers')
      const setMeta = database.prepare(STATEMENTS.setMeta)
      const id = randomId(environment)
      for (const key of ['replica', 'origin']) setMeta.run(key, id, rowChecksum(metaName(key, id)))
    } finally {
      database.close()
    }
  } catch (error) {
    throw toRejoinError(error, 'storage-failed', `the store ${path} does not open`)
  }
}

function prepare(database: DatabaseSync, environment: Environment): void {
  database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number }
  const { application_id: id } = database.prepare('PRAGMA application_id').get() as { application_id: number }
  if (version !== 0 && id !== APPLICATION_ID)
    throw new RejoinError('storage-failed', 'the file belongs to another program')
  if (version === 0)
    database.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL`)
  if (version !== SCHEMA_VERSION) {
    toDatabase(database).transact(() => {
      migrate(toDatabase(database), version, environment)
      database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`)
    })
  }
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  const { page_size: bytes } = database.prepare('PRAGMA page_size').get() as { page_size: number }
  database.exec(`PRAGMA wal_autocheckpoint = ${Math.ceil(WAL_BYTES / bytes)}`)
}

function toDatabase(database: DatabaseSync): Database {
  return {
    exec: (text) => database.exec(text),
    prepare: (text) => database.prepare(text),
    transact(write) {
      try {
        database.exec('BEGIN IMMEDIATE')
        const result = write()
        database.exec('COMMIT')
        return result
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK')
        throw error
      }
    },
    isFull: (error) => codeOf(error) === SQLITE_FULL,
    isMalformed: (error) => MALFORMED.has(codeOf(error)),
    shrink(pages) {
      database.exec(`PRAGMA incremental_vacuum(${pages})`)
      const { freelist_count: left } = database.prepare('PRAGMA freelist_count').get() as { freelist_count: number }
      return left > 0
    },
    close: () => database.close(),
  }
}

const SQLITE_FULL = 13
/** SQLITE_CORRUPT, and SQLITE_CONSTRAINT. */
const MALFORMED: ReadonlySet<number | undefined> = new Set([11, 19])

/** Of SQLite, also behind an extended code. */
const codeOf = (error: unknown): number | undefined =>
  error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined
