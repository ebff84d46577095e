/** A Y.Doc as JSON. */
import * as Y from 'yjs'

export { applyUpdate, Doc } from 'yjs'

type Kind = new () => Y.AbstractType<unknown>

/** The root types of a document by name, with keys in one order. */
export function toJson(doc: Y.Doc): Record<string, unknown> {
  const content: Record<string, unknown> = {}
  for (const name of [...doc.share.keys()].sort()) content[name] = plain(doc.get(name, kindOf(doc, name)))
  return content
}

/** Nobody says what a root type is: its content shows it. */
function kindOf(doc: Y.Doc, name: string): Kind {
  const start = doc.share.get(name)?._start
  if (start == null) return Y.Map as Kind
  const { content } = start
  if (content instanceof Y.ContentType && content.type instanceof Y.XmlElement) return Y.XmlFragment as Kind
  return (content instanceof Y.ContentString || content instanceof Y.ContentFormat ? Y.Text : Y.Array) as Kind
}

function plain(held: unknown): unknown {
  if (held instanceof Y.XmlFragment && !(held instanceof Y.XmlElement)) return held.toString()
  return held instanceof Y.AbstractType ? held.toJSON() : held
}
