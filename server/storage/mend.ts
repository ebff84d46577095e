/**
 * Rows that are damaged, apart from records and pieces: what they said is made anew from what else is stored, or they are dropped where
 * what they said may be unknown (a place that is not known any more, an owner) and others bring or find it again. So one flipped bit
 * keeps nobody from a workspace, and from no other document (P9). Records and pieces are fetched from others.
 */
import { headOf } from '../../shared/causality/version-vector.ts'
import type { Environment } from '../../shared/environment.ts'
import { toHex } from '../../shared/hash.ts'
import { FIRST_EPOCH, randomId } from '../../shared/ids.ts'
import { inflatePiece } from '../../shared/update/inflate-piece.ts'
import type { DocumentRef, UpdateRecord } from '../../shared/update/record.ts'
import { encodeVector } from '../../shared/wire/codec.ts'
import { rowChecksum } from './checksums.ts'
import type { Database } from './database.ts'
import * as rows from './rows.ts'
import { STATEMENTS } from './schema.ts'
import type { Checkpoint, Salvage, StoredDocument } from './store.ts'
import { countMissing } from './unbroken.ts'

/** Whether a row is as it was written: a flipped bit can also make another type of a value. */
function isSound(read: () => unknown): boolean {
  try {
    read()
    return true
  } catch {
    return false
  }
}

/** Mends all that is small; says what it found. Call it in a transaction. */
export function mendNotes(database: Database, environment: Environment): string[] {
  const found: string[] = []
  const dropRow = (table: string, rowid: number): void => {
    database.prepare(`DELETE FROM ${table} WHERE rowid = ?`).run(rowid)
    found.push(`a row of ${table} was damaged, and is dropped`)
  }
  const damaged = (table: string, read: (row: rows.Row) => unknown): number[] =>
    database
      .prepare(`SELECT rowid AS place, * FROM ${table}`)
      .all()
      .filter((row) => !isSound(() => read(row)))
      .map((row) => Number(row.place))
  for (const rowid of damaged('marks', rows.toMark)) dropRow('marks', rowid)
  for (const rowid of damaged('summary', rows.toSummary)) dropRow('summary', rowid)
  for (const rowid of damaged('quarantine', rows.toQuarantined)) dropRow('quarantine', rowid)
  for (const rowid of damaged('transfers', rows.toTransfer)) {
    database.prepare('DELETE FROM transfer_pieces WHERE transfer = ?').run(rowid)
    dropRow('transfers', rowid)
  }
  // An epoch that is gone would lend its places to the one before it.
  const last = Math.max(0, ...damaged('epochs', rows.toEpoch))
  if (last > 0) {
    database.prepare('DELETE FROM epochs WHERE number <= ?').run(last)
    found.push('an epoch of the log was damaged: places from before are unknown')
  }
  mendMeta(database, environment, found)
  return found
}

/** Another name than a replica had makes another replica of it, which holds the same: others compare. */
function mendMeta(database: Database, environment: Environment, found: string[]): void {
  const head = Number(database.prepare('SELECT COALESCE(MAX("offset"), 0) AS head FROM log').get()?.head)
  const instead: Readonly<Record<string, () => string>> = {
    replica: () => randomId(environment),
    origin: () => randomId(environment),
    // No place before the head is valid then.
    low: () => String(head),
  }
  for (const [key, make] of Object.entries(instead)) {
    const row = database.prepare('SELECT * FROM meta WHERE key = ?').get(key)
    if (row !== undefined && isSound(() => rows.toMeta(row))) continue
    const value = make()
    database
      .prepare('INSERT OR REPLACE INTO meta (key, value, checksum) VALUES (?, ?, ?)')
      .run(key, value, rowChecksum(rows.metaName(key, value)))
    found.push(`the ${key} of the store was damaged, and is another now`)
  }
  for (const row of database.prepare('SELECT * FROM meta').all()) {
    if (!isSound(() => rows.toMeta(row))) database.prepare('DELETE FROM meta WHERE key = ?').run(String(row.key))
  }
}

/**
 * What the damaged row of a document said, as its records and its checkpoint show it, which have checksums of their own that name it;
 * `undefined` where nothing of that is sound.
 */
export function rebuildDocument(database: Database, id: string, row: rows.Row): StoredDocument | undefined {
  const number = Number(row.number)
  const found = nearlySound(id, row)
  if (found !== undefined) return found
  const epoch = [...epochsLike(String(row.epoch))].find((each) =>
    holds(database, number, { document: id, epoch: each, gc: true }),
  )
  if (epoch === undefined) return undefined
  const { vector, bytes } = contentOf(database, number, { document: id, epoch, gc: true })
  const [touched, deleted] = [Number(row.touched) || 0, Number(row.deleted) || 0]
  const encoded = encodeVector(vector)
  // Where all but one of the columns is sound, the checksum says which value it had.
  for (const gc of [row.gc === 1 ? 1 : 0, row.gc === 1 ? 0 : 1]) {
    for (const each of [encoded, row.vector as Uint8Array]) {
      for (const noted of [bytes, Number(row.bytes)]) {
        const made = { id, epoch, gc, vector: each, bytes: noted, touched, deleted }
        const checksum = rows.documentChecksum(made)
        if (toHex(checksum) === toHex(row.checksum as Uint8Array)) return rows.toDocument({ ...made, checksum })
      }
    }
  }
  // What is deleted may be dropped later, and not be brought back.
  return {
    document: id,
    epoch,
    gc: row.gc === 1,
    vector,
    bytes,
    touched: touched || undefined,
    deleted: deleted || undefined,
  }
}

