import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MIB, readOnNode, writeBytes } from '../support/large.ts'
import { startWorkerd, type WorkerdRelay } from '../support/workerd.ts'

let relay: WorkerdRelay

beforeAll(async () => {
  relay = await startWorkerd()
})

afterAll(() => relay.close())

const BYTES = 4 * MIB

describe('a large document in a Durable Object', () => {
  test('[P11] is written, kept in rows of less than 1 MiB, and read', async () => {
    const length = await writeBytes(relay.socketUrl, 'large', BYTES, 1)
    await readOnNode(relay.socketUrl, 'large', length)
    const rows = await relay.query(
      'acme',
      `SELECT MAX(bytes) AS bytes FROM (SELECT MAX(length(bytes)) AS bytes FROM log UNION ALL SELECT MAX(length(bytes)) FROM pieces
        UNION ALL SELECT MAX(length(intervals)) FROM checkpoints UNION ALL SELECT MAX(length(bytes)) FROM parts UNION ALL SELECT MAX(length(vector)) FROM documents)`,
    )
    expect(Number(rows[0]?.bytes)).toBeLessThan(MIB)
    expect(relay.errors()).toEqual([])
  })
})
