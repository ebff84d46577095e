/**
 * Looks through the file of a workspace and changes nothing: every row against its checksum, every chain against the one before
 * it, and what is kept twice against itself. What is wrong becomes a finding, and the next row is looked at.
 */
import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { type Chain, isNextChain } from '../../shared/causality/chain.ts'
import { CHAIN_START, headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import { changeSummary, createSummary, decodeSummary, encodeSummary } from '../../shared/digest/summary.ts'
import { documentVersion } from '../../shared/digest/version.ts'
import { RejoinError } from '../../shared/errors.ts'
import type { Hash64 } from '../../shared/hash.ts'
import { checkDocumentId, type DocumentId, FIRST_EPOCH } from '../../shared/ids.ts'
import { inflatePiece } from '../../shared/update/inflate-piece.ts'
import { inspectUpdate } from '../../shared/update/inspect.ts'
import { decodeIntervalIndex, sameIntervals } from '../../shared/update/interval-bytes.ts'
import { createIntervalIndex } from '../../shared/update/intervals.ts'
import { hashJoinedLogSteps } from '../../shared/update/joined-log.ts'
import type { UpdateRecord } from '../../shared/update/record.ts'
import type { Steps } from '../../shared/update/steps.ts'
import { PART_BYTES_MAX } from './parts.ts'
import * as rows from './rows.ts'
import { APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION, STATEMENTS } from './schema.ts'
import { type Checkpoint, type StoredDocument, TOMBSTONE_EXPIRED } from './store.ts'

/** Something that is not as it should be. */
export interface Finding {
  /** Absent where it is not of one document. */
  document?: DocumentId
  what: string
}

export interface VerifiedDocument {
  document: DocumentId
  records: number
  pieces: number
  /** Of the joined log, as the content check compares it; absent where the document cannot be read. */
  hash?: Hash64
}

export interface Verified {
  documents: VerifiedDocument[]
  findings: Finding[]
}

/** Findings that are told: a file that is spoilt all over says nothing more with more of them. */
const FINDINGS_MAX = 1000

/** Yields after each document, and within large ones, how many documents it has looked at. Never raises for what is in the file. */
export function* verifySteps(path: string): Generator<number, Verified> {
  const verified: Verified = { documents: [], findings: [] }
  const find = (what: string, document?: DocumentId): void => {
    if (verified.findings.length < FINDINGS_MAX) verified.findings.push({ document, what })
  }
  if (!existsSync(path)) {
    find('the file is not there')
    return verified
  }
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(addressOf(path), { readOnly: true })
    // One moment of it, also while a relay writes.
    database.exec('BEGIN')
    if (isKnown(database, find)) yield* verifyAll(database, verified, find)
  } catch (error) {
    find(`the file cannot be read: ${textOf(error)}`)
  } finally {
    database?.close()
  }
  return verified
}

/** Where nobody has it open, SQLite is told so: it would leave files of its own beside it. */
function addressOf(path: string): string | URL {
  if (existsSync(`${path}-wal`)) return path
  const url = pathToFileURL(path)
  url.searchParams.set('immutable', '1')
  return url
}

type Find = (what: string, document?: DocumentId) => void

/** Whether it is a file of this version, as SQLite sees it. */
function isKnown(database: DatabaseSync, find: Find): boolean {
  const pragma = (name: string): number => Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0])
  const version = pragma('user_version')
  if (pragma('application_id') !== APPLICATION_ID) find('the file belongs to another program')
  if (version < SCHEMA_VERSION)
    find(`the file is of version ${version}; a relay brings it to ${SCHEMA_VERSION} when it opens it`)
  if (version > SCHEMA_VERSION) find(`the file is of version ${version}, and this is for ${SCHEMA_VERSION}`)
  for (const row of database.prepare('PRAGMA integrity_check(100)').all()) {
    if (row.integrity_check !== 'ok') find(`SQLite: ${row.integrity_check}`)
  }
  if (version !== SCHEMA_VERSION) return false
  const schema = schemaOf(database)
  const [unknown] = expectedSchema().filter((statement) => !schema.includes(statement))
  if (unknown !== undefined) find(`the tables are not what they should be: ${unknown.slice(0, 60)}...`)
  return unknown === undefined
}

const schemaOf = (database: DatabaseSync): string[] =>
  database
    .prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema')
    .all()
    .map(({ type, name, tbl_name: table, sql }) => `${type} ${name} of ${table}: ${sql}`)

let expected: readonly string[] | undefined

