import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import { CHAIN_START } from '../../../shared/causality/chain.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { type DocumentRef, seal, type UpdateRecord } from '../../../shared/update/record.ts'
import { connect } from './support.ts'

const NOTE: DocumentRef = { document: 'note', epoch: FIRST_EPOCH, gc: true }
const ALICE = 'a'.repeat(16)

/** One letter, typed first into an empty text by this client. */
const letter = (client: number): Uint8Array =>
  new Uint8Array([1, 1, client, 0, 4, 1, 4, 0x74, 0x65, 0x78, 0x74, 1, 0x61, 0])

function recordsOf(count: number): UpdateRecord[] {
  const records: UpdateRecord[] = []
  for (let seq = 1; seq <= count; seq++) {
    const previous = records.at(-1)?.chain ?? CHAIN_START
    records.push(seal(NOTE, { origin: ALICE, seq, kind: 'yjs-v1', bytes: letter(seq) }, previous))
  }
  return records
}

const stubOf = (workspace: string) => env.RELAY.getByName(`weur/${workspace}`)

/** The object ends at its n-th statement from now on, before it or after it; resolves to how many there were. */
async function abortAt(workspace: string, n: number, when: 'before' | 'after'): Promise<() => number> {
  let count = 0
  await runInDurableObject(stubOf(workspace), (_, state) => {
    const { sql } = state.storage
    const exec = sql.exec.bind(sql)
    const abort = (): void => state.abort('the test ends it')
    Object.defineProperty(sql, 'exec', {
      configurable: true,
      value(...args: Parameters<typeof exec>) {
        const isIt = ++count === n
        if (isIt && when === 'before') abort()
        const cursor = exec(...args)
        if (isIt && when === 'after') abort()
        return cursor
      },
    })
  })
  return () => count
}

/** Statements of the first commit of a workspace, at the least. */
const STATEMENTS = 6

describe('an object that ends while it takes an edit', () => {
  test('[P2] at any statement, before it or after it, has it or has not acknowledged it', async () => {
    let ended = 0
    let acknowledged = 0
    for (const when of ['before', 'after'] as const) {
      for (let n = 1; ; n++) {
        const workspace = `abort-${when}-${n}`
        const client = await connect(workspace, ALICE)
        await client.next('welcome')
        const statements = await abortAt(workspace, n, when)
        client.entries(NOTE, recordsOf(2))
        const outcome = await Promise.race([client.next('ack').then(() => 'ack'), client.closed.then(() => 'closed')])
        const isOver = statements() < n
        // Whatever it was, the same bytes again make it whole, and once.
        if (outcome === 'closed') ended++
        else acknowledged++
        const again = await connect(workspace, ALICE)
        await again.next('welcome')
        if (outcome === 'closed') again.entries(NOTE, recordsOf(2))
        again.send({ type: 'vector', ...NOTE, vector: new Map(), reply: true })
        const { vector } = await again.next('vector')
        expect([n, when, outcome, vector.get(ALICE)?.seq]).toEqual([n, when, outcome, 2])
        again.close()
        client.close()
        if (isOver) break
      }
    }
    expect(ended).toBeGreaterThanOrEqual(2 * STATEMENTS)
    // Once all statements were passed.
    expect(acknowledged).toBe(2)
  })
})
