/** What every store of a client's replica promises. A store's test calls `testReplicaStore` with a way to make one. */
import { describe, expect, test } from 'vitest'
import {
  type EditRow,
  type Key,
  type LogRow,
  type ReadTransaction,
  type ReplicaRow,
  type ReplicaStore,
  TABLE_NAMES,
  type WriteTransaction,
} from '../../client/replica/store.ts'
import { RejoinError } from '../../shared/errors.ts'

export interface ReplicaStoreUnderTest {
  store: ReplicaStore
  /** Closes the store and opens it anew, as after a restart; `undefined` where nothing outlives a close. */
  reopen?(): Promise<ReplicaStore>
}

const entry = (seq: number): LogRow => ({ document: 'note', origin: 'a'.repeat(16), seq, from: { tab: 'tab' } })
const edit = (...bytes: number[]): EditRow => ({ bytes: new Uint8Array(bytes), count: 1, checksum: '0'.repeat(16) })
const self = (head: number): ReplicaRow => ({ replica: 'a'.repeat(16), origin: 'b'.repeat(16), head })

const keysOf = (rows: readonly { key: Key }[]): Key[] => rows.map(({ key }) => [...key])

/** The numbers of the log, in its order. */
const readLog = (store: ReplicaStore): Promise<number[]> =>
  store.read(['log'], async (transaction) => (await transaction.range('log', [])).map(({ value }) => value.seq))