function expectedSchema(): readonly string[] {
  if (expected !== undefined) return expected
  const database = new DatabaseSync(':memory:')
  for (const migration of MIGRATIONS) database.exec(migration)
  expected = schemaOf(database)
  database.close()
  return expected
}

function* verifyAll(database: DatabaseSync, verified: Verified, find: Find): Generator<number, void> {
  const page = database.prepare('SELECT * FROM documents WHERE number > ? ORDER BY number LIMIT 256')
  const all: StoredDocument[] = []
  for (let after = -1; ; ) {
    const found = page.all(after)
    const before = after
    for (const row of found) {
      const number = Number(row.number)
      // A number that is damaged could lead back, for ever.
      if (number <= after) find('the documents are out of order')
      after = Math.max(after, number)
      const document = read(
        () => checkedDocument(row),
        (what) => find(what, String(row.id)),
      )
      if (document === undefined) continue
      all.push(document)
      yield* counted(verifyDocument(database, number, document, verified, find), verified)
      yield verified.documents.length
    }
    if (after === before) break
  }
  verifyStrays(database, find)
  verifyTransfers(database, find)
  verifyMeta(database, find)
  verifyNotes(database, find)
  read(() => verifySummary(database, all), find)
}

function* counted(steps: Steps<void>, { documents }: Verified): Generator<number, void> {
  while (steps.next().done !== true) yield documents.length
}

function read<R>(act: () => R, find: (what: string) => void): R | undefined {
  try {
    return act()
  } catch (error) {
    find(textOf(error))
    return undefined
  }
}

const textOf = (error: unknown): string =>
  error instanceof RejoinError ? error.detail : error instanceof Error ? error.message : String(error)

function fail(what: string): never {
  throw new RejoinError('corrupt', what)
}

function checkedDocument(row: rows.Row): StoredDocument {
  const document = rows.toDocument(row)
  checkDocumentId(document.document)
  if (!/^[0-9a-f]{24}$/.test(document.epoch)) fail(`the epoch ${document.epoch} is none`)
  if (row.gc !== 0 && row.gc !== 1) fail('the setting of gc is none')
  return document
}

function* verifyDocument(
  database: DatabaseSync,
  number: number,
  document: StoredDocument,
  verified: Verified,
  findAny: Find,
): Steps<void> {
  const before = verified.findings.length
  const find = (what: string): void => findAny(what, document.document)
  const parts = database.prepare(STATEMENTS.parts)
  const checkpointRow = database.prepare('SELECT * FROM checkpoints WHERE document = ?').get(number)
  const checkpoint =
    checkpointRow && read(() => rows.toCheckpoint(document, checkpointRow, () => parts.all(number)), find)
  // It is outside of the checksum, as it changes by itself; SQLite's own check finds what its index contradicts.
  if (checkpointRow !== undefined && checkpointRow.trimmable !== 0 && checkpointRow.trimmable !== 1) {
    find('its checkpoint does not say whether the log may hold what it covers')
  }
  const inRow = (checkpointRow?.intervals as Uint8Array | undefined)?.length ?? 0
  if (inRow < PART_BYTES_MAX && parts.get(number) !== undefined) find('there are parts, and nothing that they are of')
  const index = createIntervalIndex()
  const updates: Uint8Array[] = []
  const take = (bytes: Uint8Array): void => {
    index.add(inspectUpdate(bytes))
    updates.push(bytes)
  }
  let bytes = 0
  let size = 0
  let pieces = 0
  // Each is asked for by itself, as what cannot be read is not to keep the others from being looked at.
  const numbers = database.prepare('SELECT number FROM pieces WHERE document = ? ORDER BY number').all(number)
  for (const { number: at } of numbers) {
    const row = database.prepare('SELECT * FROM pieces WHERE document = ? AND number = ?').get(number, Number(at))
    read(() => {
      const piece = rows.toPiece(document, row ?? {})
      take(inflatePiece(piece))
      bytes += piece.bytes.length
      size += piece.size
      if (Number(at) !== pieces) fail(`piece ${pieces} is not there`)
    }, find)
    pieces++
    yield
  }
  if (checkpoint === undefined && pieces > 0) find('there are pieces, and no checkpoint')
  if (checkpoint !== undefined) read(() => verifyCheckpoint(checkpoint, document.vector, { pieces, bytes, size }), find)
  if (checkpoint !== undefined) {
    read(() => {
      if (!sameIntervals(decodeIntervalIndex(checkpoint.intervals), index))
        fail('the pieces do not hold what is noted of them')
    }, find)
  }
  yield
  const records = yield* readRecords(database, number, document, find)
  for (const record of records) {
    bytes += record.bytes.length
    read(() => take(record.bytes), find)
  }
  for (const [origin, own] of Map.groupBy(records, (record) => record.origin)) {
    read(() => verifyOrigin(origin, own, document.vector, checkpoint), find)
  }
  for (const [origin, { seq }] of document.vector) {
    const last = Math.max(headOf(checkpoint?.vector ?? new Map(), origin).seq, ...lastSeqs(records, origin))
    if (last !== seq) find(`it holds ${origin} up to ${seq} by its version vector, and up to ${last} by its rows`)
  }
  if (verified.findings.length === before && bytes !== document.bytes) {
    find(`its rows have ${bytes} bytes, and ${document.bytes} are noted`)
  }
  const hash = verified.findings.length > before ? undefined : yield* hashed(updates, find)
  verified.documents.push({ document: document.document, records: records.length, pieces, hash })
}

