/**
 * Random editing histories of several Yjs clients, from one seed: plain and rich text, emoji, maps, lists, nested types,
 * XML, subdocuments, undo, partial and late delivery. Real Yjs is the oracle of every test in this folder.
 */
import * as Y from 'yjs'
import { amount } from '../../support/amount.ts'

/** A stream of chance from one seed (mulberry32). */
export interface Chance {
  below(bound: number): number
  one<Value>(values: readonly Value[]): Value
  shuffled<Value>(values: readonly Value[]): Value[]
}

export function createChance(seed: number): Chance {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const chance: Chance = {
    below: (bound) => Math.floor(next() * bound),
    one<Value>(values: readonly Value[]): Value {
      const value = values[chance.below(values.length)]
      if (value === undefined) throw new Error('nothing to choose from')
      return value
    },
    shuffled<Value>(values: readonly Value[]): Value[] {
      const mixed = [...values]
      for (let i = mixed.length - 1; i > 0; i--) {
        const j = chance.below(i + 1)
        const other = mixed[j] as Value
        mixed[j] = mixed[i] as Value
        mixed[i] = other
      }
      return mixed
    },
  }
  return chance
}

/** Runs `check` for so many seeds, an eighth of them in `npm run check`; a failure names its seed. Returns which part that was. */
export function forSeeds(first: number, count: number, check: (seed: number, chance: Chance) => void): number {
  const end = first + amount(Math.ceil(count / 8), count)
  for (let seed = first; seed < end; seed++) {
    try {
      check(seed, createChance(seed))
    } catch (cause) {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
  }
  return (end - first) / count
}

export interface History {
  /** What each client's document emitted, in an order in which every update follows those that it rests on. */
  readonly updates: Uint8Array[]
  /** The clients' documents: not all have seen everything. */
  readonly docs: Y.Doc[]
}

export interface HistoryOptions {
  readonly clients: number
  readonly edits: number
  /** The documents' `gc` setting; states that are re-encoded hold collected structs where it is on. */
  readonly gc: boolean
  /** Without formats, as Yjs cleans up formats when it integrates others' edits, in a way that depends on order. */
  readonly plain?: boolean
}

/** Lets clients edit and exchange updates at random. Deliveries are per-client FIFO and causal. */
export function randomHistory(chance: Chance, { clients, edits, gc, plain = false }: HistoryOptions): History {
  const updates: Uint8Array[] = []
  const docs: Y.Doc[] = []
  const seen: number[] = []
  const undo: Y.UndoManager[] = []
  for (let i = 0; i < clients; i++) {
    const doc = createDoc(gc, 1 + i * 1000 + chance.below(1000))
    doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'remote') updates.push(update)
    })
    docs.push(doc)
    seen.push(0)
    undo.push(new Y.UndoManager([doc.getText('text'), doc.getMap('map')], { captureTimeout: 0 }))
  }
  for (let i = 0; i < edits; i++) {
    const at = chance.below(clients)
    const doc = docs[at] as Y.Doc
    if (chance.below(4) === 0) {
      const upTo = chance.below(updates.length + 1)
      for (let next = seen[at] as number; next < upTo; next++) Y.applyUpdate(doc, updates[next] as Uint8Array, 'remote')
      seen[at] = Math.max(seen[at] as number, upTo)
    } else if (chance.below(12) === 0) (undo[at] as Y.UndoManager)[chance.one(['undo', 'redo'] as const)]()
    else edit(doc, chance, plain ? EDITS.slice(FORMATTED) : EDITS)
  }
  for (const manager of undo) manager.destroy()
  return { updates, docs }
}

/** A document whose client id comes from the test, not from the global chance. */
export function createDoc(gc: boolean, clientID = 999_999): Y.Doc {
  const doc = new Y.Doc({ gc, guid: 'document' })
  doc.clientID = clientID
  return doc
}

