/** Brings the tables of a database to this version; of a new one, makes them. */
import type { Environment } from '../../shared/environment.ts'
import { RejoinError } from '../../shared/errors.ts'
import { randomId } from '../../shared/ids.ts'
import { rowChecksum } from './checksums.ts'
import type { Database } from './database.ts'
import { PART_BYTES_MAX, toParts } from './parts.ts'
import * as rows from './rows.ts'
import { CHECKSUMS_SINCE, MIGRATIONS, PARTS_SINCE, SCHEMA_VERSION, STATEMENTS } from './schema.ts'

/** `version`: the one that the tables have; 0 where there are none. Call it in a transaction. Raises `storage-failed` for a later one. */
export function migrate(database: Database, version: number, environment: Environment): void {
  if (version > SCHEMA_VERSION) {
    throw new RejoinError('storage-failed', `the store is of version ${version}, this relay knows ${SCHEMA_VERSION}`)
  }
  for (const migration of MIGRATIONS.slice(version)) database.exec(migration)
  if (version === 0) {
    const insert = database.prepare('INSERT INTO meta (key, value) VALUES (?, ?)')
    const replica = randomId(environment)
    insert.run('replica', replica)
    insert.run('origin', replica)
  }
  if (version < CHECKSUMS_SINCE) addChecksums(database)
  if (version < PARTS_SINCE) part(database)
}

/** To what rows of an older file say, right or wrong. */
function addChecksums(database: Database): void {
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

/** What is larger than a part, one at a time: a row of an older file may be as large as its document is old. */
function part(database: Database): void {
  const large = database.prepare('SELECT document FROM checkpoints WHERE length(intervals) > ?').all(PART_BYTES_MAX)
  const get = database.prepare('SELECT intervals FROM checkpoints WHERE document = ?')
  const put = database.prepare('UPDATE checkpoints SET intervals = ? WHERE document = ?')
  const putPart = database.prepare(STATEMENTS.putPart)
  for (const { document } of large) {
    const number = Number(document)
    const [first, ...rest] = toParts(get.get(number)?.intervals as Uint8Array)
    put.run(first, number)
    for (const [i, bytes] of rest.entries()) putPart.run(number, i + 1, bytes)
  }
}
