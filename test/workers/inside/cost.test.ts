/** What a relay on Cloudflare is billed for, as docs/deploy-workers.md has it: rows, and messages that wake it. */
import { runInDurableObject } from 'cloudflare:test'
import { describe, expect, test } from 'vitest'
import { RELAY_LIMITS } from '../../../server/relay/limits.ts'
import { createRelayCore } from '../../../server/relay/relay.ts'
import { openObjectStore } from '../../../server/storage/sqlite-object.ts'
import { systemEnvironment } from '../../../shared/environment.ts'
import type { UpdateRecord } from '../../../shared/update/record.ts'
import { type BareClient, connect, NOTE, objectOf, typist } from './support.ts'

const EDITS = 500

interface Counts {
  read: number
  written: number
  statements: number
}

/** Counts what the object of a workspace reads and writes from now on. */
async function countRows(workspace: string): Promise<Counts> {
  const counts = { read: 0, written: 0, statements: 0 }
  await runInDurableObject(objectOf(workspace), (_, { storage: { sql } }) => {
    const exec = sql.exec.bind(sql)
    const count = (query: string, ...values: unknown[]) => {
      const cursor = exec(query, ...values)
      const rows = cursor.toArray()
      counts.statements++
      counts.read += cursor.rowsRead
      counts.written += cursor.rowsWritten
      return Object.assign(rows[Symbol.iterator](), { rowsRead: 0, rowsWritten: 0 })
    }
    Object.defineProperty(sql, 'exec', { configurable: true, value: count })
  })
  return counts
}

async function begin(workspace: string, people: number): Promise<{ client: BareClient; type: () => UpdateRecord }[]> {
  const there = []
  for (let i = 0; i < people; i++) {
    const origin = `${i}`.padStart(16, 'a')
    const client = await connect(workspace, origin)
    await client.next('welcome')
    there.push({ client, type: typist(origin) })
  }
  return there
}

describe(`${EDITS} edits of a letter`, () => {
  test('[P11] one after the other write four rows each: the record, its two indexes, and the document', async () => {
    const [ada] = await begin('cost-one', 1)
    const counts = await countRows('cost-one')
    for (let i = 0; i < EDITS; i++) {
      ada?.client.entries(NOTE, [ada.type()])
      await ada?.client.next('ack')
    }
    expect(counts.written / EDITS).toBeLessThan(4.1)
    expect(counts.read / EDITS).toBeLessThan(3)
  })

  test('[P11] of ten people at once share the row of their document', async () => {
    const people = await begin('cost-ten', 10)
    const counts = await countRows('cost-ten')
    for (let i = 0; i < EDITS / 10; i++) {
      for (const { client, type } of people) client.entries(NOTE, [type()])
      await Promise.all(people.map(({ client }) => client.next('ack')))
    }
    expect(counts.written / EDITS).toBeLessThan(3.5)
  })

  test('[P11] cost an object that wakes for the next one a few rows read, and none written', async () => {
    const [ada] = await begin('cost-wake', 1)
    for (let i = 0; i < 50; i++) ada?.client.entries(NOTE, [ada.type()])
    // Those that are committed together have one receipt, of the last.
    for (let acknowledged = 0; acknowledged < 50; ) acknowledged = (await ada?.client.next('ack'))?.seq ?? 50
    const counts = { read: 0, written: 0 }
    await runInDurableObject(objectOf('cost-wake'), (_, { storage }) => {
      const core = createRelayCore({
        openStore: () => openObjectStore(storage, systemEnvironment, counts),
        environment: systemEnvironment,
        limits: RELAY_LIMITS,
        soon: queueMicrotask,
        report: (error) => {
          throw error
        },
        noted: () => {},
      })
      core.dueAt('cost-wake')
    })
    expect(counts.written).toBe(0)
    expect(counts.read).toBeLessThan(20)
  })
})
