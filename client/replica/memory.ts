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

type Part = Key[number]

/** Rows whose keys begin alike: the one whose key ends here, and the others. */
interface Shelf {
  row: { key: Key; value: unknown } | undefined
  longer: Shelves | undefined
}

/** By the next part of their keys, and those parts in order. */
interface Shelves {
  readonly by: Map<Part, Shelf>
  readonly order: Part[]
}

/** `durable` is for tests of what only durable replicas do; what it holds still goes with the process. */
export function createMemoryReplicaStore(options: { durable?: boolean } = {}): ReplicaStore {
  const tables = new Map<TableName, Shelf>(TABLE_NAMES.map((name) => [name, newShelf()]))
  let closed = false
  let last: Promise<unknown> = Promise.resolve()

  const tableOf = (name: TableName): Shelf => tables.get(name) as Shelf

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
    get: <T extends TableName>(table: T, key: Key) =>
      Promise.resolve(shelfOf(tableOf(table), key)?.row?.value as Tables[T] | undefined),
    range: <T extends TableName>(
      name: T,
      prefix: Key,
      { from, limit = Infinity }: { from?: number; limit?: number } = {},
    ) => {
      const found: Row<T>[] = []
      const shelf = shelfOf(tableOf(name), prefix)
      if (shelf !== undefined) collect(shelf, from, limit, found as Row<TableName>[])
      return Promise.resolve(found)
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
      for (const name of TABLE_NAMES) tables.set(name, newShelf())
    },
  }
}

const newShelf = (): Shelf => ({ row: undefined, longer: undefined })

function shelfOf(table: Shelf, key: Key): Shelf | undefined {
  let shelf: Shelf | undefined = table
  for (let at = 0; at < key.length && shelf !== undefined; at++) shelf = shelf.longer?.by.get(key[at] as Part)
  return shelf
}

/** Adds rows to `found` until there are `limit`; with `from`, those whose next part is at least that. */
function collect({ row, longer }: Shelf, from: number | undefined, limit: number, found: Row<TableName>[]): void {
  if (from === undefined && row !== undefined && found.length < limit) found.push(row as Row<TableName>)
  if (longer === undefined) return
  const { by, order } = longer
  for (let at = from === undefined ? 0 : lowerBound(order, from); at < order.length && found.length < limit; at++) {
    collect(by.get(order[at] as Part) as Shelf, undefined, limit, found)
  }
}

/** Sets or, for `undefined`, deletes; returns what takes it back. */
function set(table: Shelf, key: Key, value: unknown): () => void {
  const before = value === undefined ? remove(table, key, 0) : put(table, key, value)
  return () => {
    set(table, key, before?.value)
  }
}

/** Returns the row that was there. */
function put(table: Shelf, key: Key, value: unknown): Shelf['row'] {
  let shelf = table
  for (const part of key) {
    shelf.longer ??= { by: new Map(), order: [] }
    const { by, order } = shelf.longer
    let next = by.get(part)
    if (next === undefined) {
      next = newShelf()
      by.set(part, next)
      const at = lowerBound(order, part)
      if (at === order.length) order.push(part)
      else order.splice(at, 0, part)
    }
    shelf = next
  }
  const before = shelf.row
  shelf.row = { key, value }
  return before
}

/** Removes the row, and the shelves that are empty then. Returns the row. */
function remove(shelf: Shelf, key: Key, depth: number): Shelf['row'] {
  const part = key[depth]
  if (part === undefined) {
    const before = shelf.row
    shelf.row = undefined
    return before
  }
  const { longer } = shelf
  const next = longer?.by.get(part)
  if (longer === undefined || next === undefined) return undefined
  const before = remove(next, key, depth + 1)
  if (next.row === undefined && next.longer === undefined) {
    longer.by.delete(part)
    longer.order.splice(lowerBound(longer.order, part), 1)
    if (longer.order.length === 0) shelf.longer = undefined
  }
  return before
}

/** Numbers before text, as IndexedDB has it. */
function isBefore(one: Part, other: Part): boolean {
  if (typeof one === typeof other) return one < other
  return typeof one === 'number'
}

/** Where the first part is that is not before this one. Mostly what comes is the last. */
function lowerBound(order: readonly Part[], part: Part): number {
  let low = 0
  let high = order.length
  if (high === 0 || isBefore(order[high - 1] as Part, part)) return high
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBefore(order[middle] as Part, part)) low = middle + 1
    else high = middle
  }
  return low
}
