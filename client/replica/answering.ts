/**
 * What is sent to somebody who lacks it. Where records of it are gone, that begins with the checkpoint, whole or without what the
 * other's state vector covers, piece by piece and each read when its turn comes; then come the records.
 */

import { CHAIN_UNKNOWN, type Chain } from '../../shared/causality/chain.ts'
import { lacking } from '../../shared/causality/comparing.ts'
import { headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import type { DocumentId, OriginId } from '../../shared/ids.ts'
import { baseOf, firstUnknown, provable } from '../../shared/sync/joint.ts'
import { deflatePiece } from '../../shared/update/deflate-piece.ts'
import { type Clocks, cutPiece, decodeClocks, raiseClocks, transferId } from '../../shared/update/fold.ts'
import { EMPTY_UPDATE, joinUpdates } from '../../shared/update/join.ts'
import type { PieceBytes } from '../../shared/update/piece-bytes.ts'
import type { UpdateRecord } from '../../shared/update/record.ts'
import { inspectStateVector } from '../../shared/update/state-vector.ts'
import type { Piece, Vector } from '../../shared/wire/messages.ts'
import { causally } from './causally.ts'
import { chainAt, countPieces, placeOfPiece, readBeyond } from './checkpoints.ts'
import { summaryOf } from './content.ts'
import { isFit } from './fitness.ts'
import type { Answer, Transfer } from './log-types.ts'
import { readPieces } from './pieces.ts'
import { coveredBy, inOrder, refOf, toRecord, vectorOf } from './rows.ts'
import { type Bad, firstMissing } from './soundness.ts'
import type { CheckpointRow, DocumentRow, ReadTransaction, ReplicaStore, Row } from './store.ts'

export interface Answering {
  store: ReplicaStore
  /** Damaged rows are taken out, and told. */
  mendAll(bad: readonly Bad[]): Promise<void>
  /** Lets others run: called between pieces that are looked into. */
  pause(): Promise<void>
}

export async function answer(
  answering: Answering,
  document: DocumentId,
  theirs: Pick<Vector, 'vector' | 'stateVector' | 'partial'>,
  strict: boolean,
): Promise<Answer> {
  const bad: Bad[] = []
  const { where, checkpoint, base, unproven, proof, records } = await answering.store.read(
    ['documents', 'records', 'checkpoints'],
    async (transaction) => readAnswer(transaction, document, theirs, strict, bad),
  )
  if (bad.length > 0) {
    await answering.mendAll(bad)
    return answer(answering, document, theirs, strict)
  }
  if (unproven !== undefined) return { unproven, records: [] }
  if (where === undefined || checkpoint === undefined) return { records }
  const transfer = await begin(answering, where, checkpoint, base, proof ?? [], theirs)
  return transfer === undefined ? answer(answering, document, theirs, strict) : { transfer, records }
}

interface ReadAnswer extends Pick<Answer, 'unproven' | 'records'> {
  where?: DocumentRow
  checkpoint?: CheckpointRow
  base: VersionVector
  /** Records that the receiver has and the checkpoint does not cover: their deletions go with it where there is something to prove. */
  proof?: Uint8Array[]
}

async function readAnswer(
  transaction: ReadTransaction,
  document: DocumentId,
  { vector: theirs, stateVector }: Pick<Vector, 'vector' | 'stateVector'>,
  strict: boolean,
  bad: Bad[],
): Promise<ReadAnswer> {
  const where = await transaction.get('documents', [document])
  if (where === undefined) return { base: new Map(), records: [] }
  const checkpoint = await transaction.get('checkpoints', [document])
  const covered = coveredBy(checkpoint)
  const rows: Row<'records'>[] = []
  let isWhole = true
  for (const { origin, from, to } of lacking(theirs, vectorOf(where))) {
    const found = await transaction.range('records', [document, origin], { from })
    isWhole &&= found.length === to - from + 1
    rows.push(...found)
    // What is trimmed is in the checkpoint; beyond it every record is to be there.
    const beyond = Math.max(from, headOf(covered, origin).seq + 1)
    const gone = firstMissing(
      document,
      { origin, from: beyond, to },
      found.filter(({ key }) => Number(key[2]) >= beyond),
    )
    if (beyond <= to && gone !== undefined) bad.push(gone)
  }
  // What the checkpoint brings does not come twice.
  const sent = isWhole ? rows : rows.filter(({ key }) => Number(key[2]) > headOf(covered, String(key[1])).seq)
  const sound = inOrder(sent)
    .map(({ key, value }) => toRecord(key, value))
    .filter((record) => isFit(where, record, bad))
  const records = causally(sound)
  if (isWhole || checkpoint === undefined) return { where, base: new Map(), records }
  const chains = new Map<OriginId, Chain | undefined>()
  for (const [origin, { seq }] of theirs) {
    chains.set(origin, await chainAt(transaction, document, vectorOf(where), checkpoint, origin, seq))
  }
  const base = baseOf(covered, theirs, (origin) => chains.get(origin) ?? (strict ? CHAIN_UNKNOWN : undefined))
  const unknown = firstUnknown(base)
  if (unknown === undefined) return { where, checkpoint, base, records }
  const beyond = inOrder(await readBeyond(transaction, document, vectorOf(where), checkpoint))
    .map(({ key, value }) => toRecord(key, value))
    .filter((record) => isFit(where, record, bad))
  if (!holdsAll(checkpoint, beyond, stateVector)) return { where, checkpoint, base, unproven: unknown, records }
  const proof = beyond.filter(({ origin, seq }) => seq <= headOf(theirs, origin).seq).map(({ bytes }) => bytes)
  return { where, checkpoint, base: provable(base, theirs), proof, records }
}

/** Whether all clocks of somebody's state vector are in the checkpoint and the records. */
function holdsAll(checkpoint: CheckpointRow, records: readonly UpdateRecord[], stateVector?: Uint8Array): boolean {
  if (stateVector === undefined || !isStateVector(stateVector)) return false
  const held: Clocks = decodeClocks(checkpoint.stateVector)
  const structs = records.flatMap(({ bytes }) => summaryOf(bytes)?.structs ?? [])
  raiseClocks(
    held,
    structs.sort((a, b) => a.clock - b.clock),
  )
  return [...inspectStateVector(stateVector)].every(([client, clock]) => clock <= (held.get(client) ?? 0))
}

/** `undefined`: a piece is damaged, and was taken out. */
async function begin(
  { store, mendAll, pause }: Answering,
  where: DocumentRow,
  checkpoint: CheckpointRow,
  base: VersionVector,
  proof: readonly Uint8Array[],
  { stateVector, partial }: Pick<Vector, 'stateVector' | 'partial'>,
): Promise<Transfer | undefined> {
  const cut = stateVector !== undefined && isStateVector(stateVector) ? stateVector : undefined
  const all = Array.from({ length: countPieces(checkpoint.pieces) }, (_, number) => number)

  /** A piece of the checkpoint that was there when this began. */
  async function readPiece(number: number): Promise<PieceBytes | undefined> {
    const place = placeOfPiece(checkpoint.pieces, number)
    if (place === undefined) return undefined
    const found = await store.read(['checkpoints', 'pieces'], async (transaction) => {
      const now = await transaction.get('checkpoints', [where.document])
      // Folding makes other pieces, and leaves these only where it is the same checkpoint.
      if (now?.id !== checkpoint.id) return undefined
      return (await readPieces(transaction, where, [{ id: place.id, from: place.index, count: 1 }]))[0]
    })
    if (found === undefined) return undefined
    if (found.row !== undefined && found.isSound) return found.row
    await mendAll([{ document: where.document, origin: '', seq: 0, piece: place }])
    return undefined
  }

  async function readCut(number: number): Promise<PieceBytes | 'nothing' | undefined> {
    const piece = await readPiece(number)
    return piece === undefined || cut === undefined ? piece : (cutPiece(piece, cut) ?? 'nothing')
  }

  /** Those of which something is left. */
  const left: number[] = cut === undefined ? all : []
  for (const number of cut === undefined ? [] : all) {
    const piece = await readCut(number)
    if (piece === undefined) return undefined
    if (piece !== 'nothing') left.push(number)
    await pause()
  }
  const more = proof.length === 0 || cut === undefined ? undefined : cutPiece(deflatePiece(joinUpdates(proof)), cut)
  // A transfer has a last piece, as that names what is held with it.
  if (left.length === 0 && more === undefined) left.push(all.length - 1)
  const whole = transferId(checkpoint.id, cut)
  const id = more === undefined ? whole : transferId(whole, more.bytes)
  const vector = coveredBy(checkpoint)
  const count = left.length + (more === undefined ? 0 : 1)
  return {
    id,
    count,
    from: partial?.id === id && partial.pieces < count ? partial.pieces : 0,
    vector,
    async read(index): Promise<Piece | undefined> {
      const number = left[index]
      const piece = number === undefined ? more : await readCut(number)
      if (piece === undefined) return undefined
      const { size, bytes } = piece === 'nothing' ? NOTHING : piece
      const last = index === count - 1 ? { vector, base } : undefined
      return { type: 'piece', ...refOf(where), through: 0, id, index, count, size, bytes, ...last }
    },
  }
}

/** Somebody's own may be larger than one may be here; then all is sent. */
function isStateVector(bytes: Uint8Array): boolean {
  try {
    inspectStateVector(bytes)
    return true
  } catch {
    return false
  }
}

const NOTHING: PieceBytes = deflatePiece(EMPTY_UPDATE)
