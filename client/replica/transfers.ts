/**
 * Pieces that come from a relay. They are kept as they come, and become part of the document with the last one, in one
 * transaction: the checkpoint then holds what it held, the records beside it, and them (P2, P3). They say what their sender
 * holds beyond what it was told is here; so they are dropped, and asked for again, where that is not so any more.
 */
import { CHAIN_UNKNOWN } from '../../shared/causality/chain.ts'
import { covers, headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import { type RejoinError, toRejoinError } from '../../shared/errors.ts'
import { type OriginId, randomId } from '../../shared/ids.ts'
import { jointsOf } from '../../shared/sync/joint.ts'
import { encodeClocks, joinToPieces } from '../../shared/update/fold.ts'
import { inflatePiece } from '../../shared/update/inflate-piece.ts'
import { inspectUpdate, type UpdateSummary } from '../../shared/update/inspect.ts'
import type { PieceBytes } from '../../shared/update/piece-bytes.ts'
import type { Piece } from '../../shared/wire/messages.ts'
import { chainAt, countPieces, dropPartial, putPieces } from './checkpoints.ts'
import { type Foldable, grounded, type Landed, land, NO_GROUND, readFoldable, rests } from './ground.ts'
import { inflateAll } from './inflating.ts'
import type { Incoming } from './log-types.ts'
import { readPieces } from './pieces.ts'
import { rowsOf } from './record-rows.ts'
import { sealedSeq } from './room.ts'
import { refOf, toRecord } from './rows.ts'
import type { CheckpointRow, Grounding, PartialRow, PieceRange, WriteTransaction } from './store.ts'
import type { Told } from './telling.ts'
import { type Entered, settle, type Work } from './work.ts'

/** Inflated bytes of a transfer that are handed to open documents at once; who wants more reads it from the store. */
const ARRIVED_BYTES_MAX = 1024 * 1024

/** Names of a document that are kept in doubt: with one of them it is checked, and found to be another. */
const DOUBTED_MAX = 64

/** A piece that was looked into. */
export interface Opened {
  update: Uint8Array
  summary: UpdateSummary
}

/** Bytes of pieces that are looked into before others run: ten milliseconds of a page. */
const STEP_BYTES = 512 * 1024

/** What cannot be read is one document's trouble: the others go on (P9). */
export type Looked = Opened | { error: RejoinError }

/** Inflates and checks pieces, before any transaction. */
export async function openPieces(
  incoming: readonly Incoming[],
  pause: () => Promise<void>,
): Promise<Map<Piece, Looked>> {
  const opened = new Map<Piece, Looked>()
  let bytes = 0
  for (const each of incoming) {
    if (each.type !== 'piece') continue
    if (bytes >= STEP_BYTES) {
      await pause()
      bytes = 0
    }
    opened.set(each.piece, look(each.piece))
    bytes += each.piece.size
  }
  return opened
}

function look(piece: Piece): Looked {
  try {
    const update = inflatePiece(piece)
    return { update, summary: inspectUpdate(update) }
  } catch (error) {
    return { error: toRejoinError(error, 'invalid-update', 'a piece') }
  }
}

/** A piece that cannot be read: what came of its transfer is of no use. */
export async function setAside({ transaction, taken }: Work, piece: Piece, error: RejoinError): Promise<void> {
  await dropPartial(transaction, piece.document)
  taken.unreadable.push({ where: refOf(piece), error })
}

/** Takes one piece. `told`: what the relay was last told of the document, by this log. */
export async function takePiece(
  work: Work,
  entered: Entered,
  piece: Piece,
  opened: Opened,
  told: Told | undefined,
): Promise<void> {
  const { transaction, taken, environment } = work
  const { document } = piece
  const before = await transaction.get('partials', [document])
  // The same transfer from its start: its sender does not have the rest of the one that was begun.
  if (piece.index === 0) await dropPartial(transaction, document)
  const partial = piece.index === 0 ? undefined : before
  const isNext = piece.index === 0 || (partial?.id === piece.id && partial.pieces === piece.index)
  const isAnswer = (entered.row.shrunk ?? 0) <= (told?.shrunk ?? 0)
  if (!isNext || !isAnswer || (partial !== undefined && partial.count !== piece.count)) return dismiss(work, piece)
  const ground = grounded(partial ?? NO_GROUND, opened.summary)
  if (piece.vector === undefined) {
    const row = partial ?? begin(work, piece, told)
    putPieces(transaction, piece, row.as, [piece], piece.index)
    const bytes = row.bytes + piece.size
    const next = { ...row, ...ground, bytes, pieces: piece.index + 1, touchedAt: environment.now() }
    transaction.put('partials', [document], next)
    taken.progress.push({ document, pieces: next.pieces, count: piece.count })
    return
  }
  const mends = told?.mends === true
  await complete(work, entered, { piece, vector: piece.vector, opened, partial, ground, mends })
}

/** A set that is complete. */
interface Complete {
  piece: Piece
  vector: VersionVector
  opened: Opened
  partial: PartialRow | undefined
  ground: Grounding
  mends: boolean
}

const begin = (
  { environment, from: relay }: Work,
  { id, count }: Piece,
  told: Told | undefined,
): Omit<PartialRow, 'touchedAt' | 'pieces'> => ({
  id,
  as: randomId(environment),
  count,
  bytes: 0,
  relay,
  told: told?.stateVector,
  ...NO_GROUND,
})

/** The transfer is not taken, and is asked for again by what is here then. */
async function dismiss(work: Work, piece: Piece): Promise<void> {
  await dropPartial(work.transaction, piece.document)
  work.taken.unfit.push({ where: refOf(piece), origin: '', code: 'gap' })
}

async function complete(work: Work, entered: Entered, set: Complete): Promise<void> {
  const { transaction } = work
  const { piece, vector } = set
  const { document } = piece
  const checkpoint = await transaction.get('checkpoints', [document])
  const { forks, isComparable, believed } = await compareJoints(work, entered, set, checkpoint)
  if (forks.length > 0) {
    await dropPartial(transaction, document)
    for (const origin of forks) work.taken.unfit.push({ where: refOf(piece), origin, code: 'fork' })
    return
  }
  if (!isComparable) return dismiss(work, piece)
  for (const [origin, { seq }] of vector) settle(entered, origin, seq)
  if (covers(entered.vector, vector) && !set.mends) return dropPartial(transaction, document)
  const foldable = await readFoldable(transaction, entered.row, entered.vector, checkpoint)
  work.bad.push(...foldable.bad)
  // What rests on something that waits comes again when that is acknowledged: its sender holds it.
  const isApart = foldable.isPart || rests(set.ground.needs, foldable)
  const landed = land(foldable, set.ground)
  if (foldable.bad.length > 0 || isApart || landed === undefined || !holdsTold(foldable, landed, vector)) {
    return dismiss(work, piece)
  }
  const joined = landed.records.length === 0 ? [] : await joinLanded(transaction, set, landed)
  if (joined === undefined) return dismiss(work, piece)
  await note(work, entered, set)
  // Nothing is here of what was sealed under it before: whoever has that seals on, if it is a copy.
  const { origin } = work.self
  const sealed = sealedSeq({ ...entered.row, vector: rowsOf(entered.vector) }, origin)
  if (headOf(vector, origin).seq > sealed) work.self.origin = randomId(work.environment)
  await fold(work, entered, set, { checkpoint, foldable, landed, joined })
  if (believed.length > 0) doubt(work, entered, believed)
}

/** The relay does not know any more what it goes on from under these names: what is held is to be checked against what it holds. */
function doubt({ from, taken }: Work, entered: Entered, origins: readonly OriginId[]): void {
  const { doubted = [], document } = entered.row
  const others = doubted.filter(({ relay, origin }) => relay !== from || !origins.includes(origin))
  const now = origins.map((origin) => ({ relay: from, origin }))
  entered.row = { ...entered.row, doubted: [...others, ...now].slice(-DOUBTED_MAX) }
  taken.doubted.push(document)
}

/**
 * Origins under which the sender has something else than is here (P8); what goes on beyond this replica's own log was sealed by a
 * copy of it. Not comparable: it cannot be told whether the pieces continue what is here. Believed: the sender cannot tell.
 */
async function compareJoints(
  work: Work,
  { row, vector }: Entered,
  { piece, vector: theirs }: Complete,
  checkpoint: CheckpointRow | undefined,
): Promise<{ forks: OriginId[]; isComparable: boolean; believed: OriginId[] }> {
  const own = new Set([work.self.origin, ...row.waiting.map(({ origin }) => origin)])
  // What left this device, or was damaged, was sealed here as well.
  const isNews = (origin: OriginId): boolean => headOf(theirs, origin).seq > sealedSeq({ ...row, vector: [] }, origin)
  const isOurs = (origin: OriginId): boolean => own.has(origin) && headOf(vector, origin).seq > 0 && isNews(origin)
  const { joints, gaps } = jointsOf(vector, theirs, piece.base ?? new Map())
  const forks = gaps.filter(isOurs)
  let isComparable = forks.length === gaps.length
  const believed: OriginId[] = []
  for (const { origin, seq, chain, continues } of joints) {
    const isUnknown = chain === CHAIN_UNKNOWN
    const known = isUnknown ? undefined : await chainAt(work.transaction, row.document, vector, checkpoint, origin, seq)
    if ((continues && isOurs(origin)) || (known !== undefined && known !== chain)) forks.push(origin)
    else if (isUnknown && headOf(vector, origin).seq === seq) believed.push(origin)
    else if (continues && known === undefined) isComparable = false
  }
  return { forks, isComparable, believed }
}

/** Whether the dots of a transfer are all there with it: none of what still floats is among them. */
const holdsTold = ({ floating }: Foldable, { records }: Landed, vector: VersionVector): boolean =>
  floating.every((row) => Number(row.key[2]) > headOf(vector, String(row.key[1])).seq || records.includes(row))

/** What came and what landed, as one: they may rest on one another. `undefined`: a piece is damaged. */
async function joinLanded(
  transaction: WriteTransaction,
  { piece, opened, partial }: Complete,
  { records }: Landed,
): Promise<PieceBytes[] | undefined> {
  const pieces = partial === undefined ? [] : await readPieces(transaction, piece, [rangeOf(partial)])
  const before = inflateAll(pieces)
  if (before.length < pieces.length) return undefined
  return joinToPieces([...before, opened.update, ...records.map(({ value }) => value.bytes)])
}

const rangeOf = ({ as, pieces }: PartialRow): PieceRange => ({ id: as, from: 0, count: pieces })

/** Notes what open documents are to be given. */
async function note(work: Work, entered: Entered, { piece, vector, opened, partial }: Complete): Promise<void> {
  const { transaction, taken } = work
  const { document } = piece
  const ranges = partial === undefined ? [] : [rangeOf(partial)]
  if ((partial?.bytes ?? 0) + piece.size > ARRIVED_BYTES_MAX) return
  const before = inflateAll(await readPieces(transaction, piece, ranges))
  if (before.length < countPieces(ranges)) return
  const arrived = { updates: [...before, opened.update], vector, before: new Map(entered.vector) }
  taken.pieces.set(document, [...(taken.pieces.get(document) ?? []), arrived])
}

/** What a set becomes part of. */
interface Ground {
  checkpoint: CheckpointRow | undefined
  foldable: Foldable
  landed: Landed
  /** The set, with what landed by it. */
  joined: readonly PieceBytes[]
}

/** Pieces stay where they lie, but for those that have to be joined: only records that were not folded yet are written anew. */
async function fold(work: Work, entered: Entered, set: Complete, ground: Ground): Promise<void> {
  const { transaction, environment } = work
  const { piece, vector, mends } = set
  const { checkpoint, foldable, landed } = ground
  const { document } = piece
  const id = randomId(environment)
  const folded = joinToPieces(foldable.records.map(({ value }) => value.bytes))
  const held: PieceRange[] = [...(checkpoint?.pieces ?? []), ...putPieces(transaction, piece, id, folded)]
  const came = await putSet(transaction, set, id, folded.length, ground.joined)
  const covered = new Map(foldable.vector)
  for (const { key, value } of landed.records) {
    const { origin, seq, chain } = toRecord(key, value)
    if (seq > headOf(covered, origin).seq) covered.set(origin, { seq, chain })
  }
  for (const [origin, head] of vector) {
    if (head.seq > headOf(covered, origin).seq) covered.set(origin, head)
    if (head.seq > headOf(entered.vector, origin).seq) entered.vector.set(origin, head)
  }
  // What was lost may be what the rest is built on.
  const pieces = mends ? [...came.ranges, ...held] : [...held, ...came.ranges]
  const bytes = folded.reduce((sum, { size }) => sum + size, (checkpoint?.bytes ?? 0) + came.bytes)
  if (checkpoint?.logged !== undefined) transaction.delete('log', [checkpoint.logged.offset])
  work.self.head++
  // What came from two relays is news to each of them.
  const relay = checkpoint?.logged === undefined || checkpoint.logged.relay === work.from ? work.from : ''
  const logged = { offset: work.self.head, relay }
  transaction.put('log', [work.self.head], { document, origin: '', seq: 0, from: { relay }, kind: 'checkpoint' })
  const stateVector = encodeClocks(landed.clocks)
  transaction.put('checkpoints', [document], { id, vector: rowsOf(covered), pieces, bytes, stateVector, logged })
}

/** Where the pieces of a set lie, and their bytes. */
async function putSet(
  transaction: WriteTransaction,
  { piece, partial }: Complete,
  id: string,
  from: number,
  joined: readonly PieceBytes[],
): Promise<{ ranges: PieceRange[]; bytes: number }> {
  if (joined.length > 0) {
    await dropPartial(transaction, piece.document)
    const bytes = joined.reduce((sum, { size }) => sum + size, 0)
    return { ranges: putPieces(transaction, piece, id, joined, from), bytes }
  }
  if (partial === undefined) return { ranges: putPieces(transaction, piece, id, [piece], from), bytes: piece.size }
  putPieces(transaction, piece, partial.as, [piece], piece.index)
  transaction.delete('partials', [piece.document])
  return { ranges: [{ id: partial.as, from: 0, count: piece.count }], bytes: partial.bytes + piece.size }
}
