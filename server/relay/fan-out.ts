/**
 * Log entries on their way out: neighbours of one document share a message, messages share frames. What one commit brought is
 * encoded once for all readers who are to get the whole of it.
 */
import type { Chain } from '../../shared/causality/chain.ts'
import type { Head } from '../../shared/causality/version-vector.ts'
import { hash64 } from '../../shared/hash.ts'
import type { OriginId } from '../../shared/ids.ts'
import { FRAME_BYTES_TARGET, PIECE_BYTES_TARGET } from '../../shared/limits.ts'
import { toEntries } from '../../shared/sync/runs.ts'
import { deflatePiece } from '../../shared/update/deflate-piece.ts'
import { joinUpdates } from '../../shared/update/join.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import { isWithinLimits } from '../../shared/update/walk.ts'
import { encodeFrame, encodeMessage } from '../../shared/wire/codec.ts'
import type { Entries, Message, Piece } from '../../shared/wire/messages.ts'
import type { AnyEntry, LogEntry } from '../storage/store.ts'
import { follows } from '../storage/unbroken.ts'
import type { CommitGroup } from './commits.ts'

/** Records of one document that follow one another and are this many are worth joining: to look at one costs 20 bytes. */
export const JOIN_RECORDS_MIN = 16
/** Fewer are worth it too, where they are large: a run that goes on over them is written once. */
const JOIN_BYTES_MIN = 4 * 1024

/** The chain at a record that is held, as far as it is known. */
export type ChainAt = (where: DocumentRef, origin: OriginId, seq: number) => Chain | undefined

/**
 * Entries as messages, in the order of the log. What `special` gives a message of its own for is sent as that. With `chainAt` they
 * may be joined.
 */
export function* entryMessages(
  entries: Iterable<LogEntry>,
  special: (entry: LogEntry) => Message | 'skip' | undefined = () => undefined,
  chainAt?: ChainAt,
): Iterable<Message> {
  const bytesMax = chainAt !== undefined ? PIECE_BYTES_TARGET : FRAME_BYTES_TARGET
  let batch: LogEntry[] = []
  let bytes = 0
  for (const entry of entries) {
    const own = special(entry)
    if (own === 'skip') continue
    const size = entry.record.bytes.length
    const [first] = batch
    const follows = own === undefined && first?.where.document === entry.where.document && bytes + size <= bytesMax
    if (!follows && first !== undefined) {
      yield* recordMessages(first.where, batch, true, chainAt)
      batch = []
      bytes = 0
    }
    if (own !== undefined) {
      yield own
      continue
    }
    batch.push(entry)
    bytes += size
  }
  const [first] = batch
  if (first !== undefined) yield* recordMessages(first.where, batch, true, chainAt)
}

/**
 * Records of one document as they are or, with `chainAt` and where there are enough of them, joined into one piece, which takes a
 * fraction of their bytes. `inLog`: with the offsets at which they end.
 */
export function* recordMessages(
  where: DocumentRef,
  entries: readonly LogEntry[],
  inLog: boolean,
  chainAt?: ChainAt,
): Generator<Entries | Piece, void> {
  const throughOf = (part: readonly LogEntry[]): number => (inLog ? (part.at(-1)?.offset ?? 0) : 0)
  const joined = chainAt && joinedPiece(where, entries, throughOf(entries), chainAt)
  if (joined !== undefined) return void (yield joined)
  let part: LogEntry[] = []
  let bytes = 0
  for (const entry of entries) {
    const size = entry.record.bytes.length
    if (part.length > 0 && bytes + size > FRAME_BYTES_TARGET) {
      yield toEntries(
        where,
        part.map(({ record }) => record),
        throughOf(part),
      )
      part = []
      bytes = 0
    }
    part.push(entry)
    bytes += size
  }
  yield toEntries(
    where,
    part.map(({ record }) => record),
    throughOf(part),
  )
}

/**
 * `undefined` where they are few, where it is not known any more what they continue, or some are missing between them (as they are they
 * show it themselves), and where together they are more than one update may be: nobody would take that.
 */
function joinedPiece(
  where: DocumentRef,
  entries: readonly LogEntry[],
  through: number,
  chainAt: ChainAt,
): Piece | undefined {
  if (entries.length < JOIN_RECORDS_MIN && !areLarge(entries)) return undefined
  const base = new Map<OriginId, Head>()
  const vector = new Map<OriginId, Head>()
  for (const { record } of entries) {
    const { origin, seq, chain } = record
    const last = vector.get(origin)
    if (last !== undefined && !follows(last, record)) return undefined
    if (last === undefined && seq > 1) {
      const before = chainAt(where, origin, seq - 1)
      if (before === undefined) return undefined
      base.set(origin, { seq: seq - 1, chain: before })
    }
    vector.set(origin, { seq, chain })
  }
  const update = joinUpdates(entries.map(({ record }) => record.bytes))
  if (!isWithinLimits(update)) return undefined
  const { document, epoch, gc } = where
  const piece = { id: hash64(update), index: 0, count: 1, ...deflatePiece(update), vector, base }
  return { type: 'piece', document, epoch, gc, through, ...piece }
}

const areLarge = (entries: readonly LogEntry[]): boolean =>
  entries.length > 1 && entries.reduce((sum, { record }) => sum + record.bytes.length, 0) >= JOIN_BYTES_MIN

const shared = new WeakMap<CommitGroup, Uint8Array[]>()

/** The frames of everything that a commit brought, made at the first call; there is no checkpoint from outside in it. */
export function sharedFrames(group: CommitGroup): readonly Uint8Array[] {
  let frames = shared.get(group)
  if (frames === undefined) {
    const outgoing = createOutgoing()
    frames = []
    if (group.epoch !== undefined) outgoing.put({ type: 'epoch', ...group.epoch })
    for (const message of entryMessages(group.accepted.flatMap(({ entries }) => entries.filter(isRecord)))) {
      const full = outgoing.put(message)
      if (full !== undefined) frames.push(full)
    }
    const rest = outgoing.take()
    if (rest !== undefined) frames.push(rest)
    shared.set(group, frames)
  }
  return frames
}

export const isRecord = (entry: AnyEntry): entry is LogEntry => 'record' in entry

/** Messages that wait for their frame. */
export interface Outgoing {
  readonly length: number
  /** Returns the frame before this message, if that is full. */
  put(message: Message): Uint8Array | undefined
  take(): Uint8Array | undefined
}

export function createOutgoing(): Outgoing {
  let messages: Uint8Array[] = []
  let bytes = 0
  const outgoing: Outgoing = {
    get length() {
      return messages.length
    },
    put(message) {
      const encoded = encodeMessage(message)
      const full = bytes + encoded.length > FRAME_BYTES_TARGET ? outgoing.take() : undefined
      messages.push(encoded)
      bytes += encoded.length
      return full
    },
    take() {
      if (messages.length === 0) return undefined
      const frame = encodeFrame(messages)
      messages = []
      bytes = 0
      return frame
    },
  }
  return outgoing
}
