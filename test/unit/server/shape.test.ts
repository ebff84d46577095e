/** Bounds on what a document becomes by what is added to it: each is far beyond what editors make. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import type { Subscriber } from '../../../server/relay/commits.ts'
import { DOCUMENT_ORIGINS_MAX, NESTING_MAX } from '../../../server/relay/limits.ts'
import { CHAIN_START } from '../../../shared/causality/version-vector.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { VECTOR_ORIGINS_MAX } from '../../../shared/limits.ts'
import { toEntries } from '../../../shared/sync/runs.ts'
import { compactUpdates } from '../../../shared/update/compact.ts'
import { deflatePiece } from '../../../shared/update/deflate-piece.ts'
import { inspectUpdate } from '../../../shared/update/inspect.ts'
import { nestingDepth } from '../../../shared/update/nesting.ts'
import type { DocumentRef } from '../../../shared/update/record.ts'
import { seal } from '../../../shared/update/seal.ts'
import { byte, bytesOf, many } from '../update/bytes.ts'
import { createChance, randomHistory } from '../update/histories.ts'
import { createBench } from './bench.ts'
import { rejoinClient } from './rejoin-client.ts'

const NOTE: DocumentRef = { document: 'note', epoch: FIRST_EPOCH, gc: true }

function start(limits = {}) {
  const bench = createBench(undefined, limits)
  const client = rejoinClient(bench, 'acme', 'a'.repeat(16))
  client.hello()
  let request = 0
  return (bytes: Uint8Array): string => {
    client.forget()
    client.send({ type: 'submit', ...NOTE, request: ++request, kind: 'yjs-v1', bytes })
    bench.commit()
    const [answer] = client.received()
    return answer?.type === 'refused' ? answer.code : (answer?.type ?? 'nothing')
  }
}

/** An array in an array in an array ..., each in an update of its own, or all in one. */
function nested(depth: number): { updates: Uint8Array[]; all: Uint8Array } {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  let at: Y.Array<unknown> = doc.getArray('root')
  for (let level = 0; level < depth; level++) {
    const inner = new Y.Array<unknown>()
    // Not the first in its parent: what it lies in is told by its neighbour alone.
    at.insert(0, ['x'])
    at.insert(1, [inner])
    at = inner
  }
  return { updates, all: Y.encodeStateAsUpdate(doc) }
}

describe('types inside of one another', () => {
  test('[P5] beside something that was collected is what lies in nothing, whatever was written before that (seed 1132)', () => {
    const [doc, other] = [new Y.Doc(), new Y.Doc()]
    const map = new Y.Map<unknown>()
    doc.getArray('root').insert(0, [map])
    doc.getText('text').insert(0, 'x')
    // Read as the id of a parent these are no number that can be.
    doc.getText('text').insert(0, 'é\0abc')
    map.set('key', 'value')
    Y.applyUpdate(other, Y.encodeStateAsUpdate(doc))
    const known = Y.encodeStateVector(other)
    const theirs = other.getArray<Y.Map<unknown>>('root').get(0)
    theirs.set('key', new Y.Array<unknown>())
    doc.getArray('root').delete(0, 1)
    expect(nestingDepth([Y.encodeStateAsUpdate(doc), Y.encodeStateAsUpdate(other, known)])).toBe(1)
  })

  test('[P9] are refused beyond a depth, in one update or in many; what breaks Yjs is far beyond', () => {
    const submit = start()
    const { updates } = nested(NESTING_MAX + 10)
    const told = updates.map(submit)
    expect(told.indexOf('too-big')).toBeGreaterThan(NESTING_MAX)
    expect(told.filter((code) => code === 'stamped').length).toBeGreaterThan(2 * NESTING_MAX - 2)
    expect(start()(nested(NESTING_MAX + 1).all)).toBe('too-big')
    expect(start()(nested(NESTING_MAX - 1).all)).toBe('stamped')
  })

  test('a document with thousands of types side by side is none of them', () => {
    const submit = start()
    const doc = new Y.Doc()
    const fragment = doc.getXmlFragment('prosemirror')
    const paragraphs = Array.from({ length: 3_000 }, () => {
      const paragraph = new Y.XmlElement('paragraph')
      paragraph.insert(0, [new Y.XmlText('text')])
      return paragraph
    })
    fragment.insert(0, paragraphs)
    expect(submit(Y.encodeStateAsUpdate(doc))).toBe('stamped')
    let last = new Uint8Array()
    doc.on('update', (update: Uint8Array) => {
      last = update as Uint8Array<ArrayBuffer>
    })
    for (let n = 0; n < 700; n++) {
      fragment.insert(n, [new Y.XmlElement('heading')])
      expect(submit(last)).toBe('stamped')
    }
  })

  test('are as deep as Yjs has them, in any form', () => {
    for (const depth of [1, 2, 5, 60]) {
      const { updates, all } = nested(depth)
      expect(nestingDepth(updates)).toBe(depth)
      expect(nestingDepth([...updates].reverse())).toBe(depth)
      expect(nestingDepth([all, compactUpdates(updates, { gc: true })])).toBe(depth)
    }
    const chance = createChance(1)
    for (let n = 0; n < 20; n++) {
      const { updates, docs } = randomHistory(chance, { clients: 3, edits: 80, gc: false })
      for (const doc of docs) for (const update of updates) Y.applyUpdate(doc, update)
      expect(nestingDepth(updates)).toBe(deepest(docs[0] as Y.Doc))
    }
    expect(nestingDepth([])).toBe(0)
  })
})

