/**
 * Log entries on their way out: neighbours of one document share a message, messages share frames. What one commit brought is
 * encoded once for all readers who are to get the whole of it.
 */
import { FRAME_BYTES_TARGET } from '../../shared/limits.ts'
import { toEntries } from '../../shared/sync/runs.ts'
import type { UpdateRecord } from '../../shared/update/record.ts'
import { encodeFrame, encodeMessage } from '../../shared/wire/codec.ts'
import type { Message } from '../../shared/wire/messages.ts'
import type { LogEntry } from '../storage/store.ts'
import type { CommitGroup } from './workspace.ts'

/** Entries as messages, in the order of the log. What `special` gives a message of its own for is sent as that. */
export function* entryMessages(
  entries: Iterable<LogEntry>,
  special: (entry: LogEntry) => Message | 'skip' | undefined = () => undefined,
): Iterable<Message> {
  let batch: UpdateRecord[] = []
  let bytes = 0
  let last: LogEntry | undefined
  for (const entry of entries) {
    const own = special(entry)
    if (own === 'skip') continue
    const size = entry.record.bytes.length
    const joins =
      own === undefined && last?.where.document === entry.where.document && bytes + size <= FRAME_BYTES_TARGET
    if (!joins && last !== undefined) {
      yield toEntries(last.where, batch, last.offset)
      batch = []
      bytes = 0
      last = undefined
    }
    if (own !== undefined) {
      yield own
      continue
    }
    batch.push(entry.record)
    bytes += size
    last = entry
  }
  if (last !== undefined) yield toEntries(last.where, batch, last.offset)
}

const shared = new WeakMap<CommitGroup, Uint8Array[]>()

/** The frames of everything that a commit brought, made at the first call. */
export function sharedFrames(group: CommitGroup): readonly Uint8Array[] {
  let frames = shared.get(group)
  if (frames === undefined) {
    const outgoing = createOutgoing()
    frames = []
    if (group.epoch !== undefined) outgoing.put({ type: 'epoch', ...group.epoch })
    for (const message of entryMessages(group.accepted.flatMap((accepted) => accepted.entries))) {
      const full = outgoing.put(message)
      if (full !== undefined) frames.push(full)
    }
    const rest = outgoing.take()
    if (rest !== undefined) frames.push(rest)
    shared.set(group, frames)
  }
  return frames
}

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
