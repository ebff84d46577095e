/** Rows of the SQLite tables as what they stand for, checked. */
import type { VersionVector } from '../../shared/causality/version-vector.ts'
import { RejoinError } from '../../shared/errors.ts'
import { fromHex, toHex } from '../../shared/hash.ts'
import type { EpochStart } from '../../shared/sync/places.ts'
import type { PieceBytes } from '../../shared/update/piece-bytes.ts'
import { type DocumentRef, UPDATE_KINDS, type UpdateRecord, verify } from '../../shared/update/record.ts'
import { decodeVector, encodeVector } from '../../shared/wire/codec.ts'
import {
  checkpointChecksum,
  pieceChecksum,
  rowChecksum,
  verifyCheckpoint,
  verifyPiece,
  verifyRow,
} from './checksums.ts'
import { fromParts, toParts } from './parts.ts'
import { RESTORED_KIND, TOMBSTONE_KIND } from './schema.ts'
import type {
  AnyEntry,
  Checkpoint,
  Mark,
  OriginOwner,
  Quarantined,
  StoredDocument,
  StoredSummary,
  Transfer,
  Writer,
} from './store.ts'

export type Row = Record<string, unknown>

const NOTHING = new Uint8Array()

export const toRef = (row: Row): DocumentRef => ({
  document: String(row.id),
  epoch: String(row.epoch),
  gc: row.gc === 1,
})

/** Raises `corrupt`. */
export function toDocument(row: Row): StoredDocument {
  verifyRow(documentName(row), row.checksum, row.vector as Uint8Array)
  const vector: VersionVector = decodeVector(row.vector as Uint8Array)
  const { touched, deleted } = row
  return {
    ...toRef(row),
    vector,
    bytes: Number(row.bytes),
    touched: Number(touched) || undefined,
    deleted: Number(deleted) || undefined,
  }
}

const documentName = ({ id, epoch, gc, bytes, touched, deleted }: Row) =>
  ['document', ...[id, epoch, gc, bytes, touched, deleted].map(String)] as const

export const documentChecksum = (row: Row): Uint8Array => rowChecksum(documentName(row), row.vector as Uint8Array)

/** The columns of a document from `id` on. */
export function fromDocument(stored: StoredDocument): [string, string, number, Uint8Array, ...(number | Uint8Array)[]] {
  const { document: id, epoch, vector, bytes, touched = 0, deleted = 0 } = stored
  const gc = stored.gc ? 1 : 0
  const encoded = encodeVector(vector)
  const checksum = rowChecksum(documentName({ id, epoch, gc, bytes, touched, deleted }), encoded)
  return [id, epoch, gc, encoded, bytes, touched, deleted, checksum]
}

/** Raises `corrupt`. */
export function toEntry(row: Row): AnyEntry {
  const where = toRef(row)
  const offset = Number(row.offset)
  if (row.kind === RESTORED_KIND || row.kind === TOMBSTONE_KIND) {
    // Those of older files have none.
    const { length } = row.checksum as Uint8Array
    if (length > 0) verifyRow(markName(where, offset, Number(row.kind)), row.checksum)
    return row.kind === RESTORED_KIND ? { offset, where, restored: true } : { offset, where, tombstone: true }
  }
  return { offset, where, record: toRecord(where, row) }
}

/** Raises `corrupt` for what is no number: an empty blob would be 0. */
function toNumber(value: unknown): number {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value)
  throw new RejoinError('corrupt', 'a row has something else in the place of a number')
}

/** Raises `corrupt`. */
export function toRecord(where: DocumentRef, row: Row): UpdateRecord {
  const kind = UPDATE_KINDS[toNumber(row.kind)]
  if (kind === undefined) throw new RejoinError('corrupt', `a record of ${JSON.stringify(where.document)} has no kind`)
  const record: UpdateRecord = {
    origin: toHex(row.origin as Uint8Array),
    seq: toNumber(row.seq),
    kind,
    bytes: row.bytes as Uint8Array,
    checksum: toHex(row.checksum as Uint8Array),
    chain: toHex(row.chain as Uint8Array),
  }
  verify(where, record)
  return record
}

/** The columns of a log entry from `origin` on. */
export function fromEntry(entry: AnyEntry): [Uint8Array, number, number, ...Uint8Array[]] {
  // Without an origin no dot is like it; with the offset in place of a seq no two are alike.
  if ('restored' in entry || 'tombstone' in entry) {
    const kind = 'restored' in entry ? RESTORED_KIND : TOMBSTONE_KIND
    const checksum = rowChecksum(markName(entry.where, entry.offset, kind))
    return [NOTHING, entry.offset, kind, NOTHING, checksum, NOTHING]
  }
  const { origin, seq, kind, bytes, checksum, chain } = entry.record
  return [fromHex(origin), seq, UPDATE_KINDS.indexOf(kind), bytes, fromHex(checksum), fromHex(chain)]
}

const markName = ({ document, epoch }: DocumentRef, offset: number, kind: number) =>
  ['entry', epoch, document, offset, kind] as const

/** `parts`: rows of the parts that are not in this one. Raises `corrupt`. */
export function toCheckpoint(where: DocumentRef, row: Row, parts: () => Row[]): Checkpoint {
  const checkpoint: Checkpoint = {
    id: toHex(row.id as Uint8Array),
    vector: decodeVector(row.vector as Uint8Array),
    through: toNumber(row.through),
    pieces: toNumber(row.pieces),
    bytes: toNumber(row.bytes),
    size: toNumber(row.size),
    compacted: toNumber(row.compacted),
    intervals: fromParts(row.intervals as Uint8Array, () => parts().map(({ bytes }) => bytes as Uint8Array)),
  }
  verifyCheckpoint(where, checkpoint, toHex(row.checksum as Uint8Array))
  return checkpoint
}

