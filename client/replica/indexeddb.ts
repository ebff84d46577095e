/**
 * The store port on IndexedDB, one database per user and workspace, through `idb`. Writes are of strict durability: when they
 * have completed, the crash of the browser cannot take them (P2). The browser may close a connection at any time (memory
 * pressure, Safari going to sleep); the next transaction opens a new one.
 */
import { type DBSchema, deleteDB, type IDBPDatabase, openDB } from 'idb'
import { RejoinError, toRejoinError } from '../../shared/errors.ts'
import { withOwnBytes } from './own-bytes.ts'
import {
  type Key,
  type ReadTransaction,
  type ReplicaStore,
  type Row,
  TABLES_OF_VERSION,
  type TableName,
  type Tables,
  type WriteTransaction,
} from './store.ts'

/** Raised with every change of the tables; `upgrade` brings older databases up to date. */
const SCHEMA_VERSION = TABLES_OF_VERSION.length

type Schema = DBSchema & { [T in TableName]: { key: IDBValidKey; value: Tables[T] } }
type Database = IDBPDatabase<Schema>

/** Opens the database of this name. Raises `storage-unavailable` without IndexedDB, `storage-failed` where it does not open. */
export async function openIndexedDbStore(name: string): Promise<ReplicaStore> {
  if (typeof indexedDB === 'undefined') throw new RejoinError('storage-unavailable', 'there is no IndexedDB here')
  let closed = false
  let connection: Promise<Database> | undefined

  /** The connection was closed under us; `forGood`: the database was deleted, and is not to be made anew. */
  function lost(forGood: boolean): void {
    connection = undefined
    closed ||= forGood
  }

  function connect(): Promise<Database> {
    if (closed) return Promise.reject(new RejoinError('closed', 'the store is closed'))
    connection ??= open(name, lost).catch((error) => {
      connection = undefined
      const isOutdated = error instanceof DOMException && error.name === 'VersionError'
      throw toRejoinError(error, isOutdated ? 'outdated' : 'storage-failed', `the database ${name} does not open`)
    })
    return connection
  }

  async function transact<R>(
    mode: 'readonly' | 'readwrite',
    tables: readonly TableName[],
    body: (transaction: WriteTransaction) => Promise<R>,
  ): Promise<R> {
    try {
      return await runIn(await begin(mode, tables), mode, body)
    } catch (error) {
      throw toRejoinError(error, isQuota(error) ? 'storage-full' : 'storage-failed', 'IndexedDB failed')
    }
  }

  async function begin(mode: 'readonly' | 'readwrite', tables: readonly TableName[]): Promise<Transaction> {
    const start = (database: Database) =>
      database.transaction([...tables], mode, { durability: 'strict' }) as unknown as Transaction
    const database = await connect()
    try {
      return start(database)
    } catch {
      // The connection was closed under us and its event has not come yet: one more try on a new one.
      connection = undefined
      return start(await connect())
    }
  }

  function close(): void {
    closed = true
    connection?.then((database) => database.close()).catch(() => {})
  }

  await connect()
  return {
    durable: true,
    read: (tables, body) => transact('readonly', tables, body),
    write: (tables, body) => transact('readwrite', tables, body),
    close,
    async destroy() {
      close()
      await deleteDB(name)
    },
  }
}

/** A tab with an older version of the app lets go at once; one that hangs, or does not know how, is waited for so long. */
const BLOCKED_MS_MAX = 3_000

function open(name: string, lost: (forGood: boolean) => void): Promise<Database> {
  return new Promise((resolve, reject) => {
    let late = false
    const opening = openDB<Schema>(name, SCHEMA_VERSION, {
      upgrade(upgraded, from) {
        for (const table of TABLES_OF_VERSION.slice(from).flat()) upgraded.createObjectStore(table)
      },
      blocked() {
        setTimeout(() => {
          late = true
          reject(new Error('an older tab holds it'))
        }, BLOCKED_MS_MAX)
      },
      // A newer version of the app waits in another tab, or one has cleared the workspace: let it in.
      blocking(_current, newVersion, event) {
        lost(newVersion === null)
        ;(event.target as IDBDatabase).close()
      },
      terminated: () => lost(false),
    })
    opening.then((database) => (late ? database.close() : resolve(database)), reject)
  })
}

/** As much of an `idb` transaction as is used here; its own types are tied to one table and one mode. */
interface Transaction {
  readonly done: Promise<void>
  /** Why it was ended, if it was not by `abort`. */
  readonly error: DOMException | null
  abort(): void
  objectStore(name: TableName): IdbStore
}

interface IdbStore {
  get(key: IDBValidKey): Promise<unknown>
  getAll(range: IDBKeyRange, limit?: number): Promise<unknown[]>
  getAllKeys(range: IDBKeyRange, limit?: number): Promise<IDBValidKey[]>
  put(value: unknown, key: IDBValidKey): Promise<unknown>
  delete(key: IDBValidKey): Promise<void>
}

async function runIn<R>(
  transaction: Transaction,
  mode: 'readonly' | 'readwrite',
  body: (transaction: WriteTransaction) => Promise<R>,
): Promise<R> {
  // Its failure is raised below; a rejection that nobody waits for yet must not reach the page.
  transaction.done.catch(() => {})
  let result: R
  try {
    result = await body(wrap(transaction))
  } catch (error) {
    // What a full disk has ended fails with other errors afterwards.
    const cause = isQuota(transaction.error) ? transaction.error : error
    abort(transaction)
    throw cause
  }
  // What was read is read.
  if (mode === 'readwrite') await transaction.done
  return result
}

function abort(transaction: Transaction): void {
  try {
    transaction.abort()
  } catch {
    // It has ended by itself; the error that led here says why.
  }
}

function wrap(transaction: Transaction): WriteTransaction {
  const reading: ReadTransaction = {
    get: async <T extends TableName>(table: T, key: Key) =>
      (await transaction.objectStore(table).get([...key])) as Tables[T] | undefined,
    range: async <T extends TableName>(name: T, prefix: Key, options: { from?: number; limit?: number } = {}) => {
      // To IndexedDB a count of 0 is none.
      if (options.limit === 0) return []
      const start = options.from === undefined ? [...prefix] : [...prefix, options.from]
      // An empty array sorts after every number and text: the end of all keys with this prefix.
      const range = IDBKeyRange.bound(start, [...prefix, []])
      const table = transaction.objectStore(name)
      const [keys, values] = await Promise.all([
        table.getAllKeys(range, options.limit),
        table.getAll(range, options.limit),
      ])
      return keys.map((key, index) => ({ key: key as Key, value: values[index] }) as Row<T>)
    },
  }
  return {
    ...reading,
    // What fails here aborts the transaction, and that is raised.
    put: (table, key, value) =>
      void transaction
        .objectStore(table)
        .put(withOwnBytes(value), [...key])
        .catch(() => {}),
    delete: (table, key) =>
      void transaction
        .objectStore(table)
        .delete([...key])
        .catch(() => {}),
  }
}

const isQuota = (error: unknown): boolean => error instanceof DOMException && error.name === 'QuotaExceededError'
