import { runInDurableObject } from 'cloudflare:test'
import { describe, expect, test } from 'vitest'
import { connect, NOTE, objectOf, typist } from './support.ts'

const ALICE = 'a'.repeat(16)

/** The object ends at its n-th statement from now on, before it or after it; resolves to how many there were. */
async function abortAt(workspace: string, n: number, when: 'before' | 'after'): Promise<() => number> {
  let count = 0
  await runInDurableObject(objectOf(workspace), (_, state) => {
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
        const type = typist(ALICE)
        const records = [type(), type()]
        const client = await connect(workspace, ALICE)
        await client.next('welcome')
        const statements = await abortAt(workspace, n, when)
        client.entries(NOTE, records)
        const outcome = await Promise.race([client.next('ack').then(() => 'ack'), client.closed.then(() => 'closed')])
        const isOver = statements() < n
        // Whatever it was, the same bytes again make it whole, and once.
        if (outcome === 'closed') ended++
        else acknowledged++
        const again = await connect(workspace, ALICE)
        await again.next('welcome')
        if (outcome === 'closed') again.entries(NOTE, records)
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
