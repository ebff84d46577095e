/**
 * What no checksum shows: a store that gives a sound row in the place of another, or a sound piece with nothing in it. Versions
 * stay equal, content does not; the content check finds it and both sides have everything again.
 */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createVirtual, type VirtualSystem, type Visitor } from '../../../bench/systems/virtual.ts'
import { createMemoryReplicaStore, type ReplicaStore } from '../../../client/index.ts'
import { openUpdateLog } from '../../../client/replica/update-log.ts'
import { contentOf } from '../../../server/relay/folding.ts'
import type { AnyEntry, RelayStore } from '../../../server/storage/store.ts'
import { countMissing } from '../../../server/storage/unbroken.ts'
import { fingerprint } from '../../../shared/causality/comparing.ts'
import type { VersionVector } from '../../../shared/causality/version-vector.ts'
import { systemEnvironment } from '../../../shared/environment.ts'
import { RejoinError } from '../../../shared/errors.ts'
import { deflatePiece } from '../../../shared/update/deflate-piece.ts'
import { EMPTY_UPDATE } from '../../../shared/update/join.ts'
import { hashJoinedLog } from '../../../shared/update/joined-log.ts'
import { pieceChecksum } from '../../../shared/update/piece-bytes.ts'
import { type DocumentRef, recordChecksum, type UpdateRecord } from '../../../shared/update/record.ts'
import { copyOf } from '../../support/stores.ts'

const NOTE = 'note'
/** The first check comes after three minutes, and a document is checked once an hour. */
const CHECKED_MS = 300_000

/** Something else with the same dot, sound as far as anybody can see. */
function otherRecord(where: DocumentRef, record: UpdateRecord, bytes: Uint8Array): UpdateRecord {
  return { ...record, bytes, checksum: recordChecksum(where, { ...record, bytes }) }
}

interface Loss {
  /** Bytes in the place of those of the record at this offset. */
  record?: { offset: number; bytes: Uint8Array }
  /** The pieces are empty. */
  pieces?: boolean
}

/** A relay's store that has lost something without a sign of it. */
function losing(store: RelayStore, loss: Loss): RelayStore {
  const swapped = <E extends AnyEntry>(entry: E): E => {
    if (!('record' in entry) || entry.offset !== loss.record?.offset) return entry
    return { ...entry, record: otherRecord(entry.where, entry.record, loss.record.bytes) }
  }
  const missed = new Set<string>()
  return {
    ...store,
    miss: (id) => void missed.add(id),
    damaged: () => [...missed].filter((id) => missed.delete(id)),
    salvage(id) {
      const where = store.document(id)
      const records = where === undefined ? [] : [...store.history(where)].map((entry) => swapped(entry).record)
      const damaged = where === undefined ? 0 : countMissing(where.vector, undefined, records)
      return where && damaged > 0 ? { where, updates: records.map(({ bytes }) => bytes), damaged } : undefined
    },
    entry: (offset) => swapped(store.entry(offset)),
    *history(where, after) {
      for (const entry of store.history(where, after)) yield swapped(entry)
    },
    *read(offset) {
      for (const entry of store.read(offset)) yield swapped(entry)
    },
    *pieces(where, from) {
      for (const piece of store.pieces(where, from)) yield loss.pieces ? deflatePiece(EMPTY_UPDATE) : piece
    },
  }
}

interface Scene {
  system: VirtualSystem
  loss: Loss
  store(): RelayStore
  disks: ReplicaStore[]
  people: Visitor[]
  errors: unknown[]
}

/** Two people and a relay, with some sentences in a document. */
async function begin(seed: number, sentences: number): Promise<Scene> {
  const loss: Loss = {}
  const errors: unknown[] = []
  let store: RelayStore | undefined
  const system = createVirtual(seed, {
    relayStore(plain) {
      store = losing(plain, loss)
      return store
    },
    report: (error) => errors.push(error),
  })
  const disks = [0, 1].map(() => createMemoryReplicaStore({ durable: true }))
  const people: Visitor[] = []
  for (const [i, disk] of disks.entries()) people.push(await system.enter(`person ${i}`, disk))
  for (const { workspace } of people) workspace.connect()
  for (let n = 0; n < sentences; n++) await people[n % 2]?.write(NOTE, `sentence ${n}. `)
  await system.quiet()
  return { system, loss, store: () => store as RelayStore, disks, people, errors }
}

interface Held {
  hash: string
  version: string
  text: string
}

function heldOf(updates: readonly Uint8Array[], vector: VersionVector): Held {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return { hash: hashJoinedLog(updates), version: fingerprint(vector), text: doc.getText('text').toString() }
}

async function heldByAll({ store, disks }: Scene): Promise<Held[]> {
  const stored = store().document(NOTE)
  const all = stored === undefined ? [] : [heldOf([...contentOf(store(), stored)], stored.vector)]
  for (const disk of disks) {
    const log = await openUpdateLog(await copyOf(disk), systemEnvironment)
    const { updates, vector } = await log.load(NOTE)
    all.push(heldOf(updates, vector))
  }
  return all
}

const different = (held: readonly Held[], of: keyof Held): number => new Set(held.map((each) => each[of])).size

