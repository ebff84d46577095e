/**
 * Bugs on purpose, each put into the real code through one of its ports. A suite that does not find every one of them would
 * not find its like either.
 */
import * as Y from 'yjs'
import type { Dial } from '../../client/connection/socket.ts'
import type {
  DocumentRow,
  PeerRow,
  ReplicaStore,
  TableName,
  Tables,
  WriteTransaction,
} from '../../client/replica/store.ts'
import type { LogEntry, RelayStore } from '../../server/storage/store.ts'
import { decodeFrame, encodeFrame, encodeMessage } from '../../shared/wire/codec.ts'
import type { Message } from '../../shared/wire/messages.ts'
import type { Chance } from './chance.ts'
import type { FaultKind } from './faults.ts'
import type { Bend } from './world.ts'

export interface PlantedBug {
  what: string
  bend: Bend
  /** Faults without which it does not show. */
  faults: readonly FaultKind[]
}

const NETWORK: readonly FaultKind[] = ['break', 'half open', 'stall']
const RELAY: readonly FaultKind[] = ['relay crash', 'relay commit', 'break']
const BROWSER: readonly FaultKind[] = ['browser crash', 'tab crash', 'break']

export const PLANTED: Readonly<Record<string, PlantedBug>> = {
  'ack before commit': {
    what: 'a relay answers before its commit is durable',
    faults: RELAY,
    bend: { relayStore: commitsLater },
  },
  'lost commit': {
    what: 'a commit now and then writes nothing',
    faults: [],
    bend: {
      relayStore: (store) => withCommit(store, (batch, count) => (count % 9 === 8 ? { ...batch, entries: [] } : batch)),
    },
  },
  'torn commit': {
    what: 'a commit keeps its documents and loses its last entry',
    faults: [],
    bend: {
      relayStore: (store) =>
        withCommit(store, (batch, count) =>
          count % 7 === 6 ? { ...batch, entries: batch.entries.slice(0, -1) } : batch,
        ),
    },
  },
  'entry twice': {
    what: 'a commit writes an entry twice',
    faults: [],
    bend: {
      relayStore: (store) =>
        withCommit(store, (batch, count) =>
          count % 7 === 6 ? { ...batch, entries: [...batch.entries, ...batch.entries] } : batch,
        ),
    },
  },
  'vector not kept': {
    what: 'a relay keeps the version vector of before the commit',
    faults: RELAY,
    bend: {
      relayStore: (store) =>
        withCommit(store, (batch) => ({
          ...batch,
          documents: batch.documents.map((each) => store.document(each.document) ?? each),
        })),
    },
  },
  'epoch not opened': {
    what: 'a restarted relay goes on in the epoch of before, also over an older store',
    faults: ['relay restore', 'break'],
    bend: {
      relayStore: (store) =>
        withCommit(store, (batch, _count) => (store.epochs().length > 0 ? { ...batch, epoch: undefined } : batch)),
    },
  },
  'log read from behind the next': {
    what: 'a reader that goes on from its place misses one entry',
    faults: NETWORK,
    bend: { relayStore: (store) => ({ ...store, read: (offset) => withoutTheFirst(store.read(offset)) }) },
  },
  'answer lost': {
    what: 'the records that a version vector lacks are lost on the way, and the vector after them is not',
    faults: NETWORK,
    bend: {
      dial: (dial, chance) =>
        filtering(dial, 'down', (message) =>
          message.type === 'entries' && message.through === 0 && chance.happens(0.5) ? undefined : message,
        ),
    },
  },
  'lost delete-only update': {
    what: 'updates that hold only deletions do not reach the relay',
    faults: [],
    bend: { dial: (dial) => filtering(dial, 'up', withoutDeletions) },
  },
  'changed on the way': {
    what: 'a record is changed on its way and the frame sealed anew',
    faults: [],
    bend: { dial: (dial, chance) => filtering(dial, 'up', (message) => flipped(message, chance, 0.05)) },
  },
  'checksum of frames not verified': {
    what: 'a damaged frame is taken for a sound one',
    faults: ['damage'],
    bend: { dial: (dial) => resealing(dial) },
  },
  'receipt lost': {
    what: 'an acknowledgement never comes',
    faults: [],
    bend: { dial: (dial) => filtering(dial, 'down', (message) => (message.type === 'ack' ? undefined : message)) },
  },
  'receipt too early': {
    what: 'an acknowledgement names a record beyond what the relay holds',
    faults: NETWORK,
    bend: {
      dial: (dial) =>
        filtering(dial, 'down', (message) => (message.type === 'ack' ? { ...message, seq: message.seq + 1 } : message)),
    },
  },
  'gap skipped': {
    what: 'records that others wrote are lost on the way while the place moves on',
    faults: [],
    bend: {
      dial: (dial, chance) =>
        filtering(dial, 'down', (message) =>
          message.type === 'entries' && message.through > 0 && chance.happens(0.1) ? { ...message, runs: [] } : message,
        ),
    },
  },
  'always resumed': {
    what: 'a relay takes every place for valid',
    faults: ['relay restore', 'break'],
    bend: {
      dial: (dial) =>
        filtering(dial, 'down', (message) => (message.type === 'welcome' ? { ...message, resumed: true } : message)),
    },
  },
  'edits not stored': {
    what: 'what is typed is said to be stored and is not',
    faults: BROWSER,
    bend: {
      replicaStore: (store) =>
        withPut(store, (table, value, count) => (table === 'edits' && count % 5 === 4 ? undefined : value)),
    },
  },
  'watermark too far': {
    what: 'a client takes for acknowledged what it has only sent',
    faults: NETWORK,
    bend: {
      replicaStore: (store) =>
        withPut(store, (table, value) =>
          table === 'peers' ? { ...(value as PeerRow), watermark: (value as PeerRow).watermark + 3 } : value,
        ),
    },
  },
  'place too far': {
    what: 'a client keeps a place before it has stored what comes before it',
    faults: NETWORK,
    bend: {
      replicaStore: (store) =>
        withPut(store, (table, value) => {
          if (table !== 'peers') return value
          const row = value as PeerRow
          return { ...row, place: { ...row.place, offset: row.place.offset + 2 } }
        }),
    },
  },
  'write not atomic': {
    what: 'an aborted transaction of a client leaves its first write behind',
    faults: ['abort', 'quota', 'browser crash'],
    bend: { replicaStore: leavesBehind },
  },
  'version vector forgets': {
    what: 'a client forgets an origin in a version vector',
    faults: [],
    bend: {
      replicaStore: (store) =>
        withPut(store, (table, value, count) => {
          const row = value as DocumentRow
          return table === 'documents' && count % 11 === 10 ? { ...row, vector: row.vector.slice(1) } : value
        }),
    },
  },
  'record dropped': {
    what: 'a client notes records in its version vector and does not keep them',
    faults: [],
    bend: {
      replicaStore: (store) =>
        withPut(store, (table, value, count) => (table === 'records' && count % 13 === 12 ? undefined : value)),
    },
  },
  'client id reused': {
    what: 'two tabs write under one Yjs client id',
    faults: [],
    bend: { clientId: () => 4711 },
  },
}

