/** Every transaction of a session fails once, in turn: nothing is thrown into Yjs, and nothing is lost that could be kept. */
import { describe, expect, test } from 'vitest'
import type { ReplicaStore } from '../../../client/replica/store.ts'
import { openWorkspace } from '../../../client/workspace.ts'
import type { Environment } from '../../../shared/environment.ts'
import { type ErrorCode, RejoinError } from '../../../shared/errors.ts'
import { amount } from '../../support/amount.ts'
import { createOwnStore } from '../../support/stores.ts'
import { cleanUp, startRelay, until } from '../server/support.ts'
import { allRead, impatient, impatientNetwork, isSynced, readAtRelay, readInStore, startClient } from './support.ts'

interface Failing {
  store: ReplicaStore
  inner: ReplicaStore
  /** Transactions so far, once it was armed. */
  count: number
  /** The number of the one that fails. */
  fails: number
  armed: boolean
}

/** A store of which one transaction fails, before anything of it is there. */
function failing(code: ErrorCode): Failing {
  const inner = createOwnStore()
  const state: Failing = { store: inner, inner, count: 0, fails: 0, armed: false }
  const fails = (): boolean => state.armed && ++state.count === state.fails
  const problem = (): Promise<never> => Promise.reject(new RejoinError(code, 'this one fails'))
  state.store = {
    ...inner,
    read: (tables, body) => (code !== 'storage-full' && fails() ? problem() : inner.read(tables, body)),
    write: (tables, body) => (fails() ? problem() : inner.write(tables, body)),
  }
  return state
}

/** Time that goes ten times as fast: what a device cannot store is fetched again after half a minute. */
const hasty: Environment = {
  ...impatient,
  now: () => Date.now() * 10,
  setTimer: (callback, delayMs) => impatient.setTimer(callback, delayMs / 10),
}

/** Types here and elsewhere, goes offline and comes back. Resolves to how many transactions that took. */
async function session(code: ErrorCode, nth: number): Promise<number> {
  const relay = await startRelay()
  const failed = failing(code)
  failed.fails = nth
  const alice = await startClient(relay, { storage: failed.store, environment: hasty })
  const bob = await startClient(relay)
  failed.armed = true
  const [a, b] = [alice.open(), bob.open()]
  a.type('one ')
  await a.saved('device')
  b.type('two ')
  await allRead([a, b])
  alice.network.cut()
  a.type('three ')
  await a.saved('device')
  b.type('four ')
  alice.network.mend()
  await a.saved('relay')
  await allRead([a, b])
  await isSynced(alice, bob)
  // Updates go on reaching whoever listens: nothing was thrown into the Y.Doc.
  let updates = 0
  a.doc.on('update', () => updates++)
  a.type('five')
  expect(updates).toBe(1)
  await a.saved('device')
  await a.saved('relay')
  await allRead([a, b])
  const transactions = failed.count
  for (const word of ['one', 'two', 'three', 'four', 'five']) expect(a.read()).toContain(word)
  expect(a.read()).toHaveLength('one two three four five'.length)
  expect(await readAtRelay(relay)).toBe(a.read())
  await until('all of it is stored', async () => (await readInStore(failed.inner)) === a.read())
  expect(alice.workspace.status.get()).toMatchObject({ storage: 'ok', unacknowledged: 0 })
  for (const error of alice.errors) expect(error).toMatchObject({ code })
  await alice.workspace.close()
  await bob.workspace.close()
  await relay.relay.close()
  return transactions
}

describe('a transaction that fails', () => {
  test.each(['storage-full', 'storage-failed'] as const)(
    '[P5][P6] with %s, whichever it is, costs nothing',
    async (code) => {
      const transactions = await session(code, 0)
      expect(transactions).toBeGreaterThan(10)
      let next = 1
      const workers = Array.from({ length: 16 }, async () => {
        while (next <= transactions) {
          const nth = next
          next += amount(3, 1)
          await session(code, nth).catch((error) => {
            throw new Error(
              `transaction ${nth} of ${transactions}: ${error instanceof Error ? error.message : error}`,
              { cause: error },
            )
          })
        }
      })
      await Promise.all(workers)
    },
  )
})

describe('without a storage that opens', () => {
  test('[P5][P6] work goes on in memory, syncs, and says why it is not kept', async () => {
    const relay = await startRelay()
    const errors: unknown[] = []
    const workspace = await openWorkspace({ id: 'acme', relays: [relay.socketUrl], ...impatientNetwork() })
    cleanUp(() => workspace.close())
    workspace.on('error', (error) => errors.push(error))
    const note = workspace.open('note')
    note.doc.getText('text').insert(0, 'kept by the relay')
    await note.saved('relay')
    expect(await readAtRelay(relay)).toBe('kept by the relay')
    const { storage, trouble } = workspace.status.get()
    expect(storage).toBe('degraded')
    expect(trouble).toMatchObject({ code: 'storage-unavailable', remedy: expect.stringContaining('memory') })
    expect(errors).toEqual([expect.objectContaining({ code: 'storage-unavailable' })])
  })

  test('[P5] the status of what fails later has a reason and a remedy, until it works again', async () => {
    const failed = failing('storage-full')
    const alice = await startClient(undefined, { storage: failed.store })
    const note = alice.open()
    await note.whenLoaded
    failed.armed = true
    failed.fails = 1
    const troubles: unknown[] = []
    alice.workspace.status.subscribe(({ trouble }) => troubles.push(trouble))
    note.type('x')
    await note.saved('device')
    expect(troubles).toContainEqual({
      code: 'storage-full',
      detail: 'this one fails',
      remedy: 'make room there; it is tried again',
    })
    expect(alice.workspace.status.get()).toMatchObject({ storage: 'ok', trouble: undefined })
    expect(note.status.get()).toMatchObject({ storage: 'ok', trouble: undefined })
  })
})
