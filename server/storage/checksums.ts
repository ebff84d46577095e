/** Checksums of what a store keeps beside records, so that what was flipped, cut or moved is seen when it is read. */
import { RejoinError } from '../../shared/errors.ts'
import { fromHex, type Hash64, hash64, toHex } from '../../shared/hash.ts'
import type { PieceBytes } from '../../shared/update/piece-bytes.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import { encodeVector } from '../../shared/wire/codec.ts'
import type { Checkpoint } from './store.ts'

const encoder = new TextEncoder()
const NOTHING = new Uint8Array()

/**
 * Of a piece: where it belongs and what it holds. Not its number, nor the checkpoint: to append pieces to a checkpoint would
 * be to write all of them anew.
 */
export function pieceChecksum(where: DocumentRef, { size, bytes }: PieceBytes): Hash64 {
  return hashOf(`${where.epoch}/${where.document}/${size}`, bytes)
}

/** Raises `corrupt`. */
export function verifyPiece(where: DocumentRef, piece: PieceBytes, checksum: Hash64): void {
  if (pieceChecksum(where, piece) !== checksum) fail(where, 'a piece')
}

/** Of what is kept about the pieces of a checkpoint: what relies on it would take new content for known. */
export function checkpointChecksum(where: DocumentRef, checkpoint: Checkpoint): Hash64 {
  const { id, through, pieces, bytes, size, compacted } = checkpoint
  const numbers = [through, pieces, bytes, size, compacted].join('/')
  const content = hashOf(hashOf('', encodeVector(checkpoint.vector)), checkpoint.intervals)
  return hashOf(`${where.epoch}/${where.document}/${id}/${numbers}/${content}`, new Uint8Array())
}

/** Raises `corrupt`. */
export function verifyCheckpoint(where: DocumentRef, checkpoint: Checkpoint, checksum: Hash64): void {
  if (checkpointChecksum(where, checkpoint) !== checksum) fail(where, 'the checkpoint')
}

/** What a row says that has nothing but numbers and names: its kind, and then its columns. */
export type RowName = readonly (string | number)[]

/** With the bytes that the row holds besides. */
export const rowChecksum = (name: RowName, bytes: Uint8Array = NOTHING): Uint8Array =>
  fromHex(hashOf(JSON.stringify(name), bytes))

/** Raises `corrupt`. */
export function verifyRow(name: RowName, checksum: unknown, bytes?: Uint8Array): void {
  const isSound = checksum instanceof Uint8Array && toHex(checksum) === toHex(rowChecksum(name, bytes))
  if (!isSound) throw new RejoinError('corrupt', `a row does not match its checksum: ${JSON.stringify(name)}`)
}

function hashOf(head: string, bytes: Uint8Array): Hash64 {
  const text = encoder.encode(head)
  const input = new Uint8Array(bytes.length + text.length)
  input.set(bytes, 0)
  input.set(text, bytes.length)
  return hash64(input)
}

function fail(where: DocumentRef, what: string): never {
  throw new RejoinError('corrupt', `${what} of ${JSON.stringify(where.document)} does not match its checksum`)
}
