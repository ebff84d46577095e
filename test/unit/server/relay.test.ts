/** All workspaces of one relay: opened when somebody comes, closed when nobody does, none in the way of another. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { encodeUpdate } from '../../../server/relay/y-protocol.ts'
import { createMemoryStore } from '../../../server/storage/memory.ts'
import type { RelayStore } from '../../../server/storage/store.ts'
import { RejoinError } from '../../../shared/errors.ts'
import { decodeFrame } from '../../../shared/wire/codec.ts'
import { createBench, type Socket } from './bench.ts'

function edit(text: string): Uint8Array {
  const doc = new Y.Doc()
  doc.getText('text').insert(0, text)
  return encodeUpdate(Y.encodeStateAsUpdate(doc))
}

/** What a Rejoin client was told. */
const messages = ({ sent }: Socket) => sent.flatMap(decodeFrame)

describe('a relay', () => {
  test('opens a workspace when somebody comes, and closes it some time after the last one left', () => {
    const bench = createBench()
    const [alice, bob] = [bench.yWebsocket('acme', 'note'), bench.yWebsocket('acme', 'list')]
    expect(bench.noted).toEqual(['workspace opened: acme'])
    expect(bench.core.connections).toBe(2)
    alice.handler.closed()
    alice.handler.closed()
    bench.pass(120_000)
    expect(bench.core.connections).toBe(1)
    bob.handler.closed()
    expect(bench.core.connections).toBe(0)
    bench.pass(50_000)
    expect(bench.noted).toEqual(['workspace opened: acme'])
    bench.pass(15_000)
    expect(bench.noted).toEqual(['workspace opened: acme', 'workspace closed: acme'])
    bench.yWebsocket('acme', 'note')
    expect(bench.noted).toHaveLength(3)
  })

  test('[P11] opens a workspace without a look at each of its documents', () => {
    const store = createMemoryStore()
    store.documents = () => {
      throw new Error('it reads every document')
    }
    const bench = createBench(() => store)
    const alice = bench.yWebsocket('acme', 'note')
    alice.send(edit('hello'))
    bench.commit()
    expect(alice.closedWith).toBeUndefined()
    expect(bench.reported).toEqual([])
  })

  test('[P2] commits what waits before it closes a workspace', () => {
    const store = createMemoryStore()
    const bench = createBench(() => store)
    const alice = bench.yWebsocket('acme', 'note')
    alice.send(edit('hello'))
    bench.core.close()
    expect(store.head()).toBe(1)
    bench.commit()
    expect(bench.reported).toEqual([])
  })

  test('[P7] keeps only so many workspaces open: it lets go of those that nobody uses, or says that it is full', () => {
    const bench = createBench()
    const first = bench.yWebsocket('w0', 'note')
    for (let i = 1; i < 1024; i++) bench.yWebsocket(`w${i}`, 'note')
    expect(bench.yWebsocket('one more', 'note').closedWith).toBe(1013)
    expect(bench.yWebsocket('w5', 'note').closedWith).toBeUndefined()
    first.handler.closed()
    expect(bench.yWebsocket('one more', 'note').closedWith).toBeUndefined()
    expect(bench.noted.filter((note) => note.startsWith('workspace closed'))).toEqual(['workspace closed: w0'])
  })

  test('[P9] a workspace that does not open is told to those who want it, and to nobody else', () => {
    let broken = true
    const bench = createBench((workspace) => {
      if (workspace === 'broken' && broken) throw new RejoinError('storage-failed', 'the disk is gone')
      return createMemoryStore()
    })
    const fine = bench.yWebsocket('fine', 'note')
    const stock = bench.yWebsocket('broken', 'note')
    const own = bench.sync('broken')
    expect([fine.closedWith, stock.closedWith, own.closedWith]).toEqual([undefined, 1011, 1011])
    expect(messages(own)).toEqual([
      { type: 'failure', code: 'storage-failed', detail: expect.stringContaining('the disk is gone'), retryAfterMs: 0 },
    ])
    expect(bench.reported).toHaveLength(2)
    // What a socket still says after it was turned away is nobody's.
    stock.send(edit('x'))
    stock.handler.closed()
    broken = false
    expect(bench.yWebsocket('broken', 'note').closedWith).toBeUndefined()
  })

  test('[P9][P10] a store that fails again and again is opened anew: who is there comes again, and nobody else notices', () => {
    const stores: { isGone: boolean; isClosed: boolean }[] = []
    const bench = createBench((workspace) => {
      const store = createMemoryStore()
      if (workspace === 'fine') return store
      const disk = { isGone: false, isClosed: false }
      stores.push(disk)
      let failures = 0
      const there = (): RelayStore => {
        if (!disk.isGone) return store
        failures++
        throw new RejoinError('storage-failed', 'the disk is gone')
      }
      return {
        ...store,
        failures: () => failures,
        commit: (batch) => there().commit(batch),
        document: (id) => there().document(id),
        totals: () => there().totals(),
        close() {
          disk.isClosed = true
        },
      }
    })
    const [fine, alice, guest] = [
      bench.yWebsocket('fine', 'note'),
      bench.sync('acme'),
      bench.yWebsocket('acme', 'note'),
    ]
    const [first] = stores
    if (first !== undefined) first.isGone = true
    for (const text of ['one', 'two', 'three']) {
      expect(stores).toHaveLength(1)
      bench.yWebsocket('acme', text).send(edit(text))
      expect(() => bench.commit()).not.toThrow()
      bench.pass(5_000)
      if (text === 'one') expect(alice.closedWith).toBeUndefined()
      else break
    }
    expect([fine, alice, guest].map(({ closedWith }) => closedWith)).toEqual([undefined, 1011, 1011])
    expect(first?.isClosed).toBe(true)
    const [bob] = [bench.yWebsocket('acme', 'note')]
    bob.send(edit('hello'))
    bench.commit()
    bench.pass(20_000)
    expect([stores.length, bob.closedWith]).toEqual([2, undefined])
  })

  test.each([
    ['an empty workspace', '', 'note'],
    ['a workspace with a slash', 'a/b', 'note'],
    ['a workspace that is a path', '..', 'note'],
    ['a workspace longer than a file name', 'x'.repeat(81), 'note'],
    ['an empty document', 'acme', ''],
    ['a document with a control character', 'acme', 'a\nb'],
    ['a document longer than 512 bytes', 'acme', 'é'.repeat(257)],
  ])('[P5] turns away %s for good', (_, workspace, document) => {
    const bench = createBench()
    expect(bench.yWebsocket(workspace, document).closedWith).toBe(4404)
    if (document === 'note')
      expect(messages(bench.sync(workspace))).toMatchObject([{ type: 'failure', code: 'invalid-id' }])
    expect(bench.core.connections).toBe(0)
    expect(bench.reported).toEqual([])
  })

  test('[P9] an error that nobody expected ends its connection alone, and is reported', () => {
    const store = createMemoryStore()
    const bench = createBench(() => store)
    const [alice, bob] = [bench.yWebsocket('acme', 'note'), bench.yWebsocket('acme', 'note')]
    const document = store.document
    store.document = () => {
      throw new TypeError('a mistake of ours')
    }
    alice.send(edit('x'))
    expect(bench.yWebsocket('acme', 'other').closedWith).toBe(1011)
    store.document = document
    bob.send(edit('y'))
    bench.commit()
    expect(bob.closedWith).toBeUndefined()
    expect(store.head()).toBeGreaterThanOrEqual(1)
    expect(bench.reported.length).toBeGreaterThanOrEqual(1)
  })

  test('[P5] ends Rejoin clients with a reason when it stops', () => {
    const bench = createBench()
    const alice = bench.sync('acme')
    bench.core.close()
    bench.core.close()
    expect(messages(alice)).toMatchObject([{ type: 'failure', code: 'stopping' }])
    expect(alice.closedWith).toBe(1012)
    expect(bench.noted).toEqual(['workspace opened: acme', 'workspace closed: acme'])
  })
})
