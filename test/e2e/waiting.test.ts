/** What it costs to wait for receipts while there is no network. */
import { describe, expect, test } from 'vitest'
import { createMemoryReplicaStore, type ReplicaStore } from '../../client/index.ts'
import { cleanUp } from '../support/lifetime.ts'
import { openPerson } from '../support/person.ts'
import { startRelayProcess } from '../support/relay-process.ts'

const EDITS = 500

describe('waiting for the receipt of each edit', () => {
  test('[P7] reads the store a few times an edit, not once for all that wait', async () => {
    const relay = await startRelayProcess()
    const store = countReads(createMemoryReplicaStore({ durable: true }))
    const person = await openPerson({ relay: relay.socketUrl, storage: store })
    cleanUp(() => person.leave())
    person.workspace.disconnect()
    const told: number[] = []
    const waiting: Promise<unknown>[] = []
    const impatient = new AbortController()
    const given = person.note.saved('relay', { signal: impatient.signal })
    for (let n = 0; n < EDITS; n++) {
      person.write(`${n}`)
      waiting.push(person.note.saved('relay').then(() => told.push(n)))
      await person.saved('device')
    }
    // Nothing was written before this call, so it had nothing to wait for.
    await given
    const last = person.note.saved('relay', { signal: impatient.signal })
    impatient.abort(new Error('enough'))
    await expect(last).rejects.toThrow('enough')
    expect(told).toEqual([])
    expect(store.reads).toBeLessThan(EDITS * 10)

    person.workspace.connect()
    await Promise.all(waiting)
    expect(told).toHaveLength(EDITS)
    expect(store.reads).toBeLessThan(EDITS * 15)
  })
})

function countReads(store: ReplicaStore): ReplicaStore & { readonly reads: number } {
  let reads = 0
  return {
    ...store,
    read(tables, body) {
      reads++
      return store.read(tables, body)
    },
    get reads() {
      return reads
    },
  }
}
