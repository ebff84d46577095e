/** Edits that are larger than what a relay takes in one record. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createMemoryReplicaStore } from '../../../client/replica/memory.ts'
import type { UpdateLog } from '../../../client/replica/update-log.ts'
import { CHAIN_START } from '../../../shared/causality/version-vector.ts'
import { UPDATE_BYTES_MAX } from '../../../shared/limits.ts'
import { inspectUpdate } from '../../../shared/update/inspect.ts'
import { createIntervalIndex } from '../../../shared/update/intervals.ts'
import { seal } from '../../../shared/update/seal.ts'
import { ackOf, durable, held, NOTE, openLog, PEER, RELAY, read, records, typist } from '../../support/stores.ts'

const MIB = 1024 * 1024

/** As a relay takes them: small enough, and each with all that it builds on before it. */
function expectTaken(updates: readonly Uint8Array[]): void {
  const index = createIntervalIndex()
  for (const bytes of updates) {
    expect(bytes.length).toBeLessThanOrEqual(UPDATE_BYTES_MAX)
    const summary = inspectUpdate(bytes)
    expect(index.missing(summary)).toBeUndefined()
    index.add(summary)
  }
}

/** Submits until nothing is left; says how much was sent in each go. */
async function submitAll(log: UpdateLog): Promise<Uint8Array[]> {
  const sent: Uint8Array[] = []
  let chain = CHAIN_START
  for (let next = await log.unsent('note'); next !== undefined; next = await log.unsent('note')) {
    const record = seal(NOTE, { origin: RELAY, seq: sent.length + 1, kind: 'yjs-v1', bytes: next.bytes }, chain)
    chain = record.chain
    sent.push(next.bytes)
    const stamped = { type: 'stamped' as const, ...NOTE, request: 1, through: sent.length, ...record }
    await log.take([{ type: 'stamped', stamped, ...next }], PEER)
    expect(await log.unsent('note').then((left) => left !== undefined)).toBe(next.more)
  }
  return sent
}

describe('a paste of 5 MB', () => {
  test('becomes records that a relay takes; a receipt covers it when it has all of them', async () => {
    const log = await openLog(durable())
    const { type, doc } = typist(log)
    await type('x'.repeat(5 * MIB))
    const outstanding = await log.outstanding('note')
    const sealed = (await log.seal('note')).records
    expect(sealed.length).toBeGreaterThan(5)
    expectTaken((await records(log)).map(({ bytes }) => bytes))
    expect(await read(log)).toBe(doc.getText('text').toString())
    for (const { seq } of sealed) {
      expect(await log.isAcknowledged('note', outstanding)).toBe(false)
      expect(await held(log)).toMatchObject({ unacknowledged: 1 })
      await log.take([{ type: 'ack', ack: await ackOf(log, seq) }], PEER)
    }
    expect(await log.isAcknowledged('note', outstanding)).toBe(true)
    expect(await held(log)).toMatchObject({ unacknowledged: 0 })
  })

  test('is submitted part by part, and what is typed meanwhile after it', async () => {
    const log = await openLog(createMemoryReplicaStore())
    const { type, doc } = typist(log)
    await type('x'.repeat(5 * MIB))
    const outstanding = await log.outstanding('note')
    expect((await log.unsent('note'))?.more).toBe(true)
    expect(await log.isAcknowledged('note', outstanding)).toBe(false)
    await type('and more')
    expect(await held(log)).toMatchObject({ unacknowledged: 2 })
    const sent = await submitAll(log)
    expect(sent.length).toBeGreaterThan(5)
    expectTaken(sent)
    expect(await log.isAcknowledged('note', outstanding)).toBe(true)
    expect(await held(log)).toMatchObject({ unacknowledged: 0 })
    expect(await read(log)).toBe(doc.getText('text').toString())
  })
})

test('edits of several tabs that build on one another are sealed in the order in which a relay takes them', async () => {
  const store = durable()
  const logs = [await openLog(store), await openLog(store), await openLog(store)]
  const typists = logs.map((log) => typist(log))
  await logs[0]?.open(NOTE)
  for (let i = 0; i < 12; i++) {
    const { type, look } = typists[i % 3] ?? expect.fail()
    await look()
    await type(`${i % 10}`.repeat(100_000))
  }
  const [log] = logs
  if (log === undefined) return expect.fail()
  expect((await log.seal('note')).records.length).toBeGreaterThan(2)
  expectTaken((await records(log)).map(({ bytes }) => bytes))
})

test('what cannot be cut stands alone, as large as it is, and holds up nothing before it', async () => {
  for (const log of [await openLog(durable()), await openLog(createMemoryReplicaStore())]) {
    const doc = new Y.Doc()
    doc.getText('text').insert(0, 'small')
    doc.getArray('files').push([new Uint8Array(2 * MIB)])
    await log.append({ where: NOTE, n: 1, bytes: Y.encodeStateAsUpdate(doc), count: 2 })
    if (log.durable) {
      await log.seal('note')
      const sizes = (await records(log)).map(({ bytes }) => bytes.length > UPDATE_BYTES_MAX)
      expect(sizes.filter((large) => large)).toHaveLength(1)
    } else {
      const sizes = (await submitAll(log)).map(({ length }) => length > UPDATE_BYTES_MAX)
      expect(sizes.filter((large) => large)).toHaveLength(1)
    }
  }
})