/** The columns of a checkpoint from `id` to `checksum`, and the parts that do not fit beside them. */
export function fromCheckpoint(
  where: DocumentRef,
  checkpoint: Checkpoint,
): { columns: (Uint8Array | number)[]; parts: Uint8Array[] } {
  const { id, vector, through, pieces, bytes, size, compacted, intervals } = checkpoint
  const checksum = fromHex(checkpointChecksum(where, checkpoint))
  const [first, ...parts] = toParts(intervals)
  const columns = [fromHex(id), encodeVector(vector), through, pieces, bytes, size, compacted, first, checksum]
  return { columns, parts }
}

/** Raises `corrupt`. */
export function toPiece(where: DocumentRef, row: Row): PieceBytes {
  const piece = { size: toNumber(row.size), bytes: row.bytes as Uint8Array }
  verifyPiece(where, piece, toHex(row.checksum as Uint8Array))
  return piece
}

/** The columns of a piece from `size` on. */
export function fromPiece(where: DocumentRef, piece: PieceBytes): [number, Uint8Array, Uint8Array] {
  return [piece.size, piece.bytes, fromHex(pieceChecksum(where, piece))]
}

/** Raises `corrupt`. */
export function toTransfer(row: Row): Transfer {
  verifyRow(transferName(row), row.checksum, row.id as Uint8Array)
  return {
    where: { document: String(row.document), epoch: String(row.epoch), gc: row.gc === 1 },
    id: toHex(row.id as Uint8Array),
    pieces: Number(row.pieces),
    bytes: Number(row.bytes),
    size: Number(row.size),
    at: Number(row.at),
  }
}

/** Raises `corrupt`. */
export function toWriter(where: DocumentRef, row: Row): Writer {
  const writer = {
    where,
    client: toNumber(row.client),
    owner: toHex(row.owner as Uint8Array),
    used: toNumber(row.used),
  }
  verifyRow(writerName(writer), row.checksum)
  return writer
}

/** The columns of a writer from `client` on. */
export function fromWriter(writer: Writer): (number | Uint8Array)[] {
  return [writer.client, fromHex(writer.owner), writer.used, rowChecksum(writerName(writer))]
}

/** Raises `corrupt`. */
export function toOwner(row: Row): OriginOwner {
  const owner = {
    origin: toHex(row.origin as Uint8Array),
    owner: toHex(row.owner as Uint8Array),
    used: toNumber(row.used),
  }
  verifyRow(ownerName(owner), row.checksum)
  return owner
}

export function fromOwner(owner: OriginOwner): (number | Uint8Array)[] {
  return [fromHex(owner.origin), fromHex(owner.owner), owner.used, rowChecksum(ownerName(owner))]
}

/** Raises `corrupt`. */
export function toQuarantined(row: Row): Quarantined {
  const id = toHex(row.id as Uint8Array)
  const bytes = row.bytes as Uint8Array
  verifyRow(quarantineName(id, String(row.about)), row.checksum, bytes)
  return { id, ...(JSON.parse(String(row.about)) as Omit<Quarantined, 'id' | 'bytes'>), bytes }
}

/** The columns of something set aside from `id` on. */
export function fromQuarantined({ id, bytes, ...rest }: Quarantined): (string | Uint8Array)[] {
  const about = JSON.stringify(rest)
  return [fromHex(id), about, bytes, rowChecksum(quarantineName(id, about), bytes)]
}

const quarantineName = (id: string, about: string) => ['quarantine', id, about] as const

const writerName = ({ where, client, owner, used }: Writer) => [
  'writer',
  where.epoch,
  where.document,
  client,
  owner,
  used,
]
const ownerName = ({ origin, owner, used }: OriginOwner) => ['owner', origin, owner, used]

const transferName = ({ document, epoch, gc, pieces, bytes, size, at }: Row) =>
  ['transfer', ...[document, epoch, gc, pieces, bytes, size, at].map(String)] as const

export const transferChecksum = (row: Row): Uint8Array => rowChecksum(transferName(row), row.id as Uint8Array)

/** Rows of two or three numbers and names, with the kind in front: what `verifyRow` takes. */
export const metaName = (key: string, value: string) => ['meta', key, value] as const
export const epochName = ({ epoch, start }: EpochStart) => ['epoch', epoch, start] as const
export const timeName = ({ offset, at, bytes }: Mark) => ['mark', offset, at, bytes] as const
export const summaryName = (head: number) => ['summary', head] as const

/** Raises `corrupt`. */
export function toMeta(row: Row): string {
  verifyRow(metaName(String(row.key), String(row.value)), row.checksum)
  return String(row.value)
}

/** Raises `corrupt`. */
export function toEpoch(row: Row): EpochStart {
  const epoch = { epoch: String(row.epoch), start: toNumber(row.start) }
  verifyRow(epochName(epoch), row.checksum)
  return epoch
}

/** Raises `corrupt`. */
export function toMark(row: Row): Mark {
  const mark = { offset: toNumber(row.offset), at: toNumber(row.at), bytes: toNumber(row.bytes) }
  verifyRow(timeName(mark), row.checksum)
  return mark
}

/** Raises `corrupt`. */
export function toSummary(row: Row): StoredSummary {
  const summary = { head: toNumber(row.head), bytes: row.bytes as Uint8Array }
  verifyRow(summaryName(summary.head), row.checksum, summary.bytes)
  return summary
}
