/** What a relay on Cloudflare is billed for, as docs/deploy-workers.md has it: rows, and messages that wake it. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { CHAIN_START } from '../../../shared/causality/chain.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { type DocumentRef, seal, type UpdateRecord } from '../../../shared/update/record.ts'
import { type BareClient, connect } from './support.ts'

const NOTE: DocumentRef = { document: 'note', epoch: FIRST_EPOCH, gc: true }
const EDITS = 1_000

interface Counts {
  read: number
  written: number
  statements: number
}

/** Counts what the object of a workspace reads and writes from now on. */
async function countRows(workspace: string): Promise<Counts> {
  const counts = { read: 0, written: 0, statements: 0 }
  const stub = env.RELAY.getByName(`weur/${workspace}`)
  await runInDurableObject(stub, (_, { storage: { sql } }) => {
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

/** Somebody who types a letter at a time. */
function typist(origin: string) {
  const doc = new Y.Doc()
  const text = doc.getText('text')
  let update = new Uint8Array()
  let last: UpdateRecord | undefined
  doc.on('update', (bytes) => {
    update = new Uint8Array(bytes)
  })
  return (): UpdateRecord => {
    text.insert(text.length, 'a')
    last = seal(NOTE, { origin, seq: (last?.seq ?? 0) + 1, kind: 'yjs-v1', bytes: update }, last?.chain ?? CHAIN_START)
    return last
  }
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
  test('[P11] one after the other', async () => {
    const [ada] = await begin('cost-one', 1)
    const counts = await countRows('cost-one')
    for (let i = 0; i < EDITS; i++) {
      ada?.client.entries(NOTE, [ada.type()])
      await ada?.client.next('ack')
    }
    console.log('one after the other', counts)
    expect(counts.written).toBeLessThan(5 * EDITS)
  })

  test('[P11] of ten people at once', async () => {
    const people = await begin('cost-ten', 10)
    const counts = await countRows('cost-ten')
    for (let i = 0; i < EDITS / 10; i++) {
      for (const { client, type } of people) client.entries(NOTE, [type()])
      await Promise.all(people.map(({ client }) => client.next('ack')))
    }
    console.log('ten at once', counts)
    expect(counts.written).toBeLessThan(5 * EDITS)
  })
})
