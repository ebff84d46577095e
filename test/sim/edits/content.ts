/** What an app sees of a document: equal content, equal text. */
import * as Y from 'yjs'

type Kind = new () => Y.AbstractType<unknown>

/**
 * Everything under the document's root types, with keys in one order. A root that no code of its tab has asked for has no
 * kind yet; it is read as what `others` or its own shape take it for.
 */
export function toCanonicalJson(doc: Y.Doc, others: readonly Y.Doc[] = []): string {
  const content: Record<string, unknown> = {}
  for (const name of [...doc.share.keys()].sort()) {
    const shown = plain(doc.get(name, kindOf(name, [doc, ...others])))
    if (!isEmpty(shown)) content[name] = shown
  }
  return JSON.stringify(content, sortKeys)
}

function kindOf(name: string, docs: readonly Y.Doc[]): Kind {
  for (const doc of docs) {
    const root = doc.share.get(name)
    if (root !== undefined && root.constructor !== Y.AbstractType) return root.constructor as Kind
  }
  const root = docs.map(({ share }) => share.get(name)).find((each) => each?._start || each?._map.size)
  if (root?._start == null) return Y.Map as Kind
  const { content } = root._start
  return (content instanceof Y.ContentString || content instanceof Y.ContentFormat ? Y.Text : Y.Array) as Kind
}

function isEmpty(shown: unknown): boolean {
  if (Array.isArray(shown)) return shown.length === 0
  return typeof shown === 'object' && shown !== null && Object.keys(shown).length === 0
}

function sortKeys(_key: string, held: unknown): unknown {
  if (held === undefined) return 'undefined'
  if (typeof held !== 'object' || held === null || Array.isArray(held)) return held
  return Object.fromEntries(Object.entries(held).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function plain(held: unknown): unknown {
  if (held instanceof Y.XmlElement) return [held.nodeName, held.getAttributes(), held.toArray().map(plain)]
  if (held instanceof Y.Text) return held.toDelta()
  if (held instanceof Y.XmlFragment || held instanceof Y.Array) return held.toArray().map(plain)
  if (held instanceof Y.Map) return Object.fromEntries([...held.entries()].map(([key, inner]) => [key, plain(inner)]))
  if (held instanceof Y.Doc) return `document ${held.guid}`
  return held
}
