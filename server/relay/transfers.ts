/**
 * Checkpoints that come from outside, a piece at a time: somebody brings what this relay lacks and has no records of it any
 * more. Pieces are judged and made durable as they come, so that a transfer that was cut goes on; they become part of their
 * document with the last one, in one transaction, which takes one offset of the log.
 */
import { countDots, lacking } from '../../shared/causality/comparing.ts'
import { covers, type Dot, headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import type { Environment } from '../../shared/environment.ts'
import { RejoinError } from '../../shared/errors.ts'
import { type OriginId, randomId } from '../../shared/ids.ts'
import { firstUnknown } from '../../shared/sync/joint.ts'
import { inflatePiece } from '../../shared/update/inflate-piece.ts'
import { inspectUpdate } from '../../shared/update/inspect.ts'
import { deletesWithin, encodeIntervals } from '../../shared/update/interval-bytes.ts'
import { createIntervalIndex } from '../../shared/update/intervals.ts'
import type { PieceBytes } from '../../shared/update/piece-bytes.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import { finish } from '../../shared/update/steps.ts'
import type { Piece, Vector } from '../../shared/wire/messages.ts'
import type { Fold, RelayStore, Transfer, TransferPiece } from '../storage/store.ts'
import type { Commits, Subscriber } from './commits.ts'
import { copyIndex, type LiveDocument, type LiveTransfer } from './documents.ts'
import { foldSteps, gather, isScattered, totalOf } from './folding.ts'
import type { Judge, Permit } from './judge.ts'
import type { Ownership } from './ownership.ts'
import type { Shapes } from './shape.ts'
import { newTail } from './tail.ts'

export interface Transfers {
  /**
   * Takes a piece; `peer` is the origin that its sender would like to be told of. Raises `gap` (the sender is to compare),
   * `dependency`, `invalid-update`, `too-big`, `overloaded` (somebody else is sending this document), `storage-full`, `storage-failed`.
   */
  take(from: Subscriber, document: LiveDocument, piece: Piece, peer: OriginId): void
  /** What has come of a transfer of a document and is durable, where one is under way. */
  progress(where: DocumentRef): Vector['partial']
}

export interface TransfersOptions {
  store: RelayStore
  judge: Judge
  commits: Commits
  ownership: Ownership
  shapes: Shapes
  environment: Environment
  /** Commits what waits. Raises `storage-failed`. */
  commitFirst: () => void
  report: (error: unknown) => void
}

/** All that came of a transfer. */
interface Whole {
  whole: LiveTransfer
  /** The one piece that it has, or the last of several, which is not kept yet. */
  only?: PieceBytes
  last?: TransferPiece
  vector: VersionVector
  peer: OriginId
}

/** Who was sending a document and has not sent a piece for so long does not keep others from it. */
export const TRANSFER_IDLE_MS = 30_000
/** A transfer that has not gone on for so long is dropped when its workspace opens. */
export const TRANSFER_KEPT_MS = 24 * 60 * 60_000
/** Transfers under way in a workspace: each holds its pieces in the store, and an index in memory. */
export const TRANSFERS_MAX = 64

export function createTransfers(options: TransfersOptions): Transfers {
  const { store, judge, commits, ownership, shapes, environment, commitFirst, report } = options
  /** A clock that was ahead when its last piece came does not keep others from a document for as long. */
  const idleMs = ({ at }: Pick<Transfer, 'at'>): number => Math.abs(environment.now() - at)
  try {
    drop([...store.transfers()].filter((each) => idleMs(each) > TRANSFER_KEPT_MS))
  } catch (error) {
    // They are in nobody's way; the next start tries it again.
    report(error)
  }

  function drop(transfers: readonly Pick<Transfer, 'where'>[]): void {
    if (transfers.length === 0) return
    store.commit({ documents: [], entries: [], dropped: transfers.map(({ where }) => where.document) })
  }

  function take(from: Subscriber, document: LiveDocument, piece: Piece, peer: OriginId): void {
    const { vector } = piece
    if (vector !== undefined && covers(document.vector, vector)) {
      // Held already, as somebody else brought it: what came of it is in nobody's way any more.
      commitFirst()
      if (store.transfer(document.ref.document)?.id === piece.id) drop([{ where: document.ref }])
      if (document.transfer?.id === piece.id) document.transfer = undefined
      const dot = dotOf(document.vector, vector, peer)
      return commits.queue({ from, where: document.ref, dot, request: 0 })
    }
    if (piece.count === 1) return takeOnly(from, document, piece, peer)
    const transfer = place(document, piece, peer)
    if (transfer === undefined) return
    judge.takePiece(document, transfer, piece, permit(from, document, piece))
    Object.assign(transfer, grown(transfer, piece), { at: environment.now(), peer })
    document.transfer = transfer
    const { id, index, size, bytes } = piece
    const kept = { where: document.ref, id, index, piece: { size, bytes: new Uint8Array(bytes) }, at: transfer.at }
    const dot = { origin: peer, seq: 0, chain: '' }
    if (vector === undefined) commits.queue({ from, where: document.ref, dot, request: 0, piece: kept })
    else restore(from, document, { whole: transfer, last: kept, vector, peer })
  }

  /** What comes in one piece is not kept before, and is in nobody's way. */
  function takeOnly(from: Subscriber, document: LiveDocument, piece: Piece, peer: OriginId): void {
    const whole = begin(document, piece)
    const summary = judge.takePiece(document, whole, piece, permit(from, document, piece))
    document.transfer?.index.add(summary)
    Object.assign(whole, grown(whole, piece))
    const only = { size: piece.size, bytes: new Uint8Array(piece.bytes) }
    if (piece.vector !== undefined) restore(from, document, { whole, only, vector: piece.vector, peer })
  }

  /** With the last piece all of them are looked at together. */
  function permit({ author }: Subscriber, document: LiveDocument, piece: Piece): Permit {
    return (summary) => {
      if (author !== undefined) ownership.checkPiece(document, author, summary)
      if (piece.vector === undefined) return
      commitFirst()
      const before = piece.count === 1 ? [] : [...store.transferPieces(document.ref.document)]
      const updates = [...before, piece].map(inflatePiece)
      const base = piece.base ?? new Map()
      if (firstUnknown(base) !== undefined) prove(document, updates, base)
      shapes.checkPieces(document, piece.vector, updates)
      if (author !== undefined) ownership.checkPieces(document, author, piece.vector, updates)
    }
  }

  /**
   * Raises `unproven` where something that was deleted here when the sender was told of `base` is not in what came: then it is of another
   * history. `gap`: what came here since is not known by its names any more, and is to be told first.
   */
  function prove({ ref, vector, index }: LiveDocument, updates: readonly Uint8Array[], base: VersionVector): void {
    const came = createIntervalIndex()
    for (const update of updates) came.add(inspectUpdate(update))
    if (deletesWithin(index(), came)) return
    const since = lacking(base, vector)
    const offsets = store.locate(ref, since)
    if (offsets.length < countDots(since)) throw new RejoinError('gap', 'its sender knows too little of what is here')
    for (const offset of offsets) came.add(inspectUpdate(store.entry(offset).record.bytes))
    if (deletesWithin(index(), came)) return
    throw new RejoinError('unproven', 'deletions are here that its sender does not hold')
  }

  /** The transfer that a piece goes on; `undefined` where it came before. */
  function place(document: LiveDocument, piece: Piece, peer: OriginId): LiveTransfer | undefined {
    const current = document.transfer ?? load(document)
    if (current?.id === piece.id) {
      if (piece.index < current.pieces) return undefined
      if (piece.index === current.pieces) return current
    } else if (current !== undefined && current.peer !== peer && idleMs(current) < TRANSFER_IDLE_MS) {
      throw new RejoinError('overloaded', 'somebody else is sending this document')
    }
    if (piece.index > 0) throw new RejoinError('gap', `piece ${piece.index}, and the ones before it are not here`)
    makeRoom(document)
    return begin(document, piece)
  }

  const begin = (document: LiveDocument, { id }: Piece): LiveTransfer => ({
    id,
    pieces: 0,
    bytes: 0,
    size: 0,
    index: copyIndex(document.index()),
    at: environment.now(),
  })

  /** Raises `overloaded` where too many others are under way. */
  function makeRoom(document: LiveDocument): void {
    commitFirst()
    const others = [...store.transfers()].filter(({ where }) => where.document !== document.ref.document)
    if (others.length < TRANSFERS_MAX) return
    const idle = others.filter((each) => idleMs(each) >= TRANSFER_IDLE_MS)
    if (idle.length === 0) throw new RejoinError('overloaded', `${others.length} documents are being sent`)
    drop(idle)
  }

  /** What the store has of a transfer. */
  function load(document: LiveDocument): LiveTransfer | undefined {
    const { document: name, epoch } = document.ref
    const stored = store.transfer(name)
    if (stored === undefined || stored.where.epoch !== epoch) return undefined
    const index = copyIndex(document.index())
    for (const piece of store.transferPieces(name)) index.add(inspectUpdate(inflatePiece(piece)))
    const { id, pieces, bytes, size, at } = stored
    document.transfer = { id, pieces, bytes, size, at, index }
    return document.transfer
  }

  /** All is there: what the document held before and what came become its checkpoint. */
  function restore(from: Subscriber, document: LiveDocument, { whole, only, last, vector, peer }: Whole): void {
    commitFirst()
    const { ref } = document
    const held = readHeld(document)
    for (const [origin, head] of vector) {
      if (head.seq > headOf(document.vector, origin).seq) document.vector.set(origin, head)
    }
    const before = store.checkpoint(ref)?.bytes ?? 0
    const added = only !== undefined ? [only] : last !== undefined && isScattered(whole) ? joined(last) : undefined
    const came = added === undefined ? whole : totalOf(added)
    const checkpoint = {
      ...held.checkpoint,
      vector: document.vector,
      pieces: held.checkpoint.pieces + came.pieces,
      bytes: held.checkpoint.bytes + came.bytes,
      size: held.checkpoint.size + came.size,
      intervals: encodeIntervals(whole.index),
    }
    judge.grow(document, checkpoint.bytes - before)
    document.setIndex(whole.index)
    document.tail = newTail(checkpoint)
    if (last !== undefined) document.transfer = undefined
    const transfer = last && (added === undefined ? ('adopted' as const) : ('joined' as const))
    const fold = { where: ref, keep: held.keep, pieces: [...held.pieces, ...(added ?? [])], transfer }
    const firstNewPiece = held.checkpoint.pieces
    commits.queue(
      { from, where: ref, dot: dotOf(document.vector, vector, peer), request: 0, piece: last, firstNewPiece },
      { restored: (offset) => ({ ...fold, checkpoint: { ...checkpoint, through: offset } }) },
    )
    // At once: the next transfer of this document begins in a commit after this one.
    commits.commit()
  }

  /** What is kept of a transfer and its last piece, as few pieces. */
  const joined = ({ where, piece }: TransferPiece): PieceBytes[] =>
    gather([...store.transferPieces(where.document), piece].map(inflatePiece))

  /** Where it cannot be read, what memory has of a transfer counts its last piece already, which was not kept: the store knows. */
  function readHeld(document: LiveDocument): Fold {
    try {
      return heldFold(store, document.ref, environment)
    } catch (error) {
      document.transfer = undefined
      throw error
    }
  }

  return {
    take,
    progress({ document, epoch }) {
      const stored = store.transfer(document)
      return stored?.where.epoch === epoch ? { id: stored.id, pieces: stored.pieces } : undefined
    },
  }
}

/** What a document holds in the store now, as pieces; nothing changes but their form. */
export function heldFold(store: RelayStore, where: DocumentRef, environment: Environment): Fold {
  const id = randomId(environment)
  const fold = finish(foldSteps(store, where, id, 'append', Number.POSITIVE_INFINITY))
  if (fold !== undefined) return fold
  const vector = new Map()
  const none = { id, vector, through: 0, pieces: 0, bytes: 0, size: 0, compacted: 0, intervals: new Uint8Array() }
  return { where, checkpoint: none, keep: 0, pieces: [] }
}

function grown({ pieces, bytes, size }: LiveTransfer, piece: Piece): Pick<LiveTransfer, 'pieces' | 'bytes' | 'size'> {
  return { pieces: pieces + 1, bytes: bytes + piece.bytes.length, size: size + piece.size }
}

/** Of all that is held now the dot that says most to the sender. */
function dotOf(held: VersionVector, came: VersionVector, peer: OriginId): Dot & { chain: string } {
  const [first] = came.keys()
  const origin = came.has(peer) ? peer : (first ?? peer)
  return { origin, ...headOf(held, origin) }
}
