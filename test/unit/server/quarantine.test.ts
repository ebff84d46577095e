/** Faults of the relay itself, planted in its validation, its indexes and its folding: what meets them is set aside, and all others go on. */
import { beforeEach, describe, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { createMemoryStore } from '../../../server/storage/memory.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import type { Held } from '../../../shared/update/held.ts'
import type { IntervalIndex } from '../../../shared/update/intervals.ts'
import { createRing, textAt } from '../mesh/support.ts'
import { createBench } from './bench.ts'
import { enter, guarded, NOTE, writer } from './guarded.ts'
import { rejoin } from './process.ts'
import { rejoinClient } from './rejoin-client.ts'
import { converged, startRelay, stockClient, synced, temporaryFolder, until } from './support.ts'

/** The Yjs client at whose updates something fails, and how often it did. */
const planted = vi.hoisted(() => ({ validation: 0, index: 0, fold: false, failures: 0 }))

const fail = vi.hoisted(() => (): never => {
  planted.failures++
  throw new TypeError('nobody thought of that')
})

/** Fails where that client's updates are looked into. */
const met = vi.hoisted(
  () =>
    <T extends Held>(found: T): T =>
      found.structs.some(({ client }) => client === planted.validation) ? fail() : found,
)

vi.mock('../../../shared/update/inspect.ts', async (original) => {
  const real = await original<typeof import('../../../shared/update/inspect.ts')>()
  return { ...real, inspectUpdate: (bytes: Uint8Array) => met(real.inspectUpdate(bytes)) }
})

vi.mock('../../../shared/update/held.ts', async (original) => {
  const real = await original<typeof import('../../../shared/update/held.ts')>()
  return { ...real, inspectHeld: (bytes: Uint8Array) => met(real.inspectHeld(bytes)) }
})

/** An index that fails when half of what is added is in. */
const faulty = vi.hoisted(() => (index: IntervalIndex): IntervalIndex => {
  const add: IntervalIndex['add'] = (held) => {
    index.add(held)
    if (held.structs.some(({ client }) => client === planted.index)) fail()
  }
  return Object.assign(Object.create(index), { add })
})

vi.mock('../../../shared/update/intervals.ts', async (original) => {
  const real = await original<typeof import('../../../shared/update/intervals.ts')>()
  return {
    ...real,
    createIntervalIndex: (...known: Parameters<typeof real.createIntervalIndex>) =>
      faulty(real.createIntervalIndex(...known)),
  }
})

vi.mock('../../../shared/update/fold.ts', async (original) => {
  const real = await original<typeof import('../../../shared/update/fold.ts')>()
  return {
    ...real,
    compactToPieces: (...args: Parameters<typeof real.compactToPieces>) =>
      planted.fold ? fail() : real.compactToPieces(...args),
  }
})

beforeEach(() => {
  Object.assign(planted, { validation: 0, index: 0, fold: false, failures: 0 })
})

const MALLORY = 666

describe('an update at which the relay fails', () => {
  test.each(['validation', 'index'] as const)(
    '[P5][P9] in its %s is set aside, once, and harms nobody',
    async (where) => {
      planted[where] = MALLORY
      const stores = new Map([['acme', createMemoryStore()]])
      const bench = guarded((workspace) => stores.get(workspace) ?? createMemoryStore())
      const [mallory, alice] = [
        await enter(bench, 'mallory', 'e'.repeat(16)),
        await enter(bench, 'alice', 'a'.repeat(16)),
      ]
      const poison = writer(MALLORY).type('poison')
      const honest = writer(1)
      // In one turn, so in one commit: what waits when it fails is taken all the same.
      alice.send({ type: 'submit', ...NOTE, request: 1, kind: 'yjs-v1', bytes: honest.type('before ') })
      mallory.send({ type: 'submit', ...NOTE, request: 2, kind: 'yjs-v1', bytes: poison })
      alice.send({ type: 'submit', ...NOTE, request: 3, kind: 'yjs-v1', bytes: honest.type('and after') })
      bench.commit()
      expect(mallory.received('refused')).toMatchObject([{ document: 'note', code: 'invalid-update', request: 2 }])
      expect(mallory.received('refused')[0]?.detail).not.toContain('nobody thought')
      expect(alice.received('refused')).toEqual([])
      expect(stores.get('acme')?.quarantined()).toMatchObject([
        {
          document: 'note',
          what: 'an update',
          source: { subject: 'mallory', connection: 1 },
          size: poison.length,
          error: 'TypeError: nobody thought of that',
          bytes: poison,
        },
      ])
      expect(bench.reported.map(String)).toEqual([expect.stringContaining('an update of "note" breaks the relay')])
      // Again, and from others: nothing is tried.
      for (const client of [mallory, alice, mallory]) {
        client.forget()
        client.send({ type: 'submit', ...NOTE, request: 4, kind: 'yjs-v1', bytes: poison })
        expect(client.received('refused')).toMatchObject([{ code: 'invalid-update' }])
      }
      expect(planted.failures).toBe(1)
      // Half of it was in memory, and nothing of it stayed there: let go, it is new.
      planted[where] = 0
      const [{ id } = { id: '' }] = stores.get('acme')?.quarantined() ?? []
      expect(stores.get('acme')?.letGo(id)).toBe(true)
      const head = stores.get('acme')?.head() ?? 0
      mallory.send({ type: 'submit', ...NOTE, request: 5, kind: 'yjs-v1', bytes: poison })
      bench.commit()
      expect(stores.get('acme')?.head()).toBe(head + 1)
    },
  )

  test('[P5][P9] is known after a restart, listed, counted, and let go by whoever runs the relay', async () => {
    const data = temporaryFolder()
    const started = await startRelay({ data })
    const alice = stockClient(`${started.socketUrl}/y/acme`, 'note')
    alice.type('hello')
    await synced(alice)
    planted.validation = MALLORY
    const send = async (relay: typeof started) => {
      const doc = new Y.Doc()
      doc.clientID = MALLORY
      const mallory = stockClient(`${relay.socketUrl}/y/acme`, 'other', doc)
      mallory.text.insert(0, 'poison')
      return mallory
    }
    const first = await send(started)
    await until('it is told', () => first.provider.wsconnected === false && planted.failures === 1)
    first.leave()
    alice.type(' world')
    const metrics = await (await fetch(`${started.url}/metrics`)).text()
    expect(metrics).toContain('rejoin_quarantined_total 1')
    const listed = await rejoin(['inspect', data]).ended
    expect(listed.stdout).toMatch(
      /set aside [0-9a-f]{16}: an update \(\d+ bytes\) of "other" from 127\.0\.0\.1 over connection \d+ at .*: TypeError/,
    )
    await started.relay.close()
    const again = await startRelay({ data })
    const second = await send(again)
    await until('it is known', () => JSON.stringify(again.told).includes('has set it aside'))
    second.leave()
    expect(planted.failures).toBe(1)
    planted.validation = 0
    const json = await rejoin(['inspect', data, '--json']).ended
    const [{ id, bytes: kept }] = JSON.parse(json.stdout.split('\n')[0] ?? '').quarantine
    expect(kept).toContain(Buffer.from('poison').toString('hex'))
    expect((await rejoin(['inspect', data, '--release', id]).ended).stdout).toContain('is let go')
    expect(await rejoin(['inspect', data, '--release', id]).ended).toMatchObject({ code: 1 })
    const third = await send(again)
    const reader = stockClient(`${again.socketUrl}/y/acme`, 'other')
    await converged([third, reader], 'poison')
  })
})

test('[P5][P9] a document that cannot be read is told of once; nothing that comes is blamed', () => {
  const store = createMemoryStore()
  let bench = createBench(() => store)
  const open = () => {
    const client = rejoinClient(bench, 'acme', 'a'.repeat(16))
    client.hello()
    client.forget()
    return client
  }
  const mallory = writer(MALLORY)
  open().send({ type: 'submit', ...NOTE, request: 1, kind: 'yjs-v1', bytes: mallory.type('x') })
  bench.commit()
  planted.validation = MALLORY
  bench = createBench(() => store)
  const client = open()
  for (let n = 1; n <= 3; n++)
    client.send({ type: 'submit', ...NOTE, request: n, kind: 'yjs-v1', bytes: writer(1).type('y') })
  // Not for good: the client keeps it, and brings it again.
  expect(client.received('refused').map(({ code }) => code)).toEqual(Array(3).fill('storage-failed'))
  expect(store.quarantined()).toMatchObject([{ document: 'note', what: 'reading', size: 0 }])
  const other = { document: 'other', epoch: FIRST_EPOCH, gc: true }
  client.send({ type: 'submit', ...other, request: 9, kind: 'yjs-v1', bytes: writer(1).type('y') })
  bench.commit()
  expect(store.document('other')?.vector.size).toBe(1)
  planted.validation = 0
  client.send({ type: 'submit', ...NOTE, request: 10, kind: 'yjs-v1', bytes: writer(1).type('y') })
  bench.commit()
  expect(store.head()).toBe(3)
})

test('[P5][P9] a document that cannot be folded is told of, is not tried with every edit, and goes on', () => {
  const store = createMemoryStore()
  const bench = createBench(() => store)
  const client = rejoinClient(bench, 'acme', 'a'.repeat(16))
  client.hello()
  planted.fold = true
  const alice = writer(1)
  const write = (count: number): void => {
    for (let n = 1; n <= count; n++) {
      client.send({ type: 'submit', ...NOTE, request: n, kind: 'yjs-v1', bytes: alice.type('x') })
      bench.commit()
      bench.rest()
    }
  }
  write(1_500)
  expect(store.quarantined()).toMatchObject([{ document: 'note', what: 'folding' }])
  expect(planted.failures).toBeLessThanOrEqual(3)
  expect(store.head()).toBe(1_500)
  planted.fold = false
  write(1_500)
  expect(store.checkpoint(NOTE)?.through).toBeGreaterThan(1_500)
  expect(store.quarantined()).toEqual([])
})

test('[P5][P9] what another relay brings is set aside with that relay as its source, and the mesh goes on', async () => {
  const ring = createRing(2)
  try {
    const [one, two] = [ring.node(0), ring.node(1)]
    for (const way of ['relay0 relay1', 'relay1 relay0']) ring.cut.add(way)
    const mallory = new Y.Doc()
    mallory.clientID = MALLORY
    ring.write(one, 'note', 'poison', mallory)
    ring.write(one, 'other', 'honest')
    await ring.run(1_000)
    planted.validation = MALLORY
    ring.cut.clear()
    void two.mesh.compare()
    await ring.until('it is set aside, and the other document came', () => {
      return two.store.quarantined().length === 1 && textAt(two, 'other') === 'honest'
    })
    expect(two.store.quarantined()).toMatchObject([
      { document: 'note', what: 'an update', source: { relay: expect.stringMatching(/^[0-9a-f]{16}$/) } },
    ])
    const { failures } = planted
    for (let n = 0; n < 3; n++) {
      void two.mesh.compare()
      await ring.run(10_000)
    }
    expect([planted.failures, two.store.quarantined().length]).toEqual([failures, 1])
    planted.validation = 0
    const [{ id } = { id: '' }] = two.store.quarantined()
    two.store.letGo(id)
    void two.mesh.compare()
    await ring.until('let go, it comes', () => textAt(two, 'note') === 'poison')
  } finally {
    ring.close()
  }
})
