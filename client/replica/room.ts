/**
 * Making room: a document that relays have leaves this device, and comes back when it is wanted. Of one that left, its row stays:
 * what it is called, its epoch, and what was held, so that no name is given twice (P8) and nobody takes a part for the whole. Its
 * version vector begins anew, as it says what is here (P4).
 */
import { covers } from '../../shared/causality/version-vector.ts'
import type { Environment } from '../../shared/environment.ts'
import { type DocumentId, FIRST_EPOCH, type OriginId, type ReplicaId } from '../../shared/ids.ts'
import { dropCheckpoint, shrunk } from './checkpoints.ts'
import type { HeldDocument } from './log-types.ts'
import { deleteLogged } from './record-rows.ts'
import { newDocument, readHeld, vectorOf, wanted } from './rows.ts'
import type { Away, DocumentRow, Key, PeerRow, ReadTransaction, ReplicaStore, WriteTransaction } from './store.ts'

/** How exactly it is known when a document was used: which of two was used last matters little where both were just now. */
const USED_COARSE_MS = 60_000

/**
 * Bytes that are given up first where the store is full: Chromium then refuses every transaction that puts anything, were it the
 * note that a document has left, whatever that takes away. More than 64 KiB, so that it keeps them in a file of their own,
 * which is gone at once; the note takes some hundred, and what is typed meanwhile has to fit too.
 */
const SPARE_BYTES = 256 * 1024
/** No document has this name. */
const SPARE_KEY: Key = ['', 'spare', 0]

/** Nothing of it is here, and nothing is wanted. */
export const hasLeft = ({ away }: DocumentRow): boolean => away !== undefined && !away.wanted

/** The highest seq that this replica may have sealed of a document under an origin: what left counts, and what was damaged. */
export function sealedSeq(row: Pick<DocumentRow, 'vector' | 'away' | 'lacks'>, origin: OriginId): number {
  const dots = [...row.vector, ...(row.away?.vector ?? []), ...(row.lacks ?? [])]
  return dots.reduce((most, each) => (each.origin === origin ? Math.max(most, each.seq) : most), 0)
}

export async function pin(
  transaction: WriteTransaction,
  document: DocumentId,
  pinned: boolean,
  at: number,
): Promise<HeldDocument> {
  const row =
    (await transaction.get('documents', [document])) ?? newDocument({ document, epoch: FIRST_EPOCH, gc: true })
  const { pinned: _, ...rest } = row
  transaction.put('documents', [document], pinned ? { ...wanted(rest), pinned } : rest)
  return (await readHeld(transaction, document, at)) as HeldDocument
}

/** Notes that documents were opened or written. What is written all the time is looked up once a minute. */
export function createUsing(
  store: ReplicaStore,
  environment: Environment,
): (documents: Iterable<DocumentId>) => Promise<void> {
  /** When each was last noted, of those that were used in this tab. */
  const noted = new Map<DocumentId, number>()
  const isJust = (now: number, usedAt = 0): boolean => Math.abs(now - usedAt) < USED_COARSE_MS

  return async function used(documents: Iterable<DocumentId>): Promise<void> {
    const now = environment.now()
    const those = [...documents].filter((document) => !isJust(now, noted.get(document)))
    if (those.length === 0) return
    const found = await store.write(['documents'], async (transaction) => {
      const times = new Map<DocumentId, number>()
      for (const document of those) {
        const row = await transaction.get('documents', [document])
        if (row === undefined) continue
        const { usedAt = 0 } = row
        times.set(document, isJust(now, usedAt) ? usedAt : now)
        if (!isJust(now, usedAt)) transaction.put('documents', [document], { ...row, usedAt: now })
      }
      return times
    })
    for (const [document, usedAt] of found) noted.set(document, usedAt)
  }
}

/** Keeps the spare bytes, or gives them up. */
export async function spare(transaction: WriteTransaction, kept: boolean): Promise<void> {
  if (!kept) transaction.delete('pieces', SPARE_KEY)
  else if ((await transaction.get('pieces', SPARE_KEY)) === undefined) {
    transaction.put('pieces', SPARE_KEY, { size: 0, bytes: noise(SPARE_BYTES), checksum: '' })
  }
}

/** Bytes that take up their length however they are stored. */
function noise(length: number): Uint8Array {
  let state = 1
  return Uint8Array.from({ length }, () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state
  })
}

/** Bytes of all that is stored of a document. */
export async function sizeOf(transaction: ReadTransaction, document: DocumentId): Promise<number> {
  let bytes = 0
  for (const table of ['records', 'pieces', 'edits'] as const) {
    for (const { value } of await transaction.range(table, [document])) bytes += value.bytes.length
  }
  return bytes
}

/** Takes a document off this device; `undefined` where it has to stay. */
export async function evict(
  transaction: WriteTransaction,
  document: DocumentId,
  at: number,
): Promise<{ held: HeldDocument; freed: number } | undefined> {
  const row = await transaction.get('documents', [document])
  if (row === undefined || !(await mayLeave(transaction, row))) return undefined
  const freed = await sizeOf(transaction, document)
  await dropCheckpoint(transaction, document)
  for (const { key, value } of await transaction.range('records', [document])) {
    transaction.delete('records', key)
    await deleteLogged(transaction, key, value)
  }
  const rest = await shrunk(transaction, row)
  const places = (await transaction.range('peers', [])).map(({ value }) => placeOf(value))
  transaction.put('documents', [document], { ...rest, vector: [], away: { vector: row.vector, places } })
  return { held: (await readHeld(transaction, document, at)) as HeldDocument, freed }
}

/** What a relay has not acknowledged is nowhere else. */
async function mayLeave(transaction: ReadTransaction, row: DocumentRow): Promise<boolean> {
  const isFree = !row.pinned && !row.deleted && !row.untold && row.away === undefined
  if (!isFree || row.vector.length === 0 || row.waiting.length > 0) return false
  return (await transaction.range('edits', [row.document], { limit: 1 })).length === 0
}

/**
 * The document was compared with this relay: it is whole if all that left is here again. Other relays whose log was read on meanwhile
 * may have brought what was not taken: they are compared with when they are met.
 */
export async function home(
  transaction: WriteTransaction,
  document: DocumentId,
  relay: ReplicaId,
  at: number,
): Promise<HeldDocument | undefined> {
  const row = await transaction.get('documents', [document])
  if (row?.away?.wanted === undefined || !covers(vectorOf(row), vectorOf(row.away))) return undefined
  const { away, ...rest } = row
  const unmoved = new Set(away.places.map(nameOf))
  for (const { key, value } of await transaction.range('peers', [])) {
    if (value.replica !== relay && !unmoved.has(nameOf(placeOf(value)))) transaction.delete('peers', key)
  }
  transaction.put('documents', [document], rest)
  return readHeld(transaction, document, at)
}

const placeOf = ({ replica, round, place }: PeerRow): Away['places'][number] => ({ replica, round, place })

const nameOf = ({ replica, round, place }: Away['places'][number]): string =>
  `${replica}/${round}/${place.epoch}/${place.offset}`
