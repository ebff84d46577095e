/**
 * The log as one subscriber reads it, in the order of its offsets: what others wrote, and for what came from this subscriber
 * its receipt, in its place. A reader that is behind is fed from the store; one that has caught up gets what was just
 * committed without a look at it.
 */
import { RejoinError } from '../../shared/errors.ts'
import type { DocumentId, LogEpoch, ReplicaId } from '../../shared/ids.ts'
import { PIECE_BYTES_TARGET, SEND_BUFFER_BYTES_HIGH } from '../../shared/limits.ts'
import type { Message } from '../../shared/wire/messages.ts'
import type { AnyEntry, LogEntry, RestoredEntry, TombstoneEntry } from '../storage/store.ts'
import type { Accepted, CommitGroup, Subscriber } from './commits.ts'
import { refOf } from './documents.ts'
import { entryMessages, isRecord, type Outgoing, sharedFrames } from './fan-out.ts'
import { checkpointPieces } from './feeds.ts'
import { JOINED_READ_MAX } from './limits.ts'
import type { RelayWorkspace } from './workspace.ts'

export interface LogStream {
  /** Whether there is more in the log than was sent. */
  isBehind(): boolean
  /**
   * Sends the next piece of the log. Raises `corrupt` where the log does not hold what its head says, `slow-reader` where
   * entries were trimmed that were not sent yet.
   */
  next(): void
  /**
   * Something was committed: receipts are noted and, if the reader has caught up and is `ready`, it is sent. What is more than
   * a socket should hold is left to `next`.
   */
  committed(group: CommitGroup, ready: boolean): void
}

export interface LogReader {
  /** As whom it brings records and updates. */
  subscriber: Subscriber
  /** Its replica: records of this origin need no sending, but a receipt. */
  peer: ReplicaId
  /** Whether it reads all documents; otherwise those in `opened`. */
  all: boolean
  opened: { has(document: DocumentId): boolean }
  /** Whether it may read all of them, and which. */
  readsAll: boolean
  reads(document: DocumentId): boolean
  /** The epoch of the log as this reader knows it. */
  masked(epoch: LogEpoch): LogEpoch
  outgoing: Outgoing
  send(frame: Uint8Array): void
}

