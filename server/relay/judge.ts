/**
 * What a relay takes and what it refuses, by its bounds and by what the document holds (P7, P9). It works on bytes, without
 * a Y.Doc, and keeps count of the workspace. It does not know who sent something, nor when it becomes durable.
 */
import { RejoinError } from '../../shared/errors.ts'
import type { DocumentId } from '../../shared/ids.ts'
import { inflatePiece } from '../../shared/update/inflate-piece.ts'
import { inspectUpdate, type UpdateSummary } from '../../shared/update/inspect.ts'
import type { ClientClock, IntervalIndex } from '../../shared/update/intervals.ts'
import type { PieceBytes } from '../../shared/update/piece-bytes.ts'
import type { DocumentRef, UpdateKind, UpdateRecord } from '../../shared/update/record.ts'
import type { RelayStore, StoreTotals } from '../storage/store.ts'
import type { LiveDocument, LiveDocuments, LiveTransfer } from './documents.ts'
import type { RelayLimits } from './limits.ts'

export interface UpdateBytes {
  kind: UpdateKind
  bytes: Uint8Array
}

/** Raises an error where something may not be written by its sender. */
export type Permit = (summary: UpdateSummary) => void

export interface Judge {
  /** How many documents there are; what is not durable yet is not counted. */
  readonly documents: number
  /** The document that is meant, created where it is new. Raises `overloaded` and `wrong-epoch`. */
  enter(where: DocumentRef): LiveDocument
  /** Whether the update holds anything that its document does not. Raises `too-big` and `invalid-update`. */
  adds(document: LiveDocument, update: UpdateBytes): boolean
  /**
   * Judges a record that is next in its origin's order, and counts it as part of the document. `permit` says whether its sender may
   * write what it holds, before anything has changed. Raises `too-big`, `storage-full`, `invalid-update`, `dependency`, and what
   * `permit` raises.
   */
  take(document: LiveDocument, record: UpdateRecord, permit?: Permit): void
  /**
   * Judges the next piece of a transfer, of which `soFar` has come, and adds it to what that will hold. Raises what `take`
   * raises.
   */
  takePiece(document: LiveDocument, soFar: LiveTransfer, piece: PieceBytes, permit?: Permit): UpdateSummary
  /** The checkpoint of a document takes so many bytes more. */
  grow(document: LiveDocument, bytes: number): void
  /** So many bytes of a document were trimmed. */
  shrink(document: DocumentId, bytes: number): void
  /** The document begins a new epoch: all that it held is gone, with the tombstone that is to be committed. Raises `overloaded`. */
  bury(where: DocumentRef): LiveDocument
  /** A document that was only asked for, or whose first update was refused, is none. */
  discardIfEmpty(document: LiveDocument): void
  /** What was taken of these documents is durable. */
  settle(documents: readonly DocumentRef[]): void
  /** What was taken did not become durable: memory goes back to what the store holds. */
  forget(): void
}

