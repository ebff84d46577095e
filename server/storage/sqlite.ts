/**
 * A relay's store on SQLite, the same on every runtime: which rows stand for what. How a database is opened, and when a commit
 * is durable, is the runtime's (`sqlite-file`, `sqlite-object`).
 */
import type { Environment } from '../../shared/environment.ts'
import { assert, RejoinError, toRejoinError } from '../../shared/errors.ts'
import { fromHex, toHex } from '../../shared/hash.ts'
import type { DocumentId } from '../../shared/ids.ts'
import { EPOCHS_KEPT_MAX } from '../../shared/sync/places.ts'
import type { PieceBytes } from '../../shared/update/piece-bytes.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import { rowChecksum } from './checksums.ts'
import type { Database, Statement } from './database.ts'
import { mendNotes, rebuildDocument, salvage } from './mend.ts'
import { remakeIndexes } from './reindex.ts'
import * as rows from './rows.ts'
import { STATEMENTS, type StatementName } from './schema.ts'
import {
  type AnyEntry,
  type CommitBatch,
  type Fold,
  QUARANTINED_MAX,
  type RelayStore,
  type Salvage,
  type StoredDocument,
  type TransferPiece,
  type Trimmed,
} from './store.ts'
import { chainOf } from './unbroken.ts'

/** Troubles that wait to be told. */
const TROUBLES_MAX = 100
/** Documents that are known to be damaged and wait to be given up; others are found again. */
const DAMAGED_MAX = 100
/** Document numbers kept in memory; about 100 bytes each, so 1 MB. */
const NUMBERS_KEPT_MAX = 10_000

