/**
 * The storage of a client's replica in virtual time: what a browser's IndexedDB promises and how it fails. A disk outlives the
 * processes that open it. A transaction takes time; when a process dies in the middle of one, chance decides whether it is
 * there whole or not at all.
 */
import { createMemoryReplicaStore } from '../../../client/replica/memory.ts'
import {
  type Key,
  type ReplicaStore,
  type Row,
  TABLE_NAMES,
  type TableName,
  type Tables,
  type WriteTransaction,
} from '../../../client/replica/store.ts'
import { RejoinError } from '../../../shared/errors.ts'
import type { Chance } from '../time/chance.ts'
import type { Clock } from '../time/clock.ts'
import type { Process } from '../time/process.ts'
import { inflated } from './inflated.ts'
import { type Spoiling, spoilBytes } from './spoiling.ts'

/** How a disk treats its next transactions. */
export type DiskMood =
  | 'well'
  /** Writes fail with `storage-full`. */
  | 'full'
  /** Everything fails: the connection is closed and does not open again. */
  | 'unavailable'
  /** One write in three is aborted. */
  | 'aborting'
  /** It does not open; whoever has it open goes on. */
  | 'shut'

export interface ClientDisk {
  readonly durable: boolean
  mood: DiskMood
  /** The updates that can be read there, by document; damaged ones left out. */
  updates(): Promise<Map<string, Uint8Array[]>>
  /** The store as this process sees it. Rejects with `storage-failed` while it is shut. */
  open(process: Process): Promise<ReplicaStore>
  /** All rows of a table. */
  rows<T extends TableName>(table: T): Promise<Row<T>[]>
  /** Everything is gone. */
  evict(): void
  /** What is stored now, to be put back or to start a clone from. */
  copy(): Promise<DiskCopy>
  restore(copy: DiskCopy): Promise<void>
  /**
   * The machine loses power: whoever has it open dies at once. Not to heed `strict` is to lose what was committed in the last so many
   * milliseconds too, over all tables; only a disk that `remembers` can.
   */
  losePower(unheededMs?: number): Promise<void>
  /** Does something in the midst of the next transaction that writes. */
  whileWriting(act: () => void): void
  /** Spoils a stored record, edit or piece; returns what it said, `undefined` where there was none. */
  spoil(chance: Chance, how: Spoiling): Promise<Uint8Array | undefined>
}

export type DiskCopy = readonly { table: TableName; key: Key; value: unknown; spoiled?: Uint8Array | undefined }[]

export interface ClientDiskOptions {
  clock: Clock
  chance: Chance
  durable?: boolean
  /** What was there before the last commits can be put back. */
  remembers?: boolean
  /** Sees every row that a committed transaction of this process has put or deleted. */
  committed?(writes: readonly DiskWrite[], by: string): void
}

export interface DiskWrite {
  table: TableName
  key: Key
  /** `undefined`: deleted. */
  after: unknown
  /** What it took the place of, of a disk that remembers. */
  before?: Promise<unknown> | undefined
}

/** A transaction that was committed. */
interface Commit {
  at: number
  writes: readonly DiskWrite[]
}

/** Whether a transaction needs room: for a browser whatever puts something does, also where it takes more away. */
const grows = (writes: readonly DiskWrite[]): boolean => writes.some(({ after }) => after !== undefined)

/** Made once: whoever cannot write tries again and again, and to trace each time where it did takes longer than to try. */
const DELETED = new RejoinError('storage-failed', 'the database was deleted')
const CLOSED = new RejoinError('storage-failed', 'the connection was closed')

/** The usual time of a transaction, and the rare long one, in milliseconds. */
const WRITE_MS = 4
const WRITE_MS_RARE = 400
/** Until a browser gives up a database that does not open, or another tab holds. */
const OPENING_MS_MAX = 3_000
/** What an operating system was given is on the disk after about this long, whoever asks for it. */
export const FLUSHED_WITHIN_MS = 10_000

