/**
 * The same initial content from any number of clients. Yjs takes two insertions for one where client id and clock are the same,
 * so the content is made under a client id that follows from it: the hash of document, seed and the resulting bytes. Who makes
 * something else has another client id: the content may double then, but one id never has two contents (P8).
 */
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import { hash64 } from '../shared/hash.ts'
import type { DocumentId } from '../shared/ids.ts'

/** The client id under which the content is made at first. */
const UNNAMED = 1
/** Hexadecimal digits of the hash that become a client id: 52 bits, so that no session of Yjs, with 32, comes upon the same one. */
const ID_DIGITS = 13

/** The update that `fill` makes of an empty document. It wants to be deterministic: no time, no chance, no other document. */
export function seedUpdate(document: DocumentId, seedId: string, fill: (doc: Y.Doc) => void): Uint8Array {
  const doc = new Y.Doc({ gc: false })
  doc.clientID = UNNAMED
  doc.transact(() => fill(doc))
  const named = encoding.createEncoder()
  encoding.writeVarString(named, document)
  encoding.writeVarString(named, seedId)
  encoding.writeVarUint8Array(named, Y.encodeStateAsUpdate(doc))
  rename(doc, Number.parseInt(hash64(encoding.toUint8Array(named)).slice(0, ID_DIGITS), 16))
  const update = Y.encodeStateAsUpdate(doc)
  doc.destroy()
  return update
}

/** As if this client had made all of it. The Y.Doc is good for nothing then but to be encoded. */
function rename({ store }: Y.Doc, client: number): void {
  const structs = store.clients.get(UNNAMED) ?? []
  const renamed = (id: Y.ID): Y.ID => (id.client === UNNAMED ? Y.createID(client, id.clock) : id)
  for (const struct of structs) {
    struct.id = renamed(struct.id)
    if (!(struct instanceof Y.Item)) continue
    if (struct.origin !== null) struct.origin = renamed(struct.origin)
    if (struct.rightOrigin !== null) struct.rightOrigin = renamed(struct.rightOrigin)
  }
  store.clients.delete(UNNAMED)
  if (structs.length > 0) store.clients.set(client, structs)
}
