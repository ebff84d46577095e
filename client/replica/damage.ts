/**
 * Damaged rows are taken out (P5). What relays hold is fetched again. What was only here is lost; what rests on it becomes a
 * branch, as no relay would take it, and everything else goes on. While something is still to be fetched it cannot be told what
 * rests on the lost: it shows when a relay refuses that.
 */
import { type Head, headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import type { DocumentId, OriginId } from '../../shared/ids.ts'
import type { IntervalIndex } from '../../shared/update/intervals.ts'
import { isSound } from '../../shared/update/record.ts'
import { givenUp, putBranch, type Reason } from './branches.ts'
import { dropCheckpoint, shrunk } from './checkpoints.ts'
import { summariesOf, summaryOf, withoutGround } from './content.ts'
import { inflateAll } from './inflating.ts'
import { type Mover, sealAgain } from './moving.ts'
import { forgetPlaces } from './peers.ts'
import { readPieces } from './pieces.ts'
import { cutOrigin, firstWaiting, leaveOrigin, readRecord, rowsOf } from './record-rows.ts'
import { coveredBy, dotOf, editCount, inOrder, putEditCount, toRecord, vectorOf } from './rows.ts'
import { type Bad, isSoundEdit, isSoundRow } from './soundness.ts'
import type { BranchRow, DocumentRow, Row, WriteTransaction } from './store.ts'

/** What was found; a row is found once, whichever tab looks. */
export interface Damage {
  rows: number
  branch?: BranchRow
  /** Something is gone that no relay is known to have. */
  isLost?: boolean
}

export const NO_DAMAGE: Damage = { rows: 0 }

const LOST: Reason = { code: 'corrupt', detail: 'what they rest on was damaged on this device' }

/** Takes out the records that are `bad`, and the damaged edits of the document; those that are not there at all count as taken out. */
export async function takeOutDamaged(
  transaction: WriteTransaction,
  document: DocumentId,
  bad: readonly Bad[],
  mover: Mover,
): Promise<Damage> {
  const row = await transaction.get('documents', [document])
  if (row === undefined) return NO_DAMAGE
  const edits = await transaction.range('edits', [document])
  const lost = edits.filter(({ value }) => !isSoundEdit(row, value))
  const missing = Math.max(0, (await editCount(transaction, document)) - edits.length)
  const { first, gone, spare } = await firstDamaged(transaction, row, bad)
  const pieces = await takeOutPieces(transaction, row, bad, first)
  if (lost.length + missing === 0 && first.size === 0) return { rows: spare + pieces }
  for (const { key } of lost) transaction.delete('edits', key)
  if (first.size > 0) await forgetPlaces(transaction)

  const vector = vectorOf(row)
  const cut = await cutAway(transaction, row, vector, first)
  // What is not there at all is as lost as what is spoilt.
  for (const dot of gone) cut[row.waiting.some((each) => dotOf(each) === dot) ? 'lostOwn' : 'lostOthers']++
  cut.lostOthers += pieces
  const left = edits.filter((each) => !lost.includes(each))
  const isLost = lost.length + missing > 0 || cut.lostOwn > 0
  const now = lacking(first.size > 0 ? await shrunk(transaction, row) : row, vector, first)
  const given = isLost && now.lacks === undefined ? await groundless(transaction, row, cut.own, left) : NOTHING
  const branch = await settle(transaction, isLost ? lostNow(now, mover) : now, { vector, cut, left, given }, mover)
  return { rows: lost.length + missing + cut.lostOwn + cut.lostOthers + spare, branch, isLost }
}

/**
 * Gives up what rests on what was lost, and could not be told from what rests on the damaged that was to be fetched: that is here
 * again, and a relay has refused it. Nothing where nothing was lost. An edit that the store lost without a sign of it shows here first:
 * what its tab typed next follows on nothing.
 */
export async function giveUpGroundless(
  transaction: WriteTransaction,
  document: DocumentId,
  mover: Mover,
): Promise<Damage> {
  const row = await transaction.get('documents', [document])
  if (row === undefined || row.away !== undefined) return NO_DAMAGE
  const vector = vectorOf(row)
  const { lacks, ...now } = lacking(row, vector, new Map())
  if (lacks !== undefined) return NO_DAMAGE
  const left = await transaction.range('edits', [document])
  const waits = new Set(row.waiting.map(dotOf))
  const own = (await transaction.range('records', [document])).filter((each) => waits.has(dotOfRow(each)))
  if ((await groundless(transaction, row, own, left)).size === 0) return NO_DAMAGE
  if (row.lostAt === undefined && !isTorn(row, await contentBeside(transaction, row, own), own, left)) return NO_DAMAGE
  const cut = await cutAway(transaction, row, vector, firstWaiting(row.waiting))
  const given = await groundless(transaction, row, cut.own, left)
  const taken = lostNow(await shrunk(transaction, now), mover)
  const branch = await settle(transaction, taken, { vector, cut, left, given }, mover)
  return { rows: cut.lostOwn + given.size, branch, isLost: true }
}

/**
 * Notes what of the document is here again. Returns whether something that relays had, and that was damaged here, is not: the relay
 * that it was compared with has it no more.
 */
export async function stillLacks(transaction: WriteTransaction, document: DocumentId): Promise<boolean> {
  const row = await transaction.get('documents', [document])
  if (row?.lacks === undefined || row.away !== undefined) return false
  const now = lacking(row, vectorOf(row), new Map())
  if (now.lacks?.length !== row.lacks.length) transaction.put('documents', [document], now)
  return now.lacks !== undefined
}

/** Whoever waits for a receipt is told, and what open documents have of it comes soon. */
const lostNow = (row: DocumentRow, { environment }: Mover): DocumentRow => ({
  ...givenUp(row, LOST),
  lostAt: environment.now(),
})

/** The document, with a note of what relays have of it and is not here: what was noted, and what was cut from `first` on. */
function lacking(row: DocumentRow, vector: VersionVector, first: ReadonlyMap<OriginId, number>): DocumentRow {
  const waits = firstWaiting(row.waiting)
  const before = vectorOf(row)
  const cut = [...first].map(([origin]) => ({
    origin,
    seq: (waits.get(origin) ?? headOf(before, origin).seq + 1) - 1,
  }))
  const { lacks = [], ...rest } = row
  const left = [...lacks, ...cut].filter(({ origin, seq }) => seq > headOf(vector, origin).seq)
  return left.length === 0 ? rest : { ...rest, lacks: left }
}

/** What was cut away, and what becomes of it. */
interface Settling {
  vector: Map<OriginId, Head>
  cut: Cut
  left: readonly Row<'edits'>[]
  /** It becomes a branch. */
  given: ReadonlySet<Held>
}

async function settle(
  transaction: WriteTransaction,
  row: DocumentRow,
  { vector, cut, left, given }: Settling,
  mover: Mover,
): Promise<BranchRow | undefined> {
  const kept = { own: cut.own.filter((each) => !given.has(each)), edits: left.filter((each) => !given.has(each)) }
  for (const each of left) if (given.has(each)) transaction.delete('edits', each.key)
  putEditCount(transaction, row.document, kept.edits.length)
  const waiting = cut.moves ? await sealAgain(transaction, row, vector, kept.own, mover) : row.waiting
  // Dots that waited may have reached a relay: they are never given to anything else.
  if (cut.moves && waiting.length === 0) await leaveOrigin(transaction, mover.environment)
  transaction.put('documents', [row.document], { ...row, vector: rowsOf(vector), waiting })
  if (given.size === 0) return undefined
  const updates = [...inOrder(cut.own), ...left].filter((each) => given.has(each)).map(({ value }) => value.bytes)
  return putBranch(transaction, row, updates, LOST, undefined, mover.environment)
}

type Held = Row<'records'> | Row<'edits'>

const NOTHING: ReadonlySet<Held> = new Set()
/** The number under which a tab stores its first edit of a document. */
const FIRST_EDIT = 1

const dotOfRow = ({ key, value }: Row<'records'>): string => dotOf(toRecord(key, value))

/** Records that were cut away, from the first damaged one of each origin on. */
interface Cut {
  /** Records that waited are among them; then all that wait are, as one may rest on the other. */
  moves: boolean
  /** Sound ones that waited. */
  own: Row<'records'>[]
  /** How many damaged ones waited, and how many a relay has. */
  lostOwn: number
  lostOthers: number
}

async function cutAway(
  transaction: WriteTransaction,
  row: DocumentRow,
  vector: Map<OriginId, Head>,
  first: ReadonlyMap<OriginId, number>,
): Promise<Cut> {
  const waits = new Set(row.waiting.map(dotOf))
  const isOwn = (each: Row<'records'>): boolean => waits.has(dotOfRow(each))
  const gone: Row<'records'>[] = []
  const cutFrom = async (from: ReadonlyMap<OriginId, number>): Promise<void> => {
    for (const [origin, seq] of from) gone.push(...(await cutOrigin(transaction, row.document, vector, origin, seq)))
  }
  await cutFrom(first)
  const moves = row.waiting.some(({ origin, seq }) => seq >= (first.get(origin) ?? Number.POSITIVE_INFINITY))
  if (moves) await cutFrom(firstWaiting(row.waiting))
  const own = gone.filter(isOwn)
  const others = gone.filter((each) => !isOwn(each))
  const isHere = (each: Row<'records'>): boolean => isSoundRow(row, each)
  return {
    moves,
    own: own.filter(isHere),
    lostOwn: own.filter((each) => !isHere(each)).length,
    lostOthers: others.filter((each) => !isHere(each)).length,
  }
}

/** What of records that wait, and of edits, rests on what is not here. */
async function groundless(
  transaction: WriteTransaction,
  row: DocumentRow,
  own: readonly Row<'records'>[],
  edits: readonly Row<'edits'>[],
): Promise<ReadonlySet<Held>> {
  return withoutGround<Held>(await contentBeside(transaction, row, own), [...own, ...edits])
}

/** What the log holds of a document beside these records, and edits. */
async function contentBeside(
  transaction: WriteTransaction,
  row: DocumentRow,
  own: readonly Row<'records'>[],
): Promise<IntervalIndex> {
  const { document } = row
  const checkpoint = await transaction.get('checkpoints', [document])
  const dots = new Set(own.map(dotOfRow))
  const records = (await transaction.range('records', [document])).filter((each) => !dots.has(dotOfRow(each)))
  return summariesOf([
    ...inflateAll(await readPieces(transaction, row, checkpoint?.pieces ?? [])),
    ...records.map(({ value }) => value.bytes),
  ])
}

/**
 * Whether one of them goes on with what its Yjs client wrote, and what comes before is not here, though its tab stored something before
 * it: each does so in its order. (An app may also give a document what rests on nothing.)
 */
function isTorn(
  row: DocumentRow,
  index: IntervalIndex,
  own: readonly Row<'records'>[],
  left: readonly Row<'edits'>[],
): boolean {
  const ranges = left.flatMap(({ key, value }) => value.of ?? { tab: String(key[1]), from: Number(key[2]) })
  for (const { edits } of row.waiting) ranges.push(...edits)
  const tabs = [...Map.groupBy(ranges, ({ tab }) => tab).values()]
  if (!tabs.some((those) => those.every(({ from }) => from > FIRST_EDIT))) return false
  const summaries = [...own, ...left].flatMap(({ value }) => summaryOf(value.bytes) ?? [])
  for (const summary of summaries) index.add(summary)
  return summaries.some(({ structs }) => structs.some(({ client, clock }) => index.clock(client) < clock))
}

/** What of the records that were found bad is so still: another tab may have taken one out, and a relay given it again. */
async function firstDamaged(
  transaction: WriteTransaction,
  row: DocumentRow,
  bad: readonly Bad[],
): Promise<{ first: Map<OriginId, number>; gone: string[]; spare: number }> {
  const first = new Map<OriginId, number>()
  const gone: string[] = []
  let spare = 0
  if (bad.length === 0) return { first, gone, spare }
  const covered = coveredBy(await transaction.get('checkpoints', [row.document]))
  const vector = vectorOf(row)
  for (const { origin, seq, piece } of bad) {
    if (piece !== undefined || seq > headOf(vector, origin).seq) continue
    const isCovered = seq <= headOf(covered, origin).seq
    const record = await readRecord(transaction, row, origin, seq)
    if (record === undefined ? isCovered : isSound(row, record)) continue
    if (isCovered) {
      // What it says is in a piece as well.
      transaction.delete('records', [row.document, origin, seq])
      spare++
      continue
    }
    if (record === undefined) gone.push(dotOf({ origin, seq }))
    first.set(origin, Math.min(seq, first.get(origin) ?? seq))
  }
  return { first, gone, spare }
}

/**
 * Where pieces are damaged the checkpoint goes: an origin stays that is there in records from its first one on. Returns how many
 * are damaged.
 */
async function takeOutPieces(
  transaction: WriteTransaction,
  row: DocumentRow,
  bad: readonly Bad[],
  first: Map<OriginId, number>,
): Promise<number> {
  const { document } = row
  if (!bad.some(({ piece }) => piece !== undefined)) return 0
  const checkpoint = await transaction.get('checkpoints', [document])
  if (checkpoint === undefined) return 0
  const damaged = (await readPieces(transaction, row, checkpoint.pieces)).filter(({ isSound: sound }) => !sound).length
  if (damaged === 0) return 0
  await dropCheckpoint(transaction, document)
  for (const { origin, seq } of checkpoint.vector) {
    const rows = await transaction.range('records', [document, origin], { limit: seq })
    const isWhole = rows.length === seq && rows.every((each) => isSoundRow(row, each))
    if (!isWhole) first.set(origin, 1)
  }
  return damaged
}
