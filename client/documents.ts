/** The documents that are open in a tab, each with the handles on it; the last one to close lets it go. */
import { RejoinError } from '../shared/errors.ts'
import { checkDocumentId, type DocumentId } from '../shared/ids.ts'
import type { DocumentHandle, OpenDocument } from './document.ts'
import type { OpenOptions } from './options.ts'

export interface DocumentsOptions {
  make(id: DocumentId, options: OpenOptions): OpenDocument
  /** Its last handle is closed. */
  left(document: OpenDocument): void
  report(error: unknown): void
}

export interface Documents {
  get(id: DocumentId): OpenDocument | undefined
  all(): OpenDocument[]
  /** One more handle on it. Raises `invalid-id`, and `bad-option` where it is open with another Y.Doc. */
  open(id: DocumentId, options: OpenOptions): DocumentHandle
  /** Takes it off this name: its handles stay as they are, and who opens the name gets another. */
  cutOff(id: DocumentId): void
  /** Ends all handles; resolves when what was typed last is stored. */
  close(): Promise<void>
}

interface Entry {
  document: OpenDocument
  handles: number
}

export function createDocuments({ make, left, report }: DocumentsOptions): Documents {
  const open = new Map<DocumentId, Entry>()
  /** Documents without a handle that still store what was typed last. */
  const endings = new Set<Promise<unknown>>()

  function letGo(id: DocumentId, entry: Entry): void {
    entry.handles--
    if (entry.handles > 0) return
    // A document that was refused is not the one of this name any more.
    if (open.get(id) === entry) {
      open.delete(id)
      left(entry.document)
    }
    const ending = entry.document.close().catch(report)
    endings.add(ending)
    void ending.then(() => endings.delete(ending))
  }

  return {
    get: (id) => open.get(id)?.document,
    all: () => [...open.values()].map(({ document }) => document),
    open(id, { doc, awareness, gc }) {
      checkDocumentId(id)
      let entry = open.get(id)
      if (entry !== undefined && doc !== undefined && entry.document.doc !== doc) {
        throw new RejoinError('bad-option', `${JSON.stringify(id)} is open with another Y.Doc`)
      }
      if (entry === undefined) {
        entry = { document: make(id, { doc, awareness, gc }), handles: 0 }
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
      await Promise.all([...endings, ...documents.map((document) => document.close().catch(report))])
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
