/**
 * A dot with two contents: what this replica holds under the origin is given other names (P8). What waits for a relay, under
 * whatever origin, may rest on it, so it moves as well: otherwise it would come before what it rests on, and neither be accepted.
 */
import { headOf } from '../../shared/causality/version-vector.ts'
import { type DocumentId, type OriginId, randomId } from '../../shared/ids.ts'
import { createIntervalIndex } from '../../shared/update/intervals.ts'
import { joinUpdates } from '../../shared/update/join.ts'
import { splitUpdate } from '../../shared/update/split.ts'
import { shrunk } from './checkpoints.ts'
import { summariesOf, summaryOf } from './content.ts'
import { type Damage, NO_DAMAGE, takeOutDamaged } from './damage.ts'
import { putMade, RECORD_BYTES_TARGET } from './edits.ts'
import { inflateAll } from './inflating.ts'
import { type Mover, sealAgain } from './moving.ts'
import { forgetPlaces } from './peers.ts'
import { readPieces } from './pieces.ts'
import { cutOrigin, firstWaiting, leaveOrigin, rowsOf } from './record-rows.ts'
import { coveredBy, dotOf, inOrder, readSelf, toRecord, vectorOf } from './rows.ts'
import { type Bad, isSoundRow } from './soundness.ts'
import type { DocumentRow, Row, WriteTransaction } from './store.ts'

/** Takes what is damaged out of what moves, then frees the names of the origin. */
export async function unseal(
  transaction: WriteTransaction,
  document: DocumentId,
  origin: OriginId,
  mover: Mover,
): Promise<Damage> {
  const row = await transaction.get('documents', [document])
  if (row === undefined) return NO_DAMAGE
  const damage = await takeOutDamaged(transaction, document, await badOf(transaction, row, origin), mover)
  const sound = (await transaction.get('documents', [document])) ?? row
  await unsealOrigin(transaction, sound, origin, mover)
  return damage
}

async function unsealOrigin(
  transaction: WriteTransaction,
  row: DocumentRow,
  origin: OriginId,
  mover: Mover,
): Promise<void> {
  const { document } = row
  const vector = vectorOf(row)
  // Also where nothing of it is here any more: somebody else seals under this origin.
  if ((await readSelf(transaction)).origin === origin) await leaveOrigin(transaction, mover.environment)
  const gone = await cutOrigin(transaction, document, vector, origin, 1)
  const isHeld = vector.delete(origin) || gone.length > 0
  const uncovered = await uncover(transaction, row, origin, gone, mover)
  const others = isHeld ? row.waiting.filter((each) => each.origin !== origin) : []
  for (const [of, seq] of firstWaiting(others)) gone.push(...(await cutOrigin(transaction, document, vector, of, seq)))
  const folded = await unnamed(transaction, row, gone, uncovered)
  const news = [...folded, ...(await onlyHere(transaction, row, gone, folded))]
  const sealed = mover.durable ? await sealAgain(transaction, row, vector, news, mover) : []
  if (!mover.durable) {
    // Each for itself: what lies between them, under another name, may rest on one of them and be what another rests on.
    const updates = news.map(({ value }) => value.bytes)
    putMade(transaction, row, updates, [], 0, mover.environment)
  }
  const waiting = isHeld ? sealed : row.waiting.filter((each) => each.origin !== origin)
  const left = isHeld ? await shrunk(transaction, row) : row
  // What a relay has under this name is not here now, wherever the places are.
  if (isHeld) await forgetPlaces(transaction)
  const doubted = row.doubted?.filter((each) => each.origin !== origin)
  transaction.put('documents', [document], { ...left, vector: rowsOf(vector), waiting, doubted })
}

/**
 * Takes the origin out of what the checkpoint covers; its pieces stay. Where its records are gone nothing tells which of their
 * content is this origin's: then all of it is given back, to be sealed again, before anything that rests on it.
 */
async function uncover(
  transaction: WriteTransaction,
  row: DocumentRow,
  origin: OriginId,
  gone: readonly Row<'records'>[],
  { environment }: Mover,
): Promise<Row<'records'>[]> {
  const { document } = row
  const checkpoint = await transaction.get('checkpoints', [document])
  const covered = headOf(coveredBy(checkpoint), origin)
  if (checkpoint === undefined || covered.seq === 0) return []
  const vector = checkpoint.vector.filter((head) => head.origin !== origin)
  // Another checkpoint: what is on its way of the old one says too much.
  const id = randomId(environment)
  transaction.put('checkpoints', [document], { ...checkpoint, id, vector })
  if (gone.filter(({ key }) => Number(key[2]) <= covered.seq).length === covered.seq) return []
  const content = inflateAll(await readPieces(transaction, row, checkpoint.pieces))
  const nothing = { kind: 'yjs-v1' as const, checksum: '', chain: '', offset: 0 }
  return splitUpdate(joinUpdates(content), RECORD_BYTES_TARGET).map((bytes, index) => ({
    key: [document, '', index],
    value: { ...nothing, bytes },
  }))
}

/** What is folded, as far as no record that stays holds all of it: a branch that is met again was sealed again before. */
async function unnamed(
  transaction: WriteTransaction,
  row: DocumentRow,
  gone: readonly Row<'records'>[],
  folded: readonly Row<'records'>[],
): Promise<readonly Row<'records'>[]> {
  if (folded.length === 0) return folded
  const leaving = new Set(gone.map(({ key }) => key.join('/')))
  const records = await transaction.range('records', [row.document])
  const index = summariesOf(records.filter(({ key }) => !leaving.has(key.join('/'))).map(({ value }) => value.bytes))
  const isHeld = folded.every(({ value }) => {
    const summary = summaryOf(value.bytes)
    return summary !== undefined && !index.adds(summary)
  })
  return isHeld ? [] : folded
}

/**
 * Those that wait, and those of which no record before them here holds everything: two branches that are met again and again are
 * sealed again once. What comes later may hold it too, and rest on what was built on it.
 */
async function onlyHere(
  transaction: WriteTransaction,
  row: DocumentRow,
  gone: readonly Row<'records'>[],
  besides: readonly Row<'records'>[],
): Promise<Row<'records'>[]> {
  const waits = new Set(row.waiting.map(dotOf))
  const isWaiting = ({ key, value }: Row<'records'>): boolean => waits.has(dotOf(toRecord(key, value)))
  if (gone.every(isWaiting)) return inOrder(gone)
  const leaving = new Set(gone)
  const index = createIntervalIndex()
  return inOrder([...besides, ...(await transaction.range('records', [row.document])), ...gone]).filter((each) => {
    const summary = summaryOf(each.value.bytes)
    if (summary === undefined) return leaving.has(each)
    const adds = index.adds(summary)
    index.add(summary)
    return leaving.has(each) && (adds || isWaiting(each))
  })
}

async function badOf(transaction: WriteTransaction, row: DocumentRow, origin: OriginId): Promise<Bad[]> {
  const { document } = row
  const bad: Bad[] = []
  for (const [of, from] of firstWaiting(row.waiting).set(origin, 1)) {
    for (const each of await transaction.range('records', [document, of], { from })) {
      if (!isSoundRow(row, each)) bad.push({ document, origin: of, seq: Number(each.key[2]) })
    }
  }
  return bad
}