/** The deepest type item of a document, deleted ones included: they are kept without gc. */
function deepest(doc: Y.Doc): number {
  let most = 0
  for (const structs of doc.store.clients.values()) {
    for (const struct of structs) {
      if (!(struct instanceof Y.Item) || !(struct.content instanceof Y.ContentType)) continue
      let depth = 1
      for (let item = (struct.parent as Y.AbstractType<unknown>)._item; item !== null; depth++) {
        item = (item.parent as Y.AbstractType<unknown>)._item
      }
      most = Math.max(most, depth)
    }
  }
  return most
}

describe('names without end', () => {
  test('[P7] root types', () => {
    // As Yjs writes doc.getMap(name).set('x', 0), which takes seconds: Yjs looks for the name of each root among all.
    const maps = (client: number, count: number): Uint8Array => {
      const items = many(count, (n) => [byte(0x28), 1, `name ${client}/${n}`, 'x', 1, byte(125), 0])
      return bytesOf(1, count, client, 0, items, 0)
    }
    const doc = new Y.Doc()
    Y.applyUpdate(doc, maps(7, 3))
    expect(doc.getMap('name 7/2').toJSON()).toEqual({ x: 0 })
    expect(start()(maps(7, 40_000))).toBe('too-big')
    const other = start()
    const told = [1, 2, 3, 4].map((client) => other(maps(client, 10_000)))
    expect(told).toEqual(['stamped', 'stamped', 'stamped', 'too-big'])
    expect(inspectUpdate(Y.encodeStateAsUpdate(new Y.Doc())).roots.size).toBe(0)
  })

  test('[P7] Yjs client ids of a document', () => {
    const submit = start({ documentClientsMax: 100 })
    const told = Array.from({ length: 101 }, (_, n) => {
      const doc = new Y.Doc()
      doc.clientID = 1_000 + n
      doc.getText('text').insert(0, 'x')
      return submit(Y.encodeStateAsUpdate(doc))
    })
    expect(told.slice(0, 100)).toEqual(Array(100).fill('stamped'))
    expect(told[100]).toBe('too-big')
  })

  test('[P7] origins of a document: those of clients, and past that those which parted relays took', () => {
    const bench = createBench()
    const { workspace } = bench.core.visit('acme')
    const doc = new Y.Doc()
    doc.getText('text').insert(0, 'x')
    const bytes = Y.encodeStateAsUpdate(doc)
    doc.getText('text').insert(1, 'x'.repeat(VECTOR_ORIGINS_MAX))
    const all = Y.encodeStateAsUpdate(doc)
    const nameOf = (number: number) => number.toString(16).padStart(16, '0')
    const sealed = (number: number) =>
      seal(NOTE, { origin: nameOf(number), seq: 1, kind: 'yjs-v1', bytes }, CHAIN_START)
    let told: string[] = []
    const tell = { committed: () => {}, refused: ({ code }: { code: string }) => void told.push(code) }
    const [client, relay] = [tell, { ...tell, source: { relay: 'r'.repeat(16) } }]
    /** What a record of this origin is refused with. */
    const record = (from: Subscriber, number: number): string[] => {
      told = []
      const [run] = toEntries(NOTE, [sealed(number)], 0).runs
      if (run !== undefined) workspace.accept(from, NOTE, run)
      workspace.flush()
      return told
    }
    /** And a checkpoint that stands for one record each of so many. */
    const checkpoint = (from: Subscriber, count: number): string[] => {
      told = []
      const vector = new Map(Array.from({ length: count }, (_, n) => [nameOf(n), sealed(n)]))
      const piece = { id: nameOf(count), index: 0, count: 1, ...deflatePiece(all), vector }
      workspace.restore(from, { type: 'piece', ...NOTE, through: 0, ...piece }, 'a'.repeat(16))
      workspace.flush()
      return told
    }
    expect(checkpoint(client, DOCUMENT_ORIGINS_MAX + 1)).toEqual(['too-big'])
    expect(checkpoint(client, DOCUMENT_ORIGINS_MAX - 1)).toEqual([])
    expect(record(client, DOCUMENT_ORIGINS_MAX)).toEqual([])
    expect(record(client, DOCUMENT_ORIGINS_MAX + 1)).toEqual(['too-big'])
    expect(record(relay, DOCUMENT_ORIGINS_MAX + 1)).toEqual([])
    expect(checkpoint(relay, VECTOR_ORIGINS_MAX + 1)).toEqual(['too-big'])
    expect(checkpoint(relay, VECTOR_ORIGINS_MAX)).toEqual([])
    expect(record(relay, VECTOR_ORIGINS_MAX + 1)).toEqual(['too-big'])
    expect(workspace.document('note')?.vector.size).toBe(VECTOR_ORIGINS_MAX)
  })
})
