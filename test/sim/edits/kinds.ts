/** The kinds of edits, each within a transaction of its editor. */
import * as Y from 'yjs'
import type { Chance } from '../time/chance.ts'
import { between, type List, PLAIN_WORDS, WORDS } from './text.ts'

type Edit = (doc: Y.Doc, chance: Chance) => void

/** Something of everything; typing at a cursor comes on top. */
export const EDITS: readonly Edit[] = [
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

/** Deletions, which no state vector shows. */
export const ERASINGS: readonly Edit[] = [
  (doc, chance) => erase(doc.getText('text'), chance),
  (doc, chance) => erase(doc.getText('rich'), chance),
  (doc, chance) => erase(doc.getText('typed'), chance),
  (doc, chance) => erase(doc.getArray('array'), chance),
  (doc, chance) => erase(doc.getXmlFragment('xml'), chance),
  (doc, chance) => {
    const map = doc.getMap('map')
    const keys = [...map.keys()].sort()
    if (keys.length > 0) map.delete(chance.one(keys))
  },
]

/** Types within types, as apps with a schema have them, and subdocuments, which are content like any other. */
export const NESTINGS: readonly Edit[] = [
  (doc, chance) => {
    const cards = doc.getArray<Y.Map<unknown>>('cards')
    if (cards.length < 3 || chance.happens(0.2)) cards.insert(chance.below(cards.length + 1), [createCard(chance)])
    else editCard(cards.get(chance.below(cards.length)), chance)
  },
  (doc, chance) => erase(doc.getArray('cards'), chance),
  (doc, chance) => editXml(doc.getXmlFragment('xml'), chance, 0),
  (doc, chance) => setKey(doc.getMap('map'), chance, 0),
  (doc, chance) => doc.getMap('documents').set(chance.one(['a', 'b']), new Y.Doc({ guid: `sub ${chance.below(99)}` })),
  (doc, chance) => doc.getMap('documents').delete(chance.one(['a', 'b'])),
]

function createCard(chance: Chance): Y.Map<unknown> {
  const tags = new Y.Array<unknown>()
  tags.push([chance.one(WORDS)])
  return new Y.Map<unknown>([
    ['title', new Y.Text(chance.one(WORDS))],
    ['tags', tags],
    ['done', false],
  ])
}

function editCard(card: Y.Map<unknown>, chance: Chance): void {
  const title = card.get('title')
  const tags = card.get('tags')
  const kind = chance.below(4)
  if (kind === 0) card.set('done', chance.happens(0.5))
  else if (kind === 1 && title instanceof Y.Text) {
    title.insert(between(title, chance.below(title.length + 1)), chance.one(WORDS))
  } else if (kind === 2 && tags instanceof Y.Array) tags.insert(0, [chance.below(9)])
  else if (tags instanceof Y.Array) erase(tags, chance)
}

function erase(list: List, chance: Chance): void {
  if (list.length === 0) return
  const from = between(list, chance.below(list.length))
  const to = between(list, from + 1 + chance.below(Math.min(6, list.length - from)))
  list.delete(from, Math.max(to - from, 0))
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
