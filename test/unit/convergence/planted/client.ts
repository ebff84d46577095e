/** Bugs in a client's storage, and in who it says it is. */
import type { ReplicaStore, TableName, Tables, WriteTransaction } from '../../../../client/replica/store.ts'
import { BROWSER, NETWORK, type PlantedBug } from './bug.ts'

export const CLIENT_BUGS: Readonly<Record<string, PlantedBug>> = {
  'edits not stored': {
    what: 'what is typed is said to be stored and is not',
    faults: BROWSER,
    bend: {
      replicaStore: (store) =>
        withPut(store, (table, value, count) => (table === 'edits' && count % 5 === 4 ? undefined : value)),
    },
  },
  'stored too early': {
    what: 'what is typed is said to be stored while it is still being written',
    faults: ['client power', 'client power', 'tab open'],
    bend: { replicaStore: toldBeforeCommit },
  },
  'watermark too far': {
    what: 'a client takes for acknowledged what it has only sent',
    faults: NETWORK,
    bend: {
      replicaStore: (store) =>
        withPut(store, (table, value) =>
          table === 'peers'
            ? { ...(value as Tables['peers']), watermark: (value as Tables['peers']).watermark + 3 }
            : value,
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
          const row = value as Tables['peers']
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
          const row = value as Tables['documents']
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
  'pieces out of order': {
    what: 'a client names the pieces of a checkpoint so that they rest on those behind them',
    faults: NETWORK,
    world: { relays: 2 },
    bend: {
      replicaStore: (store) =>
        withPut(store, (table, value) => {
          const row = value as Tables['checkpoints']
          return table === 'checkpoints' ? { ...row, pieces: row.pieces.toReversed() } : value
        }),
    },
  },
  'outbox forgotten': {
    what: 'a client forgets which of its records wait for a relay',
    faults: NETWORK,
    bend: {
      replicaStore: (store) =>
        withPut(store, (table, value) =>
          table === 'documents' ? { ...(value as Tables['documents']), waiting: [] } : value,
        ),
    },
  },
  'room at any price': {
    what: 'a client without room lets a document leave of which no relay has everything',
    faults: NETWORK,
    bend: { replicaStore: leavesTooSoon },
  },
  'client id reused': {
    what: 'two tabs write under one Yjs client id',
    faults: [],
    bend: { clientId: () => 4711 },
  },
}

type Change = (table: TableName, value: unknown, count: number) => unknown

/** Changes what is put, or for `undefined` leaves it out. */
export function withPut(store: ReplicaStore, change: Change): ReplicaStore {
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

/** What was just sealed leaves at once. */
function leavesTooSoon(store: ReplicaStore): ReplicaStore {
  return {
    ...store,
    write: (tables, body) =>
      store.write(tables, async (transaction) => {
        const sealed: Tables['documents'][] = []
        const result = await body({
          ...transaction,
          put(table, key, value) {
            transaction.put(table, key, value)
            if (table !== 'documents' || !tables.includes('records')) return
            const row = value as Tables['documents']
            if (row.waiting.length > 0) sealed.push(row)
          },
        })
        for (const row of sealed) {
          for (const { key } of await transaction.range('records', [row.document])) transaction.delete('records', key)
          const away = { vector: row.vector, places: [] }
          transaction.put('documents', [row.document], { ...row, vector: [], waiting: [], away })
        }
        return result
      }),
  }
}

/** A transaction is over for whoever asked for it when all in it has been said. */
function toldBeforeCommit(store: ReplicaStore): ReplicaStore {
  return {
    ...store,
    write: (tables, body) =>
      new Promise((resolve, reject) => {
        const write = store.write(tables, async (transaction) => {
          const result = await body(transaction)
          resolve(result)
          return result
        })
        write.catch(reject)
      }),
  }
}