/** The store in a database that has the tables of this version. It owns the database. */
export function createSqliteStore(database: Database, environment: Environment): RelayStore {
  const sql = statements(database, failed)
  const numbers = new Map<DocumentId, number>()
  const damagedIds = new Set<DocumentId>()
  let troubles: string[] = []
  let closed = false
  let failures = 0
  /** Indexes do not fit their tables. */
  let isTorn = false

  /** Nobody may take what the store cannot do for a fault of what came. */
  function failed(error: unknown, writing: boolean): RejoinError {
    const isMalformed = database.isMalformed(error)
    isTorn ||= isMalformed
    const code = database.isFull(error) ? 'storage-full' : isMalformed && !writing ? 'corrupt' : 'storage-failed'
    if (code === 'storage-failed' && !(error instanceof RejoinError)) failures++
    return toRejoinError(error, code, writing ? 'the commit failed' : 'the store cannot be read')
  }

  function numberOf(id: DocumentId): number | undefined {
    const known = numbers.get(id)
    if (known !== undefined) return known
    const row = sql.number.get(id)
    if (row === undefined) return undefined
    const number = Number(row.number)
    remember(id, number)
    return number
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
      return database.transact(write)
    } catch (error) {
      numbers.clear()
      throw failed(error, true)
    }
  }

  function write(batch: CommitBatch): void {
    for (const id of batch.givenUp ?? []) takeOut(id)
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
      if ('tombstone' in entry) clear(entry.where.document, numberIn(entry.where))
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

  function clear(id: DocumentId, number: number): void {
    sql.clearLog.run(number)
    sql.clearCheckpoint.run(number)
    sql.clearParts.run(number)
    sql.cutPieces.run(number, 0)
    sql.clearWriters.run(number)
    drop(id)
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

  function fold({ where, checkpoint, keep, pieces, transfer, alone }: Fold): void {
    const number = numberIn(where)
    sql.cutPieces.run(number, keep)
    for (const [i, piece] of pieces.entries()) sql.putPiece.run(number, keep + i, ...rows.fromPiece(where, piece))
    if (transfer === 'adopted') sql.adoptPieces.run(number, keep + pieces.length, where.document)
    if (transfer !== undefined) drop(where.document)
    const { columns, parts } = rows.fromCheckpoint(where, checkpoint)
    sql.putCheckpoint.run(number, ...columns)
    sql.clearParts.run(number)
    for (const [i, bytes] of parts.entries()) sql.putPart.run(number, i + 1, bytes)
    if (alone) sql.clearBefore.run(number, checkpoint.through)
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
      const row = sql.documentOf.get(document) ?? {}
      const stored = documentOf(String(row.id), row)
      sql.putDocument.run(...rows.fromDocument({ ...stored, bytes: stored.bytes - size }))
      freed.set(stored.document, size)
      sql.trimmed.run(document)
    }
    setMeta('low', String(low))
    sql.trimMarks.run(through)
    return { count: found.length, bytes: freed }
  }

  /** A row that is damaged is made anew from what is stored of its document. Raises `corrupt` where nothing of that is sound. */
  function documentOf(id: DocumentId, row: rows.Row): StoredDocument {
    try {
      return rows.toDocument(row)
    } catch (error) {
      const rebuilt = rebuildDocument(database, id, row)
      if (rebuilt === undefined) {
        noteDamage(id)
        throw error
      }
      sql.repairDocument.run(...rows.fromDocument(rebuilt), Number(row.number))
      trouble(`the row of ${JSON.stringify(id)} was damaged, and is made anew from its records`)
      return rebuilt
    }
  }

  /** One that cannot be mended is told, and keeps nobody from the others. */
  function listed(row: rows.Row): StoredDocument | undefined {
    try {
      return rows.toDocument(row)
    } catch {
      const id = idOf(row)
      try {
        return documentOf(id, row)
      } catch (error) {
        trouble(error instanceof Error ? error.message : String(error))
        return undefined
      }
    }
  }

  /** An entry is named by the row of its document: where that is damaged, it is mended first. */
  function entryOf(row: rows.Row): AnyEntry {
    try {
      return rows.toEntry(row)
    } catch (error) {
      const damaged = sql.documentOf.get(Number(row.document))
      if (damaged === undefined) throw error
      const { document: id, epoch, gc } = documentOf(idOf(damaged), damaged)
      return watched(id, () => rows.toEntry({ ...row, id, epoch, gc: gc ? 1 : 0 }))
    }
  }

  function noteDamage(id: DocumentId): void {
    if (damagedIds.size < DAMAGED_MAX) damagedIds.add(id)
  }

  /** What is read of a document, and does not read as it was written. */
  function watched<Read>(id: DocumentId, read: () => Read): Read {
    try {
      return read()
    } catch (error) {
      noteDamage(id)
      throw error
    }
  }

  function salvageOf(id: DocumentId): Salvage | undefined {
    if (isTorn) fitIndexes()
    const number = numberOf(id)
    const row = number === undefined ? undefined : sql.documentOf.get(number)
    if (number === undefined || row === undefined) return undefined
    const stored = listed(row)
    let found = salvage(database, number, id, stored)
    if (found.missing > 0) {
      // It may be an index that lacks them.
      fitIndexes()
      found = salvage(database, number, id, stored)
    }
    return found.damaged === 0 ? undefined : found
  }

  function fitIndexes(): void {
    remakeIndexes(database)
    isTorn = false
    trouble('indexes are made anew from their rows, as one of them may not fit')
  }

  function takeOut(id: DocumentId): void {
    const number = numberOf(id)
    const row = number === undefined ? undefined : sql.documentOf.get(number)
    if (number === undefined || row === undefined) return
    const stored = listed(row)
    // Others are to bring it back, so whose its names are is unknown.
    const origins = sql.originsOf.all(number).map(({ origin }) => origin as Uint8Array)
    for (const origin of stored?.vector.keys() ?? []) origins.push(fromHex(origin))
    for (const origin of origins) sql.forgetOwner.run(origin)
    clear(id, number)
    sql.dropDocument.run(number)
    numbers.delete(id)
    // Who knows a place believes that all before it is here; and the summary counts this document.
    sql.dropEpochs.run()
    sql.dropSummary.run()
    setMeta('low', String(Math.min(lowest(), head())))
  }

  /** Whose a name is may be unknown. */
  function ownerOr<Owner>(read: () => Owner): Owner | undefined {
    try {
      return read()
    } catch (error) {
      trouble(`${error instanceof Error ? error.message : String(error)}; whose that name is, is unknown now`)
      return undefined
    }
  }

  /** Notes that are damaged are mended where they are missed: to look at all of them whenever a store is opened would cost each time. */
  function noted<Note>(read: () => Note): Note {
    try {
      return read()
    } catch (error) {
      const found = transact(() => mendNotes(database, environment))
      if (found.length === 0) throw error
      for (const what of found) trouble(what)
      return read()
    }
  }

  function trouble(what: string): void {
    if (troubles.length < TROUBLES_MAX) troubles.push(what)
  }

  /** Where its own cannot be read, what the index has in its place. */
  function idOf(row: rows.Row): DocumentId {
    const all = sql.ids.iterate()
    for (const { id, number } of all) if (number === row.number) return String(id)
    return String(row.id)
  }

  const head = (): number => Number(sql.head.get()?.head)
  const lowest = (): number => Number(meta('low'))
  const meta = (key: string): string => noted(() => rows.toMeta(sql.meta.get(key) ?? {}))

  function setMeta(key: string, value: string): void {
    sql.setMeta.run(key, value, rowChecksum(rows.metaName(key, value)))
  }

  /** One after the other, each read when it is asked for, so that no statement stays open. */
  function* piecesOf(statement: Statement, where: DocumentRef, of: number, from: number): Iterable<PieceBytes> {
    for (let number = from; ; number++) {
      const piece = watched(where.document, () => {
        const row = statement.get(of, number)
        return row && rows.toPiece(where, row)
      })
      if (piece === undefined) return
      yield piece
    }
  }

  return {
    identity: () => ({ replica: meta('replica'), origin: meta('origin') }),
    epochs: () => noted(() => sql.epochs.all().map(rows.toEpoch)),
    head,
    low: lowest,
    commit(batch) {
      try {
        transact(() => write(batch))
      } catch (error) {
        if (isTorn) for (const { document } of batch.documents) noteDamage(document)
        throw error
      }
    },
    document(id) {
      const row = sql.document.get(id)
      return row && documentOf(id, row)
    },
    *documents() {
      // Pages by id, so that no statement stays open while the caller does other things.
      for (let after = ''; ; ) {
        const page = sql.documents.all(after)
        const before = after
        for (const row of page) {
          const document = listed(row)
          if (document !== undefined) yield document
          after = later(after, document?.document ?? idOf(row))
        }
        // Also where an id is damaged and would lead back, for ever.
        if (after === before) return
      }
    },
    totals() {
      const row = sql.totals.get()
      return { documents: Number(row?.documents), bytes: Number(row?.bytes) }
    },
    untouched: (since, count) => sql.untouched.all(since, count).map((row) => String(row.id)),
    buried: (before, count) => sql.buried.all(before, count).map((row) => String(row.id)),
    summary() {
      return noted(() => {
        const row = sql.summary.get()
        return row && rows.toSummary(row)
      })
    },
    chain(where, origin, seq) {
      const number = numberOf(where.document)
      const at = (seq: number) => (number === undefined ? undefined : sql.record.get(number, fromHex(origin), seq))
      return watched(where.document, () => {
        const [row, before] = [at(seq), at(seq - 1)]
        const chain = before && toHex(before.chain as Uint8Array)
        return row && chainOf(where, rows.toRecord(where, row), chain)
      })
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
      const entry = row && entryOf(row)
      if (entry !== undefined && 'record' in entry) return entry
      throw new RejoinError('corrupt', `there is no record at offset ${offset}`)
    },
    *history(where, after = 0) {
      const number = numberOf(where.document)
      if (number === undefined) return
      try {
        for (const row of sql.history.iterate(number, after)) {
          yield { offset: Number(row.offset), where, record: rows.toRecord(where, row) }
        }
      } catch (error) {
        noteDamage(where.document)
        throw error
      }
    },
    *read(offset) {
      for (const row of sql.read.iterate(offset)) yield entryOf(row)
    },
    checkpoint(where) {
      const number = numberOf(where.document)
      if (number === undefined) return undefined
      const row = sql.checkpoint.get(number)
      return row && watched(where.document, () => rows.toCheckpoint(where, row, () => sql.parts.all(number)))
    },
    *pieces(where, from) {
      const number = numberOf(where.document)
      if (number !== undefined) yield* piecesOf(sql.piece, where, number, from)
    },
    transfer(id) {
      return noted(() => {
        const row = sql.transfer.get(id)
        return row && rows.toTransfer(row)
      })
    },
    transfers: () => noted(() => sql.transfers.all().map(rows.toTransfer)),
    *transferPieces(id) {
      const row = sql.transfer.get(id)
      if (row !== undefined) yield* piecesOf(sql.transferPiece, rows.toTransfer(row).where, Number(row.number), 0)
    },
    *writers(where) {
      const number = numberOf(where.document)
      for (const row of number === undefined ? [] : sql.writers.all(number)) {
        const writer = ownerOr(() => rows.toWriter(where, row))
        if (writer === undefined) sql.forgetWriter.run(Number(number), Number(row.client))
        else yield writer
      }
    },
    owner(origin) {
      const row = sql.owner.get(fromHex(origin))
      const owner = row && ownerOr(() => rows.toOwner(row))
      if (row !== undefined && owner === undefined) sql.forgetOwner.run(fromHex(origin))
      return owner
    },
    forgetOwners: (since, count) => transact(() => forgetOwners(since, count)),
    quarantined() {
      return sql.quarantined.all().flatMap((row) => {
        try {
          return rows.toQuarantined(row)
        } catch {
          // `verify` tells of it: it is no document's, and nothing rests on it.
          return []
        }
      })
    },
    isSetAside: (id) => sql.isSetAside.get(fromHex(id)) !== undefined,
    setAside: (quarantined) =>
      transact(() => {
        sql.setAside.run(...rows.fromQuarantined(quarantined))
        sql.trimQuarantine.run(QUARANTINED_MAX)
      }),
    letGo: (id) =>
      transact(() => {
        const isThere = sql.isSetAside.get(fromHex(id)) !== undefined
        sql.letGo.run(fromHex(id))
        return isThere
      }),
    marks: () => noted(() => sql.marks.all().map(rows.toMark)),
    trim: (through, count) => transact(() => trim(through, count)),
    failures: () => failures,
    troubles() {
      const told = troubles
      troubles = []
      return told
    },
    damaged() {
      const ids = [...damagedIds]
      damagedIds.clear()
      return ids
    },
    miss: noteDamage,
    salvage: (id) => transact(() => salvageOf(id)),
    shrink: (pages) => database.shrink(pages),
    close() {
      if (closed) return
      closed = true
      database.close()
    },
  }
}

