/** People's edits from one seed: text, rich text, maps, lists, nested types, XML, undo, and deletions only. */
import * as Y from 'yjs'
import type { Chance } from './chance.ts'

/** Somebody who edits one Y.Doc. */
export interface Editor {
  /** One transaction, or none where chance finds nothing to do. */
  edit(chance: Chance): void
}

type Edit = (doc: Y.Doc, chance: Chance) => void

export function createEditor(doc: Y.Doc): Editor {
  const here = Symbol('editor')
  const scope = [doc.getText('text'), doc.getText('rich'), doc.getArray('array'), doc.getMap('map')]
  // Without a capture time each transaction is a step of its own: Yjs would ask the real clock.
  const undo = new Y.UndoManager(scope, { captureTimeout: 0, trackedOrigins: new Set([here]) })
  let cursor = 0

  function type(chance: Chance): void {
    const text = doc.getText('text')
    const word = chance.one(WORDS)
    const at = between(text, chance.below(4) === 0 ? chance.below(text.length + 1) : Math.min(cursor, text.length))
    text.insert(at, word)
    cursor = at + word.length
  }

  return {
    edit(chance) {
      const kind = chance.below(16)
      if (kind === 0) undo.undo()
      else if (kind === 1) undo.redo()
      else {
        doc.transact(() => {
          if (kind < 7) type(chance)
          else chance.one(EDITS)(doc, chance)
        }, here)
      }
    },
  }
}

const WORDS = ['a', 'b ', 'join ', 'again', 'héé', '語', '😀', 'x😀y', '\n', 'many words in a row ']
/** Rich text counts its embeds, so an index says nothing about characters there. */
const PLAIN_WORDS = ['a', 'b ', 'join ', 'héé', '語', '\n', 'many words in a row ']

const EDITS: readonly Edit[] = [
  (doc, chance) => erase(doc.getText('text'), chance),
  (doc, chance) => erase(doc.getArray('array'), chance),
  (doc, chance) => {
    const rich = doc.getText('rich')
    rich.insert(
      chance.below(rich.length + 1),
      chance.one(PLAIN_WORDS),
      chance.happens(0.5) ? { bold: true } : undefined,
    )
  },
  (doc, chance) => format(doc.getText('rich'), chance),
  (doc, chance) => erase(doc.getText('rich'), chance),
  (doc, chance) => doc.getText('rich').insertEmbed(0, { image: chance.below(9) }),
  (doc, chance) => setKey(doc.getMap('map'), chance, 0),
  (doc, chance) => setKey(doc.getMap('map'), chance, 0),
  (doc, chance) => insertValues(doc.getArray('array'), chance, 0),
  (doc, chance) => editXml(doc.getXmlFragment('xml'), chance, 0),
]

function erase(list: Y.Text | Y.Array<unknown> | Y.XmlFragment, chance: Chance): void {
  if (list.length === 0) return
  const from = between(list, chance.below(list.length))
  const to = between(list, from + 1 + chance.below(Math.min(6, list.length - from)))
  list.delete(from, Math.max(to - from, 0))
}

/**
 * This index, or the one before it where it lies within a character of two halves: no editor puts a cursor there, and Yjs
 * replaces such halves by U+FFFD wherever it happens to split them, which replicas do not all do.
 */
function between(list: Y.Text | Y.Array<unknown> | Y.XmlFragment, at: number): number {
  if (!(list instanceof Y.Text) || at === 0 || at >= list.length) return at
  const code = list.toString().charCodeAt(at)
  return code >= 0xdc00 && code <= 0xdfff ? at - 1 : at
}

function format(text: Y.Text, chance: Chance): void {
  if (text.length === 0) return
  const at = chance.below(text.length)
  const value = chance.one([true, null, { url: 'https://example.com' }])
  text.format(at, 1 + chance.below(text.length - at), { [chance.one(['bold', 'link'])]: value })
}