export function testReplicaStore(name: string, open: () => Promise<ReplicaStoreUnderTest>): void {
  describe(`the replica store ${name}`, () => {
    const write = async (keys: readonly Key[]): Promise<ReplicaStore> => {
      const { store } = await open()
      await store.write(['edits'], async (transaction) => {
        for (const [i, key] of keys.entries()) transaction.put('edits', key, edit(i))
      })
      return store
    }
    const range = (store: ReplicaStore, prefix: Key, options?: { from?: number; limit?: number }): Promise<Key[]> =>
      store.read(['edits'], async (transaction) => keysOf(await transaction.range('edits', prefix, options)))

    test('gives back what was put, under its key and in its table only', async () => {
      const { store } = await open()
      await store.write(['meta', 'edits', 'log'], async (transaction) => {
        transaction.put('meta', ['replica'], self(7))
        transaction.put('edits', ['note', 'tab', 1], edit(1, 2, 3))
        transaction.put('edits', ['note', 'tab', 1], edit(4, 5))
      })
      await store.read(['meta', 'edits', 'log'], async (transaction) => {
        expect(await transaction.get('meta', ['replica'])).toEqual(self(7))
        const row = await transaction.get('edits', ['note', 'tab', 1])
        expect(row).toEqual(edit(4, 5))
        expect(row?.bytes).toBeInstanceOf(Uint8Array)
        expect(await transaction.get('edits', ['note', 'tab', 2])).toBeUndefined()
        expect(await transaction.get('edits', ['note', 'tab'])).toBeUndefined()
        expect(await transaction.range('log', [])).toEqual([])
        expect(await transaction.range('edits', [])).toHaveLength(1)
      })
    })

    test('orders keys by part: numbers by size and before text, text by its code units', async () => {
      const ordered: Key[] = [
        ['', 'z', 1],
        ['note', 0, 'z'],
        ['note', 1],
        ['note', 9],
        ['note', 10],
        ['note', 2 ** 40],
        ['note', 2 ** 53 - 1],
        ['note', ''],
        ['note', 'A'],
        ['note', 'a', 2],
        ['note', 'a', 10],
        ['note', 'a b', 1],
        ['note', 'ab', 1],
        ['note', 'é', 1],
        ['note', '\u{1f389}', 1],
        ['note', '\uffee', 1],
        ['note a', 'a', 1],
        ['notebook', 'a', 1],
      ]
      const store = await write(ordered.map((_, i) => ordered[(i * 7) % ordered.length] as Key))
      expect(await range(store, [])).toEqual(ordered)
    })

    test('finds the rows of a prefix, whole parts of it, and nothing else', async () => {
      const store = await write([
        ['note', 'a', 1],
        ['note', 'a', 2],
        ['note', 'ab', 1],
        ['note', 'b', 1],
        ['notebook', 'a', 1],
        ['not', 'e', 1],
      ])
      expect(await range(store, ['note'])).toEqual([
        ['note', 'a', 1],
        ['note', 'a', 2],
        ['note', 'ab', 1],
        ['note', 'b', 1],
      ])
      expect(await range(store, ['note', 'a'])).toEqual([
        ['note', 'a', 1],
        ['note', 'a', 2],
      ])
      expect(await range(store, ['no'])).toEqual([])
      expect(await range(store, ['note', 'c'])).toEqual([])
    })

    test('begins at `from`, included, and ends after `limit` rows', async () => {
      const store = await write([1, 2, 3, 9, 10, 11].map((n) => ['note', 'a', n]))
      const found = async (options: { from?: number; limit?: number }) =>
        (await range(store, ['note', 'a'], options)).map((key) => key[2])
      expect(await found({ from: 3 })).toEqual([3, 9, 10, 11])
      expect(await found({ from: 4 })).toEqual([9, 10, 11])
      expect(await found({ from: 12 })).toEqual([])
      expect(await found({ from: 0, limit: 2 })).toEqual([1, 2])
      expect(await found({ from: 9, limit: 2 })).toEqual([9, 10])
      expect(await found({ limit: 100 })).toEqual([1, 2, 3, 9, 10, 11])
      expect(await range(store, [], { limit: 1 })).toEqual([['note', 'a', 1]])
      expect(await found({ limit: 0 })).toEqual([])
      expect(await found({ from: 2, limit: 0 })).toEqual([])
    })

    test('deletes, also what is not there', async () => {
      const store = await write([
        ['note', 'a', 1],
        ['note', 'a', 2],
      ])
      await store.write(['edits'], async (transaction) => {
        transaction.delete('edits', ['note', 'a', 1])
        transaction.delete('edits', ['note', 'a', 9])
      })
      expect(await range(store, [])).toEqual([['note', 'a', 2]])
    })

    test('shows a transaction what it has written itself', async () => {
      const store = await write([['note', 'a', 1]])
      const seen = await store.write(['edits'], async (transaction) => {
        transaction.put('edits', ['note', 'a', 2], edit(2))
        transaction.delete('edits', ['note', 'a', 1])
        expect(await transaction.get('edits', ['note', 'a', 1])).toBeUndefined()
        expect(await transaction.get('edits', ['note', 'a', 2])).toEqual(edit(2))
        transaction.put('edits', ['note', 'a', 3], edit(3))
        return keysOf(await transaction.range('edits', ['note', 'a']))
      })
      expect(seen).toEqual([
        ['note', 'a', 2],
        ['note', 'a', 3],
      ])
    })

    test('[P2] a transaction whose body throws leaves nothing behind, and rejects', async () => {
      const { store } = await open()
      await store.write(['log', 'meta'], async (transaction) => {
        transaction.put('log', [1], entry(1))
        transaction.put('meta', ['replica'], self(1))
      })
      const failing = store.write(['log', 'meta'], async (transaction) => {
        transaction.put('log', [1], entry(100))
        transaction.put('log', [2], entry(200))
        transaction.put('meta', ['replica'], self(2))
        await transaction.get('log', [2])
        transaction.delete('log', [1])
        transaction.put('log', [1], entry(300))
        throw new Error('the body fails')
      })
      await expect(failing).rejects.toThrow('the body fails')
      expect(await readLog(store)).toEqual([1])
      const kept = store.read(['meta'], (transaction) => transaction.get('meta', ['replica']))
      expect(await kept).toEqual(self(1))
      // And the store goes on.
      await store.write(['log'], async (transaction) => transaction.put('log', [2], entry(2)))
      expect(await readLog(store)).toEqual([1, 2])
    })

    test('keeps bytes as they were put, whatever becomes of the array, and no more than them', async () => {
      const { store } = await open()
      const frame = new Uint8Array(1024).fill(9)
      const view = frame.subarray(100, 103)
      await store.write(['edits'], async (transaction) => {
        transaction.put('edits', ['note', 'tab', 1], { ...edit(), bytes: view })
        view.fill(1)
      })
      frame.fill(2)
      const row = await store.read(['edits'], (transaction) => transaction.get('edits', ['note', 'tab', 1]))
      expect(row?.bytes).toEqual(new Uint8Array([9, 9, 9]))
      expect(row?.bytes.buffer.byteLength).toBeLessThan(frame.length)
    })

    test('[P5] rejects with a code, whatever its body throws; an error with a code comes as it is', async () => {
      const { store } = await open()
      for (const run of [store.read, store.write]) {
        const failing = (error: unknown) =>
          run(['log'], async () => {
            throw error
          })
        await expect(failing(new Error('the body fails'))).rejects.toMatchObject({
          name: 'RejoinError',
          code: 'storage-failed',
          message: expect.stringContaining('the body fails'),
        })
        const coded = new RejoinError('wrong-epoch', 'as it is')
        await expect(failing(coded)).rejects.toBe(coded)
      }
    })

    test('[P3] writes run alone on their tables, reads see none or all of them', async () => {
      const { store } = await open()
      const append = () =>
        store.write(['meta', 'log'], async (transaction) => {
          const head = ((await transaction.get('meta', ['replica'])) as ReplicaRow | undefined)?.head ?? 0
          await transaction.range('log', [])
          transaction.put('log', [head + 1], entry(head + 1))
          await transaction.get('log', [head])
          transaction.put('meta', ['replica'], self(head + 1))
        })
      const look = () =>
        store.read(['meta', 'log'], async (transaction: ReadTransaction) => {
          const head = ((await transaction.get('meta', ['replica'])) as ReplicaRow | undefined)?.head ?? 0
          const rows = await transaction.range('log', [])
          expect(rows.map(({ value }) => value.seq)).toEqual(Array.from({ length: head }, (_, i) => i + 1))
        })
      await Promise.all(Array.from({ length: 40 }, (_, i) => (i % 3 === 0 ? look() : append())))
      expect(await readLog(store)).toHaveLength(26)
    })

    test('a failed write does not harm those beside it', async () => {
      const { store } = await open()
      const put = (n: number, fail: boolean) =>
        store.write(['log'], async (transaction: WriteTransaction) => {
          transaction.put('log', [n], entry(n))
          await transaction.get('log', [n])
          if (fail) throw new Error('it fails')
        })
      const results = await Promise.allSettled([1, 2, 3, 4, 5, 6].map((n) => put(n, n % 2 === 0)))
      expect(results.map(({ status }) => status === 'fulfilled')).toEqual([true, false, true, false, true, false])
      expect(await readLog(store)).toEqual([1, 3, 5])
    })

    test('hands back what the body returns', async () => {
      const { store } = await open()
      expect(await store.read(['log'], async () => 'read')).toBe('read')
      expect(await store.write(['log'], async () => 'written')).toBe('written')
    })

    test('holds ids of any letters and rows of a megabyte', async () => {
      const { store } = await open()
      const id = `${'é'.repeat(200)} /%\u{1f389}'";--`
      const large = new Uint8Array(1024 * 1024).fill(7)
      await store.write(['edits'], async (transaction) => {
        transaction.put('edits', [id, 'tab', 1], { ...edit(), bytes: large })
      })
      const rows = await store.read(['edits'], (transaction) => transaction.range('edits', [id]))
      expect(rows.map(({ key, value }) => [[...key], value.bytes.length])).toEqual([[[id, 'tab', 1], large.length]])
    })

    test('has every table, each with rows of its own', async () => {
      const { store } = await open()
      const key = (table: string): Key => ['note', table, 1]
      await store.write(TABLE_NAMES, async (transaction) => {
        for (const table of TABLE_NAMES) transaction.put(table, key(table), edit(7) as never)
      })
      await store.read(TABLE_NAMES, async (transaction) => {
        for (const table of TABLE_NAMES) expect(keysOf(await transaction.range(table, []))).toEqual([key(table)])
      })
    })

    test('keeps every array of bytes of a row as it was put', async () => {
      const { store } = await open()
      const frame = new Uint8Array(1024).fill(9)
      const row = { id: '0'.repeat(16), vector: [], pieces: [], bytes: 3, stateVector: frame.subarray(10, 12) }
      await store.write(['checkpoints'], async (transaction) => {
        transaction.put('checkpoints', ['note'], row)
        frame.fill(1)
      })
      const kept = await store.read(['checkpoints'], (transaction) => transaction.get('checkpoints', ['note']))
      expect(kept).toEqual({ ...row, stateVector: new Uint8Array([9, 9]) })
    })

    test('closed, it takes nothing more; twice is once', async () => {
      const { store } = await open()
      store.close()
      store.close()
      await expect(store.read(['log'], async () => 1)).rejects.toMatchObject({ code: 'closed' })
      await expect(store.write(['log'], async () => 1)).rejects.toMatchObject({ code: 'closed' })
    })

    test('[P2] what was written is there when it is opened anew; destroyed, it is gone', async () => {
      const { store, reopen } = await open()
      await store.write(['log'], async (transaction) => transaction.put('log', [1], entry(1)))
      if (reopen === undefined) {
        await store.destroy()
        return void (await expect(readLog(store)).rejects.toMatchObject({ code: 'closed' }))
      }
      const again = await reopen()
      expect(await readLog(again)).toEqual([1])
      await again.destroy()
      await expect(readLog(again)).rejects.toMatchObject({ code: 'closed' })
      expect(await readLog(await reopen())).toEqual([])
    })
  })
}
