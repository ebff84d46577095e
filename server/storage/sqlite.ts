/**
 * A relay's store in one SQLite file per workspace (node:sqlite): WAL, synchronous=FULL, so `commit` returns after the
 * disk's fsync. The statements are plain SQL that a Durable Object's SQLite takes as well.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { type Environment, systemEnvironment } from '../../shared/environment.ts'
import { assert, RejoinError, toRejoinError } from '../../shared/errors.ts'
import { fromHex, toHex } from '../../shared/hash.ts'
import { type DocumentId, randomId } from '../../shared/ids.ts'
import { EPOCHS_KEPT_MAX } from '../../shared/sync/places.ts'
import type { PieceBytes } from '../../shared/update/piece-bytes.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import { rowChecksum } from './checksums.ts'
import * as rows from './rows.ts'
import {
  APPLICATION_ID,
  CHECKSUMS_SINCE,
  MIGRATIONS,
  SCHEMA_VERSION,
  STATEMENTS,
  type StatementName,
} from './schema.ts'
import type { CommitBatch, Fold, RelayStore, TransferPiece, Trimmed } from './store.ts'

/**
 * Pages of new files. A commit of a few hundred bytes changes six to nine pages, each of which is written whole to the WAL: at
 * 1 KiB that is half the bytes that it is at SQLite's 4 KiB. To read or write a megabyte takes two to three times as long, 2 ms.
 */
const PAGE_BYTES = 1024
/** Length of the WAL at which it is written back to the file: SQLite's own, counted in its pages of 4 KiB. */
const WAL_BYTES = 4 * 1024 * 1024
/** How long to wait for another process that holds the file (a backup, a shell) before failing. */
const BUSY_TIMEOUT_MS = 5_000
/** Document numbers kept in memory; about 100 bytes each, so 1 MB. */
const NUMBERS_KEPT_MAX = 10_000

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