function setKey(map: Y.Map<unknown>, chance: Chance, depth: number): void {
  const key = chance.one(['a', 'b', 'c', 'd'])
  const held = map.get(key)
  if (isNested(held) && chance.happens(0.5)) editNested(held, chance, depth)
  else if (chance.below(5) === 0) map.delete(key)
  else map.set(key, createValue(chance, depth))
}

function insertValues(list: Y.Array<unknown>, chance: Chance, depth: number): void {
  const held = list.length > 0 ? list.get(chance.below(list.length)) : undefined
  if (isNested(held) && chance.happens(0.5)) return editNested(held, chance, depth)
  const values = Array.from({ length: 1 + chance.below(3) }, () => createValue(chance, depth))
  list.insert(chance.below(list.length + 1), values)
}

type Nested = Y.Map<unknown> | Y.Array<unknown> | Y.Text

const isNested = (held: unknown): held is Nested =>
  held instanceof Y.Map || held instanceof Y.Array || held instanceof Y.Text

function editNested(held: Nested, chance: Chance, depth: number): void {
  if (held instanceof Y.Map) setKey(held, chance, depth + 1)
  else if (chance.happens(0.3)) erase(held, chance)
  else if (held instanceof Y.Array) insertValues(held, chance, depth + 1)
  else held.insert(between(held, chance.below(held.length + 1)), chance.one(WORDS))
}

function createValue(chance: Chance, depth: number): unknown {
  switch (chance.below(depth > 3 ? 5 : 9)) {
    case 0:
      return chance.below(100_000)
    case 1:
      return chance.one(WORDS)
    case 2:
      return { tags: [1, null, { deep: true }] }
    case 3:
      return chance.bytes(4)
    case 4:
      return chance.one([null, true, 1e300, 0.5])
    case 5:
      return new Y.Array()
    case 6:
      return new Y.Text(chance.one(WORDS))
    default:
      return new Y.Map([['a', chance.below(9)]])
  }
}

function editXml(parent: Y.XmlFragment, chance: Chance, depth: number): void {
  const child = parent.length > 0 ? parent.get(chance.below(parent.length)) : undefined
  if (child instanceof Y.XmlElement && depth < 3 && chance.happens(0.6)) {
    if (chance.happens(0.4)) child.setAttribute(chance.one(['id', 'class']), chance.one(WORDS))
    else editXml(child, chance, depth + 1)
  } else if (child instanceof Y.XmlText && chance.happens(0.5)) child.insert(0, chance.one(WORDS))
  else if (chance.happens(0.3)) erase(parent, chance)
  else
    parent.insert(chance.below(parent.length + 1), [chance.happens(0.5) ? new Y.XmlElement('p') : new Y.XmlText('t')])
}

/** What an app sees of a document, whatever its root types are called, with keys in one order: equal content, equal text. */
export function toCanonicalJson(doc: Y.Doc): string {
  const content: Record<string, unknown> = {
    text: doc.getText('text').toString(),
    rich: doc.getText('rich').toDelta(),
    map: plain(doc.getMap('map')),
    array: plain(doc.getArray('array')),
    xml: plain(doc.getXmlFragment('xml')),
  }
  return JSON.stringify(content, sortKeys)
}

function sortKeys(_key: string, held: unknown): unknown {
  if (held === undefined) return 'undefined'
  if (typeof held !== 'object' || held === null || Array.isArray(held)) return held
  return Object.fromEntries(Object.entries(held).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function plain(held: unknown): unknown {
  if (held instanceof Y.XmlText || held instanceof Y.Text) return held.toDelta()
  if (held instanceof Y.XmlElement) return [held.nodeName, held.getAttributes(), held.toArray().map(plain)]
  if (held instanceof Y.XmlFragment || held instanceof Y.Array) return held.toArray().map(plain)
  if (held instanceof Y.Map) return Object.fromEntries([...held.entries()].map(([key, inner]) => [key, plain(inner)]))
  return held
}
