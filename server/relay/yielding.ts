/**
 * Yielding (P8): under one name two histories of a document are held by two relays, and the greater (seq, chain) keeps the name.
 * Who holds the other one seals under its own origin what the branch that stays lacks of it, by struct and delete intervals, and
 * only then takes that branch, in one commit: nothing is lost, and nothing is held that no name stands for. Both contents become one
 * checkpoint, and no record of the document stays in the log: what was in their order there may rest on a name that is gone.
 */

import type { Chain } from '../../shared/causality/chain.ts'
import { CHAIN_START, type Head, headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import type { Environment } from '../../shared/environment.ts'
import { RejoinError } from '../../shared/errors.ts'
import { type DocumentId, type OriginId, randomId } from '../../shared/ids.ts'
import { inflatePiece } from '../../shared/update/inflate-piece.ts'
import { inspectUpdate } from '../../shared/update/inspect.ts'
import { encodeIntervals, encodeKnownClocks } from '../../shared/update/interval-bytes.ts'
import { createIntervalIndex, type IntervalIndex } from '../../shared/update/intervals.ts'
import { joinUpdates } from '../../shared/update/join.ts'
import { STATE_VECTOR_ENTRIES_MAX } from '../../shared/update/limits.ts'
import type { PieceBytes } from '../../shared/update/piece-bytes.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import { splitUpdate } from '../../shared/update/split.ts'
import { cutUpdate } from '../../shared/update/state-vector.ts'
import type { RelayStore } from '../storage/store.ts'
import type { Commits, Refusal, Subscriber } from './commits.ts'
import { copyIndex, type LiveDocument, type LiveDocuments, type LiveTransfer } from './documents.ts'
import { batches, gather, isScattered, toPieces, totalOf } from './folding.ts'
import type { Intake } from './intake.ts'
import type { Judge } from './judge.ts'
import type { Shapes } from './shape.ts'
import { newTail } from './tail.ts'
import { heldFold } from './transfers.ts'

/** One update of a branch: a record that shows its name, or a piece of a checkpoint, which does not. */
export interface BranchUpdate {
  bytes: Uint8Array
  dot?: Head & { origin: OriginId }
  piece?: PieceBytes
}

/** All that another replica holds of a document, each update resting on none but those before it. */
export interface Branch {
  vector: VersionVector
  updates: readonly BranchUpdate[]
  /** Chains of it that are known, those of records and those where pieces begin and end. */
  heads: readonly (Head & { origin: OriginId })[]
}

export interface Yielding {
  /** How often that was done. */
  readonly count: number
  /**
   * Takes this branch where names in it are the greater ones of two, or where it holds what no name stands for (`nameless`, which is given one);
   * whether there were any. Raises what judging an update raises, and
   * `storage-failed`; what was sealed until then stays.
   */
  yieldTo(where: DocumentRef, branch: Branch, nameless?: boolean): boolean
  /** Whether the history under this name was given up for another one, since this started. */
  hasYielded(where: DocumentRef, origin: OriginId): boolean
  /** Two histories were met in this document: from now on chains that are not known any more are not believed there. */
  suspect(document: DocumentId): void
  isSuspect(document: DocumentId): boolean
}

export interface YieldingOptions {
  store: RelayStore
  live: LiveDocuments
  judge: Judge
  commits: Commits
  shapes: Shapes
  intake: Pick<Intake, 'submit' | 'seen' | 'chainAt' | 'commitFirst'>
  environment: Environment
  /** Largest update that is sealed. */
  updateBytesMax: number
}

/** Names that were given up and are remembered. */
const YIELDED_MAX = 10_000

export function createYielding(options: YieldingOptions): Yielding {
  const { store, live, judge, commits, shapes, intake, environment, updateBytesMax } = options
  const yielded = new Set<string>()
  const suspects = new Set<DocumentId>()
  let count = 0

  function yieldTo(where: DocumentRef, branch: Branch, nameless = false): boolean {
    intake.commitFirst()
    const document = live.get(where.document)
    if (document === undefined || document.ref.epoch !== where.epoch) return false
    const { lost, kept } = weigh(document.vector, branch, (origin, seq) => intake.chainAt(document.ref, origin, seq))
    if (lost.size === 0 && !nameless) return false
    // A name that somebody else goes on with is not sealed under any more.
    intake.seen(document.ref, branch.vector)
    sealAll(document, lackedOfOwn(document, lost, branch))
    intake.commitFirst()
    const news = kept.size > 0 || nameless ? lackedOfBranch(document, kept, branch) : []
    adopt(document, lost, branch)
    sealAll(document, news)
    intake.commitFirst()
    count++
    for (const origin of lost) note(document.ref, origin)
    suspect(where.document)
    return true
  }

  function suspect(document: DocumentId): void {
    if (suspects.size >= YIELDED_MAX) suspects.clear()
    suspects.add(document)
  }

  /** What stands here for names that are lost, as far as neither the branch nor another name stands for it. */
  function lackedOfOwn({ ref }: LiveDocument, lost: ReadonlySet<OriginId>, branch: Branch): Uint8Array[] {
    const known = indexOf(branch.updates.map(({ bytes }) => bytes))
    const loose: Uint8Array[] = []
    const found = new Map<OriginId, number>()
    for (const { record } of store.history(ref, 0)) {
      if (!lost.has(record.origin)) known.add(inspectUpdate(record.bytes))
      else {
        loose.push(record.bytes)
        found.set(record.origin, (found.get(record.origin) ?? 0) + 1)
      }
    }
    const checkpoint = store.checkpoint(ref)
    const isFolded = [...lost].some((origin) => {
      const { seq } = headOf(checkpoint?.vector ?? new Map(), origin)
      return seq > 0 && (found.get(origin) ?? 0) < headOf(store.document(ref.document)?.vector ?? new Map(), origin).seq
    })
    // Of what was folded and trimmed nothing tells whose it was.
    const folded = isFolded ? [...store.pieces(ref, 0)].map(inflatePiece) : []
    return lacking([...folded, ...loose], known)
  }

  /** What in the branch stands for names that are kept here with another history. */
  function lackedOfBranch(document: LiveDocument, kept: ReadonlySet<OriginId>, { updates }: Branch): Uint8Array[] {
    const known = copyIndex(document.index())
    const loose: Uint8Array[] = []
    for (const { bytes, dot } of updates) {
      if (dot !== undefined && !kept.has(dot.origin)) known.add(inspectUpdate(bytes))
      else loose.push(bytes)
    }
    return lacking(loose, known)
  }

  function sealAll({ ref }: LiveDocument, updates: readonly Uint8Array[]): void {
    if (updates.length === 0) return
    let refused: Refusal | undefined
    const from: Subscriber = {
      committed() {},
      refused: (refusal) => {
        refused ??= refusal
      },
    }
    for (const batch of batches(updates)) {
      for (const bytes of splitUpdate(joinUpdates(batch), updateBytesMax)) {
        intake.submit(from, ref, { kind: 'yjs-v1', bytes }, 0, true)
      }
    }
    if (refused !== undefined) throw new RejoinError(refused.code, refused.detail)
  }

  function adopt(document: LiveDocument, lost: ReadonlySet<OriginId>, { vector, updates }: Branch): void {
    const { ref } = document
    const pieces = piecesOf(updates)
    const id = randomId(environment)
    const whole: LiveTransfer = { id, pieces: 0, bytes: 0, size: 0, index: copyIndex(document.index()), at: 0 }
    for (const piece of pieces) {
      judge.takePiece(document, whole, piece)
      whole.pieces++
      whole.bytes += piece.bytes.length
      whole.size += piece.size
    }
    const bytes = updates.map((each) => each.bytes)
    shapes.checkPieces(document, vector, bytes)
    shapes.checkOrigins(document, vector.keys(), 'relays')
    const held = heldFold(store, ref, environment)
    for (const [origin, head] of vector) {
      if (lost.has(origin) || head.seq > headOf(document.vector, origin).seq) document.vector.set(origin, head)
    }
    const checkpoint = {
      ...held.checkpoint,
      vector: new Map(document.vector),
      pieces: held.checkpoint.pieces + whole.pieces,
      bytes: held.checkpoint.bytes + whole.bytes,
      size: held.checkpoint.size + whole.size,
      intervals: encodeIntervals(whole.index),
    }
    judge.grow(document, checkpoint.bytes - document.bytes)
    document.setIndex(whole.index)
    document.tail = newTail(checkpoint)
    const fold = { where: ref, keep: held.keep, pieces: [...held.pieces, ...pieces], alone: true }
    const dot = { origin: id, seq: 0, chain: CHAIN_START }
    const firstNewPiece = held.checkpoint.pieces
    commits.queue(
      { from: NOBODY, where: ref, dot, request: 0, firstNewPiece },
      { restored: (offset) => ({ ...fold, checkpoint: { ...checkpoint, through: offset } }) },
    )
  }

  function note(where: DocumentRef, origin: OriginId): void {
    if (yielded.size >= YIELDED_MAX) yielded.clear()
    yielded.add(nameOf(where, origin))
  }

  return {
    get count() {
      return count
    },
    yieldTo,
    suspect,
    isSuspect: (document) => suspects.has(document),
    hasYielded: (where, origin) => yielded.has(nameOf(where, origin)),
  }
}

const NOBODY: Subscriber = { committed() {}, refused() {} }

const nameOf = ({ document, epoch }: DocumentRef, origin: OriginId): string => `${origin}/${epoch}/${document}`

/**
 * Names with two histories, by the one that keeps them: the branch (`lost` to it) or what is here (`kept`). Where it is not known
 * any more what a name rests on, it counts as another history: to be wrong about that costs bytes, and loses nothing.
 */
export function weigh(
  mine: VersionVector,
  branch: Branch,
  chainHere: (origin: OriginId, seq: number) => Chain | undefined,
): { lost: Set<OriginId>; kept: Set<OriginId> } {
  const lost = new Set<OriginId>()
  const kept = new Set<OriginId>()
  const chains = new Map(branch.heads.map(({ origin, seq, chain }) => [`${origin}/${seq}`, chain]))
  for (const [origin, theirs] of branch.vector) {
    const held = headOf(mine, origin)
    if (held.seq === 0) continue
    if (held.seq === theirs.seq) {
      if (held.chain !== theirs.chain) (isGreater(theirs, held) ? lost : kept).add(origin)
    } else if (held.seq < theirs.seq) {
      if (chains.get(`${origin}/${held.seq}`) !== held.chain) lost.add(origin)
    } else if (chainHere(origin, theirs.seq) !== theirs.chain) kept.add(origin)
  }
  return { lost, kept }
}

/** Which of two histories of one name keeps it, everywhere. */
export const isGreater = (a: Head, b: Head): boolean => a.seq > b.seq || (a.seq === b.seq && a.chain > b.chain)

function indexOf(updates: readonly Uint8Array[]): IntervalIndex {
  const index = createIntervalIndex()
  for (const bytes of updates) index.add(inspectUpdate(bytes))
  return index
}

/** Pieces as they came, and records joined into such. */
function piecesOf(updates: readonly BranchUpdate[]): PieceBytes[] {
  const pieces: PieceBytes[] = []
  let records: Uint8Array[] = []
  const flush = (): void => {
    pieces.push(...toPieces(records))
    records = []
  }
  for (const { bytes, piece } of updates) {
    if (piece === undefined) {
      records.push(bytes)
      continue
    }
    flush()
    pieces.push(piece)
  }
  flush()
  return isScattered(totalOf(pieces)) ? gather(updates.map(({ bytes }) => bytes)) : pieces
}

/** Those of `updates` that say something which is not known, without what is; then it is. */
function lacking(updates: readonly Uint8Array[], known: IntervalIndex): Uint8Array[] {
  return updates.flatMap((bytes) => {
    if (!known.adds(inspectUpdate(bytes))) return []
    const cut = known.clients <= STATE_VECTOR_ENTRIES_MAX ? cutUpdate(bytes, encodeKnownClocks(known)) : bytes
    known.add(inspectUpdate(bytes))
    return [cut]
  })
}
