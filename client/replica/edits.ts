/** Edits: what was typed here and is not sealed yet, and how it becomes records, or is handed over to be named by a relay. */
import { headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import type { Environment } from '../../shared/environment.ts'
import { type DocumentId, randomId } from '../../shared/ids.ts'
import { EMPTY_UPDATE, joinUpdates } from '../../shared/update/join.ts'
import { UPDATE_LIMITS } from '../../shared/update/limits.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import { seal } from '../../shared/update/seal.ts'
import { splitUpdate } from '../../shared/update/split.ts'
import { cutAtGround } from './ground.ts'
import type { Offered, Sealed, Unsent } from './log-types.ts'
import type { Mover } from './moving.ts'
import { leaveOrigin, putRecord, rowsOf } from './record-rows.ts'
import { sealedSeq } from './room.ts'
import { putEditCount, readSelf, refOf, sumOf, vectorOf, wanted } from './rows.ts'
import { editChecksum, isSoundEdit, toEdit } from './soundness.ts'
import type { DocumentRow, EditRange, ReplicaRow, Row, Waiting, WriteTransaction } from './store.ts'

/** Bytes of one record: well below what every relay accepts. Only what cannot be cut is larger. */
export const RECORD_BYTES_TARGET = 512 * 1024

/**
 * Seals all edits of a document; they must be sound. They are joined first and then cut, as edits of one tab may build on those
 * of another, whichever comes first by key.
 */
export async function sealEdits(
  transaction: WriteTransaction,
  document: DocumentId,
  { tab, environment }: Mover,
): Promise<Omit<Sealed, 'held'>> {
  const row = await transaction.get('documents', [document])
  const edits = await transaction.range('edits', [document])
  if (row === undefined || edits.length === 0) return nothingSealed((await readSelf(transaction)).head)
  const where = refOf(row)
  const vector = vectorOf(row)
  const isLate = edits.some(({ value }) => value.late)
  const self = await namer(transaction, row, vector, isLate, environment)
  const { origin } = self
  const ranges = rangesOf(edits)
  const joined = joinEdits(edits)
  const parts = (isLate ? await cutAtGround(transaction, row, joined) : [joined]).flatMap(cut)
  const offered: Offered[] = []
  const records = parts.map((bytes, index): Waiting => {
    const previous = headOf(vector, origin)
    const record = seal(row, { origin, seq: previous.seq + 1, kind: 'yjs-v1', bytes }, previous.chain)
    const offset = self.head + 1 + index
    putRecord(transaction, document, record, offset, { tab })
    offered.push({ offset, where, record, foreign: false })
    vector.set(origin, { seq: record.seq, chain: record.chain })
    return { origin, seq: record.seq, count: countOfPart(edits, index, parts.length), edits: ranges }
  })
  for (const { key } of edits) transaction.delete('edits', key)
  putEditCount(transaction, document, 0)
  const waiting = [...row.waiting, ...records]
  const head = self.head + records.length
  transaction.put('documents', [document], { ...wanted(row), vector: rowsOf(vector), waiting })
  transaction.put('meta', ['replica'], { ...self, head })
  return { records, offered, added: { before: self.head, head } }
}

export const nothingSealed = (head: number): Omit<Sealed, 'held'> => ({
  records: [],
  offered: [],
  added: { before: head, head },
})

/** Edits as one update. Raises `invalid-update` or `too-big` for what no relay would take in any parts, although Yjs made it. */
function joinEdits(edits: readonly Row<'edits'>[]): Uint8Array {
  const all = edits.flatMap(({ value }) => within(value.bytes))
  return joinUpdates(edits.some(({ value }) => value.loose) ? [...all, EMPTY_UPDATE] : all)
}

/** Joins what a tab has only merged as it typed: where no relay takes edits they stay for long. */
export async function tightenEdits(transaction: WriteTransaction, document: DocumentId, tab: string): Promise<void> {
  const row = await transaction.get('documents', [document])
  if (row === undefined) return
  for (const each of await transaction.range('edits', [document, tab])) {
    const { loose, ...edit } = each.value
    // Damaged ones are taken out by whoever reads them.
    if (!loose || !isSoundEdit(row, edit)) continue
    const bytes = joinEdits([each])
    transaction.put('edits', each.key, { ...edit, bytes, checksum: editChecksum(row, bytes) })
  }
}

/**
 * Dots of what left this device or was damaged, and is not all back, are not given again (P8): then this replica goes on under another
 * origin. So it does where late edits may be what records rest on that wait: as the next ones of that origin they would wait for those.
 */
async function namer(
  transaction: WriteTransaction,
  row: DocumentRow,
  vector: VersionVector,
  isLate: boolean,
  environment: Environment,
): Promise<ReplicaRow> {
  const self = await readSelf(transaction)
  const isTaken = sealedSeq(row, self.origin) > headOf(vector, self.origin).seq
  const isGround = isLate && row.lacks !== undefined && row.waiting.length > 0
  return isTaken || isGround ? leaveOrigin(transaction, environment) : self
}

/** What of the edits is submitted next; `undefined` where they are too much for one update and are to be cut first. */
export function nextUnsent(where: DocumentRef, edits: readonly Row<'edits'>[]): Unsent | undefined {
  const made = edits.find(({ value }) => value.of !== undefined)
  const next = made === undefined ? edits : [made]
  const bytes = joinEdits(next)
  if (made === undefined && !isOnePart(bytes)) return undefined
  return { where: refOf(where), edits: [...next], bytes, more: next.length < edits.length }
}

/** Puts parts that a relay takes in the place of edits that are too much for one update. */
export function cutEdits(
  transaction: WriteTransaction,
  where: DocumentRef,
  edits: readonly Row<'edits'>[],
  environment: Environment,
): void {
  for (const { key } of edits) transaction.delete('edits', key)
  putEditCount(transaction, where.document, 0)
  const bytes = joinEdits(edits)
  putMade(transaction, where, [bytes], rangesOf(edits), sumOf(edits), environment)
}

/**
 * Puts edits made of others, or of records, under a name that no tab counts under, so that they take the place of none. They are
 * submitted in the order of these updates.
 */
export function putMade(
  transaction: WriteTransaction,
  where: DocumentRef,
  updates: readonly Uint8Array[],
  of: readonly EditRange[],
  count: number,
  environment: Environment,
): void {
  const name = randomId(environment)
  const parts = updates.flatMap(cut)
  for (const [index, part] of parts.entries()) {
    const edit = toEdit(where, part, index === parts.length - 1 ? count : 0)
    transaction.put('edits', [where.document, name, index], { ...edit, of })
  }
}

/** An update in parts that make records, or are submitted. */
const cut = (bytes: Uint8Array): Uint8Array[] => splitUpdate(bytes, RECORD_BYTES_TARGET)

/** What was typed at once may be more than one update may be, as where all of a large document is marked and deleted. */
export const within = (bytes: Uint8Array): Uint8Array[] => splitUpdate(bytes, UPDATE_LIMITS.bytesMax)

/** Updates that are not stored, in parts to be submitted. Raises as `joinEdits` does. */
export const inParts = (updates: readonly Uint8Array[]): Uint8Array[] => cut(joinUpdates(updates.flatMap(within)))

const isOnePart = (bytes: Uint8Array): boolean => cut(bytes).length === 1

/** They wait until the last part is acknowledged. */
const countOfPart = (edits: readonly Row<'edits'>[], index: number, parts: number): number =>
  index === parts - 1 ? sumOf(edits) : 0

/** The edits in rows: their own numbers, or what they were made of. */
function rangesOf(edits: readonly Row<'edits'>[]): EditRange[] {
  const ranges = new Map<string, EditRange>()
  const add = ({ tab, from, to }: EditRange): void => {
    const known = ranges.get(tab)
    ranges.set(tab, known ? { tab, from: Math.min(known.from, from), to: Math.max(known.to, to) } : { tab, from, to })
  }
  for (const { key, value } of edits) {
    const n = Number(key[2])
    for (const range of value.of ?? [{ tab: String(key[1]), from: n, to: n }]) add(range)
  }
  return [...ranges.values()]
}