/** Of a tombstone nothing else may be there: a row of which one bit of the epoch, or of the checksum, has flipped. */
function nearlySound(id: string, row: rows.Row): StoredDocument | undefined {
  for (const epoch of epochsLike(String(row.epoch))) {
    const made = { ...row, id, epoch }
    if (isSound(() => rows.toDocument(made))) return rows.toDocument(made)
  }
  const made = { ...row, id, checksum: rows.documentChecksum({ ...row, id }) }
  const isOneBit = bitsApart(made.checksum, row.checksum) === 1
  return isOneBit && isSound(() => rows.toDocument(made)) ? rows.toDocument(made) : undefined
}

function bitsApart(one: Uint8Array, other: unknown): number {
  if (!(other instanceof Uint8Array) || one.length !== other.length) return Number.POSITIVE_INFINITY
  let apart = 0
  for (const [i, byte] of one.entries()) {
    for (let differing = byte ^ (other[i] ?? 0); differing > 0; differing &= differing - 1) apart++
  }
  return apart
}

/** Entries that are looked at for one that is sound, for each epoch that may be meant. */
const ENTRIES_TRIED = 8

/** Whether something sound of the document is in this epoch. */
function holds(database: Database, number: number, where: DocumentRef): boolean {
  const entries = database.prepare('SELECT * FROM log WHERE document = ? LIMIT ?').all(number, ENTRIES_TRIED)
  const named = { id: where.document, epoch: where.epoch, gc: 1 }
  if (entries.some((entry) => isSound(() => rows.toEntry({ ...entry, ...named })))) return true
  return checkpointOf(database, number, where) !== undefined
}

/** What of a document is sound, and how much is not; `stored`: its row, where that is sound or could be made anew. */
export function salvage(
  database: Database,
  number: number,
  id: string,
  stored: StoredDocument | undefined,
): Salvage & { missing: number } {
  // Everything names the epoch: where that is not known, nothing can be told to be sound.
  const where: DocumentRef = stored ?? { document: id, epoch: FIRST_EPOCH, gc: true }
  const updates: Uint8Array[] = []
  let damaged = stored === undefined ? 1 : 0
  const row = database.prepare(STATEMENTS.checkpoint).get(number)
  const checkpoint = row && checkpointOf(database, number, where)
  if (row !== undefined && checkpoint === undefined) damaged++
  let count = 0
  for (const piece of database.prepare('SELECT * FROM pieces WHERE document = ? ORDER BY number').iterate(number)) {
    count++
    if (!isSound(() => updates.push(inflatePiece(rows.toPiece(where, piece))))) damaged++
  }
  damaged += Math.max(0, (checkpoint?.pieces ?? 0) - count)
  const records: UpdateRecord[] = []
  for (const record of database.prepare(STATEMENTS.history).iterate(number, -1)) {
    if (!isSound(() => records.push(rows.toRecord(where, record)))) damaged++
  }
  for (const { bytes } of records) updates.push(bytes)
  // One that is damaged is missing, too.
  const missing = damaged === 0 && stored !== undefined ? countMissing(stored.vector, checkpoint, records) : 0
  return { where, updates, damaged: damaged + missing, missing }
}

/** `undefined` where there is none that is sound. */
function checkpointOf(database: Database, number: number, where: DocumentRef): Checkpoint | undefined {
  const row = database.prepare('SELECT * FROM checkpoints WHERE document = ?').get(number)
  const parts = () => database.prepare(STATEMENTS.parts).all(number)
  let checkpoint: Checkpoint | undefined
  isSound(() => {
    checkpoint = row && rows.toCheckpoint(where, row, parts)
  })
  return checkpoint
}

function contentOf(database: Database, number: number, where: DocumentRef): Pick<StoredDocument, 'vector' | 'bytes'> {
  const checkpoint = checkpointOf(database, number, where)
  const vector = new Map(checkpoint?.vector)
  const heads = database.prepare(
    'SELECT origin, MAX(seq) AS seq, chain FROM log WHERE document = ? AND kind >= 0 GROUP BY origin',
  )
  for (const head of heads.all(number)) {
    const [origin, seq] = [toHex(head.origin as Uint8Array), Number(head.seq)]
    if (seq > headOf(vector, origin).seq) vector.set(origin, { seq, chain: toHex(head.chain as Uint8Array) })
  }
  const logged = database
    .prepare('SELECT COALESCE(SUM(length(bytes)), 0) AS bytes FROM log WHERE document = ?')
    .get(number)
  return { vector, bytes: Number(logged?.bytes) + (checkpoint?.bytes ?? 0) }
}

/** The epoch as it stands there, the first one, which most are, and all that differ from it in one bit. */
function* epochsLike(epoch: string): Iterable<string> {
  yield epoch
  yield FIRST_EPOCH
  for (let at = 0; at < epoch.length; at++) {
    for (let bit = 0; bit < 7; bit++) {
      const letter = String.fromCharCode(epoch.charCodeAt(at) ^ (1 << bit))
      if (/[0-9a-f]/.test(letter)) yield epoch.slice(0, at) + letter + epoch.slice(at + 1)
    }
  }
}
