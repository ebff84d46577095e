/**
 * A relay's store in the SQLite of a Durable Object. What is written in one turn becomes durable together, and the platform holds
 * back whatever the object sends until it is (the output gate): nobody is told of a commit before a crash cannot take it (P2).
 */
import { type Environment, systemEnvironment } from '../../shared/environment.ts'
import { toRejoinError } from '../../shared/errors.ts'
import type { Database, SqlValue } from './database.ts'
import { migrate } from './migrate.ts'
import type { Row } from './rows.ts'
import { SCHEMA_VERSION } from './schema.ts'
import { createSqliteStore } from './sqlite.ts'
import type { RelayStore } from './store.ts'

/** What is used of a Durable Object's storage. */
export interface ObjectStorage {
  readonly sql: { exec(query: string, ...values: unknown[]): ObjectCursor }
  transactionSync<Result>(write: () => Result): Result
}

/** Rows of a query, read as they are asked for. */
export interface ObjectCursor extends Iterable<Record<string, unknown>> {
  next(): { done?: boolean; value?: Record<string, unknown> }
  readonly rowsRead: number
  readonly rowsWritten: number
}

/** What the platform bills; index rows count as rows. */
export interface RowCounts {
  read: number
  written: number
}

/** Opens or creates the tables. Raises `storage-failed` where they cannot be used or are of a later version. */
export function openObjectStore(
  storage: ObjectStorage,
  environment: Environment = systemEnvironment,
  counts: RowCounts = { read: 0, written: 0 },
): RelayStore {
  try {
    const database = toDatabase(storage, counts)
    database.transact(() => prepare(database, environment))
    return createSqliteStore(database, environment)
  } catch (error) {
    throw toRejoinError(error, 'storage-failed', 'the store of the object does not open')
  }
}

/** Whether there is a store in it: an object that was only asked is none. */
export const hasObjectStore = (storage: ObjectStorage): boolean =>
  storage.sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'version'").next().done !== true

/** The version stands in a table of its own: the platform keeps `user_version` for itself. */
function prepare(database: Database, environment: Environment): void {
  database.prepare('CREATE TABLE IF NOT EXISTS version (number INTEGER NOT NULL)').run()
  const version = Number(database.prepare('SELECT number FROM version').get()?.number ?? 0)
  if (version === SCHEMA_VERSION) return
  migrate(database, version, environment)
  database.prepare('DELETE FROM version').run()
  database.prepare('INSERT INTO version (number) VALUES (?)').run(SCHEMA_VERSION)
}

function toDatabase(storage: ObjectStorage, counts: RowCounts): Database {
  function* query(text: string, values: readonly SqlValue[]): Generator<Row, void> {
    const cursor = storage.sql.exec(text, ...values)
    try {
      for (const row of cursor) yield withBytes(row)
    } finally {
      counts.read += cursor.rowsRead
      counts.written += cursor.rowsWritten
    }
  }

  return {
    exec(text) {
      for (const _ of query(text, []));
    },
    prepare: (text) => ({
      get(...values) {
        const [first] = query(text, values)
        return first
      },
      all: (...values) => [...query(text, values)],
      iterate: (...values) => query(text, values),
      run(...values) {
        for (const _ of query(text, values));
      },
    }),
    transact: (write) => storage.transactionSync(write),
    isFull: (error) => error instanceof Error && error.message.includes('SQLITE_FULL'),
    isMalformed: (error) => error instanceof Error && /SQLITE_(CORRUPT|CONSTRAINT)/.test(error.message),
    // The platform does it.
    shrink: () => false,
    close() {},
  }
}

/** Blobs come as `ArrayBuffer`. */
function withBytes(row: Record<string, unknown>): Row {
  for (const name in row) {
    const value = row[name]
    if (value instanceof ArrayBuffer) row[name] = new Uint8Array(value)
  }
  return row
}
