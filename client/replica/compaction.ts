/**
 * Compaction in the background: what is acknowledged of a document is folded into its checkpoint, and records that nobody is owed
 * are trimmed. It reads in one transaction, works in steps between which others run, and writes in another one, which takes
 * effect only if nothing of what was read has changed, and no other tab leads by then.
 */
import { headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import type { Environment } from '../../shared/environment.ts'
import type { Hash64 } from '../../shared/hash.ts'
import { type DocumentId, randomId } from '../../shared/ids.ts'
import { compactToPieces, encodeClocks, hasTooManyPieces, joinToPiecesSteps } from '../../shared/update/fold.ts'
import { inflatePiece } from '../../shared/update/inflate-piece.ts'
import type { PieceBytes } from '../../shared/update/piece-bytes.ts'
import type { Steps } from '../../shared/update/steps.ts'
import { countPieces, deletePieces, putPieceRows, toPieceRow } from './checkpoints.ts'
import { type Foldable, readFoldable } from './ground.ts'
import { readOwed } from './peers.ts'
import { type FoundPiece, readPieces } from './pieces.ts'
import { deleteLogged, rowsOf } from './record-rows.ts'
import { coveredBy, readSelf, vectorOf } from './rows.ts'
import type { Bad } from './soundness.ts'
import type {
  CheckpointRow,
  DocumentRow,
  PieceRange,
  PieceRow,
  ReadTransaction,
  ReplicaStore,
  WriteTransaction,
} from './store.ts'

/** Work between two pauses: well below what a person notices. */
const STEP_MS_MAX = 5
/** Bytes that are compacted together: to write the last of it takes one step, and some ten times as many bytes of memory. */
const WHOLE_BYTES = 4 * 1024 * 1024
/** Steps between two pauses, whatever the clock says: in the simulator it stands still. */
const STEPS_MAX = 8

export interface Compacting {
  store: ReplicaStore
  environment: Environment
  mendAll(bad: readonly Bad[]): Promise<void>
  pause(): Promise<void>
  /** Raises where another tab is to do it. */
  check(transaction: WriteTransaction): Promise<void>
}

/** What compaction began with. */
interface Begun {
  row: DocumentRow
  checkpoint: CheckpointRow | undefined
  foldable: Foldable
  /** The pieces that are written anew: none where the records only become pieces behind them. */
  pieces: FoundPiece[]
  isWhole: boolean
}

/** Folds and trims a document. Returns whether anything was folded. */
export async function compact(compacting: Compacting, document: DocumentId): Promise<boolean> {
  const { store, environment, mendAll, check } = compacting
  const begun = await store.read(['documents', 'records', 'checkpoints', 'pieces'], (transaction) =>
    begin(transaction, document),
  )
  if (begun === undefined) return false
  const bad = await inSteps(findBad(begun), compacting)
  if (bad.length > 0) {
    await mendAll(bad)
    return false
  }
  const id = randomId(environment)
  const pieces = await inSteps(fold(begun, id), compacting)
  return store.write(['documents', 'records', 'checkpoints', 'pieces', 'log', 'peers', 'meta'], async (transaction) => {
    await check(transaction)
    return commit(transaction, begun, id, pieces, environment)
  })
}

function* findBad({ row: { document }, foldable, pieces }: Begun): Steps<Bad[]> {
  const bad = [...foldable.bad]
  for (const { id, index, isSound } of pieces) {
    if (!isSound) bad.push({ document, origin: '', seq: 0, piece: { id, index } })
    yield
  }
  return bad
}

async function begin(transaction: ReadTransaction, document: DocumentId): Promise<Begun | undefined> {
  const row = await transaction.get('documents', [document])
  if (row === undefined) return undefined
  const checkpoint = await transaction.get('checkpoints', [document])
  const foldable = await readFoldable(transaction, row, vectorOf(row), checkpoint)
  const bytes = checkpoint?.bytes ?? 0
  const recordBytes = foldable.records.reduce((sum, { value }) => sum + value.bytes.length, 0)
  // A few records behind a large checkpoint become pieces of their own, until there are too many.
  const isWhole = recordBytes > bytes / 4 || hasTooManyPieces(countPieces(checkpoint?.pieces ?? []) + 1, bytes)
  if (foldable.bad.length === 0 && foldable.records.length === 0 && !isWhole) return undefined
  const pieces = isWhole ? await readPieces(transaction, row, checkpoint?.pieces ?? []) : []
  return { row, checkpoint, foldable, pieces, isWhole }
}

/** The new pieces, as they are stored under `id`. */
function* fold(begun: Begun, id: Hash64): Steps<PieceRow[]> {
  const rows: PieceRow[] = []
  for (const piece of yield* foldPieces(begun)) {
    rows.push(toPieceRow(begun.row, id, rows.length, piece))
    yield
  }
  return rows
}

function* foldPieces({ row, foldable, pieces, isWhole }: Begun): Steps<PieceBytes[]> {
  const records = foldable.records.map(({ value }) => value.bytes)
  if (!isWhole) return yield* joinToPiecesSteps(records)
  const updates: Uint8Array[] = []
  for (const { row: piece } of pieces) {
    if (piece !== undefined) updates.push(inflatePiece(piece))
    yield
  }
  const made: PieceBytes[] = []
  for (const group of inGroups([...updates, ...records])) made.push(...(yield* compactToPieces(group, { gc: row.gc })))
  return made
}

/** Neighbours of up to `WHOLE_BYTES` together: what of one was deleted in another stays in it. */
function inGroups(updates: readonly Uint8Array[]): Uint8Array[][] {
  let group: Uint8Array[] = []
  const groups = [group]
  let bytes = 0
  for (const update of updates) {
    if (group.length > 0 && bytes + update.length > WHOLE_BYTES) {
      group = []
      groups.push(group)
      bytes = 0
    }
    group.push(update)
    bytes += update.length
  }
  return groups
}

async function inSteps<R>(steps: Steps<R>, { environment, pause }: Compacting): Promise<R> {
  await pause()
  let began = environment.now()
  for (let done = 1; ; done++) {
    const step = steps.next()
    if (step.done === true) return step.value
    if (done % STEPS_MAX !== 0 && environment.now() - began < STEP_MS_MAX) continue
    await pause()
    began = environment.now()
  }
}

async function commit(
  transaction: WriteTransaction,
  { row, checkpoint, foldable, isWhole }: Begun,
  id: Hash64,
  made: readonly PieceRow[],
  environment: Environment,
): Promise<boolean> {
  const { document } = row
  const now = await transaction.get('documents', [document])
  const current = await transaction.get('checkpoints', [document])
  if (now === undefined || current?.id !== checkpoint?.id || !isStill(row, now, foldable.vector)) return false
  const before: readonly PieceRange[] = checkpoint?.pieces ?? []
  if (isWhole) deletePieces(transaction, document, before)
  const pieces = [...(isWhole ? [] : before), ...putPieceRows(transaction, row, id, made)]
  const bytes = made.reduce((sum, { size }) => sum + size, isWhole ? 0 : (checkpoint?.bytes ?? 0))
  const next: CheckpointRow = {
    id,
    vector: rowsOf(foldable.vector),
    pieces,
    bytes,
    stateVector: encodeClocks(foldable.clocks),
    ...(checkpoint?.logged === undefined ? undefined : { logged: checkpoint.logged }),
  }
  transaction.put('checkpoints', [document], await trim(transaction, document, next, environment))
  return true
}

/** Whether all that was folded is held as it was. Nothing that was acknowledged waits again unless something was taken out. */
function isStill(before: DocumentRow, now: DocumentRow, folded: VersionVector): boolean {
  if (before.epoch !== now.epoch || (before.shrunk ?? 0) !== (now.shrunk ?? 0)) return false
  const held = vectorOf(now)
  return [...folded].every(([origin, { seq }]) => headOf(held, origin).seq >= seq)
}

/** Deletes records that the checkpoint covers and every relay that counts holds, and their rows of the log. */
async function trim(
  transaction: WriteTransaction,
  document: DocumentId,
  checkpoint: CheckpointRow,
  environment: Environment,
): Promise<CheckpointRow> {
  const owed = await readOwed(transaction, environment)
  const self = await readSelf(transaction)
  const covered = coveredBy(checkpoint)
  let trimmed = self.trimmed ?? 0
  for (const { key, value } of await transaction.range('records', [document])) {
    const offset = value.logged ?? value.offset
    if (offset > owed || Number(key[2]) > headOf(covered, String(key[1])).seq) continue
    if (!(await deleteLogged(transaction, key, value))) continue
    transaction.delete('records', key)
    trimmed = Math.max(trimmed, offset)
  }
  const { logged, ...rest } = checkpoint
  const isOver = logged !== undefined && logged.offset <= owed
  if (isOver) {
    transaction.delete('log', [logged.offset])
    trimmed = Math.max(trimmed, logged.offset)
  }
  if (trimmed !== (self.trimmed ?? 0)) transaction.put('meta', ['replica'], { ...self, trimmed })
  return isOver ? rest : checkpoint
}
