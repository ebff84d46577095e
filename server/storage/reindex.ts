/**
 * Indexes that do not fit their tables any more, as a page of one of them was not written, or in the place of another: SQLite refuses to
 * read and to delete by them. They are made anew from the rows, which have checksums of their own.
 */
import type { Database } from './database.ts'
import type { Row } from './rows.ts'

/** Tables whose rows are found by an index, which names each once, by these columns. */
const TABLES = [
  { table: 'log', index: 'log_dot', columns: ['document', 'origin', 'seq'] },
  { table: 'pieces', index: 'pieces_number', columns: ['document', 'number'] },
] as const

/** Call it in a transaction. */
export function remakeIndexes(database: Database): void {
  for (const { table, index, columns } of TABLES) {
    const spare = spareRows(database, table, index, columns)
    const indexes = database
      .prepare("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL")
      .all(table)
    for (const { name } of indexes) database.exec(`DROP INDEX ${name}`)
    const remove = database.prepare(`DELETE FROM ${table} WHERE rowid = ?`)
    for (const place of spare) remove.run(place)
    for (const { sql } of indexes) database.exec(String(sql))
  }
}

/** Of rows with one name, those which the index does not mean. */
function spareRows(database: Database, table: string, index: string, columns: readonly string[]): number[] {
  const names = columns.join(', ')
  const twice = database.prepare(
    `SELECT ${names}, GROUP_CONCAT(rowid) AS places FROM ${table} NOT INDEXED GROUP BY ${names} HAVING COUNT(*) > 1`,
  )
  const meant = database.prepare(
    `SELECT rowid AS place FROM ${table} INDEXED BY ${index} WHERE ${columns.map((name) => `${name} = ?`).join(' AND ')}`,
  )
  return twice.all().flatMap((row: Row) => {
    const places = String(row.places).split(',').map(Number)
    const values = columns.map((name) => row[name] as number | Uint8Array)
    const named = meant.all(...values).find(({ place }) => places.includes(Number(place)))
    const kept = named === undefined ? Math.max(...places) : Number(named.place)
    return places.filter((place) => place !== kept)
  })
}
