/**
 * The logs of documents that stock clients use, each joined into one update, from which the answer to a Yjs state vector
 * is cut without a Y.Doc. A joined log is made when it is first asked for, kept up to date with what is committed, and
 * dropped again, least recently used first, within a budget of memory (P7, P11).
 */
import { RejoinError } from '../../shared/errors.ts'
import { inspectUpdate } from '../../shared/update/inspect.ts'
import { encodeKnownClocks } from '../../shared/update/interval-bytes.ts'
import { createIntervalIndex } from '../../shared/update/intervals.ts'
import { joinUpdates } from '../../shared/update/join.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import { cutUpdate } from '../../shared/update/state-vector.ts'
import { NO_LIMITS } from '../../shared/update/walk.ts'
import type { AnyEntry } from '../storage/store.ts'

/** The joined logs of one workspace. */
export interface JoinedLogs {
  /** The Yjs state vector of what is durable here. Raises `corrupt` where a record is damaged. */
  stateVector(where: DocumentRef): Uint8Array
  /**
   * What a client with this Yjs state vector lacks; everything, if vector or log are larger than is worth reading. Raises
   * `invalid-update` for bytes that are no state vector and `corrupt` where a record is damaged.
   */
  lacking(where: DocumentRef, vector: Uint8Array): Uint8Array
  /** Takes an entry that was committed. */
  add(entry: AnyEntry): void
  /** Reads the document again when it is asked for next. */
  drop(where: DocumentRef): void
}

/** What is read of a workspace. */
export interface LogSource {
  /** Updates that say all of a document. */
  content(where: DocumentRef): Iterable<Uint8Array>
}

/** The joined logs of all workspaces of a relay, which share one budget. */
export interface JoinedLogCache {
  of(source: LogSource): JoinedLogs
}

interface Joined {
  update: Uint8Array
  /** Committed since `update` was made. */
  tail: Uint8Array[]
  tailBytes: number
  vector?: Uint8Array
  /** The last answer: after a restart all those who were there ask with the same state vector. */
  answer?: { to: Uint8Array; update: Uint8Array }
}

/** Updates kept beside a joined log that nobody asks for; past this it is as quick to read the log again. */
const TAIL_LENGTH_MAX = 1024
const TAIL_BYTES_MAX = 1024 * 1024
/** Memory of an entry, and of each update in its tail, beside their bytes. */
const ENTRY_BYTES = 500
const TAIL_UPDATE_BYTES = 150

/** The state vector of a client that holds nothing. */
const NOTHING = new Uint8Array([0])

/** `memoryBytesMax`: bytes of memory for joined logs and what belongs to them. */
export function createJoinedLogCache(memoryBytesMax: number): JoinedLogCache {
  // In order of use: the map's first entry is the one not used for longest.
  const cached = new Map<string, Joined>()
  let total = 0
  let sources = 0

  function take(key: string): Joined | undefined {
    const joined = cached.get(key)
    if (joined === undefined) return undefined
    cached.delete(key)
    total -= sizeOf(joined)
    return joined
  }

  function put(key: string, joined: Joined): void {
    cached.set(key, joined)
    total += sizeOf(joined)
    for (const oldest of cached.keys()) {
      if (total <= memoryBytesMax) return
      take(oldest)
    }
  }

  return {
    of(source) {
      const prefix = `${sources++}/`

      function use(where: DocumentRef, ask: (joined: Joined) => Uint8Array): Uint8Array {
        const key = prefix + where.document
        const joined = caughtUp(take(key)) ?? fromLog(source, where)
        const answer = ask(joined)
        put(key, joined)
        return answer
      }

      return {
        stateVector: (where) => use(where, stateVectorOf),
        lacking: (where, vector) => use(where, (joined) => cut(joined, vector)),
        add(entry) {
          const key = prefix + entry.where.document
          const joined = take(key)
          if (joined === undefined || !('record' in entry)) return
          const { record } = entry
          // A copy: the bytes are often a view of a larger piece of memory, which would stay for as long as they do.
          joined.tail.push(new Uint8Array(record.bytes))
          joined.tailBytes += record.bytes.length
          if (joined.tail.length <= TAIL_LENGTH_MAX && joined.tailBytes <= TAIL_BYTES_MAX) put(key, joined)
        },
        drop: ({ document }) => void take(prefix + document),
      }
    },
  }
}

function sizeOf({ update, tail, tailBytes, vector, answer }: Joined): number {
  const answerBytes = answer === undefined ? 0 : answer.to.length + answer.update.length
  return ENTRY_BYTES + update.length + tailBytes + tail.length * TAIL_UPDATE_BYTES + (vector?.length ?? 0) + answerBytes
}

function fromLog(source: LogSource, where: DocumentRef): Joined {
  const updates = [...source.content(where)]
  return { update: joinUpdates(updates), tail: [], tailBytes: 0 }
}

/** A joined log may pass the bounds that hold for one update; it is made from the single ones then. */
function caughtUp(joined: Joined | undefined): Joined | undefined {
  if (joined === undefined || joined.tail.length === 0) return joined
  const update = unlessTooBig(() => joinUpdates([joined.update, ...joined.tail]))
  return update && { update, tail: [], tailBytes: 0 }
}

function stateVectorOf(joined: Joined): Uint8Array {
  if (joined.vector === undefined) {
    const index = createIntervalIndex()
    index.add(inspectUpdate(joined.update, NO_LIMITS))
    joined.vector = encodeKnownClocks(index)
  }
  return joined.vector
}

function cut(joined: Joined, vector: Uint8Array): Uint8Array {
  if (joined.answer === undefined || !isSame(joined.answer.to, vector)) {
    const update = isSame(vector, NOTHING) ? undefined : unlessTooBig(() => cutUpdate(joined.update, vector))
    if (update === undefined) return joined.update
    joined.answer = { to: new Uint8Array(vector), update }
  }
  return joined.answer.update
}

function unlessTooBig<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch (error) {
    if (error instanceof RejoinError && error.code === 'too-big') return undefined
    throw error
  }
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i])
