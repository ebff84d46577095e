/**
 * A relay's store in one SQLite file per workspace (node:sqlite): WAL, synchronous=FULL, so `commit` returns after the
 * disk's fsync. The statements are plain SQL that a Durable Object's SQLite takes as well.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { VersionVector } from '../../shared/causality/version-vector.ts'
import { type Environment, systemEnvironment } from '../../shared/environment.ts'
import { assert, RejoinError, toRejoinError } from '../../shared/errors.ts'
import { fromHex, toHex } from '../../shared/hash.ts'
import { type DocumentId, randomId } from '../../shared/ids.ts'
import { EPOCHS_KEPT_MAX } from '../../shared/sync/places.ts'
import { type DocumentRef, UPDATE_KINDS, type UpdateRecord, verify } from '../../shared/update/record.ts'
import { decodeVector, encodeVector } from '../../shared/wire/codec.ts'
import type { CommitBatch, Identity, LogEntry, RelayStore, StoredDocument } from './store.ts'

/** Raised with every change of the tables; a file of a later version is refused, an earlier one is brought up to date. */
const SCHEMA_VERSION = 1
/** "Rejn": tells the file apart from any other SQLite database. */
const APPLICATION_ID = 0x52656a6e
/** How long to wait for another process that holds the file (a backup, a shell) before failing. */
const BUSY_TIMEOUT_MS = 5_000

const SCHEMA = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE epochs (number INTEGER PRIMARY KEY, epoch TEXT NOT NULL, start INTEGER NOT NULL);
  CREATE TABLE documents (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, epoch TEXT NOT NULL, gc INTEGER NOT NULL,
    vector BLOB NOT NULL, bytes INTEGER NOT NULL);
  CREATE TABLE log (
    "offset" INTEGER PRIMARY KEY, document INTEGER NOT NULL, origin BLOB NOT NULL, seq INTEGER NOT NULL,
    kind INTEGER NOT NULL, bytes BLOB NOT NULL, checksum BLOB NOT NULL, chain BLOB NOT NULL);
  CREATE UNIQUE INDEX log_dot ON log (document, origin, seq);
  CREATE INDEX log_document ON log (document);
`

type Row = Record<string, unknown>

/** Opens or creates the file. Raises `storage-failed` where it cannot be opened or is no store of this version. */
export function openSqliteStore(path: string, environment: Environment = systemEnvironment): RelayStore {
  try {
    const database = new DatabaseSync(path)
    try {
      prepare(database, environment)
      return createStore(database)
    } catch (error) {
      database.close()
      throw error
    }
  } catch (error) {
    throw toRejoinError(error, 'storage-failed', `the store ${path} does not open`)
  }
}

function prepare(database: DatabaseSync, environment: Environment): void {
  database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number }
  const { application_id: id } = database.prepare('PRAGMA application_id').get() as { application_id: number }
  if (version > SCHEMA_VERSION) {
    throw new RejoinError('storage-failed', `the store is of version ${version}, this relay knows ${SCHEMA_VERSION}`)
  }
  if (version !== 0 && id !== APPLICATION_ID)
    throw new RejoinError('storage-failed', 'the file belongs to another program')
  if (version === 0) {
    database.exec('PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL')
    database.exec('BEGIN IMMEDIATE')
    database.exec(SCHEMA)
    const insert = database.prepare('INSERT INTO meta (key, value) VALUES (?, ?)')
    const replica = randomId(environment)
    insert.run('replica', replica)
    insert.run('origin', replica)
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`)
    database.exec('COMMIT')
  }
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
}

