/** What every store of a relay promises. A store's test calls `testRelayStore` with a way to make one. */
import { describe, expect, test as testOnce } from 'vitest'
import { PART_BYTES_MAX } from '../../server/storage/parts.ts'
import {
  type AnyEntry,
  type Checkpoint,
  type CommitBatch,
  type Fold,
  QUARANTINED_MAX,
  type RelayStore,
  type StoredDocument,
} from '../../server/storage/store.ts'
import { CHAIN_START, type DotRange, headOf } from '../../shared/causality/version-vector.ts'
import { FIRST_EPOCH, type OriginId } from '../../shared/ids.ts'
import { EPOCHS_KEPT_MAX } from '../../shared/sync/places.ts'
import type { PieceBytes } from '../../shared/update/piece-bytes.ts'
import type { DocumentRef, UpdateRecord } from '../../shared/update/record.ts'
import { seal } from '../../shared/update/seal.ts'

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

/** `run` runs the body of each test, where that is only possible in some place. */
export function testRelayStore(
  name: string,
  open: () => StoreUnderTest,
  run: (body: () => void) => void | Promise<void> = (body) => body(),
): void {
  const test = (title: string, body: () => void): void => testOnce(title, () => run(body))
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

    test('[P8] a checkpoint that stands alone leaves no entry of its document before it, and those of others', () => {
      const { store, reopen } = open()
      const scribe = createScribe(store)
      const [note, list] = [refTo('note'), refTo('list')]
      scribe.write([note, ALICE, bytesOf(1)], [list, ALICE, bytesOf(2)], [note, BOB, bytesOf(3)])
      const other = new Map([[ALICE, { seq: 1, chain: 'f'.repeat(16) }]])
      const made = { id: 'c'.repeat(16), vector: other, through: 4, pieces: 1, bytes: 1, size: 1, compacted: 0 }
      const checkpoint: Checkpoint = { ...made, intervals: bytesOf(1) }
      const fold: Fold = { where: note, checkpoint, keep: 0, pieces: [{ size: 1, bytes: bytesOf(9) }], alone: true }
      const entries: AnyEntry[] = [{ offset: 4, where: note, restored: true }]
      store.commit({ documents: [{ ...note, vector: other, bytes: 1 }], entries, folds: [fold] })
      for (const open of [() => store, reopen]) {
        const each = open()
        expect([...each.read(0)].map(({ offset }) => offset)).toEqual([2, 4])
        expect([...each.history(note)]).toEqual([])
        expect(each.chain(note, ALICE, 1)).toBeUndefined()
        expect(each.chain(list, ALICE, 1)).toBeDefined()
        expect(each.document('note')?.vector).toEqual(other)
        expect(each.head()).toBe(4)
      }
    })

    test('[P2][P8] what is given up goes with the places that rest on it, in one commit with what takes its place', () => {
      const { store, reopen } = open()
      const [note, list] = [refTo('note'), refTo('list')]
      store.commit({ epoch: { epoch: 'e'.repeat(16), start: 0 }, documents: [], entries: [] })
      createScribe(store).write([note, ALICE, bytesOf(1)], [list, ALICE, bytesOf(2)], [note, ALICE, bytesOf(3)])
      expect(store.salvage('note')).toBeUndefined()
      const record = seal(note, { origin: BOB, seq: 1, kind: 'yjs-v1', bytes: bytesOf(3) }, CHAIN_START)
      const vector = new Map([[BOB, { seq: 1, chain: record.chain }]])
      const epoch = { epoch: 'f'.repeat(16), start: 3 }
      const entries = [{ offset: 4, where: note, record }]
      store.commit({ givenUp: ['note'], epoch, documents: [{ ...note, vector, bytes: 1 }], entries })
      const expectAnew = (each: RelayStore): void => {
        expect(each.epochs()).toEqual([epoch])
        expect([...each.read(0)].map(({ offset }) => offset)).toEqual([2, 4])
        expect(each.document('note')?.vector).toEqual(vector)
        expect(each.chain(note, ALICE, 2)).toBeUndefined()
        expect(each.chain(list, ALICE, 1)).toBeDefined()
        expect(each.totals().documents).toBe(2)
      }
      expectAnew(store)
      const again = reopen()
      expectAnew(again)
      again.commit({ givenUp: ['note', 'nothing'], documents: [], entries: [] })
      expect(again.document('note')).toBeUndefined()
      expect([...again.read(0)].map(({ offset }) => offset)).toEqual([2])
      expect(again.epochs()).toEqual([])
      expect([...again.documents()].map(({ document }) => document)).toEqual(['list'])
    })

    test('keeps what it was handed, also where that changes afterwards', () => {
      const { store } = open()
      const vector = new Map([[ALICE, { seq: 1, chain: CHAIN_START }]])
      store.commit({ documents: [{ ...refTo('note'), vector, bytes: 0 }], entries: [] })
      vector.set(ALICE, { seq: 2, chain: CHAIN_START })
      expect(store.document('note')?.vector.get(ALICE)?.seq).toBe(1)
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
      expect(Array.from(store.history(refTo('note')), ({ record }) => record.bytes[0])).toEqual([
        1, 10, 2, 20, 3, 30, 4, 40, 5, 50,
      ])
      expect(Array.from(store.history(refTo('note'), 10), ({ offset }) => offset)).toEqual([12, 13, 15])
    })

    test('[P5][P7] keeps what was set aside, a bounded number of them, until it is let go', () => {
      const { store, reopen } = open()
      expect(store.quarantined()).toEqual([])
      const asideOf = (n: number) => ({
        id: n.toString(16).padStart(16, '0'),
        document: 'note',
        what: 'an update',
        source: { subject: 'é', address: '10.0.0.1', connection: n },
        at: n,
        error: 'TypeError',
        size: n,
        bytes: bytesOf(1, 2, n),
      })
      const all = Array.from({ length: QUARANTINED_MAX + 3 }, (_, n) => asideOf(n))
      for (const each of all) store.setAside(each)
      const kept = reopen()
      expect(kept.quarantined().map((each) => ({ ...each, bytes: [...each.bytes] }))).toEqual(
        all.slice(3).map((each) => ({ ...each, bytes: [...each.bytes] })),
      )
      const [gone, there] = [asideOf(1).id, asideOf(9).id]
      expect([kept.isSetAside(gone), kept.isSetAside(there)]).toEqual([false, true])
      expect([kept.letGo(gone), kept.letGo(there), kept.letGo(there)]).toEqual([false, true, false])
      expect(kept.isSetAside(there)).toBe(false)
      // The same again is one.
      kept.setAside(asideOf(10))
      expect(kept.quarantined().length).toBe(QUARANTINED_MAX - 1)
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

    test('counts its documents and their bytes', () => {
      const { store, reopen } = open()
      expect(store.totals()).toEqual({ documents: 0, bytes: 0 })
      const scribe = createScribe(store)
      scribe.write([refTo('note'), ALICE, bytesOf(1, 2)], [refTo('list'), BOB, bytesOf(3)])
      scribe.write([refTo('note'), BOB, bytesOf(4, 5, 6)])
      expect(store.totals()).toEqual({ documents: 2, bytes: 6 })
      expect(reopen().totals()).toEqual({ documents: 2, bytes: 6 })
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
      const { record } = reopen().entry(1)
      expect(record.bytes.length).toBe(large.length)
      expect(record.chain).not.toBe(CHAIN_START)
    })

    describe('checkpoints', () => {
      const piece = (...bytes: number[]): PieceBytes => ({ size: bytes.length * 3, bytes: bytesOf(...bytes) })

      function checkpointOf(id: number, pieces: number, through: number): Checkpoint {
        const vector = new Map([[ALICE, { seq: through, chain: hex(through) }]])
        return { id: hex(id), vector, through, pieces, bytes: 7, size: 21, compacted: 9, intervals: bytesOf(1, 0, id) }
      }

      const foldOf = (
        id: number,
        through: number,
        keep: number,
        pieces: PieceBytes[],
        count = keep + pieces.length,
      ): Fold => ({
        where: refTo('note'),
        checkpoint: checkpointOf(id, count, through),
        keep,
        pieces,
      })

      const only = (batch: Partial<CommitBatch>): CommitBatch => ({ documents: [], entries: [], ...batch })

      test('there is none at first', () => {
        const { store } = open()
        createScribe(store).write([refTo('note'), ALICE, bytesOf(1)])
        for (const document of ['note', 'list']) {
          expect(store.checkpoint(refTo(document))).toBeUndefined()
          expect([...store.pieces(refTo(document), 0)]).toEqual([])
        }
        expect(store.low()).toBe(0)
      })

      test('[P2] are kept with their pieces, replaced and appended to', () => {
        const { store, reopen } = open()
        createScribe(store).write([refTo('note'), ALICE, bytesOf(1)], [refTo('list'), ALICE, bytesOf(2)])
        store.commit(only({ folds: [foldOf(1, 1, 0, [piece(1), piece(2, 2), piece(3)])] }))
        expect(store.checkpoint(refTo('note'))).toEqual(checkpointOf(1, 3, 1))
        store.commit(only({ folds: [foldOf(2, 1, 2, [piece(4)])] }))
        store.commit(only({ folds: [foldOf(3, 2, 3, [piece(5), piece()])] }))
        const expectAll = (each: RelayStore): void => {
          expect(each.checkpoint(refTo('note'))).toEqual(checkpointOf(3, 5, 2))
          const all = plainPieces([piece(1), piece(2, 2), piece(4), piece(5), piece()])
          expect(plainPieces(each.pieces(refTo('note'), 0))).toEqual(all)
          expect(plainPieces(each.pieces(refTo('note'), 3))).toEqual(all.slice(3))
          expect(each.checkpoint(refTo('list'))).toBeUndefined()
        }
        expectAll(store)
        expectAll(reopen())
        // A reader that was left half-way is in nobody's way.
        const again = reopen()
        for (const _ of again.pieces(refTo('note'), 0)) break
        again.commit(only({ folds: [foldOf(4, 2, 0, [])] }))
        expect([...again.pieces(refTo('note'), 0)]).toEqual([])
      })

      test('[P11] keep what they say of their pieces, however much that is, in rows below what an object takes', () => {
        const { store, reopen } = open()
        createScribe(store).write([refTo('note'), ALICE, bytesOf(1)], [refTo('list'), ALICE, bytesOf(1)])
        const sizes = [5_000_000, 3 * PART_BYTES_MAX, PART_BYTES_MAX + 1, PART_BYTES_MAX, 7, 3_000_000]
        for (const [i, size] of sizes.entries()) {
          for (const document of ['note', 'list']) {
            const intervals = Uint8Array.from({ length: size }, (_, at) => at * 31 + (at >> 8) + document.length + i)
            const where = refTo(document)
            const fold = { ...foldOf(i + 1, 1, 0, []), where }
            store.commit(only({ folds: [{ ...fold, checkpoint: { ...fold.checkpoint, intervals } }] }))
            const isKept = Buffer.compare(store.checkpoint(where)?.intervals ?? bytesOf(), intervals) === 0
            expect([document, size, isKept]).toEqual([document, size, true])
          }
        }
        const again = reopen()
        const [where, offset] = [refTo('note'), again.head() + 1]
        again.commit({
          documents: [{ ...where, vector: new Map(), bytes: 0 }],
          entries: [{ offset, where, tombstone: true }],
        })
        expect(again.checkpoint(where)).toBeUndefined()
        expect(again.checkpoint(refTo('list'))?.intervals.length).toBe(3_000_000)
        again.commit(only({ folds: [foldOf(9, 1, 0, [])] }))
        expect(again.checkpoint(where)).toEqual(checkpointOf(9, 0, 1))
      })

      test('come from outside by a transfer, which is no part of the document before it is whole', () => {
        const { store, reopen } = open()
        const next = (id: number, index: number, bytes: PieceBytes, at: number) =>
          store.commit(only({ transfers: [{ where: refTo('note'), id: hex(id), index, piece: bytes, at }] }))
        expect(store.transfer('note')).toBeUndefined()
        next(1, 0, piece(9), 1_000)
        next(2, 0, piece(1), 2_000)
        next(2, 1, piece(2, 2), 3_000)
        expect([...store.documents()]).toEqual([])
        const again = reopen()
        expect(again.transfer('note')).toEqual({
          where: refTo('note'),
          id: hex(2),
          pieces: 2,
          bytes: 3,
          size: 9,
          at: 3_000,
        })
        expect(plainPieces(again.transferPieces('note'))).toEqual(plainPieces([piece(1), piece(2, 2)]))
        expect([...again.transfers()].map(({ id }) => id)).toEqual([hex(2)])
        const vector = new Map([[ALICE, { seq: 1, chain: hex(1) }]])
        again.commit({
          documents: [{ ...refTo('note'), vector, bytes: 3 }],
          entries: [{ offset: 1, where: refTo('note'), restored: true }],
          folds: [{ ...foldOf(1, 1, 0, [piece(7)], 3), transfer: 'adopted' }],
        })
        expect(plainPieces(again.pieces(refTo('note'), 0))).toEqual(plainPieces([piece(7), piece(1), piece(2, 2)]))
        expect(again.transfer('note')).toBeUndefined()
        expect([...again.transferPieces('note')]).toEqual([])
        expect([...again.read(0)]).toEqual([{ offset: 1, where: refTo('note'), restored: true }])
        expect([...again.history(refTo('note'))]).toEqual([])
        expect(() => again.entry(1)).toThrow(expect.objectContaining({ code: 'corrupt' }))
        expect(again.head()).toBe(1)
      })

      test('are over where others say what came', () => {
        const { store, reopen } = open()
        store.commit(only({ transfers: [{ where: refTo('note'), id: hex(1), index: 0, piece: piece(1), at: 5 }] }))
        store.commit({
          documents: [{ ...refTo('note'), vector: new Map([[ALICE, { seq: 1, chain: hex(1) }]]), bytes: 1 }],
          entries: [{ offset: 1, where: refTo('note'), restored: true }],
          folds: [{ ...foldOf(1, 1, 0, [piece(7)], 1), transfer: 'joined' }],
        })
        const again = reopen()
        expect(plainPieces(again.pieces(refTo('note'), 0))).toEqual(plainPieces([piece(7)]))
        expect(again.transfer('note')).toBeUndefined()
        expect([...again.transferPieces('note')]).toEqual([])
      })

      test('are dropped as transfers, one for all', () => {
        const { store } = open()
        for (const document of ['note', 'list']) {
          store.commit(only({ transfers: [{ where: refTo(document), id: hex(1), index: 0, piece: piece(1), at: 5 }] }))
        }
        store.commit(only({ dropped: ['note', 'no such document'] }))
        expect([...store.transfers()].map(({ where }) => where.document)).toEqual(['list'])
        expect([...store.transferPieces('note')]).toEqual([])
      })

      test('let what they cover be trimmed, a bounded number at a time, and never the newest entry', () => {
        const { store, reopen } = open()
        const scribe = createScribe(store)
        for (let i = 1; i <= 5; i++)
          scribe.write([refTo('note'), ALICE, bytesOf(i, i)], [refTo('list'), ALICE, bytesOf(i)])
        expect(store.trim(100, 100)).toEqual({ count: 0, bytes: new Map() })
        expect(store.low()).toBe(0)
        store.commit(only({ folds: [foldOf(1, 10, 0, [piece(1)])] }))
        expect(store.trim(6, 2)).toEqual({ count: 2, bytes: new Map([['note', 4]]) })
        expect(store.low()).toBe(3)
        expect(store.document('note')?.bytes).toBe(6)
        expect(store.trim(6, 2)).toEqual({ count: 1, bytes: new Map([['note', 2]]) })
        expect(store.trim(6, 2).count).toBe(0)
        const again = reopen()
        expect(again.low()).toBe(5)
        expect([...again.read(0)].map(({ offset }) => offset)).toEqual([2, 4, 6, 7, 8, 9, 10])
        expect([...again.read(3)].map(({ offset }) => offset)).toEqual([4, 6, 7, 8, 9, 10])
        expect(again.locate(refTo('note'), [{ origin: ALICE, from: 1, to: 5 }])).toEqual([7, 9])
        expect(again.chain(refTo('note'), ALICE, 3)).toBeUndefined()
        expect(again.chain(refTo('note'), ALICE, 4)).toBeDefined()
        expect(() => again.entry(5)).toThrow(expect.objectContaining({ code: 'corrupt' }))
        again.commit(only({ folds: [{ ...foldOf(2, 10, 0, []), where: refTo('list') }] }))
        expect(again.trim(100, 100)).toEqual({
          count: 6,
          bytes: new Map([
            ['note', 4],
            ['list', 4],
          ]),
        })
        expect(again.head()).toBe(10)
        expect([...again.read(0)].map(({ offset }) => offset)).toEqual([10])
        expect(again.totals()).toEqual({ documents: 2, bytes: 1 })
      })

      test('cover more with the next fold, which is trimmed as well', () => {
        const { store } = open()
        const scribe = createScribe(store)
        for (let i = 1; i <= 4; i++) scribe.write([refTo('note'), ALICE, bytesOf(i)])
        store.commit(only({ folds: [foldOf(1, 2, 0, [piece(1)])] }))
        expect(store.trim(3, 100).count).toBe(2)
        expect(store.trim(3, 100).count).toBe(0)
        store.commit(only({ folds: [foldOf(2, 4, 1, [piece(2)])] }))
        expect(store.trim(3, 100).count).toBe(1)
        expect(store.low()).toBe(3)
      })

      test('marks tell how old the log is; trimming takes those it passes', () => {
        const { store, reopen } = open()
        const marks = [1, 2, 3, 4].map((n) => ({ offset: n * 10, at: n * 1_000, bytes: n * 100 }))
        for (const mark of marks) store.commit(only({ mark }))
        expect(store.marks()).toEqual(marks)
        store.trim(20, 1)
        expect(reopen().marks()).toEqual(marks.slice(1))
      })

      test('space is given back until there is none to give', () => {
        const { store } = open()
        const scribe = createScribe(store)
        for (let i = 0; i < 50; i++) scribe.write([refTo('note'), ALICE, new Uint8Array(50_000)])
        store.commit(only({ folds: [foldOf(1, 50, 0, [piece(1)])] }))
        store.trim(49, 100)
        let rounds = 0
        while (store.shrink(100)) expect(++rounds).toBeLessThan(100)
        expect([...store.read(0)].map(({ offset }) => offset)).toEqual([50])
      })
    })

    test('keeps whose names are, until they are not used or their document is deleted', () => {
      const { store, reopen } = open()
      createScribe(store).write([refTo('note'), ALICE, bytesOf(1)], [refTo('gone'), ALICE, bytesOf(2)])
      const only = (batch: Partial<CommitBatch>): CommitBatch => ({ documents: [], entries: [], ...batch })
      const [first, second] = ['0'.repeat(16), 'f'.repeat(16)]
      const writers = [
        { where: refTo('note'), client: 2 ** 52, owner: first, used: 1_000 },
        { where: refTo('note'), client: 7, owner: second, used: 2_000 },
        { where: refTo('gone'), client: 7, owner: first, used: 2_000 },
      ]
      store.commit(only({ writers, owners: [{ origin: ALICE, owner: first, used: 1_000 }] }))
      store.commit(only({ owners: [{ origin: BOB, owner: first, used: 1 }] }))
      store.commit(only({ owners: [{ origin: BOB, owner: second, used: 2_000 }] }))
      const again = reopen()
      const clientsOf = (document: string) => [...again.writers(refTo(document))].map(({ client }) => client).sort()
      expect([...again.writers(refTo('note'))]).toContainEqual(writers[0])
      expect(clientsOf('note')).toEqual([7, 2 ** 52].sort())
      expect([...again.writers(refTo('nobody'))]).toEqual([])
      expect(again.owner(BOB)).toEqual({ origin: BOB, owner: second, used: 2_000 })
      expect(again.owner('c'.repeat(16))).toBeUndefined()
      const [where, offset] = [refTo('gone'), again.head() + 1]
      again.commit(
        only({ documents: [{ ...where, vector: new Map(), bytes: 0 }], entries: [{ offset, where, tombstone: true }] }),
      )
      expect(clientsOf('gone')).toEqual([])
      again.forgetOwners(1_500, 100)
      expect(clientsOf('note')).toEqual([7])
      expect([again.owner(ALICE), again.owner(BOB)?.used]).toEqual([undefined, 2_000])
    })

    test('closes twice', () => {
      const { store } = open()
      store.close()
      store.close()
    })
  })
}

/** Without what only tells where bytes came from, as Buffer or Uint8Array. */
function plain(entries: Iterable<AnyEntry>): unknown[] {
  return [...entries].map((entry) =>
    !('record' in entry) ? entry : { ...entry, record: { ...entry.record, bytes: [...entry.record.bytes] } },
  )
}

const plainPieces = (pieces: Iterable<PieceBytes>): unknown[] =>
  Array.from(pieces, ({ size, bytes }) => ({ size, bytes: [...bytes] }))

const hex = (value: number): string => value.toString(16).padStart(16, '0')
