import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test } from 'vitest'
import { setObjectOptions } from '../../../server/runtime/object-options.ts'
import { connect, NOTE, objectOf, typist } from './support.ts'

const ALICE = 'a'.repeat(16)
const BOB = 'b'.repeat(16)

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

afterEach(() => setObjectOptions({}))

/** What an object holds, and whether it is about to ask others. */
const outcomeOf = (workspace: string): Promise<string> =>
  runInDurableObject(objectOf(workspace), async (_, { storage }) => {
    const [row] = storage.sql.exec('SELECT COUNT(*) AS count FROM log').toArray()
    const at = (await storage.getAlarm()) ?? Number.POSITIVE_INFINITY
    return `${row?.count} records, compared ${at - Date.now() < 60_000 ? 'soon' : 'never'}`
  })

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

  test('[P10] has set the alarm that compares regions, wherever it has the edit', async () => {
    setObjectOptions({ regions: ['weur', 'enam'] })
    const outcomes = new Set<string>()
    for (let n = 1; ; n++) {
      const workspace = `owing-${n}`
      const other = await connect(workspace, BOB, { region: 'enam' })
      await other.next('welcome')
      const client = await connect(workspace, ALICE)
      await client.next('welcome')
      const statements = await abortAt(workspace, n, 'after')
      client.entries(NOTE, [typist(ALICE)()])
      await Promise.race([client.next('ack'), client.closed])
      const isOver = statements() < n
      // Who asks first may hear of the end that was.
      outcomes.add(await outcomeOf(workspace).catch(() => outcomeOf(workspace)))
      client.close()
      other.close()
      if (isOver) break
    }
    expect([...outcomes].sort()).toEqual(['0 records, compared never', '1 records, compared soon'])
  })
})

test('[P5] a client whose conversation cannot go on when its object wakes is told, and closed', async () => {
  const client = await connect('told', ALICE)
  await client.next('welcome')
  // As while something is under way.
  await runInDurableObject(objectOf('told'), (_, state) => {
    for (const webSocket of state.getWebSockets()) {
      webSocket.serializeAttachment({ target: { protocol: 'sync', workspace: 'told' } })
    }
  })
  await evictDurableObject(objectOf('told'))
  const woken = await objectOf('told').fetch('http://127.0.0.1/v1/workspaces/told/documents')
  expect(await woken.json()).toEqual({ documents: [] })
  expect((await client.next('failure')).code).toBe('stopping')
  expect(await client.closed).toBe(1012)
})