export function createJudge(store: RelayStore, live: LiveDocuments, limits: RelayLimits): Judge {
  let known: StoreTotals | undefined
  const totals = (): StoreTotals => {
    known ??= store.totals()
    return known
  }

  /** Where they are not known they are asked for when they are needed. */
  function count(bytes: number, documents = 0): void {
    if (known !== undefined) known = { bytes: known.bytes + bytes, documents: known.documents + documents }
  }

  function inspect(update: UpdateBytes): UpdateSummary {
    const size = update.bytes.length
    if (size > limits.updateBytesMax) {
      throw new RejoinError('too-big', `an update of ${size} bytes; the most is ${limits.updateBytesMax}`)
    }
    return inspectUpdate(update.bytes)
  }

  /** Raises `dependency` where something is missing beneath it. */
  function checkBase(index: IntervalIndex, summary: UpdateSummary): void {
    const missing = index.missing(summary) ?? firstUnknown(index, summary)
    if (missing === undefined) return
    throw new RejoinError('dependency', `it builds on client ${missing.client} up to clock ${missing.clock}`)
  }

  /** Raises `too-big` and `storage-full`. */
  function checkRoom(documentBytes: number, workspaceBytes: number): void {
    if (documentBytes > limits.documentBytesMax) {
      throw new RejoinError('too-big', `the document would pass ${limits.documentBytesMax} bytes`)
    }
    if (workspaceBytes > limits.workspaceBytesMax) throw new RejoinError('storage-full', 'the workspace is full')
  }

  /** Raises `overloaded` where there may not be one more document. */
  function checkCount(): void {
    const { documents } = totals()
    if (documents < limits.documentsMax) return
    throw new RejoinError('overloaded', `the workspace holds ${documents} documents, the most it may`)
  }

  return {
    get documents() {
      return totals().documents
    },
    enter(where) {
      const document = live.get(where.document)
      if (document === undefined) {
        checkCount()
        return live.create({ document: where.document, epoch: where.epoch, gc: where.gc })
      }
      if (document.ref.epoch !== where.epoch) {
        throw new RejoinError('wrong-epoch', `the document is in epoch ${document.ref.epoch}, not ${where.epoch}`)
      }
      // Who wants deleted content kept wins: it can be dropped later, not brought back.
      if (document.ref.gc && !where.gc) document.ref = { ...document.ref, gc: false }
      return document
    },
    adds: (document, update) => document.index().adds(inspect(update)),
    take(document, record, permit) {
      const size = record.bytes.length
      checkRoom(document.bytes + size, totals().bytes + size)
      const summary = inspect(record)
      const index = document.index()
      checkBase(index, summary)
      permit?.(summary)
      index.add(summary)
      document.transfer?.index.add(summary)
      document.tail.records++
      document.tail.bytes += size
      document.vector.set(record.origin, { seq: record.seq, chain: record.chain })
      document.bytes += size
      count(size)
    },
    takePiece(document, soFar, piece, permit) {
      const size = soFar.size + piece.size
      const bytes = soFar.bytes + piece.bytes.length
      // What a browser has to load counts inflated, what is stored deflated.
      const transferred = [...store.transfers()].reduce((sum, transfer) => sum + transfer.bytes, 0)
      checkRoom(Math.max(size, document.bytes + bytes), totals().bytes + transferred + bytes)
      const summary = inspect({ kind: 'yjs-v1', bytes: inflatePiece(piece) })
      checkBase(soFar.index, summary)
      permit?.(summary)
      soFar.index.add(summary)
      return summary
    },
    grow(document, bytes) {
      document.bytes += bytes
      count(bytes)
    },
    shrink(id, bytes) {
      const document = live.peek(id)
      if (document !== undefined) document.bytes -= bytes
      count(-bytes)
    },
    bury(where) {
      const before = live.get(where.document)
      if (before === undefined) checkCount()
      else count(-before.bytes)
      return live.bury(where)
    },
    discardIfEmpty(document) {
      if (document.vector.size === 0 && document.transfer === undefined && !document.burying) {
        live.drop(document.ref.document)
      }
    },
    settle(documents) {
      for (const { document } of documents) {
        const settled = live.get(document)
        if (settled !== undefined) settled.burying = false
        if (settled === undefined || settled.stored) continue
        settled.stored = true
        count(0, 1)
      }
    },
    forget() {
      live.clear()
      known = undefined
    },
  }
}

/** A deletion of what is not written yet would delete what its victim writes next, at every replica (P9). */
function firstUnknown(index: IntervalIndex, { structs, deletes }: UpdateSummary): ClientClock | undefined {
  let ends: Map<number, number> | undefined
  for (const { client, clock, length } of deletes) {
    const end = clock + length
    if (end <= index.clock(client)) continue
    ends ??= new Map(structs.map((each) => [each.client, each.clock + each.length]))
    if (end > (ends.get(client) ?? 0)) return { client, clock: end }
  }
  return undefined
}