/** Leaves out the first of several: with none left, a relay would read for ever. */
function* withoutTheFirst(entries: Iterable<LogEntry>): Iterable<LogEntry> {
  const [first, ...rest] = entries
  if (rest.length > 0) yield* rest
  else if (first !== undefined) yield first
}

type Batch = Parameters<RelayStore['commit']>[0]

function withCommit(store: RelayStore, change: (batch: Batch, count: number) => Batch): RelayStore {
  let count = 0
  return { ...store, commit: (batch) => store.commit(change(batch, count++)) }
}

/** Commits half a second after it has said so, as a disk without fsync does. */
function commitsLater(
  store: RelayStore,
  clock: { after(delayMs: number, callback: () => void): () => void },
): RelayStore {
  const late: LogEntry[] = []
  return {
    ...store,
    head: () => store.head() + late.length,
    entry: (offset) => late.find((entry) => entry.offset === offset) ?? store.entry(offset),
    *read(offset) {
      yield* store.read(offset)
      for (const entry of late) if (entry.offset > offset) yield entry
    },
    commit(batch) {
      late.push(...batch.entries)
      const documents = batch.documents.map((each) => ({ ...each, vector: new Map(each.vector) }))
      clock.after(500, () => {
        store.commit({ ...batch, documents })
        late.splice(0, batch.entries.length)
      })
    },
  }
}

