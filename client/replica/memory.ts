/** The store port in memory: for bots, tests and the simulator, and the reference of its contract suite. Not durable. */
import { RejoinError, toRejoinError } from '../../shared/errors.ts'
import { withOwnBytes } from './own-bytes.ts'
import {
  type Key,
  type ReadTransaction,
  type ReplicaStore,
  type Row,
  TABLE_NAMES,
  type TableName,
  type Tables,
  type WriteTransaction,
} from './store.ts'

interface Table {
  rows: Map<string, { key: Key; value: unknown }>
  /** Encoded keys in order. */
  order: string[]
}

/** `durable` is for tests of what only durable replicas do; what it holds still goes with the process. */
export function createMemoryReplicaStore(options: { durable?: boolean } = {}): ReplicaStore {
  const tables = new Map<TableName, Table>(TABLE_NAMES.map((name) => [name, { rows: new Map(), order: [] }]))
  let closed = false
  let last: Promise<unknown> = Promise.resolve()

  const tableOf = (name: TableName): Table => tables.get(name) as Table

  /** One transaction after the other: a transaction's body may await, and nobody may see half of it. */
  function alone<R>(body: () => Promise<R>): Promise<R> {
    const run = last.then(async () => {
      if (closed) throw new RejoinError('closed', 'the store is closed')
      try {
        return await body()
      } catch (error) {
        throw toRejoinError(error, 'storage-failed', 'the store in memory failed')
      }
    })
    last = run.catch(() => {})
    return run
  }

  const reading: ReadTransaction = {
    get: async <T extends TableName>(table: T, key: Key) =>
      tableOf(table).rows.get(encodeKey(key))?.value as Tables[T] | undefined,
    range: async <T extends TableName>(
      name: T,
      prefix: Key,
      { from, limit = Infinity }: { from?: number; limit?: number } = {},
    ) => {
      const { rows, order } = tableOf(name)
      const start = encodeKey(prefix)
      const found: Row<T>[] = []
      let at = lowerBound(order, from === undefined ? start : start + encodePart(from))
      for (; at < order.length && found.length < limit; at++) {
        const encoded = order[at] as string
        if (!encoded.startsWith(start)) break
        found.push(rows.get(encoded) as Row<T>)
      }
      return found
    },
  }

  return {
    durable: options.durable ?? false,
    read: (_tables, body) => alone(() => body(reading)),
    write: (_tables, body) =>
      alone(async () => {
        const undo: (() => void)[] = []
        const writing: WriteTransaction = {
          ...reading,
          put: (name, key, value) => undo.push(set(tableOf(name), key, withOwnBytes(value))),
          delete: (name, key) => undo.push(set(tableOf(name), key, undefined)),
        }
        try {
          return await body(writing)
        } catch (error) {
          for (const revert of undo.reverse()) revert()
          throw error
        }
      }),
    close() {
      closed = true
    },
    async destroy() {
      closed = true
      for (const table of tables.values()) {
        table.rows.clear()
        table.order = []
      }
    },
  }
}

/** Sets or, for `undefined`, deletes; returns what takes it back. */
function set(table: Table, key: Key, value: unknown): () => void {
  const encoded = encodeKey(key)
  const before = table.rows.get(encoded)
  const at = lowerBound(table.order, encoded)
  if (value === undefined) {
    if (table.rows.delete(encoded)) table.order.splice(at, 1)
  } else {
    if (before === undefined) table.order.splice(at, 0, encoded)
    table.rows.set(encoded, { key, value })
  }
  return () => {
    set(table, key, before?.value)
  }
}

/** Numbers before text, as IndexedDB has it; ids hold no control characters, so they may end a part. */
const encodePart = (part: string | number): string =>
  typeof part === 'number' ? `\u0001${String(part).padStart(16, '0')}\u0000` : `\u0002${part}\u0000`

const encodeKey = (key: Key): string => key.map(encodePart).join('')

function lowerBound(order: readonly string[], key: string): number {
  let low = 0
  let high = order.length
  if (high === 0 || (order[high - 1] as string) < key) return high
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((order[middle] as string) < key) low = middle + 1
    else high = middle
  }
  return low
}
