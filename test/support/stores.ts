/** Stores of replicas, as tests need them: copied as a profile is copied, and damaged as a disk damages them. */
import { createMemoryReplicaStore } from '../../client/replica/memory.ts'
import {
  type Key,
  type ReadTransaction,
  type ReplicaStore,
  type Row,
  TABLE_NAMES,
  type TableName,
  type WriteTransaction,
} from '../../client/replica/store.ts'

/** All rows of all tables. */
export type Dump = { [T in TableName]: Row<T>[] }

export async function dump(store: ReplicaStore): Promise<Dump> {
  return store.read(TABLE_NAMES, async (transaction) => {
    const tables: Partial<Record<TableName, unknown>> = {}
    for (const table of TABLE_NAMES) tables[table] = await transaction.range(table, [])
    return tables as unknown as Dump
  })
}

/** Writes rows as they are into a store. */
export async function fill(store: ReplicaStore, rows: Dump): Promise<ReplicaStore> {
  await store.write(TABLE_NAMES, async (transaction) => {
    for (const table of TABLE_NAMES) for (const { key, value } of rows[table]) transaction.put(table, key, value)
  })
  return store
}

/** A durable store with the same content: a copied browser profile, or a backup. */
export const copyOf = async (store: ReplicaStore): Promise<ReplicaStore> =>
  fill(createMemoryReplicaStore({ durable: true }), structuredClone(await dump(store)))

/** Flips a bit in the bytes of a stored record or edit. */
export async function damage(store: ReplicaStore, table: 'records' | 'edits', key: Key): Promise<void> {
  await store.write([table], async (transaction) => {
    const row = await transaction.get(table, key)
    if (row === undefined) throw new Error(`no row ${key.join('/')} in ${table}`)
    const bytes = row.bytes.slice()
    bytes[bytes.length - 2] = (bytes[bytes.length - 2] ?? 0) ^ 1
    transaction.put(table, key, { ...row, bytes })
  })
}

/** A caller's own store: all it knows of the port is what the port says. `close` keeps what it holds, as a disk does. */
export function createOwnStore(): ReplicaStore & { transactions: number } {
  let inner = createMemoryReplicaStore()
  let transactions = 0
  return {
    durable: true,
    get transactions() {
      return transactions
    },
    read<R>(tables: readonly TableName[], body: (transaction: ReadTransaction) => Promise<R>) {
      transactions++
      return inner.read(tables, body)
    },
    write<R>(tables: readonly TableName[], body: (transaction: WriteTransaction) => Promise<R>) {
      transactions++
      return inner.write(tables, body)
    },
    close() {},
    async destroy() {
      inner = createMemoryReplicaStore()
    },
  }
}