function* hashed(updates: readonly Uint8Array[], find: (what: string) => void): Steps<Hash64 | undefined> {
  try {
    return yield* hashJoinedLogSteps(updates)
  } catch (error) {
    find(`the joined log: ${textOf(error)}`)
    return undefined
  }
}

function lastSeqs(records: readonly UpdateRecord[], origin: string): number[] {
  let last = 0
  for (const record of records) if (record.origin === origin) last = Math.max(last, record.seq)
  return [last]
}

/** In the order of the log; what is damaged is told and left out. */
function* readRecords(
  database: DatabaseSync,
  number: number,
  document: StoredDocument,
  find: (what: string) => void,
): Steps<UpdateRecord[]> {
  const records: UpdateRecord[] = []
  const page = database.prepare('SELECT * FROM log WHERE document = ? AND "offset" > ? ORDER BY "offset" LIMIT 1000')
  for (let after = -1; ; ) {
    const found = page.all(number, after)
    const before = after
    for (const row of found) {
      const at = Number(row.offset)
      if (at <= after) find('the log is out of order')
      after = Math.max(after, at)
      const entry = read(() => rows.toEntry({ ...row, id: document.document, epoch: document.epoch }), find)
      if (entry !== undefined && 'record' in entry) records.push(entry.record)
      else if (entry !== undefined && Number(row.seq) !== at) find(`the entry at ${at} is not where it was written`)
    }
    if (after === before) return records
    yield
  }
}

/** Raises `corrupt`. */
function verifyCheckpoint(
  checkpoint: Checkpoint,
  vector: VersionVector,
  found: Pick<Checkpoint, 'pieces' | 'bytes' | 'size'>,
): void {
  for (const name of ['pieces', 'bytes', 'size'] as const) {
    if (checkpoint[name] !== found[name])
      fail(`its checkpoint names ${checkpoint[name]} ${name}, and has ${found[name]}`)
  }
  for (const [origin, { seq, chain }] of checkpoint.vector) {
    const held = headOf(vector, origin)
    const isHeld = seq < held.seq || (seq === held.seq && chain === held.chain)
    if (!isHeld) fail(`its checkpoint holds ${origin} up to ${seq}, and its version vector up to ${held.seq}`)
  }
}

/** The rows of one origin: each rests on the one before it, and the version vector names the last. Raises `corrupt`. */
function verifyOrigin(
  origin: string,
  records: readonly UpdateRecord[],
  vector: VersionVector,
  checkpoint: Checkpoint | undefined,
): void {
  const covered = headOf(checkpoint?.vector ?? new Map(), origin)
  const held = headOf(vector, origin)
  let before: { seq: number; chain: Chain } | undefined
  for (const { seq, checksum, chain } of records.toSorted((a, b) => a.seq - b.seq)) {
    const previous = before?.seq === seq - 1 ? before.chain : chainBefore(seq, covered)
    if (previous !== undefined && !isNextChain(previous, checksum, chain))
      fail(`the chain of ${origin} breaks at ${seq}`)
    if (seq === covered.seq && chain !== covered.chain) fail(`${origin}/${seq} is not the one in the checkpoint`)
    if (seq > held.seq) fail(`it holds ${origin} up to ${held.seq} by its version vector, and ${seq} is there`)
    if (seq === held.seq && chain !== held.chain) fail(`${origin}/${seq} is not the one in the version vector`)
    const isNext = seq <= covered.seq || seq === (before?.seq ?? covered.seq) + 1
    if (!isNext) fail(`records of ${origin} are missing before ${seq}`)
    before = { seq, chain }
  }
}

function chainBefore(seq: number, covered: { seq: number; chain: Chain }): Chain | undefined {
  if (seq === 1) return CHAIN_START
  return covered.seq === seq - 1 ? covered.chain : undefined
}

