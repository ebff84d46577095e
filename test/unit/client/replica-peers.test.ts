/** What a replica notes of a relay, when several tabs note it side by side. */
import { describe, expect, test } from 'vitest'
import type { PeerNote } from '../../../client/replica/update-log.ts'
import { systemEnvironment } from '../../../shared/environment.ts'
import { createOwnStore, dump, durable, entriesOf, openLog, otherRecords, PEER } from '../../support/stores.ts'

const at = (offset: number, change: Partial<PeerNote> = {}): PeerNote => ({
  ...PEER,
  place: { epoch: 'e'.repeat(16), offset },
  watermark: offset,
  ...change,
})

const HOUR_MS = 3_600_000

describe('rounds', () => {
  test('[P4] two tabs that begin one with the same number have two; notes of the older one move nothing', async () => {
    const store = durable()
    const [one, two] = [await openLog(store), await openLog(store)]
    await one.note(at(5, { begin: true }))
    await two.note(at(2, { begin: true }))
    const begun = await two.peer('ws://relay')
    expect(begun).toMatchObject({ place: { offset: 2 }, watermark: 2 })
    await one.note(at(9))
    expect(await two.peer('ws://relay')).toEqual(begun)
    await two.note(at(4))
    expect(await two.peer('ws://relay')).toMatchObject({ place: { offset: 4 }, watermark: 4, round: begun?.round })
    await two.note(at(3))
    expect(await one.peer('ws://relay')).toMatchObject({ place: { offset: 4 }, watermark: 4 })
  })

  test('[P4] a session that goes on from the place moves it on, whichever tab has it', async () => {
    const store = durable()
    const [one, two] = [await openLog(store), await openLog(store)]
    await one.note(at(5, { begin: true }))
    await two.note(at(6, { begin: true }))
    const { round = 0 } = (await one.peer('ws://relay')) ?? {}
    await one.note(at(7, { round }))
    expect(await one.peer('ws://relay')).toMatchObject({ place: { offset: 7 }, round })
    await two.note(at(8))
    expect(await one.peer('ws://relay')).toMatchObject({ place: { offset: 8 }, round })
  })

  test('[P4] no number comes again, also when damage has taken the places away', async () => {
    const store = durable()
    const [one, two] = [await openLog(store), await openLog(store)]
    await one.note(at(5, { begin: true }))
    await store.write(['peers'], async (transaction) => transaction.delete('peers', [PEER.replica]))
    await two.note(at(1, { begin: true }))
    await one.note(at(9))
    expect(await one.peer('ws://relay')).toMatchObject({ place: { offset: 1 } })
  })

  test('[P4] one that could not begin, as something did not fit, begins with the next place', async () => {
    const log = await openLog(durable())
    const [first, second] = otherRecords(2)
    await log.take([entriesOf(...(second ? [second] : []))], at(2, { begin: true }))
    expect(await log.peer('ws://relay')).toBeUndefined()
    await log.take([entriesOf(...(first && second ? [first, second] : []))], at(2))
    expect(await log.peer('ws://relay')).toMatchObject({ place: { offset: 2 } })
  })
})

describe('a place', () => {
  test('[P1] goes where something beyond it is taken: a relay that is put back to it does not have that', async () => {
    const log = await openLog(durable())
    await log.note(at(5, { begin: true }))
    await log.take([entriesOf(...otherRecords(1))], { ...PEER, lost: true })
    expect(await log.peer('ws://relay')).toBeUndefined()
    await log.note(at(6))
    expect(await log.peer('ws://relay')).toBeUndefined()
  })

  test('[P1] is nothing to go on from while what was taken lies behind it, and is again when it has passed that', async () => {
    const log = await openLog(durable())
    const [first, second, third] = otherRecords(3).map((record) => entriesOf(record))
    if (first === undefined || second === undefined || third === undefined) throw new Error('there are three')
    await log.note(at(5, { begin: true }))
    await log.take([first], at(5, { watermark: 1 }))
    expect(await log.peer('ws://relay')).toBeUndefined()
    await log.note(at(5, { watermark: 1 }))
    expect(await log.peer('ws://relay')).toBeUndefined()
    await log.take([second], at(7, { watermark: 1 }))
    expect(await log.peer('ws://relay')).toMatchObject({ place: { offset: 7 } })
    await log.take([third], PEER)
    expect(await log.peer('ws://relay')).toBeUndefined()
    await log.note(at(8, { watermark: 1 }))
    expect(await log.peer('ws://relay')).toMatchObject({ place: { offset: 8 } })
  })
})

describe('notes', () => {
  test('[P7] that say nothing new write nothing; what matters is written, and the hour of the last meeting', async () => {
    const store = createOwnStore()
    let now = 1_000_000_000_000
    const log = await openLog(store, undefined, { ...systemEnvironment, now: () => now })
    await log.note(at(5, { begin: true }))
    let writes = 0
    let reads = 0
    const { read, write } = store
    store.write = (tables, body) => {
      writes++
      return write(tables, body)
    }
    const before = (await dump(store)).peers
    store.read = (tables, body) => {
      reads++
      return read(tables, body)
    }
    for (let times = 0; times < 100; times++) {
      now += 2500
      await log.note(at(5))
    }
    expect(writes).toBe(0)
    // What the note before it said is not even read.
    expect(reads).toBe(1)
    expect((await dump(store)).peers).toEqual(before)
    await log.note(at(6))
    expect(writes).toBe(1)
    now += HOUR_MS
    await log.note(at(6))
    expect((await log.peer('ws://relay'))?.usedAt).toBe(now)
    // A clock that was put back stops nothing.
    now -= 5 * HOUR_MS
    await log.note(at(6))
    expect((await log.peer('ws://relay'))?.usedAt).toBe(now)
    expect(writes).toBe(3)
  })

  test('tell which of two relays under an address was met last', async () => {
    let now = 1_000_000_000_000
    const log = await openLog(durable(), undefined, { ...systemEnvironment, now: () => now++ })
    const other = { replica: 'd'.repeat(16) }
    await log.note(at(5, { begin: true }))
    await log.note(at(7, { ...other, begin: true }))
    expect((await log.peer('ws://relay'))?.replica).toBe(other.replica)
    await log.note(at(5))
    expect((await log.peer('ws://relay'))?.replica).toBe(PEER.replica)
  })
})
