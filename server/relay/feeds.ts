/**
 * What a subscriber is owed beside the log, a message at a time: the catalog of a workspace, and the answers to version
 * vectors. A feed is read as fast as the socket takes it, in turn with the log and other feeds (P7).
 */
import { CHAIN_UNKNOWN } from '../../shared/causality/chain.ts'
import { countDots, lacking } from '../../shared/causality/comparing.ts'
import { covers, type Dot, headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import { RejoinError } from '../../shared/errors.ts'
import { FRAME_BYTES_TARGET, PIECE_BYTES_TARGET } from '../../shared/limits.ts'
import { baseOf, provable } from '../../shared/sync/joint.ts'
import { deflatePiece } from '../../shared/update/deflate-piece.ts'
import { cutPiece, decodeClocks, transferId } from '../../shared/update/fold.ts'
import { EMPTY_UPDATE } from '../../shared/update/join.ts'
import type { DocumentRef, UpdateRecord } from '../../shared/update/record.ts'
import { inspectStateVector } from '../../shared/update/state-vector.ts'
import type { CatalogEntry, Message, Piece, Vector } from '../../shared/wire/messages.ts'
import type { Checkpoint, LogEntry } from '../storage/store.ts'
import { follows } from '../storage/unbroken.ts'
import type { Scoped } from './digests.ts'
import { refOf, versionOf } from './documents.ts'
import { JOIN_RECORDS_MIN, recordMessages } from './fan-out.ts'
import { ENTRIES_READ_MAX, JOINED_READ_MAX } from './limits.ts'
import type { RelayWorkspace } from './workspace.ts'

export type Feed = Iterator<Message, void>

/**
 * What becomes of a chain that is not known here any more, where an answer goes on from it: it is taken for what the asker says that it is
 * (`believed`), told as unknown (`told`), or to be proven (see `baseFor`).
 */
export type Forgotten = 'believed' | 'told' | 'proven'

/** To read a record and join it with others costs about what so many bytes of a checkpoint do. */
const RECORD_COST = 16

/** Documents in one part of a catalog: about 30 bytes each. */
const CATALOG_PART = 1024

/** All documents with their fingerprints; of some of them, if given. */
export function* catalog(workspace: RelayWorkspace, reads: Scoped = () => true): Feed {
  let documents: CatalogEntry[] = []
  for (const stored of workspace.documents()) {
    if (!reads(stored.document)) continue
    const version = versionOf(stored, stored.vector)
    if (version !== undefined) documents.push({ ...refOf(stored), fingerprint: version })
    if (documents.length < CATALOG_PART) continue
    yield { type: 'catalog', documents, last: false }
    documents = []
  }
  yield { type: 'catalog', documents, last: true }
}

/**
 * What a version vector lacks, then this relay's own. Records where they are held and not too many came since the beginning;
 * otherwise the checkpoint, and the records after it. The end is taken in one step: nothing can be committed between the last
 * of it and the vector that says it is all, so the live stream joins without a gap. Raises `corrupt` where something is lost.
 */
export function* answer(workspace: RelayWorkspace, message: Vector, forgotten: Forgotten): Generator<Message, void> {
  try {
    yield* answerWhole(workspace, message, forgotten)
  } catch (error) {
    if (error instanceof RejoinError && error.code === 'corrupt') workspace.miss(message.document)
    throw error
  }
}

function* answerWhole(workspace: RelayWorkspace, message: Vector, forgotten: Forgotten): Generator<Message, void> {
  const theirs = new Map(message.vector)
  const ref = refOf(message)
  for (;;) {
    const stored = workspace.document(message.document)
    if (stored !== undefined && stored.epoch > ref.epoch) return yield* newer(workspace, message, refOf(stored))
    const vector: VersionVector = stored?.epoch === ref.epoch ? stored.vector : new Map()
    const ranges = lacking(theirs, vector)
    if (ranges.length === 0) {
      if (!message.reply) return
      const head = workspace.head()
      const told = reply(workspace, message, vector)
      // Clocks of what only became durable for it: that is told first, as the vector does not name it.
      if (workspace.head() !== head) continue
      return yield told
    }
    const offsets = workspace.locate(ref, ranges)
    const isWhole = offsets.length === countDots(ranges)
    const checkpoint = workspace.checkpoint(ref)
    const { stateVector, partial } = message
    const isLonger = stateVector !== undefined && offsets.length * RECORD_COST > (checkpoint?.size ?? 0)
    const wantsCheckpoint = !isWhole || theirs.size === 0 || isLonger
    if (checkpoint !== undefined && wantsCheckpoint && !covers(theirs, checkpoint.vector)) {
      const base = baseFor(workspace, { ...message, vector: theirs }, checkpoint.vector, forgotten)
      if ('type' in base) {
        yield base
        if (message.reply) yield reply(workspace, message, vector)
        return
      }
      const cut = theirs.size === 0 ? { partial, base } : { stateVector, partial, base }
      const isSent = yield* checkpointPieces(workspace, ref, checkpoint, 0, cut)
      if (isSent) advance(theirs, checkpoint.vector)
    } else if (isWhole) {
      yield* records(workspace, ref, offsets, theirs)
    } else {
      throw new RejoinError(
        'corrupt',
        `records of ${JSON.stringify(ref.document)} are neither held nor in its checkpoint`,
      )
    }
  }
}

/** The document was deleted: what the other holds of it counts no more. */
function* newer(workspace: RelayWorkspace, { reply }: Vector, ref: DocumentRef): Generator<Message, void> {
  yield { type: 'tombstone', ...ref, through: 0 }
  yield* answer(workspace, { type: 'vector', ...ref, vector: new Map(), reply }, 'believed')
}

/** What is held here; and where the other has what is not, what of it need not be sent. */
function reply(workspace: RelayWorkspace, { vector: theirs, ...message }: Vector, vector: VersionVector): Vector {
  const ref = refOf(message)
  const plain: Vector = { type: 'vector', ...ref, vector, reply: false }
  if (covers(vector, theirs)) return plain
  const stateVector = vector.size === 0 ? undefined : workspace.stateVector(ref)
  return { ...plain, stateVector, partial: workspace.partial(ref) }
}

/** Up to there, or until entries are trimmed: then some of these may be gone. */
function* records(
  workspace: RelayWorkspace,
  ref: DocumentRef,
  offsets: readonly number[],
  theirs: Map<string, { seq: number; chain: string }>,
): Generator<Message, void> {
  const trims = workspace.trims()
  const isLong = offsets.length > JOIN_RECORDS_MIN
  const [count, bytes] = isLong ? [JOINED_READ_MAX, PIECE_BYTES_TARGET] : [ENTRIES_READ_MAX, FRAME_BYTES_TARGET]
  const sent = new Map<string, UpdateRecord>()
  for (let at = 0; at < offsets.length && workspace.trims() === trims; ) {
    const entries = upTo(bytes, entriesAt(workspace, ref, offsets.slice(at, at + count)))
    for (const entry of entries) {
      checkNext(workspace, ref, entry, theirs, sent)
      theirs.set(entry.record.origin, entry.record)
      sent.set(entry.record.origin, entry.record)
    }
    at += entries.length
    yield* recordMessages(ref, entries, false, isLong ? workspace.chain : undefined)
  }
}

/** Raises `corrupt` where a record is another one than the next of its origin, or rests on something else than what was sent before it. */
function checkNext(
  workspace: RelayWorkspace,
  ref: DocumentRef,
  { where, record }: LogEntry,
  theirs: VersionVector,
  sent: ReadonlyMap<string, UpdateRecord>,
): void {
  const { origin, seq, chain } = record
  const before = sent.get(origin)
  const isFirst = (): boolean => seq === headOf(theirs, origin).seq + 1 && workspace.chain(ref, origin, seq) === chain
  if (where.document === ref.document && (before === undefined ? isFirst() : follows(before, record))) return
  throw new RejoinError('corrupt', `something else is in the place of a record of ${JSON.stringify(ref.document)}`)
}

/**
 * The pieces of a checkpoint, the last one with `through`: from where a transfer of them was cut, without what a state vector
 * covers, and with the heads at the receiver that they continue, where it told of any. False where the checkpoint was replaced meanwhile: what was sent is no use then.
 */
export function* checkpointPieces(
  workspace: RelayWorkspace,
  ref: DocumentRef,
  checkpoint: Checkpoint,
  through: number,
  { stateVector, partial, base }: Pick<Vector, 'stateVector' | 'partial'> & Pick<Piece, 'base'>,
): Generator<Piece, boolean> {
  const id = transferId(checkpoint.id, stateVector)
  const count = checkpoint.pieces
  let index = partial?.id === id && partial.pieces < count ? partial.pieces : 0
  for (; index < count; index++) {
    if (workspace.checkpoint(ref)?.id !== checkpoint.id) return false
    const [stored] = workspace.pieces(ref, index)
    if (stored === undefined)
      throw new RejoinError('corrupt', `piece ${index} of ${JSON.stringify(ref.document)} is lost`)
    // To leave out what is empty all of it would have to be read before the first piece is sent.
    const { size, bytes } = stateVector === undefined ? stored : (cutPiece(stored, stateVector) ?? EMPTY_PIECE)
    const isLast = index === count - 1
    const end = isLast ? { through, vector: checkpoint.vector, base: base ?? new Map() } : { through: 0 }
    yield { type: 'piece', ...ref, id, index, count, size, bytes, ...end }
  }
  return true
}

/**
 * The heads at the asker that a checkpoint continues. `proven`: a chain that is not known here any more is told as unknown, for the asker
 * to see whether all that it has deleted is deleted in what comes, and where it has clocks that are not here, it is to fetch all.
 */
function baseFor(workspace: RelayWorkspace, asked: Vector, vector: VersionVector, forgotten: Forgotten) {
  const ref = refOf(asked)
  let unknown: Dot | undefined
  const base = baseOf(vector, asked.vector, (origin, seq) => {
    const chain = workspace.chain(ref, origin, seq)
    if (chain !== undefined || forgotten === 'believed') return chain
    unknown ??= { origin, seq }
    return CHAIN_UNKNOWN
  })
  if (unknown === undefined || forgotten === 'told') return base
  if (isWithin(asked.stateVector, workspace.stateVector(ref))) return provable(base, asked.vector)
  const detail = `what ${unknown.origin}/${unknown.seq} rests on is known no more`
  const refused = { request: 0, code: 'unproven', held: headOf(vector, unknown.origin).seq, detail } as const
  return { type: 'refused', ...ref, ...unknown, ...refused } as const
}

/** Whether all clocks of one Yjs state vector are in another. */
function isWithin(asked: Uint8Array | undefined, held: Uint8Array): boolean {
  if (asked === undefined) return false
  const clocks = decodeClocks(held)
  return [...inspectStateVector(asked)].every(([client, clock]) => clock <= (clocks.get(client) ?? 0))
}

const EMPTY_PIECE = deflatePiece(EMPTY_UPDATE)

function advance(theirs: Map<string, { seq: number; chain: string }>, vector: VersionVector): void {
  for (const [origin, head] of vector) if (head.seq > (theirs.get(origin)?.seq ?? 0)) theirs.set(origin, head)
}

/** The records at these offsets: along the document's log, which costs a fraction, unless too many others lie between them. */
function* entriesAt(
  workspace: RelayWorkspace,
  ref: DocumentRef,
  offsets: readonly number[],
): Generator<LogEntry, void> {
  const [first = 0] = offsets
  let found = 0
  let passed = 0
  for (const entry of workspace.history(ref, first - 1)) {
    if (entry.offset === offsets[found]) {
      yield entry
      if (++found === offsets.length) return
    } else if (++passed > offsets.length) break
  }
  for (const offset of offsets.slice(found)) yield workspace.entry(offset)
}

function upTo(bytesMax: number, read: Iterable<LogEntry>): LogEntry[] {
  const entries: LogEntry[] = []
  let bytes = 0
  for (const entry of read) {
    if (bytes > 0 && bytes + entry.record.bytes.length > bytesMax) break
    entries.push(entry)
    bytes += entry.record.bytes.length
  }
  return entries
}