function createStore(database: DatabaseSync): RelayStore {
  const sql = statements(database)
  const numbers = new Map<DocumentId, number>()
  let closed = false

  function numberOf(id: DocumentId): number | undefined {
    const known = numbers.get(id)
    if (known !== undefined) return known
    const row = sql.number.get(id) as { number: number } | undefined
    if (row !== undefined) remember(id, row.number)
    return row?.number
  }

  function remember(id: DocumentId, number: number): void {
    if (numbers.size >= NUMBERS_KEPT_MAX) numbers.clear()
    numbers.set(id, number)
  }

  function write(batch: CommitBatch): void {
    if (batch.epoch !== undefined) {
      sql.addEpoch.run(batch.epoch.epoch, batch.epoch.start)
      sql.trimEpochs.run(EPOCHS_KEPT_MAX)
    }
    if (batch.origin !== undefined) sql.setMeta.run('origin', batch.origin)
    for (const { document, epoch, gc, vector, bytes } of batch.documents) {
      sql.putDocument.run(document, epoch, gc ? 1 : 0, encodeVector(vector), bytes)
    }
    for (const { offset, where, record } of batch.entries) {
      const number = numberOf(where.document)
      assert(number !== undefined, 'a log entry comes with its document')
      const kind = UPDATE_KINDS.indexOf(record.kind)
      const { origin, seq, bytes, checksum, chain } = record
      sql.append.run(offset, number, fromHex(origin), seq, kind, bytes, fromHex(checksum), fromHex(chain))
    }
  }

  return {
    identity: () => Object.fromEntries(sql.meta.all().map((row) => [row.key, row.value])) as unknown as Identity,
    epochs: () => sql.epochs.all().map((row) => ({ epoch: String(row.epoch), start: Number(row.start) })),
    head: () => Number((sql.head.get() as Row).head),
    commit(batch) {
      try {
        database.exec('BEGIN IMMEDIATE')
        write(batch)
        database.exec('COMMIT')
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK')
        numbers.clear()
        throw toRejoinError(error, isFull(error) ? 'storage-full' : 'storage-failed', 'the commit failed')
      }
    },
    document(id) {
      const row = sql.document.get(id) as Row | undefined
      return row && toDocument(row)
    },
    *documents() {
      // Pages by id, so that no statement stays open while the caller does other things.
      for (let after = ''; ; ) {
        const rows = sql.documents.all(after) as Row[]
        for (const row of rows) yield toDocument(row)
        const last = rows.at(-1)
        if (last === undefined) return
        after = String(last.id)
      }
    },
    chain(where, origin, seq) {
      const number = numberOf(where.document)
      const row = number === undefined ? undefined : (sql.chain.get(number, fromHex(origin), seq) as Row | undefined)
      return row && toHex(row.chain as Uint8Array)
    },
    locate(where, ranges) {
      const number = numberOf(where.document)
      if (number === undefined) return []
      const offsets: number[] = []
      for (const { origin, from, to } of ranges) {
        for (const row of sql.locate.iterate(number, fromHex(origin), from, to)) offsets.push(Number(row.offset))
      }
      return offsets.sort((a, b) => a - b)
    },
    entry(offset) {
      const row = sql.entry.get(offset) as Row | undefined
      if (row === undefined) throw new RejoinError('corrupt', `there is no entry at offset ${offset}`)
      return toEntry(row)
    },
    *history(where) {
      const number = numberOf(where.document)
      if (number === undefined) return
      for (const row of sql.history.iterate(number)) yield toRecord(where, row as Row)
    },
    *read(offset) {
      for (const row of sql.read.iterate(offset)) yield toEntry(row as Row)
    },
    close() {
      if (closed) return
      closed = true
      database.close()
    },
  }
}

/** Document numbers kept in memory; about 100 bytes each, so 1 MB. */
const NUMBERS_KEPT_MAX = 10_000
/** Documents read at a time while all are listed. */
const PAGE = 256

const ENTRIES = `SELECT log.*, documents.id, documents.epoch, documents.gc FROM log
  JOIN documents ON documents.number = log.document`

function statements(database: DatabaseSync) {
  const prepared = {
    meta: 'SELECT key, value FROM meta',
    setMeta: 'UPDATE meta SET value = ?2 WHERE key = ?1',
    epochs: 'SELECT epoch, start FROM epochs ORDER BY number',
    addEpoch: 'INSERT INTO epochs (epoch, start) VALUES (?, ?)',
    trimEpochs: 'DELETE FROM epochs WHERE number <= (SELECT MAX(number) FROM epochs) - ?',
    head: 'SELECT COALESCE(MAX("offset"), 0) AS head FROM log',
    number: 'SELECT number FROM documents WHERE id = ?',
    document: 'SELECT * FROM documents WHERE id = ?',
    documents: `SELECT * FROM documents WHERE id > ? ORDER BY id LIMIT ${PAGE}`,
    putDocument: `INSERT INTO documents (id, epoch, gc, vector, bytes) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id)
      DO UPDATE SET epoch = excluded.epoch, gc = excluded.gc, vector = excluded.vector, bytes = excluded.bytes`,
    append: 'INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    chain: 'SELECT chain FROM log WHERE document = ? AND origin = ? AND seq = ?',
    // The index alone answers it: "offset" is the row id.
    locate: 'SELECT "offset" FROM log WHERE document = ? AND origin = ? AND seq BETWEEN ? AND ?',
    entry: `${ENTRIES} WHERE "offset" = ?`,
    history: 'SELECT * FROM log INDEXED BY log_document WHERE document = ? ORDER BY "offset"',
    read: `${ENTRIES} WHERE "offset" > ? ORDER BY "offset"`,
  }
  return Object.fromEntries(Object.entries(prepared).map(([name, text]) => [name, database.prepare(text)])) as Record<
    keyof typeof prepared,
    StatementSync
  >
}

function toDocument(row: Row): StoredDocument {
  return {
    document: String(row.id),
    epoch: String(row.epoch),
    gc: row.gc === 1,
    vector: decodeVector(row.vector as Uint8Array) as VersionVector,
    bytes: Number(row.bytes),
  }
}

function toEntry(row: Row): LogEntry {
  const where = { document: String(row.id), epoch: String(row.epoch), gc: row.gc === 1 }
  return { offset: Number(row.offset), where, record: toRecord(where, row) }
}

function toRecord(where: DocumentRef, row: Row): UpdateRecord {
  const kind = UPDATE_KINDS[Number(row.kind)]
  if (kind === undefined) throw new RejoinError('corrupt', `a record of ${JSON.stringify(where.document)} has no kind`)
  const record: UpdateRecord = {
    origin: toHex(row.origin as Uint8Array),
    seq: Number(row.seq),
    kind,
    bytes: row.bytes as Uint8Array,
    checksum: toHex(row.checksum as Uint8Array),
    chain: toHex(row.chain as Uint8Array),
  }
  verify(where, record)
  return record
}

/** SQLITE_FULL, also behind an extended code. */
const isFull = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 13
