/** The documents that are open in a tab, each with the handles on it; the last one to close lets it go. */
import { RejoinError } from '../shared/errors.ts'
import { checkDocumentId, type DocumentId, type ReplicaId } from '../shared/ids.ts'
import type { DocumentHandle, OpenDocument } from './document.ts'
import type { MoveOptions } from './options.ts'
import { mergeUpdates } from './replica/merging.ts'
import type { Unstored } from './writing.ts'

export interface DocumentsOptions {
  make(id: DocumentId, options: MoveOptions): OpenDocument
  /** Its last handle is closed. */
  left(document: OpenDocument): void
  report(error: unknown): void
}

export interface Documents {
  get(id: DocumentId): OpenDocument | undefined
  all(): OpenDocument[]
  /** The document, and those of this name whose handles are closed and of which something is not stored yet. */
  writers(id: DocumentId): OpenDocument[]
  /** What of a document the store refuses and this relay does not have. */
  unstored(id: DocumentId, relay: ReplicaId): Unstored | undefined
  /** How many edits, of all documents, are neither stored nor at a relay. */
  unsaved(): number
  /** Stores what is typed, as far as that can be. */
  flush(): Promise<void>
  /** One more handle on it. Raises `invalid-id`, and `bad-option` where it is open with another Y.Doc. */
  open(id: DocumentId, options: MoveOptions): DocumentHandle
  /** Takes it off this name: its handles stay as they are, and who opens the name gets another. */
  cutOff(id: DocumentId): void
  /** Ends all handles; resolves when what was typed last is stored, or was tried once more; to how many edits nothing took. */
  close(): Promise<number>
}

interface Entry {
  document: OpenDocument
  handles: number
}

export function createDocuments({ make, left, report }: DocumentsOptions): Documents {
  const open = new Map<DocumentId, Entry>()
  /** Documents without a handle, while something of them is not stored. */
  const leaving = new Set<OpenDocument>()

  const writing = (): OpenDocument[] => [...[...open.values()].map(({ document }) => document), ...leaving]

  const writers = (id: DocumentId): OpenDocument[] => writing().filter(({ where }) => where.document === id)

  function letGo(id: DocumentId, entry: Entry): void {
    entry.handles--
    if (entry.handles > 0) return
    // A document that was refused is not the one of this name any more.
    if (open.get(id) === entry) {
      open.delete(id)
      left(entry.document)
    }
    void leave(entry.document)
  }

  /** What cannot be stored now is tried until it can: the app may have gone on to another document, but has not given it up (P5). */
  async function leave(document: OpenDocument): Promise<void> {
    leaving.add(document)
    await document.close().catch(report)
    await document.emptied()
    leaving.delete(document)
  }

  async function flush(): Promise<void> {
    await Promise.all(writing().map((document) => document.flush().catch(report)))
  }

  return {
    get: (id) => open.get(id)?.document,
    all: () => [...open.values()].map(({ document }) => document),
    writers,
    unstored: (id, relay) => together(writers(id).flatMap((document) => document.unstored(relay) ?? [])),
    unsaved() {
      let sum = 0
      for (const { document } of open.values()) sum += unsavedOf(document)
      for (const document of leaving) sum += unsavedOf(document)
      return sum
    },
    flush,
    open(id, how) {
      checkDocumentId(id)
      const { doc } = how
      let entry = open.get(id)
      if (entry !== undefined && doc !== undefined && entry.document.doc !== doc) {
        throw new RejoinError('bad-option', `${JSON.stringify(id)} is open with another Y.Doc`)
      }
      if (entry === undefined) {
        entry = { document: make(id, how), handles: 0 }
        open.set(id, entry)
      }
      entry.handles++
      const entered = entry
      return toHandle(id, entered.document, () => letGo(id, entered))
    },
    cutOff: (id) => void open.delete(id),
    async close() {
      const documents = [...open.values()].map(({ document }) => document)
      open.clear()
      for (const document of documents) void leave(document)
      await Promise.all([...leaving].map((document) => document.close().catch(report)))
      await flush()
      const lost = [...leaving].reduce((sum, document) => sum + unsavedOf(document), 0)
      for (const document of leaving) document.end()
      return lost
    },
  }
}

/** How many edits are neither in the log nor at a relay. */
const unsavedOf = ({ edits }: OpenDocument): number => edits.typed - edits.safe

function together(all: readonly Unstored[]): Unstored | undefined {
  if (all.length < 2) return all[0]
  return {
    bytes: mergeUpdates(all.map(({ bytes }) => bytes)),
    relayed() {
      for (const each of all) each.relayed()
    },
  }
}

function toHandle(id: DocumentId, document: OpenDocument, letGo: () => void): DocumentHandle {
  let open = true
  return {
    id,
    doc: document.doc,
    get awareness() {
      return document.awareness
    },
    status: document.status,
    whenLoaded: document.whenLoaded,
    whenSynced: document.whenSynced,
    saved: (level, { signal } = {}) => document.saved(level, signal),
    init: document.init,
    close() {
      if (!open) return
      open = false
      letGo()
    },
  }
}