/** The document that updates yield. */
export function docOf(updates: readonly Uint8Array[], gc = true): Y.Doc {
  const doc = createDoc(gc)
  for (const update of updates) Y.applyUpdate(doc, update, 'remote')
  return doc
}

/** One edit, sometimes of several parts in one transaction. */
function edit(doc: Y.Doc, chance: Chance, edits: readonly Edit[]): void {
  const parts = chance.below(5) === 0 ? 3 : 1
  doc.transact(() => {
    for (let part = 0; part < parts; part++) chance.one(edits)(doc, chance)
  })
}

type Edit = (doc: Y.Doc, chance: Chance) => void

/** The first edits are of formatted text. */
const FORMATTED = 4

const EDITS: readonly Edit[] = [
  (doc, chance) => type(doc.getText('rich'), chance, chance.below(6) === 0 ? { bold: true } : undefined),
  (doc, chance) => erase(doc.getText('rich'), chance),
  (doc, chance) => format(doc.getText('rich'), chance),
  (doc, chance) => embed(doc.getText('rich'), chance),
  (doc, chance) => type(doc.getText('text'), chance),
  (doc, chance) => type(doc.getText('text'), chance),
  (doc, chance) => erase(doc.getText('text'), chance),
  (doc, chance) => setKey(doc.getMap('map'), chance, 0),
  (doc, chance) => setKey(doc.getMap('map'), chance, 0),
  (doc, chance) => insertValues(doc.getArray('array'), chance, 0),
  (doc, chance) => insertValues(doc.getArray('array'), chance, 0),
  (doc, chance) => erase(doc.getArray('array'), chance),
  (doc, chance) => editXml(doc.getXmlFragment('xml'), chance, 0),
  (doc, chance) => editXml(doc.getXmlFragment('xml'), chance, 0),
]

const WORDS = ['a', 'b', ' ', 'word', 'héé', '語', '😀', 'x😀y', '👩‍👩‍👧', 'long words in a row']

/** Where somebody typed last. */
const cursors = new WeakMap<Y.Text, number>()

/** Mostly goes on where the last one left off, as people do. */
function type(text: Y.Text, chance: Chance, attributes?: object): void {
  const at = chance.below(3) === 0 ? chance.below(text.length + 1) : Math.min(text.length, cursors.get(text) ?? 0)
  const word = chance.one(WORDS)
  text.insert(at, word, attributes)
  cursors.set(text, at + word.length)
}

function embed(text: Y.Text, chance: Chance): void {
  text.insertEmbed(chance.below(text.length + 1), { image: chance.below(9) })
}

function erase(list: Y.Text | Y.Array<unknown> | Y.XmlFragment, chance: Chance): void {
  if (list.length === 0) return
  const at = chance.below(list.length)
  list.delete(at, 1 + chance.below(Math.min(5, list.length - at)))
}

function format(text: Y.Text, chance: Chance): void {
  if (text.length === 0) return
  const at = chance.below(text.length)
  const value = chance.one([true, null, { url: 'https://example.com' }, 'red'])
  text.format(at, 1 + chance.below(text.length - at), { [chance.one(['bold', 'link'])]: value })
}

function setKey(map: Y.Map<unknown>, chance: Chance, depth: number): void {
  const key = chance.one(['a', 'b', 'c'])
  const held = map.get(key)
  if (isType(held) && chance.below(2) === 0) editType(held, chance, depth)
  else if (chance.below(5) === 0) map.delete(key)
  else map.set(key, value(chance, depth))
}

function insertValues(list: Y.Array<unknown>, chance: Chance, depth: number): void {
  const held = list.length > 0 ? list.get(chance.below(list.length)) : undefined
  if (isType(held) && chance.below(2) === 0) {
    editType(held, chance, depth)
    return
  }
  const at = chance.below(2) === 0 ? list.length : chance.below(list.length + 1)
  list.insert(
    at,
    Array.from({ length: 1 + chance.below(3) }, () => value(chance, depth)),
  )
}

