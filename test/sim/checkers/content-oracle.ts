/**
 * What was written where: (document, Yjs client id, clock) -> content. Two contents of one clock are a fork, which Yjs itself
 * would never notice; content that no editor wrote is damage.
 */
import * as Y from 'yjs'

export interface ContentOracle {
  /** Takes what an editor wrote. Raises an error where one of its clocks was written before with another content. */
  wrote(document: string, update: Uint8Array): void
  /** Raises an error where a Y.Doc shows content that was not written so. */
  check(document: string, doc: Y.Doc): void
}

type Contents = Map<number, string[]>

export function createContentOracle(): ContentOracle {
  const documents = new Map<string, Contents>()

  function contentsOf(document: string): Contents {
    const found = documents.get(document) ?? new Map()
    documents.set(document, found)
    return found
  }

  return {
    wrote(document, update) {
      const contents = contentsOf(document)
      for (const struct of Y.decodeUpdate(update).structs) {
        if (!(struct instanceof Y.Item)) continue
        const { client, clock } = struct.id
        const known = contents.get(client) ?? []
        contents.set(client, known)
        for (const [index, content] of contentsOfItem(struct).entries()) {
          const before = known[clock + index]
          if (before !== undefined && !isEqual(before, content)) {
            throw new Error(`fork in ${document}: client ${client} wrote ${before} and ${content} at ${clock + index}`)
          }
          known[clock + index] ??= content
        }
      }
    },
    check(document, doc) {
      const contents = contentsOf(document)
      for (const structs of doc.store.clients.values()) {
        for (const struct of structs) {
          if (!(struct instanceof Y.Item) || struct.deleted) continue
          const { client, clock } = struct.id
          for (const [index, content] of contentsOfItem(struct).entries()) {
            const written = contents.get(client)?.[clock + index]
            if (written !== undefined && isEqual(written, content)) continue
            throw new Error(`${document} shows ${content} at ${client}/${clock + index}, but ${written} was written`)
          }
        }
      }
    },
  }
}

/** Content of each clock of an item, as text. */
function contentsOfItem(item: Y.Item): string[] {
  const { content } = item
  if (content instanceof Y.ContentString) return charsOf(content.str)
  if (content instanceof Y.ContentAny) return content.arr.map((value: unknown) => `any ${toText(value)}`)
  if (content instanceof Y.ContentFormat) return [`format ${content.key} ${toText(content.value)}`]
  if (content instanceof Y.ContentEmbed) return [`embed ${toText(content.embed)}`]
  if (content instanceof Y.ContentBinary) return [`binary ${[...content.content]}`]
  if (content instanceof Y.ContentType) return [`type ${content.type.constructor.name}`]
  if (content instanceof Y.ContentDoc) return [`document ${content.doc.guid}`]
  return Array.from({ length: item.length }, () => ANYTHING)
}

/** Equal to everything: deleted content, and halves of characters, which Yjs replaces where it splits between them. */
const ANYTHING = 'anything'

/** A character is itself: all other content takes more than one to tell. */
function charsOf(text: string): string[] {
  const chars: string[] = []
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    chars.push((code >= 0xd800 && code <= 0xdfff) || code === 0xfffd ? ANYTHING : text.charAt(at))
  }
  return chars
}

const isEqual = (a: string, b: string): boolean => a === b || a === ANYTHING || b === ANYTHING

const toText = (value: unknown): string =>
  JSON.stringify(value, (_key, held) =>
    held instanceof Uint8Array ? [...held] : typeof held === 'bigint' ? `${held}n` : held,
  ) ?? 'undefined'
