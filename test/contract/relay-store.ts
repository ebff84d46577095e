/** What every store of a relay promises. A store's test calls `testRelayStore` with a way to make one. */
import { describe, expect, test } from 'vitest'
import type { RelayStore, StoredDocument } from '../../server/storage/store.ts'
import { CHAIN_START } from '../../shared/causality/chain.ts'
import { type DotRange, headOf } from '../../shared/causality/version-vector.ts'
import { FIRST_EPOCH, type OriginId } from '../../shared/ids.ts'
import { EPOCHS_KEPT_MAX } from '../../shared/sync/places.ts'
import { type DocumentRef, seal, type UpdateRecord } from '../../shared/update/record.ts'

export interface StoreUnderTest {
  store: RelayStore
  /** Closes the store and opens it anew, as after a restart; where nothing outlives a close, the same store. */
  reopen(): RelayStore
}

export const refTo = (document: string): DocumentRef => ({ document, epoch: FIRST_EPOCH, gc: true })

/** A writer of one store: seals updates, keeps count of offsets and vectors, and commits. */
export function createScribe(store: RelayStore) {
  const documents = new Map<string, StoredDocument>()

  function next(where: DocumentRef, origin: OriginId, bytes: Uint8Array): UpdateRecord {
    const known = documents.get(where.document)
    const held = headOf(known?.vector ?? new Map(), origin)
    const record = seal(where, { origin, seq: held.seq + 1, kind: 'yjs-v1', bytes }, held.chain)
    const vector = new Map(known?.vector).set(origin, { seq: record.seq, chain: record.chain })
    documents.set(where.document, { ...where, vector, bytes: (known?.bytes ?? 0) + bytes.length })
    return record
  }

  return {
    /** Commits one update of each, in this order, in one batch. */
    write(...updates: readonly (readonly [where: DocumentRef, origin: OriginId, bytes: Uint8Array])[]) {
      const records = updates.map(([where, origin, bytes]) => ({ where, record: next(where, origin, bytes) }))
      const head = store.head()
      const entries = records.map(({ where, record }, i) => ({ offset: head + 1 + i, where, record }))
      const touched = new Set(updates.map(([where]) => where.document))
      store.commit({ documents: [...touched].flatMap((id) => documents.get(id) ?? []), entries })
      return entries
    },
  }
}

export const bytesOf = (...bytes: number[]): Uint8Array => new Uint8Array(bytes)

const ALICE = 'a'.repeat(16)
const BOB = 'b'.repeat(16)

