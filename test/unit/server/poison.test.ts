/** An update at which the relay itself fails: it is refused for good, told to the operator, and nobody else notices. */
import { expect, test } from 'vitest'
import { createMemoryStore } from '../../../server/storage/memory.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { startClient } from '../client/support.ts'
import { createBench } from './bench.ts'
import { answers, sealer, writer } from './guarded.ts'
import { rejoinClient } from './rejoin-client.ts'
import { startRelay, until } from './support.ts'

test('[P5][P9] is told once, and is not sent for ever', () => {
  const store = createMemoryStore()
  let fails = true
  const bench = createBench(() => ({
    ...store,
    document(id) {
      if (id === 'poison' && fails) {
        fails = false
        throw new TypeError('nobody thought of that')
      }
      return store.document(id)
    },
  }))
  const client = rejoinClient(bench, 'acme', 'a'.repeat(16))
  client.hello()
  client.forget()
  const where = { document: 'poison', epoch: FIRST_EPOCH, gc: true }
  client.send({ type: 'submit', ...where, request: 1, kind: 'yjs-v1', bytes: writer(1).type('x') })
  const [told] = client.received('refused')
  expect(told).toMatchObject({ document: 'poison', code: 'invalid-update', request: 1 })
  expect(told?.detail).not.toContain('nobody thought')
  expect(bench.reported.map(String)).toEqual([expect.stringContaining('of "poison" breaks the relay')])
  // Others go on, over the same connection too.
  expect(answers(bench, client, [sealer('a'.repeat(16))(writer(1).type('x'))])).toEqual(['ack'])
})

test('[P5] a client keeps it as a branch, and says why', async () => {
  const relay = await startRelay()
  const alice = await startClient(relay)
  const note = alice.open('deep')
  await note.whenSynced
  // The relay refuses it for good: what was typed is kept here, and the app is told.
  let at = note.doc.getArray<unknown>('root')
  note.doc.transact(() => {
    for (let level = 0; level < 600; level++) {
      const inner = new (note.doc.getArray('x').constructor as new () => typeof at)()
      at.insert(0, [inner])
      at = inner
    }
  })
  await until('it is refused', () => alice.branches.length === 1)
  expect(alice.branches[0]).toMatchObject({ document: 'deep', code: 'too-big' })
  expect(alice.branches[0]?.update.length).toBeGreaterThan(600)
})
