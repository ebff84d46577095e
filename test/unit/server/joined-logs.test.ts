import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createJoinedLogCache } from '../../../server/relay/joined-logs.ts'
import type { LogEntry } from '../../../server/storage/store.ts'
import { STATE_VECTOR_ENTRIES_MAX } from '../../../shared/update/limits.ts'
import { seal } from '../../../shared/update/seal.ts'
import { refTo } from '../../contract/relay-store.ts'

const NOTHING = new Uint8Array([0])

/** A log of documents in memory that counts how often it is read. */
function createLog() {
  const entries: LogEntry[] = []
  const log = {
    reads: 0,
    *content({ document }: { document: string }) {
      log.reads++
      for (const { where, record } of entries) if (where.document === document) yield record.bytes
    },
    append(document: string, bytes: Uint8Array): LogEntry {
      const where = refTo(document)
      const record = seal(
        where,
        { origin: 'a'.repeat(16), seq: entries.length + 1, kind: 'yjs-v1', bytes },
        '0'.repeat(16),
      )
      const entry = { offset: entries.length + 1, where, record }
      entries.push(entry)
      return entry
    },
  }
  return log
}

/** mulberry32 */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

describe('joined logs', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    '[P1] answer any client with all that it lacks, as the log grows (seed %i)',
    (seed) => {
      const random = createRandom(seed)
      const log = createLog()
      const logs = createJoinedLogCache(1_000_000).of(log)
      const writers = [new Y.Doc(), new Y.Doc(), new Y.Doc()]
      const reader = new Y.Doc()
      const apply = (update: Uint8Array) => {
        for (const writer of writers) if (random() < 0.9) Y.applyUpdate(writer, update, 'remote')
      }
      for (const writer of writers) {
        writer.on('update', (update: Uint8Array, origin: unknown) => {
          if (origin === 'remote') return
          logs.add(log.append('note', update))
          apply(update)
        })
      }
      for (let i = 0; i < 200; i++) {
        const writer = writers[Math.floor(random() * writers.length)] as Y.Doc
        const text = writer.getText('text')
        if (random() < 0.3 && text.length > 3) text.delete(Math.floor(random() * (text.length - 2)), 2)
        else text.insert(Math.floor(random() * (text.length + 1)), 'é🎉x')
        if (random() > 0.2) continue
        Y.applyUpdate(reader, logs.lacking(refTo('note'), Y.encodeStateVector(reader)))
        const whole = new Y.Doc()
        for (const update of log.content(refTo('note'))) Y.applyUpdate(whole, update)
        const newcomer = new Y.Doc()
        Y.applyUpdate(newcomer, logs.lacking(refTo('note'), Y.encodeStateVector(newcomer)))
        for (const doc of [reader, newcomer]) {
          expect(doc.getText('text').toString()).toBe(whole.getText('text').toString())
        }
        expect(Y.decodeStateVector(logs.stateVector(refTo('note')))).toEqual(
          Y.decodeStateVector(Y.encodeStateVector(whole)),
        )
      }
    },
  )

  test('[P11] are read once and kept up to date', () => {
    const log = createLog()
    const logs = createJoinedLogCache(1_000_000).of(log)
    const doc = new Y.Doc()
    doc.on('update', (update: Uint8Array) => logs.add(log.append('note', update)))
    for (let i = 0; i < 100; i++) {
      doc.getText('text').insert(0, 'x')
      logs.lacking(refTo('note'), Y.encodeStateVector(doc))
      logs.stateVector(refTo('note'))
    }
    expect(log.reads).toBe(1)
  })

  test('[P7] stay within their memory, and forget the one not used for longest', () => {
    const log = createLog()
    const cache = createJoinedLogCache(100_000)
    const logs = cache.of(log)
    const doc = new Y.Doc()
    doc.getText('text').insert(0, 'x'.repeat(40_000))
    for (const id of ['a', 'b', 'c']) log.append(id, Y.encodeStateAsUpdate(doc))
    const use = (id: string): number => {
      const before = log.reads
      logs.lacking(refTo(id), NOTHING)
      return log.reads - before
    }
    expect([use('a'), use('b'), use('a'), use('c')]).toEqual([1, 1, 0, 1])
    expect([use('a'), use('b')]).toEqual([0, 1])
  })

  test('[P7] drop a tail that nobody asks for', () => {
    const log = createLog()
    const logs = createJoinedLogCache(100_000_000).of(log)
    const doc = new Y.Doc()
    logs.lacking(refTo('note'), NOTHING)
    doc.on('update', (update: Uint8Array) => logs.add(log.append('note', update)))
    for (let i = 0; i < 3; i++) doc.getText('text').insert(0, 'x'.repeat(500_000))
    Y.applyUpdate(new Y.Doc(), logs.lacking(refTo('note'), NOTHING))
    expect(log.reads).toBe(2)
  })

  test('do not mix up documents, or workspaces with documents of one name', () => {
    const cache = createJoinedLogCache(1_000_000)
    const answers = ['one', 'two'].map((text) => {
      const log = createLog()
      const logs = cache.of(log)
      const doc = new Y.Doc()
      doc.getText('text').insert(0, text)
      log.append('note', Y.encodeStateAsUpdate(doc))
      return { logs, text }
    })
    for (const { logs, text } of answers) {
      const doc = new Y.Doc()
      Y.applyUpdate(doc, logs.lacking(refTo('note'), NOTHING))
      Y.applyUpdate(doc, logs.lacking(refTo('other'), NOTHING))
      expect(doc.getText('text').toString()).toBe(text)
    }
  })

  test('[P7] give everything to who comes with a state vector beyond its bounds, without reading it', () => {
    const log = createLog()
    const logs = createJoinedLogCache(1_000_000).of(log)
    const doc = new Y.Doc()
    doc.getText('text').insert(0, 'hello')
    log.append('note', Y.encodeStateAsUpdate(doc))
    const clocks = new Map<number, number>([[doc.clientID, 5]])
    for (let client = 1; clocks.size <= STATE_VECTOR_ENTRIES_MAX; client++) clocks.set(client, 1)
    const answer = logs.lacking(refTo('note'), Y.encodeStateVector(clocks))
    const reader = new Y.Doc()
    Y.applyUpdate(reader, answer)
    expect(reader.getText('text').toString()).toBe('hello')
  })
})