type Failed = (error: unknown, writing: boolean) => RejoinError

function statements(database: Database, failed: Failed): Record<StatementName, Statement> {
  const prepared = Object.entries(STATEMENTS).map(([name, text]) => [name, guarded(database.prepare(text), failed)])
  return Object.fromEntries(prepared) as Record<StatementName, Statement>
}

/** Errors of SQLite have codes, too. */
function guarded(statement: Statement, failed: Failed): Statement {
  const attempt = <Result>(act: () => Result, writing = false): Result => {
    try {
      return act()
    } catch (error) {
      throw failed(error, writing)
    }
  }
  return {
    get: (...values) => attempt(() => statement.get(...values)),
    all: (...values) => attempt(() => statement.all(...values)),
    run: (...values) => attempt(() => statement.run(...values), true),
    *iterate(...values) {
      const rows = attempt(() => statement.iterate(...values)[Symbol.iterator]())
      try {
        for (let next = attempt(() => rows.next()); next.done !== true; next = attempt(() => rows.next()))
          yield next.value
      } finally {
        rows.return?.()
      }
    },
  }
}

/** The later of two texts, in the order in which SQLite has them: that of their bytes. */
function later(a: string, b: string): string {
  const [left, right] = [new TextEncoder().encode(a), new TextEncoder().encode(b)]
  const at = left.findIndex((byte, index) => byte !== right[index])
  const isLeft = at >= 0 && (left[at] ?? 0) > (right[at] ?? -1)
  return isLeft ? a : b
}
