/** A Rejoin client at a relay whose store misbehaves: sockets, time and storage are the test's. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createMemoryStore } from '../../../server/storage/memory.ts'
import { RejoinError } from '../../../shared/errors.ts'
import { SEND_BUFFER_BYTES_HIGH } from '../../../shared/limits.ts'
import { inflatePiece } from '../../../shared/update/inflate-piece.ts'
import type { DocumentRef, UpdateRecord } from '../../../shared/update/record.ts'
import { seal } from '../../../shared/update/seal.ts'
import { refTo } from '../../contract/relay-store.ts'
import { createBench } from './bench.ts'
import { rejoinClient } from './rejoin-client.ts'

const ALICE = 'a'.repeat(16)
const BOB = 'b'.repeat(16)
const CHAIN_0 = '0'.repeat(16)

/** Records of one origin, each a keystroke. */
function keystrokes(where: DocumentRef, origin: string, count: number): UpdateRecord[] {
  const records: UpdateRecord[] = []
  const doc = new Y.Doc()
  doc.on('update', (bytes: Uint8Array) => {
    const seq = records.length + 1
    records.push(seal(where, { origin, seq, kind: 'yjs-v1', bytes }, records.at(-1)?.chain ?? CHAIN_0))
  })
  for (let i = 0; i < count; i++) doc.getText('text').insert(i, String(i % 10))
  return records
}

describe('a Rejoin client', () => {
  test('[P7] [P9] whose relay has lost the end of its log is told so, and is not fed for ever', () => {
    const store = createMemoryStore()
    const bench = createBench(() => store)
    const writer = rejoinClient(bench, 'acme', ALICE)
    writer.hello()
    for (const record of keystrokes(refTo('note'), ALICE, 3)) writer.entries(refTo('note'), [record])
    bench.commit()
    const epoch = store.epochs().at(-1)?.epoch ?? ''
    let reads = 0
    store.read = () => {
      if (reads++ > 100) throw new Error('it reads for ever')
      return []
    }
    const reader = rejoinClient(bench, 'acme', BOB)
    reader.hello({ epoch, offset: 1 })
    expect(reader.received('failure')).toMatchObject([{ code: 'corrupt' }])
    expect(reader.socket.closedWith).toBe(1011)
    expect(reads).toBeLessThan(3)
    expect(bench.reported).toMatchObject([{ code: 'corrupt' }])
    expect(writer.socket.closedWith).toBeUndefined()
  })

  test('[P7] is not handed a commit that is more than its socket should hold', () => {
    const bench = createBench()
    const [writer, reader] = [rejoinClient(bench, 'acme', ALICE), rejoinClient(bench, 'acme', 'b'.repeat(16))]
    for (const client of [writer, reader]) client.hello()
    reader.forget()
    reader.socket.reads = false
    const doc = new Y.Doc()
    let request = 0
    doc.on('update', (bytes: Uint8Array) => {
      writer.send({ type: 'submit', ...refTo('note'), request: ++request, kind: 'yjs-v1', bytes })
    })
    for (let i = 0; i < 40; i++) doc.getText('text').insert(0, 'x'.repeat(50_000))
    bench.commit()
    expect(reader.socket.unread).toBeLessThan(2 * SEND_BUFFER_BYTES_HIGH)
    for (let i = 0; i < 40; i++) reader.socket.read()
    const copy = new Y.Doc()
    for (const { runs } of reader.received('entries')) {
      for (const { updates } of runs) for (const { bytes } of updates) Y.applyUpdate(copy, bytes)
    }
    for (const piece of reader.received('piece')) Y.applyUpdate(copy, inflatePiece(piece))
    expect(copy.getText('text').length).toBe(40 * 50_000)
  })

  test('[P2][P11] gets one receipt an origin for what is committed together, of its last record', () => {
    const bench = createBench(() => createMemoryStore())
    const alice = rejoinClient(bench, 'acme', ALICE)
    alice.hello()
    const [mine, others] = [keystrokes(refTo('note'), ALICE, 2), keystrokes(refTo('note'), BOB, 3)]
    alice.entries(refTo('note'), [mine[0], others[0], mine[1], others[1], others[2]] as UpdateRecord[])
    bench.commit()
    expect(alice.received('ack')).toMatchObject([
      { origin: ALICE, seq: 2, chain: mine[1]?.chain, through: 3 },
      { origin: BOB, seq: 3, chain: others[2]?.chain, through: 5 },
    ])
  })

  test('[P2] gets no receipt for what it resends while the commit of what follows it fails', () => {
    const store = createMemoryStore()
    const commit = store.commit.bind(store)
    let full = false
    store.commit = (batch) => {
      if (full) throw new RejoinError('storage-full', 'the disk is full')
      commit(batch)
    }
    const bench = createBench(() => store)
    const alice = rejoinClient(bench, 'acme', ALICE)
    alice.hello()
    const [one, two, three] = keystrokes(refTo('note'), ALICE, 3) as [UpdateRecord, UpdateRecord, UpdateRecord]
    alice.entries(refTo('note'), [one, two])
    bench.commit()
    full = true
    alice.entries(refTo('note'), [three])
    alice.entries(refTo('note'), [one])
    full = false
    bench.commit()
    expect(alice.received('refused')).toMatchObject([
      { seq: 3, code: 'storage-full', held: 2 },
      { seq: 1, code: 'storage-failed' },
    ])
    expect(alice.received('ack')).toMatchObject([{ seq: 2, chain: two.chain }])
    alice.entries(refTo('note'), [one, two, three])
    bench.commit()
    expect(alice.received('ack').at(-1)).toMatchObject({ seq: 3, chain: three.chain })
    expect(store.head()).toBe(3)
  })

  test('[P8] a copy of its origin that shows while a commit fails leaves no record without its place in the vector', () => {
    const store = createMemoryStore()
    const commit = store.commit.bind(store)
    let full = false
    store.commit = (batch) => {
      if (full && batch.entries.length > 0) throw new RejoinError('storage-full', 'the disk is full')
      commit(batch)
    }
    const bench = createBench(() => store)
    const alice = rejoinClient(bench, 'acme', ALICE)
    alice.hello()
    const [one, two] = keystrokes(refTo('note'), ALICE, 2) as [UpdateRecord, UpdateRecord]
    alice.entries(refTo('note'), [one])
    bench.commit()
    // Another relay's log holds more of this relay's origin than this relay: it was put back, and hears of it now.
    const own = keystrokes(refTo('note'), store.identity().origin, 1)
    full = true
    alice.entries(refTo('note'), [two])
    alice.entries(refTo('note'), own)
    full = false
    bench.commit()
    const vector = store.document('note')?.vector
    for (const { record } of store.history(refTo('note')))
      expect(vector?.get(record.origin)?.seq).toBeGreaterThanOrEqual(record.seq)
  })
})
