/**
 * The text of a note as plain blocks, and the way between them and the Y.XmlFragment that the editor writes. The names of
 * nodes and marks are those of Tiptap's schema.
 */
import * as Y from 'yjs'

/** Where a note's text lies in its Y.Doc. */
export const TEXT_FIELD = 'text'

export interface Span {
  text: string
  bold?: boolean
  italic?: boolean
  strike?: boolean
  code?: boolean
  link?: string
}

export type Block =
  | { type: 'heading'; level: number; spans: Span[] }
  | { type: 'paragraph'; spans: Span[] }
  | { type: 'quote'; blocks: Block[] }
  | { type: 'code'; text: string; language?: string }
  | { type: 'rule' }
  | { type: 'list'; kind: 'bullet' | 'ordered' | 'task'; items: Item[] }

export interface Item {
  checked?: boolean
  blocks: Block[]
}

const LISTS = { bulletList: 'bullet', orderedList: 'ordered', taskList: 'task' } as const
const LIST_NAMES = { bullet: 'bulletList', ordered: 'orderedList', task: 'taskList' } as const

/** Lists in lists deeper than this are read as if they ended: others may write any depth. */
const DEPTH_MAX = 12

/** Reads what the editor wrote; nodes that it does not know are left out. */
export const readBlocks = (doc: Y.Doc): Block[] => readChildren(doc.getXmlFragment(TEXT_FIELD), 0)

function readChildren(parent: Y.XmlFragment | Y.XmlElement, depth: number): Block[] {
  if (depth > DEPTH_MAX) return []
  return parent.toArray().flatMap((node) => (node instanceof Y.XmlElement ? readBlock(node, depth) : []))
}

function readBlock(node: Y.XmlElement, depth: number): Block[] {
  switch (node.nodeName) {
    case 'heading':
      return [{ type: 'heading', level: Number(node.getAttribute('level')) || 1, spans: readSpans(node) }]
    case 'paragraph':
      return [{ type: 'paragraph', spans: readSpans(node) }]
    case 'blockquote':
      return [{ type: 'quote', blocks: readChildren(node, depth + 1) }]
    case 'codeBlock': {
      const text = readSpans(node)
        .map((span) => span.text)
        .join('')
      return [{ type: 'code', text, language: node.getAttribute('language') || undefined }]
    }
    case 'horizontalRule':
      return [{ type: 'rule' }]
    case 'bulletList':
    case 'orderedList':
    case 'taskList':
      return [{ type: 'list', kind: LISTS[node.nodeName], items: readItems(node, depth) }]
    default:
      return []
  }
}

function readItems(list: Y.XmlElement, depth: number): Item[] {
  return list.toArray().flatMap((node) => {
    if (!(node instanceof Y.XmlElement)) return []
    const blocks = readChildren(node, depth + 1)
    return [node.nodeName === 'taskItem' ? { checked: isTrue(node.getAttribute('checked')), blocks } : { blocks }]
  })
}

/** The editor stores it as a value, which the types of Yjs do not know. */
const isTrue = (attribute: unknown): boolean => attribute === true || attribute === 'true'

function readSpans(node: Y.XmlElement): Span[] {
  return node.toArray().flatMap((child): Span[] => {
    if (child instanceof Y.XmlText) return readText(child)
    return child instanceof Y.XmlElement && child.nodeName === 'hardBreak' ? [{ text: '\n' }] : []
  })
}

function readText(text: Y.XmlText): Span[] {
  return text
    .toDelta()
    .flatMap(({ insert, attributes = {} }: { insert: unknown; attributes?: Record<string, unknown> }) => {
      if (typeof insert !== 'string') return []
      const span: Span = { text: insert }
      for (const mark of ['bold', 'italic', 'strike', 'code'] as const) if (attributes[mark]) span[mark] = true
      const { link } = attributes
      if (typeof link === 'object' && link !== null && 'href' in link && typeof link.href === 'string')
        span.link = link.href
      return [span]
    })
}

/** Puts blocks at the end of a note's text. */
export function writeBlocks(doc: Y.Doc, blocks: readonly Block[]): void {
  doc.transact(() => doc.getXmlFragment(TEXT_FIELD).push(blocks.map(toNode)))
}

function toNode(block: Block): Y.XmlElement {
  switch (block.type) {
    case 'heading':
      return element('heading', { level: block.level }, toInline(block.spans))
    case 'paragraph':
      return element('paragraph', {}, toInline(block.spans))
    case 'quote':
      return element('blockquote', {}, block.blocks.map(toNode))
    case 'code':
      return element('codeBlock', { language: block.language ?? null }, toInline([{ text: block.text }]))
    case 'rule':
      return element('horizontalRule', {}, [])
    case 'list':
      return element(
        LIST_NAMES[block.kind],
        {},
        block.items.map((item) => toItem(item, block.kind)),
      )
  }
}

function toItem({ checked = false, blocks }: Item, kind: 'bullet' | 'ordered' | 'task'): Y.XmlElement {
  // Both kinds of items begin with a paragraph.
  const all: Block[] = blocks[0]?.type === 'paragraph' ? blocks : [{ type: 'paragraph', spans: [] }, ...blocks]
  return element(kind === 'task' ? 'taskItem' : 'listItem', kind === 'task' ? { checked } : {}, all.map(toNode))
}

function toInline(spans: readonly Span[]): (Y.XmlText | Y.XmlElement)[] {
  const nodes: (Y.XmlText | Y.XmlElement)[] = []
  let text: Y.XmlText | undefined
  for (const span of spans) {
    if (span.text === '\n') {
      nodes.push(new Y.XmlElement('hardBreak'))
      text = undefined
      continue
    }
    if (span.text === '') continue
    if (text === undefined) {
      text = new Y.XmlText()
      nodes.push(text)
    }
    const { text: letters, link, ...marks } = span
    // What is not named would be taken over from the letters before.
    const attributes: Record<string, unknown> = { bold: null, italic: null, strike: null, code: null, link: null }
    for (const [mark, on] of Object.entries(marks)) attributes[mark] = on ? {} : null
    if (link !== undefined)
      attributes.link = { href: link, target: '_blank', rel: 'noopener noreferrer nofollow', class: null }
    lengths.set(text, (lengths.get(text) ?? 0) + letters.length)
    text.insert((lengths.get(text) ?? 0) - letters.length, letters, attributes)
  }
  return nodes
}

/** A text that is in no document yet does not tell its length. */
const lengths = new WeakMap<Y.XmlText, number>()

function element(
  name: string,
  attributes: Readonly<Record<string, unknown>>,
  children: (Y.XmlText | Y.XmlElement)[],
): Y.XmlElement {
  const node = new Y.XmlElement(name)
  // Values of any type are what the editor writes and reads; the types of Yjs say text.
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value as string)
  node.insert(0, children)
  return node
}