export function createClientDisk(options: ClientDiskOptions): ClientDisk {
  const { clock, chance, durable = true, remembers = false } = options
  /** Bytes that were put in the place of others, by their rows: they are rotten for as long as they stand there. */
  const spoiled = new Map<string, Uint8Array>()
  let inner = createMemoryReplicaStore({ durable })
  /** The last commits, of a disk that remembers. */
  let commits: Commit[] = []
  const users = new Set<Process>()
  let whileWriting: (() => void) | undefined
  /** What they asked for, and had not begun, never happens. */
  const unpowered = new WeakSet<Process>()

  const disk: ClientDisk = {
    durable,
    mood: 'well',
    async open(process) {
      if (disk.mood !== 'shut') return openHandle(process)
      const broken = Promise.reject(new RejoinError('storage-failed', 'the backing store does not open'))
      return process.answer(broken, chance.happens(0.2) ? chance.below(OPENING_MS_MAX) : chance.below(WRITE_MS))
    },
    rows: (table) => inner.read([table], (transaction) => transaction.range(table, [])),
    evict() {
      inner = createMemoryReplicaStore({ durable })
      spoiled.clear()
      commits = []
    },
    async copy() {
      const rows: DiskCopy[number][] = []
      for (const table of TABLE_NAMES) {
        for (const { key, value } of await disk.rows(table)) {
          rows.push({ table, key, value, spoiled: spoiled.get(nameOf(table, key)) })
        }
      }
      return rows
    },
    async restore(copy) {
      disk.evict()
      for (const { table, key, spoiled: bytes } of copy) if (bytes) spoiled.set(nameOf(table, key), bytes)
      await inner.write(TABLE_NAMES, async (transaction) => {
        for (const { table, key, value } of copy) transaction.put(table, key, value as Tables[typeof table])
      })
    },
    async updates() {
      const found = new Map<string, Uint8Array[]>()
      const take = (document: Key[0] | undefined, update: Uint8Array): void => {
        const id = String(document)
        const updates = found.get(id)
        if (updates === undefined) found.set(id, [update])
        else updates.push(update)
      }
      const pieces = new Map((await sound('pieces')).map(({ key, value }) => [key.join('/'), value]))
      for (const { key, value } of await disk.rows('checkpoints')) {
        for (const { id, from, count } of value.pieces) {
          for (let at = from; at < from + count; at++) {
            const piece = pieces.get(`${key[0]}/${id}/${at}`)
            if (piece !== undefined) take(key[0], inflated(piece))
          }
        }
      }
      for (const table of ['records', 'edits'] as const) {
        for (const { key, value } of await sound(table)) take(key[0], value.bytes)
      }
      return found
    },
    async losePower(unheededMs = 0) {
      for (const process of [...users]) {
        unpowered.add(process)
        process.kill()
      }
      // Behind what was under way: chance has decided about that now.
      await inner.write(TABLE_NAMES, async (transaction) => {
        const from = clock.now() - unheededMs
        while ((commits.at(-1)?.at ?? Number.NEGATIVE_INFINITY) > from) {
          for (const { table, key, before } of commits.pop()?.writes.toReversed() ?? []) {
            const value = await before
            if (value === undefined) transaction.delete(table, key)
            else transaction.put(table, key, value as Tables[typeof table])
          }
        }
      })
    },
    whileWriting(act) {
      whileWriting = act
    },
    async spoil(by, how) {
      const pieces = (await disk.rows('pieces')).length > 0 ? (['pieces'] as const) : []
      const table = by.one(['records', 'edits', ...pieces] as const)
      const rows: readonly Row<'records' | 'edits' | 'pieces'>[] = await disk.rows(table)
      if (rows.length === 0) return undefined
      const { key, value } = by.one(rows)
      const bytes = spoilBytes(value.bytes, by, how, () => by.one(rows).value.bytes)
      if (how !== 'lose' && bytes === undefined) return undefined
      await inner.write([table], async (transaction) => {
        if (bytes === undefined) transaction.delete(table, key)
        else transaction.put(table, key, { ...value, bytes })
      })
      if (bytes !== undefined) spoiled.set(nameOf(table, key), bytes)
      return value.bytes
    },
  }
  return disk

  /** Rows that are as they were written. */
  async function sound<T extends 'pieces' | 'records' | 'edits'>(table: T): Promise<Row<T>[]> {
    const rows = await disk.rows(table)
    if (spoiled.size === 0) return rows
    return rows.filter(({ key, value }) => !isSame(value.bytes, spoiled.get(nameOf(table, key))))
  }

  function openHandle(process: Process): ReplicaStore {
    const store = inner
    let closed = false
    users.add(process)
    process.onKilled(() => users.delete(process))

    function begin(): void {
      if (closed) throw new RejoinError('closed', 'the store is closed')
      if (unpowered.has(process)) throw new RejoinError('storage-failed', 'the power is gone')
      check()
    }

    function check(): void {
      // Without durable storage each tab has a store of its own, which nobody takes away.
      if (durable && store !== inner) throw DELETED
      if (disk.mood === 'unavailable') throw CLOSED
    }

    return {
      durable,
      read(tables, body) {
        const run = store.read(tables, async (transaction) => {
          begin()
          return body(transaction)
        })
        return process.answer(run, chance.happens(0.02) ? chance.below(30) : 0)
      },
      write(tables, body) {
        const run = store.write(tables, async (transaction) => {
          begin()
          const { observed, writes } = observe(transaction, remembers)
          const result = await body(observed)
          await commitTime(process)
          check()
          if (disk.mood === 'full' && grows(writes)) throw new RejoinError('storage-full', 'the quota is used up')
          if (disk.mood === 'aborting' && chance.happens(1 / 3)) {
            throw new RejoinError('storage-failed', 'the transaction was aborted')
          }
          // What was under way on a disk that has been replaced is nothing on this one.
          if (store === inner) committed(writes, process.name)
          return result
        })
        return process.answer(run, 0)
      },
      close() {
        closed = true
      },
      async destroy() {
        closed = true
        await store.destroy()
        if (store === inner) disk.evict()
      },
    }
  }

  function committed(writes: readonly DiskWrite[], by: string): void {
    options.committed?.(writes, by)
    if (!remembers) return
    commits.push({ at: clock.now(), writes })
    while ((commits[0]?.at ?? clock.now()) < clock.now() - FLUSHED_WITHIN_MS) commits.shift()
  }

  /** Resolves when the disk is done; where the process dies before, by chance at once or never. */
  function commitTime(process: Process): Promise<void> {
    return new Promise((resolve, reject) => {
      const time = chance.happens(0.01) ? chance.below(WRITE_MS_RARE) : chance.below(WRITE_MS)
      if (whileWriting !== undefined) clock.after(time / 2, whileWriting)
      whileWriting = undefined
      const forget = process.onKilled(() => {
        cancel()
        if (chance.happens(0.5)) resolve()
        else reject(new RejoinError('storage-failed', 'the process died'))
      })
      const cancel = clock.after(time, () => {
        forget()
        resolve()
      })
    })
  }
}

const nameOf = (table: TableName, key: Key): string => [table, ...key].join('/')

const isSame = (one: Uint8Array, other: Uint8Array | undefined): boolean =>
  other !== undefined && one.length === other.length && one.every((byte, at) => byte === other[at])

/** The transaction, and what is written through it. */
function observe(
  transaction: WriteTransaction,
  remembers: boolean,
): { observed: WriteTransaction; writes: DiskWrite[] } {
  const writes: DiskWrite[] = []
  // It is read at once, before it is written over.
  const before = (table: TableName, key: Key) => (remembers ? transaction.get(table, key) : undefined)
  return {
    writes,
    observed: {
      ...transaction,
      put(table, key, value) {
        writes.push({ table, key, after: value, before: before(table, key) })
        transaction.put(table, key, value)
      },
      delete(table, key) {
        writes.push({ table, key, after: undefined, before: before(table, key) })
        transaction.delete(table, key)
      },
    },
  }
}