/** Makes another replica of a copy of a store: with new ids it seals nothing twice. Raises `storage-failed`. */
export function renewIdentity(path: string, environment: Environment = systemEnvironment): void {
  try {
    const database = new DatabaseSync(path)
    try {
      prepare(database, environment)
      const { setMeta } = statements(database)
      const id = randomId(environment)
      for (const key of ['replica', 'origin']) setMeta.run(key, id, rowChecksum(rows.metaName(key, id)))
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
  if (version > SCHEMA_VERSION) {
    throw new RejoinError('storage-failed', `the store is of version ${version}, this relay knows ${SCHEMA_VERSION}`)
  }
  if (version !== 0 && id !== APPLICATION_ID)
    throw new RejoinError('storage-failed', 'the file belongs to another program')
  if (version === 0)
    database.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL`)
  if (version < SCHEMA_VERSION) migrate(database, version, environment)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  const { page_size: bytes } = database.prepare('PRAGMA page_size').get() as { page_size: number }
  database.exec(`PRAGMA wal_autocheckpoint = ${Math.ceil(WAL_BYTES / bytes)}`)
}

function migrate(database: DatabaseSync, version: number, environment: Environment): void {
  database.exec('BEGIN IMMEDIATE')
  for (const migration of MIGRATIONS.slice(version)) database.exec(migration)
  if (version === 0) {
    const insert = database.prepare('INSERT INTO meta (key, value) VALUES (?, ?)')
    const replica = randomId(environment)
    insert.run('replica', replica)
    insert.run('origin', replica)
  }
  if (version < CHECKSUMS_SINCE) addChecksums(database)
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`)
  database.exec('COMMIT')
}

/** To what rows of an older file say, right or wrong. */
function addChecksums(database: DatabaseSync): void {
  const tables: [table: string, checksumOf: (row: rows.Row) => Uint8Array][] = [
    ['meta', (row) => rowChecksum(rows.metaName(String(row.key), String(row.value)))],
    ['epochs', (row) => rowChecksum(rows.epochName({ epoch: String(row.epoch), start: Number(row.start) }))],
    ['documents', rows.documentChecksum],
    ['transfers', rows.transferChecksum],
    [
      'marks',
      (row) => rowChecksum(rows.timeName({ offset: Number(row.offset), at: Number(row.at), bytes: Number(row.bytes) })),
    ],
    ['summary', (row) => rowChecksum(rows.summaryName(Number(row.head)), row.bytes as Uint8Array)],
  ]
  for (const [table, checksumOf] of tables) {
    const key = table === 'meta' ? 'key' : 'rowid'
    const put = database.prepare(`UPDATE ${table} SET checksum = ? WHERE ${key} = ?`)
    for (const row of database.prepare(`SELECT *, ${key} AS place FROM ${table}`).all()) {
      put.run(checksumOf(row), row.place as number | string)
    }
  }
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

  function numberIn(where: DocumentRef): number {
    const number = numberOf(where.document)
    assert(number !== undefined, 'what belongs to a document comes with it')
    return number
  }

  /** All of it or nothing. */
  function transact<Result>(write: () => Result): Result {
    try {
      database.exec('BEGIN IMMEDIATE')
      const result = write()
      database.exec('COMMIT')
      return result
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      numbers.clear()
      throw toRejoinError(error, isFull(error) ? 'storage-full' : 'storage-failed', 'the commit failed')
    }
  }

  function write(batch: CommitBatch): void {
    if (batch.epoch !== undefined) {
      sql.addEpoch.run(batch.epoch.epoch, batch.epoch.start, rowChecksum(rows.epochName(batch.epoch)))
      sql.trimEpochs.run(EPOCHS_KEPT_MAX)
    }
    if (batch.origin !== undefined) setMeta('origin', batch.origin)
    if (batch.mark !== undefined) {
      const { offset, at, bytes } = batch.mark
      sql.addMark.run(offset, at, bytes, rowChecksum(rows.timeName(batch.mark)))
    }
    for (const stored of batch.documents) sql.putDocument.run(...rows.fromDocument(stored))
    for (const entry of batch.entries) {
      if ('tombstone' in entry) clear(entry.where)
      sql.append.run(entry.offset, numberIn(entry.where), ...rows.fromEntry(entry))
    }
    if (batch.summary !== undefined) {
      sql.dropSummary.run()
      const { head, bytes } = batch.summary
      sql.putSummary.run(head, bytes, rowChecksum(rows.summaryName(head), bytes))
    }
    for (const id of batch.dropped ?? []) drop(id)
    for (const piece of batch.transfers ?? []) keep(piece)
    for (const each of batch.folds ?? []) fold(each)
    for (const writer of batch.writers ?? []) sql.putWriter.run(numberIn(writer.where), ...rows.fromWriter(writer))
    for (const owner of batch.owners ?? []) sql.putOwner.run(...rows.fromOwner(owner))
  }

  function forgetOwners(since: number, count: number): void {
    for (const { document, client } of sql.lapsedWriters.all(since, count)) {
      sql.forgetWriter.run(Number(document), Number(client))
    }
    for (const { origin } of sql.lapsedOwners.all(since, count)) sql.forgetOwner.run(origin as Uint8Array)
  }

  function clear(where: DocumentRef): void {
    const number = numberIn(where)
    sql.clearLog.run(number)
    sql.clearCheckpoint.run(number)
    sql.cutPieces.run(number, 0)
    sql.clearWriters.run(number)
    drop(where.document)
  }

  function drop(id: DocumentId): void {
    sql.dropTransferPieces.run(id)
    sql.dropTransfer.run(id)
  }

  function keep({ where, id, index, piece, at }: TransferPiece): void {
    if (index === 0) {
      drop(where.document)
      sql.beginTransfer.run(where.document, where.epoch, where.gc ? 1 : 0, fromHex(id))
    }
    const grown = sql.growTransfer.get(piece.bytes.length, piece.size, at, where.document, fromHex(id), index)
    assert(grown !== undefined, 'pieces of a transfer come in order')
    sql.checkTransfer.run(rows.transferChecksum(grown), Number(grown.number))
    sql.putTransferPiece.run(Number(grown.number), index, ...rows.fromPiece(where, piece))
  }

  function fold({ where, checkpoint, keep, pieces, adopt }: Fold): void {
    const number = numberIn(where)
    sql.cutPieces.run(number, keep)
    for (const [i, piece] of pieces.entries()) sql.putPiece.run(number, keep + i, ...rows.fromPiece(where, piece))
    if (adopt) {
      sql.adoptPieces.run(number, keep + pieces.length, where.document)
      drop(where.document)
    }
    sql.putCheckpoint.run(number, ...rows.fromCheckpoint(where, checkpoint))
  }

  function trim(through: number, count: number): Trimmed {
    const bytes = new Map<number, number>()
    const found = sql.trimmable.all(Math.min(through, head() - 1), count)
    let low = lowest()
    for (const row of found) {
      const [offset, document] = [Number(row.offset), Number(row.document)]
      sql.trim.run(offset)
      low = Math.max(low, offset)
      bytes.set(document, (bytes.get(document) ?? 0) + Number(row.bytes))
    }
    const freed = new Map<DocumentId, number>()
    for (const [document, size] of bytes) {
      const stored = rows.toDocument(sql.documentOf.get(document) ?? {})
      sql.putDocument.run(...rows.fromDocument({ ...stored, bytes: stored.bytes - size }))
      freed.set(stored.document, size)
      sql.trimmed.run(document)
    }
    setMeta('low', String(low))
    sql.trimMarks.run(through)
    return { count: found.length, bytes: freed }
  }

  const head = (): number => Number(sql.head.get()?.head)
  const lowest = (): number => Number(meta('low'))
  const meta = (key: string): string => rows.toMeta(sql.meta.get(key) ?? {})

  function setMeta(key: string, value: string): void {
    sql.setMeta.run(key, value, rowChecksum(rows.metaName(key, value)))
  }

  /** One after the other, each read when it is asked for, so that no statement stays open. */
  function* piecesOf(statement: StatementSync, where: DocumentRef, of: number, from: number): Iterable<PieceBytes> {
    for (let number = from; ; number++) {
      const row = statement.get(of, number)
      if (row === undefined) return
      yield rows.toPiece(where, row)
    }
  }

  return {
    identity: () => ({ replica: meta('replica'), origin: meta('origin') }),
    epochs: () => sql.epochs.all().map(rows.toEpoch),
    head,
    low: lowest,
    commit: (batch) => transact(() => write(batch)),
    document(id) {
      const row = sql.document.get(id)
      return row && rows.toDocument(row)
    },
    *documents() {
      // Pages by id, so that no statement stays open while the caller does other things.
      for (let after = ''; ; ) {
        const page = sql.documents.all(after)
        for (const row of page) yield rows.toDocument(row)
        const last = page.at(-1)
        if (last === undefined) return
        after = String(last.id)
      }
    },
    totals() {
      const row = sql.totals.get()
      return { documents: Number(row?.documents), bytes: Number(row?.bytes) }
    },
    untouched: (since, count) => sql.untouched.all(since, count).map((row) => String(row.id)),
    buried: (before, count) => sql.buried.all(before, count).map((row) => String(row.id)),
    summary() {
      const row = sql.summary.get()
      return row && rows.toSummary(row)
    },
    chain(where, origin, seq) {
      const number = numberOf(where.document)
      const row = number === undefined ? undefined : sql.chain.get(number, fromHex(origin), seq)
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
      const row = sql.entry.get(offset)
      const entry = row && rows.toEntry(row)
      if (entry !== undefined && 'record' in entry) return entry
      throw new RejoinError('corrupt', `there is no record at offset ${offset}`)
    },
    *history(where, after = 0) {
      const number = numberOf(where.document)
      if (number === undefined) return
      for (const row of sql.history.iterate(number, after)) {
        yield { offset: Number(row.offset), where, record: rows.toRecord(where, row) }
      }
    },
    *read(offset) {
      for (const row of sql.read.iterate(offset)) yield rows.toEntry(row)
    },
    checkpoint(where) {
      const number = numberOf(where.document)
      const row = number === undefined ? undefined : sql.checkpoint.get(number)
      return row && rows.toCheckpoint(where, row)
    },
    *pieces(where, from) {
      const number = numberOf(where.document)
      if (number !== undefined) yield* piecesOf(sql.piece, where, number, from)
    },
    transfer(id) {
      const row = sql.transfer.get(id)
      return row && rows.toTransfer(row)
    },
    transfers: () => sql.transfers.all().map(rows.toTransfer),
    *transferPieces(id) {
      const row = sql.transfer.get(id)
      if (row !== undefined) yield* piecesOf(sql.transferPiece, rows.toTransfer(row).where, Number(row.number), 0)
    },
    *writers(where) {
      const number = numberOf(where.document)
      if (number !== undefined) for (const row of sql.writers.all(number)) yield rows.toWriter(where, row)
    },
    owner(origin) {
      const row = sql.owner.get(fromHex(origin))
      return row && rows.toOwner(row)
    },
    forgetOwners: (since, count) => transact(() => forgetOwners(since, count)),
    marks: () => sql.marks.all().map(rows.toMark),
    trim: (through, count) => transact(() => trim(through, count)),
    shrink(pages) {
      database.exec(`PRAGMA incremental_vacuum(${pages})`)
      const { freelist_count: left } = database.prepare('PRAGMA freelist_count').get() as { freelist_count: number }
      return left > 0
    },
    close() {
      if (closed) return
      closed = true
      database.close()
    },
  }
}

function statements(database: DatabaseSync): Record<StatementName, StatementSync> {
  const prepared = Object.entries(STATEMENTS).map(([name, text]) => [name, database.prepare(text)])
  return Object.fromEntries(prepared) as Record<StatementName, StatementSync>
}

/** SQLITE_FULL, also behind an extended code. */
const isFull = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 13