export function testRelayStore(name: string, open: () => StoreUnderTest): void {
  describe(`the relay store ${name}`, () => {
    test('is empty at first, and knows who it is', () => {
      const { store, reopen } = open()
      const { replica, origin } = store.identity()
      expect(replica).toMatch(/^[0-9a-f]{16}$/)
      expect(origin).toBe(replica)
      expect(store.head()).toBe(0)
      expect(store.epochs()).toEqual([])
      expect([...store.documents()]).toEqual([])
      expect(store.document('note')).toBeUndefined()
      expect([...store.read(0)]).toEqual([])
      expect([...store.history(refTo('note'))]).toEqual([])
      expect(store.locate(refTo('note'), [{ origin: ALICE, from: 1, to: 9 }])).toEqual([])
      expect(store.chain(refTo('note'), ALICE, 1)).toBeUndefined()
      expect(() => store.entry(1)).toThrow(expect.objectContaining({ code: 'corrupt' }))
      expect({ ...reopen().identity() }).toEqual({ replica, origin })
    })

    test('two stores are two replicas', () => {
      expect(open().store.identity().replica).not.toBe(open().store.identity().replica)
    })

    test('[P2] what was committed is there, also after a restart', () => {
      const { store, reopen } = open()
      const scribe = createScribe(store)
      const entries = [
        ...scribe.write([refTo('note'), ALICE, bytesOf(1)], [refTo('list'), BOB, bytesOf(2, 2)]),
        ...scribe.write([refTo('note'), BOB, bytesOf()], [refTo('note'), ALICE, bytesOf(3)]),
      ]
      const expectAll = (each: RelayStore): void => {
        expect(each.head()).toBe(4)
        expect(plain(each.read(0))).toEqual(plain(entries))
        expect(each.document('note')).toMatchObject({ ...refTo('note'), bytes: 2 })
        expect([...(each.document('note')?.vector ?? [])].sort()).toEqual([
          [ALICE, { seq: 2, chain: entries[3]?.record.chain }],
          [BOB, { seq: 1, chain: entries[2]?.record.chain }],
        ])
      }
      expectAll(store)
      expectAll(reopen())
    })

    test('reads from a place on, and lazily', () => {
      const { store } = open()
      const scribe = createScribe(store)
      const entries = Array.from({ length: 20 }, (_, i) => scribe.write([refTo(`n${i % 3}`), ALICE, bytesOf(i)])).flat()
      expect(plain(store.read(15))).toEqual(plain(entries.slice(15)))
      expect([...store.read(20)]).toEqual([])
      for (const entry of store.read(4)) {
        expect(plain([entry])).toEqual(plain(entries.slice(4, 5)))
        break
      }
      // A read that was left does not keep the next commit or read from working.
      scribe.write([refTo('n0'), ALICE, bytesOf(20)])
      expect([...store.read(19)].map(({ offset }) => offset)).toEqual([20, 21])
    })

    test('finds records by dot, and each after what it builds on: in the order of the log', () => {
      const { store } = open()
      const scribe = createScribe(store)
      for (let i = 1; i <= 5; i++) {
        scribe.write(
          [refTo('note'), ALICE, bytesOf(i)],
          [refTo('list'), ALICE, bytesOf(90)],
          [refTo('note'), BOB, bytesOf(i * 10)],
        )
      }
      const found = (...ranges: DotRange[]) =>
        store.locate(refTo('note'), ranges).map((offset) => store.entry(offset).record.bytes[0])
      expect(found({ origin: ALICE, from: 2, to: 4 })).toEqual([2, 3, 4])
      expect(found({ origin: BOB, from: 4, to: 5 }, { origin: ALICE, from: 4, to: 5 })).toEqual([4, 40, 5, 50])
      expect(found({ origin: BOB, from: 5, to: 100 })).toEqual([50])
      expect(found({ origin: BOB, from: 6, to: 100 })).toEqual([])
      expect(found()).toEqual([])
      expect(Array.from(store.history(refTo('note')), ({ bytes }) => bytes[0])).toEqual([
        1, 10, 2, 20, 3, 30, 4, 40, 5, 50,
      ])
    })

    test('[P8] knows the chain of every record that it holds', () => {
      const { store } = open()
      const entries = createScribe(store).write(
        [refTo('note'), ALICE, bytesOf(1)],
        [refTo('note'), ALICE, bytesOf(2)],
        [refTo('list'), ALICE, bytesOf(1)],
      )
      for (const { where, record } of entries) expect(store.chain(where, ALICE, record.seq)).toBe(record.chain)
      expect(store.chain(refTo('note'), ALICE, 3)).toBeUndefined()
      expect(store.chain(refTo('note'), BOB, 1)).toBeUndefined()
    })

    test('gives an entry by its offset', () => {
      const { store } = open()
      const entries = createScribe(store).write([refTo('note'), ALICE, bytesOf(1)], [refTo('list'), BOB, bytesOf(2)])
      for (const entry of entries) expect(plain([store.entry(entry.offset)])).toEqual(plain([entry]))
      for (const offset of [0, 3]) {
        expect(() => store.entry(offset)).toThrow(expect.objectContaining({ code: 'corrupt' }))
      }
    })

    test('lists documents by id, more than one page of them, also while others are written', () => {
      const { store } = open()
      const scribe = createScribe(store)
      const ids = Array.from({ length: 600 }, (_, i) => `note ${String((i * 7) % 600).padStart(3, '0')}`)
      scribe.write(...ids.map((id) => [refTo(id), ALICE, bytesOf(1)] as const))
      const listed: string[] = []
      for (const { document } of store.documents()) {
        if (listed.length === 10) scribe.write([refTo('note 000'), ALICE, bytesOf(2)])
        listed.push(document)
      }
      expect(listed).toEqual([...ids].sort())
    })

    test('keeps ids of any letters, epoch and gc as they are', () => {
      const { store, reopen } = open()
      const scribe = createScribe(store)
      const wheres = ['a/b c', '🎉', '%41', "'; DROP TABLE log; --", 'é', 'e\u0301'].map((document, i) => ({
        document,
        epoch: `0000000${i}${'ab'.repeat(8)}`,
        gc: i % 2 === 0,
      }))
      for (const where of wheres) scribe.write([where, ALICE, bytesOf(1)])
      const store2 = reopen()
      for (const where of wheres) expect(store2.document(where.document)).toMatchObject(where)
      expect([...store2.read(0)].map(({ where }) => where)).toEqual(wheres)
    })

    test('keeps epochs in order, and the newest of them', () => {
      const { store, reopen } = open()
      const starts = Array.from({ length: EPOCHS_KEPT_MAX + 5 }, (_, i) => ({ epoch: hex(i + 1), start: i * 10 }))
      for (const epoch of starts) store.commit({ epoch, documents: [], entries: [] })
      expect(store.epochs()).toEqual(starts.slice(-EPOCHS_KEPT_MAX))
      expect(reopen().epochs()).toEqual(starts.slice(-EPOCHS_KEPT_MAX))
    })

    test('[P8] takes a new origin and stays the replica that it is', () => {
      const { store, reopen } = open()
      const { replica } = store.identity()
      store.commit({ origin: BOB, documents: [], entries: [] })
      expect({ ...store.identity() }).toEqual({ replica, origin: BOB })
      expect({ ...reopen().identity() }).toEqual({ replica, origin: BOB })
    })

    test('holds a chain of 16 zeros and records of a megabyte', () => {
      const { store, reopen } = open()
      const large = new Uint8Array(1024 * 1024).fill(7)
      createScribe(store).write([refTo('note'), ALICE, large])
      const [entry] = [...reopen().read(0)]
      expect(entry?.record.bytes.length).toBe(large.length)
      expect(entry?.record.chain).not.toBe(CHAIN_START)
    })

    test('closes twice', () => {
      const { store } = open()
      store.close()
      store.close()
    })
  })
}

/** Without what only tells where bytes came from, as Buffer or Uint8Array. */
function plain(entries: Iterable<{ offset: number; where: DocumentRef; record: UpdateRecord }>): unknown[] {
  return [...entries].map(({ offset, where, record }) => ({
    offset,
    where,
    record: { ...record, bytes: [...record.bytes] },
  }))
}

const hex = (value: number): string => value.toString(16).padStart(16, '0')