/** Changes messages of one direction, or leaves them out, and seals the frame anew. */
function filtering(dial: Dial, direction: 'up' | 'down', change: (message: Message) => Message | undefined): Dial {
  const filter = (data: Uint8Array | string): Uint8Array | string | undefined => {
    if (typeof data === 'string') return data
    try {
      const messages = decodeFrame(data).flatMap((message) => change(message) ?? [])
      return messages.length === 0 ? undefined : encodeFrame(messages.map(encodeMessage))
    } catch {
      return data
    }
  }
  return (url, handlers) => {
    const received = (data: Uint8Array | string): void => {
      const changed = direction === 'down' ? filter(data) : data
      if (changed !== undefined) handlers.received(changed)
    }
    const socket = dial(url, { ...handlers, received })
    return {
      ...socket,
      send(data) {
        const changed = direction === 'up' ? filter(data) : data
        if (changed !== undefined) socket.send(changed)
      },
    }
  }
}

/** Gives every frame that arrives the checksum that it should have. */
function resealing(dial: Dial): Dial {
  return (url, handlers) =>
    dial(url, {
      ...handlers,
      received: (data) => handlers.received(typeof data === 'string' ? data : encodeFrame([data.subarray(4)])),
    })
}

function withoutDeletions(message: Message): Message {
  if (message.type !== 'entries') return message
  const nothing = Y.encodeStateAsUpdate(new Y.Doc())
  const runs = message.runs.map((run) => ({
    ...run,
    updates: run.updates.map((update) =>
      Y.decodeUpdate(update.bytes).structs.length === 0 ? { ...update, bytes: nothing } : update,
    ),
  }))
  return { ...message, runs }
}

function flipped(message: Message, chance: Chance, probability: number): Message {
  if (message.type !== 'entries' || !chance.happens(probability)) return message
  const runs = message.runs.map((run) => ({
    ...run,
    updates: run.updates.map((update) => {
      const bytes = update.bytes.slice()
      const at = chance.below(bytes.length)
      bytes[at] = (bytes[at] ?? 0) ^ 1
      return { ...update, bytes }
    }),
  }))
  return { ...message, runs }
}

type Change = (table: TableName, value: unknown, count: number) => unknown

/** Changes what is put, or for `undefined` leaves it out. */
function withPut(store: ReplicaStore, change: Change): ReplicaStore {
  const counts = new Map<TableName, number>()
  return {
    ...store,
    write: (tables, body) =>
      store.write(tables, (transaction) =>
        body({
          ...transaction,
          put(table, key, value) {
            const count = counts.get(table) ?? 0
            counts.set(table, count + 1)
            const changed = change(table, value, count)
            if (changed !== undefined) transaction.put(table, key, changed as Tables[typeof table])
          },
        }),
      ),
  }
}

function leavesBehind(store: ReplicaStore): ReplicaStore {
  return {
    ...store,
    async write(tables, body) {
      let first: ((transaction: WriteTransaction) => void) | undefined
      try {
        return await store.write(tables, (transaction) =>
          body({
            ...transaction,
            put(table, key, value) {
              first ??= (again) => again.put(table, key, value)
              transaction.put(table, key, value)
            },
          }),
        )
      } catch (error) {
        await store.write(tables, async (transaction) => first?.(transaction)).catch(() => {})
        throw error
      }
    },
  }
}
