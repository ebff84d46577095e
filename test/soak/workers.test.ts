/** What a relay in workerd stands that takes minutes. */
import { expect, test } from 'vitest'
import { MIB, readOnNode, writeBytes } from '../support/large.ts'
import { startWorkerd } from '../support/workerd.ts'
import { isSynced, startClient } from '../unit/client/support.ts'
import { cleanUp, until } from '../unit/server/support.ts'

const BYTES = 50 * MIB
const EDITS = 1_000

test('[P11] a document of 50 MB in a Durable Object is written, kept in rows of less than 1 MiB, and read', async () => {
  const relay = await startWorkerd()
  cleanUp(relay.close)
  const length = await writeBytes(relay.socketUrl, 'large', BYTES, 1)
  await readOnNode(relay.socketUrl, 'large', length)
  const [largest] = await relay.query(
    'acme',
    `SELECT MAX(bytes) AS bytes FROM (SELECT MAX(length(bytes)) AS bytes FROM log UNION ALL SELECT MAX(length(bytes)) FROM pieces
      UNION ALL SELECT MAX(length(intervals)) FROM checkpoints UNION ALL SELECT MAX(length(bytes)) FROM parts UNION ALL SELECT MAX(length(vector)) FROM documents)`,
  )
  expect(Number(largest?.bytes)).toBeLessThan(MIB)
})

test(`[P2][P3] an object that sleeps between every two of ${EDITS} edits forgets nothing`, async () => {
  const relay = await startWorkerd()
  cleanUp(relay.close)
  const [ada, bob] = [await startClient(relay, { id: 'sleepy' }), await startClient(relay, { id: 'sleepy' })]
  const notes = [ada.open(), bob.open()] as const
  await isSynced(ada, bob)
  const opened = ada.network.opened + bob.network.opened
  for (let i = 0; i < EDITS; i++) {
    const author = notes[i % 2 === 0 ? 0 : 1]
    author.type(String.fromCharCode(97 + (i % 26)))
    await author.saved('relay')
    await relay.evict('sleepy')
  }
  await until('both read all of it', () => notes.every((note) => note.read().length === EDITS))
  expect(notes[0].read()).toBe(notes[1].read())
  expect(ada.network.opened + bob.network.opened).toBe(opened)
})