/** `from`: the offset up to which the reader holds the log. */
export function createLogStream(workspace: RelayWorkspace, reader: LogReader, from: number): LogStream {
  const { subscriber, peer, all, opened, readsAll, outgoing } = reader
  const follows = (id: DocumentId): boolean => (all || opened.has(id)) && (readsAll || reader.reads(id))
  /** The checkpoint from outside that the log has come to. */
  let restoring:
    | { offset: number; through: number; document: DocumentId; pieces: Iterator<Message, boolean> }
    | undefined
  /** Up to which offset a checkpoint that was sent holds its document, where that is further than the log has come. */
  const ahead = new Map<DocumentId, number>()
  /** What this subscriber brought into the log and has not been told of yet, by offset. */
  const owed = new Map<number, Accepted>()
  let sent = from

  function put(message: Message): void {
    const full = outgoing.put(message)
    if (full !== undefined) reader.send(full)
  }

  function send(entries: readonly LogEntry[], joins: boolean): void {
    const last = lastAcknowledged(entries)
    const own = (entry: LogEntry): Message | 'skip' | undefined => {
      const { where, offset } = entry
      if (!isAcknowledged(entry)) return owedAt(offset) ?? (follows(where.document) ? undefined : 'skip')
      owed.delete(offset)
      return last.get(dotsOf(entry)) === offset ? acknowledgement(entry) : 'skip'
    }
    for (const message of entryMessages(entries, own, joins ? workspace.chain : undefined)) put(message)
    sent = entries.at(-1)?.offset ?? sent
  }

  /** Whoever brought a record is told so in place of it, as is the one who sealed it. */
  function isAcknowledged({ offset, record }: LogEntry): boolean {
    const accepted = owed.get(offset)
    return accepted === undefined ? record.origin === peer : accepted.request === 0
  }

  /** A receipt is for all before it under its origin: the last of those that are sent together is enough. */
  function lastAcknowledged(entries: readonly LogEntry[]): ReadonlyMap<string, number> {
    const last = new Map<string, number>()
    for (const entry of entries) if (isAcknowledged(entry)) last.set(dotsOf(entry), entry.offset)
    return last
  }

  function owedAt(offset: number): Message | undefined {
    const accepted = owed.get(offset)
    owed.delete(offset)
    return accepted && receipt(accepted, offset)
  }

  /** Whoever brought the tombstone is told as everybody is: that is its receipt. */
  function bury({ offset, where }: TombstoneEntry): void {
    const isOwing = owed.delete(offset)
    if (isOwing || follows(where.document)) put({ type: 'tombstone', ...where, through: offset })
    sent = offset
  }

  /** The log has come to a checkpoint from outside: its pieces are sent, one each time. */
  function restore({ offset, where }: RestoredEntry): void {
    const owing = owedAt(offset)
    if (owing !== undefined) put(owing)
    const { document } = where
    const isNoNews = owing !== undefined || !follows(document) || passed({ offset, where })
    const checkpoint = isNoNews ? undefined : workspace.checkpoint(where)
    if (checkpoint === undefined) sent = offset
    else {
      const pieces = checkpointPieces(workspace, where, checkpoint, offset, {})
      restoring = { offset, through: checkpoint.through, document, pieces }
    }
  }

  /** Where a checkpoint that was sent already is newer than the one at this offset, only its place is told. */
  function passed({ offset, where }: Omit<RestoredEntry, 'restored'>): boolean {
    const through = ahead.get(where.document) ?? 0
    if (through <= offset) ahead.delete(where.document)
    if (through < offset) return false
    put({ type: 'entries', ...where, through: offset, runs: [] })
    return true
  }

  /** Where the checkpoint was replaced the next call comes to it again. */
  function restoreOn({ offset, through, document, pieces }: NonNullable<typeof restoring>): void {
    const next = pieces.next()
    if (next.done !== true) return put(next.value)
    restoring = undefined
    if (!next.value) return
    sent = offset
    if (through > offset) ahead.set(document, through)
  }

  return {
    isBehind: () => sent < workspace.head(),
    next() {
      if (sent < workspace.low()) {
        throw new RejoinError('slow-reader', `the log is trimmed up to ${workspace.low()}, and was read up to ${sent}`)
      }
      if (restoring !== undefined) return restoreOn(restoring)
      const [first, ...others] = firstOf(JOINED_READ_MAX, PIECE_BYTES_TARGET, workspace.read(sent))
      if (first === undefined) {
        throw new RejoinError('corrupt', `the log has nothing after ${sent}, and its head is ${workspace.head()}`)
      }
      if (isRecord(first)) send([first, ...others.filter(isRecord)], true)
      else if ('tombstone' in first) bury(first)
      else restore(first)
    },
    committed(group, ready) {
      const entries = group.accepted.flatMap((accepted) => accepted.entries)
      const caughtUp = entries[0] === undefined || sent === entries[0].offset - 1
      const records = entries.filter(isRecord)
      const fits = records.length === entries.length && bytesOf(records) <= SEND_BUFFER_BYTES_HIGH
      const feeding = ready && caughtUp && fits
      const apart = group.accepted.some((accepted) => accepted.from === subscriber || accepted.dot.origin === peer)
      if (feeding && all && readsAll && !apart && outgoing.length === 0) {
        for (const frame of sharedFrames(group)) reader.send(frame)
        sent = entries.at(-1)?.offset ?? sent
        return
      }
      if (group.epoch !== undefined) {
        put({ type: 'epoch', epoch: reader.masked(group.epoch.epoch), start: group.epoch.start })
      }
      for (const accepted of group.accepted) {
        if (accepted.from !== subscriber || isOnItsWay(accepted)) continue
        const last = accepted.entries.at(-1)
        if (last === undefined) put(receipt(accepted, 0))
        else owed.set(last.offset, accepted)
      }
      if (feeding) send(records, false)
    },
  }
}

const dotsOf = ({ where: { document, epoch }, record: { origin } }: LogEntry): string =>
  `${document}\u0000${epoch}\u0000${origin}`

const acknowledgement = ({ where, offset, record: { origin, seq, chain } }: LogEntry): Message => ({
  type: 'ack',
  ...refOf(where),
  through: offset,
  origin,
  seq,
  chain,
})

const bytesOf = (entries: readonly LogEntry[]): number =>
  entries.reduce((bytes, { record }) => bytes + record.bytes.length, 0)

/** Of a transfer nothing is said before it is whole. */
const isOnItsWay = ({ piece, fold }: Accepted): boolean => piece !== undefined && fold === undefined

/** The receipt of something that is durable now. */
function receipt(accepted: Accepted, through: number): Message {
  const { where, dot, request } = accepted
  const { origin, seq, chain } = dot
  const receipt = { ...refOf(where), through, origin, seq, chain }
  return request === 0 ? { type: 'ack', ...receipt } : { type: 'stamped', ...receipt, request }
}

/** Records, or one entry that is none. */
function firstOf(count: number, bytesMax: number, entries: Iterable<AnyEntry>) {
  const taken: AnyEntry[] = []
  let bytes = 0
  for (const entry of entries) {
    const size = isRecord(entry) ? entry.record.bytes.length : bytesMax
    if (taken.length > 0 && (taken.length === count || bytes + size > bytesMax)) break
    taken.push(entry)
    bytes += size
  }
  return taken
}