/** Rows of documents that are not there. */
function verifyStrays(database: DatabaseSync, find: Find): void {
  for (const table of ['log', 'checkpoints', 'parts', 'pieces', 'writers']) {
    const strays = database
      .prepare(`SELECT COUNT(*) AS count FROM ${table} WHERE document NOT IN (SELECT number FROM documents)`)
      .get()
    if (Number(strays?.count) > 0) find(`${strays?.count} rows of ${table} belong to no document`)
  }
}

function verifyTransfers(database: DatabaseSync, find: Find): void {
  const pieces = database.prepare('SELECT * FROM transfer_pieces WHERE transfer = ? ORDER BY number')
  let expected = 0
  for (const row of database.prepare('SELECT * FROM transfers').all()) {
    const transfer = read(() => rows.toTransfer(row), find)
    if (transfer === undefined) continue
    const { where, pieces: count } = transfer
    const found = pieces.all(Number(row.number))
    expected += found.length
    if (found.length !== count) find(`${found.length} of ${count} pieces of a transfer are there`, where.document)
    for (const piece of found)
      read(
        () => inflatePiece(rows.toPiece(where, piece)),
        (what) => find(what, where.document),
      )
  }
  const all = Number(database.prepare('SELECT COUNT(*) AS count FROM transfer_pieces').get()?.count)
  if (all !== expected) find(`${all - expected} pieces belong to no transfer`)
}

function verifyMeta(database: DatabaseSync, find: Find): void {
  const head = Number(database.prepare('SELECT COALESCE(MAX("offset"), 0) AS head FROM log').get()?.head)
  const meta = new Map(
    database
      .prepare('SELECT * FROM meta')
      .all()
      .map((row) => [row.key, read(() => rows.toMeta(row), find)]),
  )
  for (const key of ['replica', 'origin']) {
    if (!/^[0-9a-f]{16}$/.test(meta.get(key) ?? '')) find(`the ${key} ${meta.get(key)} is none`)
  }
  const low = Number(meta.get('low'))
  if (!Number.isSafeInteger(low) || low < 0 || low > head)
    find(`the log is trimmed up to ${meta.get('low')}, and ends at ${head}`)
  let [start, number] = [0, 0]
  for (const row of database.prepare('SELECT * FROM epochs ORDER BY number').all()) {
    if (number > 0 && row.number !== number + 1) find(`the epochs of the log go on after ${number} with ${row.number}`)
    number = Number(row.number)
    read(() => rows.toEpoch(row), find)
    if (!/^[0-9a-f]{16}$/.test(String(row.epoch))) find(`the epoch ${row.epoch} of the log is none`)
    if (!(Number(row.start) >= start && Number(row.start) <= head)) find(`an epoch of the log starts at ${row.start}`)
    start = Number(row.start)
  }
}

/** What nothing else tells but the rows themselves. */
function verifyNotes(database: DatabaseSync, find: Find): void {
  for (const row of database.prepare('SELECT * FROM marks').all()) read(() => rows.toMark(row), find)
  for (const row of database.prepare('SELECT * FROM quarantine').all()) read(() => rows.toQuarantined(row), find)
  for (const row of database.prepare('SELECT * FROM owners').all()) read(() => rows.toOwner(row), find)
  const writers = database.prepare(
    'SELECT writers.*, documents.id, documents.epoch, documents.gc FROM writers LEFT JOIN documents ON number = document',
  )
  for (const row of writers.all()) read(() => rows.toWriter(rows.toRef(row), row), find)
}

/** The digest's summary says what the documents say, if it is of now. Raises `corrupt` and `bad-frame`. */
function verifySummary(database: DatabaseSync, documents: readonly StoredDocument[]): void {
  const head = Number(database.prepare('SELECT COALESCE(MAX("offset"), 0) AS head FROM log').get()?.head)
  const row = database.prepare('SELECT * FROM summary').get()
  if (row === undefined) return
  rows.toSummary(row)
  const stored = decodeSummary(row.bytes as Uint8Array)
  if (Number(row.head) > head) fail(`the summary is of ${row.head}, and the log ends at ${head}`)
  if (Number(row.head) !== head) return
  const made = createSummary(stored.key)
  for (const { document, epoch, vector, deleted } of documents) {
    if (deleted !== TOMBSTONE_EXPIRED)
      changeSummary(made, document, undefined, documentVersion(epoch ?? FIRST_EPOCH, vector))
  }
  if (Buffer.compare(encodeSummary(made), encodeSummary(stored)) !== 0) fail('the summary is not that of the documents')
}
