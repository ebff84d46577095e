/** A Y.Doc that was given something whose ground is missing: it is noticed within a second, and asked for. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createReading } from '../../../client/reading.ts'
import { CHAIN_START } from '../../../shared/causality/version-vector.ts'
import { systemEnvironment } from '../../../shared/environment.ts'
import { seal } from '../../../shared/update/seal.ts'
import { createChance } from '../../sim/time/chance.ts'
import { createClock } from '../../sim/time/clock.ts'
import { durable, entriesOf, NOTE, openLog, PEER } from '../../support/stores.ts'

async function start() {
  const log = await openLog(durable())
  await log.open(NOTE)
  const clock = createClock(createChance(1))
  const doc = new Y.Doc()
  let asked = 0
  const reading = createReading({
    where: NOTE,
    doc,
    log,
    environment: {
      ...systemEnvironment,
      now: clock.now,
      setTimer: (callback, delayMs) => clock.after(delayMs, callback),
    },
    storage() {},
    lacking: () => asked++,
    report(error) {
      throw error
    },
  })
  await reading.load()
  const updates: Uint8Array[] = []
  const author = new Y.Doc()
  author.on('update', (update) => updates.push(update))
  for (const word of ['a', 'b', 'c']) author.getText('text').insert(author.getText('text').length, word)
  let origins = 0
  /** As somebody else's record, each under an origin of its own. */
  const give = async (n: number): Promise<void> => {
    const origin = String(++origins).padStart(16, '0')
    const record = seal(NOTE, { origin, seq: 1, kind: 'yjs-v1', bytes: updates[n] ?? new Uint8Array() }, CHAIN_START)
    const { arrived } = await log.take([entriesOf(record)], PEER)
    reading.arrived(arrived.get(NOTE.document) ?? [])
  }
  return { clock, doc, reading, give, updates, asked: () => asked, pass: (ms: number) => clock.run(clock.now() + ms) }
}

describe('what comes while the log is read for the first time', () => {
  /** A log whose first answer takes until `answer`, a reading that waits for it, and what it shows. */
  async function loading() {
    const store = durable()
    const log = await openLog(store)
    await log.open(NOTE)
    const { promise, resolve: answer } = Promise.withResolvers<void>()
    let reads = 0
    const doc = new Y.Doc()
    const reading = createReading({
      where: NOTE,
      doc,
      log: {
        ...log,
        async open(where) {
          const held = await log.open(where)
          await promise
          return held
        },
        load(document, seen) {
          reads++
          return log.load(document, seen)
        },
      },
      environment: systemEnvironment,
      storage() {},
      lacking() {},
      report(error) {
        throw error
      },
    })
    const loaded = reading.load()
    // Whoever was told that all is there waits until it shows.
    const shown = async (): Promise<string> => {
      const caughtUp = reading.whenCaughtUp
      answer()
      await caughtUp
      return doc.getText('text').toString()
    }
    const author = new Y.Doc()
    author.getText('text').insert(0, 'a')
    return { store, log, reading, loaded, shown, bytes: Y.encodeStateAsUpdate(author), readsAgain: () => reads }
  }

  test('[P1] is shown, and told of as it is then, although the log was read before', async () => {
    const { log, reading, loaded, shown, bytes, readsAgain } = await loading()
    const record = seal(NOTE, { origin: '1'.repeat(16), seq: 1, kind: 'yjs-v1', bytes }, CHAIN_START)
    const { arrived, documents } = await log.take([entriesOf(record)], PEER)
    reading.arrived(arrived.get(NOTE.document) ?? [])
    for (const held of documents) reading.changed(held)
    expect(await shown()).toBe('a')
    expect([(await loaded).vector.size, readsAgain()]).toEqual([1, 1])
  })

  test('[P1] is shown where another tab typed it', async () => {
    const { store, reading, shown, bytes } = await loading()
    const other = await openLog(store)
    await other.append({ where: NOTE, n: 1, bytes, count: 1 })
    reading.edited(other.tab, 1, bytes)
    expect(await shown()).toBe('a')
  })

  test('[P11] what was read already is not read again', async () => {
    const { log, reading, shown, readsAgain } = await loading()
    const held = await log.held(NOTE.document)
    if (held !== undefined) reading.changed(held)
    await shown()
    expect([held === undefined, readsAgain()]).toEqual([false, 0])
  })
})

describe('edits of tabs that built on one another', () => {
  test('[P3] are read in whatever order the store gives them, in time that grows with their number', async () => {
    const store = durable()
    const tabs = [await openLog(store), await openLog(store)] as const
    await tabs[0].open(NOTE)
    const author = new Y.Doc()
    const updates: Uint8Array[] = []
    author.on('update', (update) => updates.push(update))
    for (let i = 0; i < 4_000; i++) author.getText('text').insert(0, `${i % 10}`)
    // All of the one tab comes before all of the other: half of it waits for what the other typed.
    for (const [i, bytes] of updates.entries())
      await tabs[i % 2 === 0 ? 0 : 1].append({ where: NOTE, n: i + 1, bytes, count: 1 })
    const doc = new Y.Doc()
    const reading = createReading({
      where: NOTE,
      doc,
      log: await openLog(store),
      environment: systemEnvironment,
      storage() {},
      lacking() {},
      report(error) {
        throw error
      },
    })
    await reading.load()
    reading.end()
    expect(doc.getText('text').toString()).toBe(author.getText('text').toString())
    expect(doc.store.pendingStructs).toBeNull()
  })
})

describe('a Y.Doc that lacks something', () => {
  test('[P10] is mended by asking once a second has passed', async () => {
    const { doc, give, asked, pass } = await start()
    await give(2)
    expect(doc.store.pendingStructs).not.toBeNull()
    await pass(900)
    expect(asked()).toBe(0)
    await pass(200)
    expect(asked()).toBe(1)
    await give(0)
    await give(1)
    expect(doc.getText('text').toString()).toBe('abc')
    await pass(60_000)
    expect(asked()).toBe(1)
  })

  test('[P2] tells once when it shows what was passed and waited, as nothing has stored that', async () => {
    const { doc, reading, give, updates } = await start()
    const told: string[] = []
    const pass = (n: number): void => {
      reading.passed(updates.slice(n, n + 1), () => told.push(`${n} in ${doc.getText('text')}`))
    }
    pass(2)
    pass(1)
    expect(told).toEqual([])
    await give(0)
    expect(told).toEqual(['2 in abc', '1 in abc'])
    pass(2)
    await give(1)
    expect(told).toHaveLength(2)
  })

  test('[P7] asks a bounded number of times, and not at all for what comes by itself or for a Y.Doc that was ended', async () => {
    const first = await start()
    await first.give(1)
    await first.give(0)
    await first.pass(60_000)
    expect(first.asked()).toBe(0)

    const never = await start()
    for (let times = 0; times < 50; times++) {
      await never.give(2)
      await never.pass(1_500)
    }
    expect(never.asked()).toBe(5)

    const ended = await start()
    await ended.give(1)
    ended.reading.end()
    await ended.pass(60_000)
    expect(ended.asked()).toBe(0)
  })
})