type Nested = Y.Map<unknown> | Y.Array<unknown> | Y.Text

function isType(held: unknown): held is Nested {
  return held instanceof Y.Map || held instanceof Y.Array || held instanceof Y.Text
}

function editType(held: Nested, chance: Chance, depth: number): void {
  if (held instanceof Y.Map) setKey(held, chance, depth + 1)
  else if (held instanceof Y.Array) {
    if (chance.below(3) === 0) erase(held, chance)
    else insertValues(held, chance, depth + 1)
  } else if (chance.below(3) === 0) erase(held, chance)
  else type(held, chance)
}

function value(chance: Chance, depth: number): unknown {
  switch (chance.below(depth > 3 ? 6 : 11)) {
    case 0:
      return chance.below(100_000) - 50_000
    case 1:
      return chance.below(1000) / 7
    case 2:
      return chance.one(WORDS)
    case 3:
      return { key: [1, null, { deep: true }], ü: undefined }
    case 4:
      return new Uint8Array([chance.below(256), 2, 3])
    case 5:
      return chance.one([null, true, false, { big: 2n ** 40n }, 1e300, 0.5])
    case 6:
      return new Y.Array()
    case 7:
      return new Y.Text(chance.one(WORDS))
    case 8:
      return new Y.Doc({ guid: `sub${chance.below(1000)}`, meta: { title: 'x' }, autoLoad: chance.below(2) === 0 })
    default:
      return new Y.Map([['a', chance.below(9)]])
  }
}

function editXml(parent: Y.XmlFragment, chance: Chance, depth: number): void {
  const child = parent.length > 0 ? parent.get(chance.below(parent.length)) : undefined
  if (child !== undefined && depth < 3 && chance.below(2) === 0) {
    if (child instanceof Y.XmlText) {
      if (chance.below(3) === 0) erase(child, chance)
      else type(child, chance)
    } else if (child instanceof Y.XmlElement) {
      if (chance.below(2) === 0) child.setAttribute(chance.one(['id', 'class']), chance.one(WORDS))
      else editXml(child, chance, depth + 1)
    }
  } else if (chance.below(3) === 0) erase(parent, chance)
  else
    parent.insert(chance.below(parent.length + 1), [chance.below(2) === 0 ? new Y.XmlElement('p') : new Y.XmlText('t')])
}

/** What an app sees of a document, with keys in one order: the measure of convergence. */
export function contentOf(doc: Y.Doc): string {
  return JSON.stringify(
    {
      text: doc.getText('text').toString(),
      rich: doc.getText('rich').toDelta(),
      map: canonical(doc.getMap('map')),
      array: canonical(doc.getArray('array')),
      xml: xmlOf(doc.getXmlFragment('xml')),
    },
    sorted,
  )
}

function sorted(_key: string, held: unknown): unknown {
  if (typeof held === 'bigint') return `bigint ${held}`
  if (held === undefined) return 'undefined'
  if (typeof held !== 'object' || held === null || Array.isArray(held)) return held
  return Object.fromEntries(Object.entries(held).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function canonical(held: unknown): unknown {
  if (held instanceof Y.Map)
    return Object.fromEntries([...held.entries()].map(([key, inner]) => [key, canonical(inner)]))
  if (held instanceof Y.Array) return held.toArray().map(canonical)
  if (held instanceof Y.Text) return held.toDelta()
  if (held instanceof Y.Doc) return { subdocument: held.guid, meta: held.meta, autoLoad: held.autoLoad }
  return held
}

function xmlOf(node: unknown): unknown {
  if (node instanceof Y.XmlText) return node.toDelta()
  if (node instanceof Y.XmlElement) return [node.nodeName, node.getAttributes(), node.toArray().map(xmlOf)]
  return node instanceof Y.XmlFragment ? node.toArray().map(xmlOf) : String(node)
}