/** The people come back, as a store that lies is noticed by nobody who has it in memory. */
async function untilChecked({ system, people }: Scene): Promise<void> {
  for (const { workspace } of people) workspace.disconnect()
  await system.quiet()
  for (const { workspace } of people) workspace.connect()
  await system.quiet()
  for (let passed = 0; passed < 2 * CHECKED_MS; passed += 120_000) await system.quiet()
}

async function expectMended(scene: Scene, sentences: number): Promise<void> {
  const before = await heldByAll(scene)
  expect(different(before, 'version')).toBe(1)
  expect(different(before, 'hash')).toBe(2)
  await untilChecked(scene)
  await expectAll(scene, sentences)
}

async function expectAll(scene: Scene, sentences: number): Promise<void> {
  const after = await heldByAll(scene)
  expect(different(after, 'version')).toBe(1)
  expect(different(after, 'hash')).toBe(1)
  expect(different(after, 'text')).toBe(1)
  for (let n = 0; n < sentences; n++) expect(after[0]?.text).toContain(`sentence ${n}. `)
  const codes = scene.errors.map((error) => (error instanceof RejoinError ? error.code : String(error)))
  expect(new Set(codes)).toEqual(new Set(['corrupt']))
  // One tells of it at the relay, and one on the device; then it is over.
  const told = codes.length
  await untilChecked(scene)
  expect(scene.errors).toHaveLength(told)
  await scene.system.close()
}

describe('content that was lost without a sign of it', () => {
  test('[P1] nothing is told, and little is sent, where nothing was lost', async () => {
    const scene = await begin(1, 6)
    for (const { traffic } of scene.people) traffic.reset()
    for (let passed = 0; passed < CHECKED_MS; passed += 120_000) await scene.system.quiet()
    for (const { traffic } of scene.people) {
      expect(traffic.counts).toEqual({ bytesUp: 27, bytesDown: 27, messagesUp: 1, messagesDown: 1, roundTrips: 1 })
    }
    expect(scene.errors).toEqual([])
    expect(different(await heldByAll(scene), 'hash')).toBe(1)
    await scene.system.close()
  })

  test.each([
    ['nothing', () => EMPTY_UPDATE],
    ['another record', (bytes: Uint8Array) => bytes],
  ])('[P1][P5] a record at the relay with %s in it, which the chain shows', async (_what, toBytes) => {
    const scene = await begin(2, 6)
    const [first] = scene.store().read(0)
    if (first === undefined || !('record' in first)) throw new Error('there is no record')
    scene.loss.record = { offset: 4, bytes: toBytes(first.record.bytes) }
    await expect(heldByAll(scene)).rejects.toMatchObject({ code: 'corrupt' })
    await untilChecked(scene)
    await expectAll(scene, 6)
  })

  test('[P1][P5] a record on a device with another one in it', async () => {
    const scene = await begin(3, 6)
    const [disk] = scene.disks
    await disk?.write(['records', 'documents'], async (transaction) => {
      const where = await transaction.get('documents', [NOTE])
      const [one, other] = await transaction.range('records', [NOTE])
      if (where === undefined || one === undefined || other === undefined) throw new Error('there are no records')
      const { bytes } = one.value
      const record = { ...other.value, origin: String(other.key[1]), seq: Number(other.key[2]), bytes }
      transaction.put('records', other.key, { ...other.value, bytes, checksum: recordChecksum(where, record) })
    })
    await expectMended(scene, 6)
  })

  test('[P1][P5] a piece on a device with nothing in it', async () => {
    const scene = await begin(4, 6)
    const [disk] = scene.disks
    const log = await openUpdateLog(disk as ReplicaStore, systemEnvironment)
    expect(await log.compact(NOTE)).toBe(true)
    await disk?.write(['pieces', 'documents', 'records'], async (transaction) => {
      const where = await transaction.get('documents', [NOTE])
      const pieces = await transaction.range('pieces', [NOTE])
      expect(pieces).toHaveLength(1)
      for (const { key } of await transaction.range('records', [NOTE])) transaction.delete('records', key)
      for (const { key } of pieces) {
        const empty = deflatePiece(EMPTY_UPDATE)
        const checksum = where && pieceChecksum(where, String(key[1]), Number(key[2]), empty)
        transaction.put('pieces', key, { ...empty, checksum: checksum ?? '' })
      }
    })
    await expectMended(scene, 6)
  })

  test('[P1][P5] the pieces of a relay with nothing in them', async () => {
    const scene = await begin(5, 600)
    expect(scene.store().checkpoint({ document: NOTE, epoch: '', gc: true })?.pieces).toBeGreaterThan(0)
    scene.loss.pieces = true
    const before = await heldByAll(scene)
    expect(different(before, 'hash')).toBe(2)
    await untilChecked(scene)
    const stored = scene.store().document(NOTE)
    // What is written anew here is empty again, as all pieces are; the records that mended it are not.
    const relay = heldOf(stored ? [...contentOf(scene.store(), stored)] : [], new Map())
    expect(relay.text).toHaveLength(before[1]?.text.length ?? 0)
    expect(relay.hash).toBe(before[1]?.hash)
    await scene.system.close()
  }, 60_000)
})
