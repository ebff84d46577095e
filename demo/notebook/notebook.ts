/**
 * The notebook: a document that lists the others, each with a card. It is a Y.Doc as any other, so creating, renaming,
 * pinning and deleting work offline and join. Deleting puts a note into the bin first; what is taken out of it for ever is
 * deleted in the workspace.
 */
import * as Y from 'yjs'
import type { DocumentHandle, Readable, Workspace } from '../../client/index.ts'
import { type Card, compareCards, type Description, readCard } from './card.ts'
import { INDEX_ID, isNoteId, type NoteKind, newNoteId } from './ids.ts'

export interface Notebook {
  /** The index itself: its awareness says who is in which note. */
  readonly index: DocumentHandle
  /** Notes that are not in the bin, as the list has them. */
  readonly cards: Readable<readonly Card[]>
  /** What is in the bin, the latest first. */
  readonly bin: Readable<readonly Card[]>
  get(id: string): Card | undefined
  /** Adds a card; its document begins empty. */
  create(kind: NoteKind, title?: string): string
  rename(id: string, title: string): void
  pin(id: string, pinned: boolean): void
  /** The note was edited and now reads so. */
  describe(id: string, description: Description): void
  /** Sets what an imported note brings with it. */
  date(id: string, of: { createdAt: number; editedAt: number; pinned: boolean }): void
  trash(id: string): void
  restore(id: string): void
  /** Deletes it at every relay and device. */
  deleteForEver(id: string): Promise<void>
}

type Fields = Y.Map<unknown>

export function openNotebook(workspace: Workspace): Notebook {
  const index = workspace.open(INDEX_ID)
  const notes = index.doc.getMap<Fields>('notes')
  const known = new Map<string, Card>()
  const cards = createList()
  const bin = createList()

  function readAll(): void {
    known.clear()
    for (const [id, fields] of notes.entries()) read(id, fields)
    tell()
  }

  function read(id: string, fields: unknown): void {
    const card = isNoteId(id) ? readCard(id, fields) : undefined
    if (card === undefined) known.delete(id)
    else known.set(id, card)
  }

  function tell(): void {
    const all = [...known.values()]
    cards.set(all.filter(({ trashedAt }) => trashedAt === undefined).sort(compareCards))
    bin.set(
      all.filter(({ trashedAt }) => trashedAt !== undefined).sort((a, b) => (b.trashedAt ?? 0) - (a.trashedAt ?? 0)),
    )
  }

  /** Only what has changed is read again. */
  notes.observeDeep((events) => {
    const touched = new Set<string>()
    for (const event of events) {
      const [id] = event.path
      if (typeof id === 'string') touched.add(id)
      else for (const key of event.changes.keys.keys()) touched.add(key)
    }
    for (const id of touched) read(id, notes.get(id))
    tell()
  })
  readAll()

  function fieldsOf(id: string): Fields {
    const found = notes.get(id)
    if (found instanceof Y.Map) return found
    const fields: Fields = new Y.Map([['createdAt', Date.now()]])
    notes.set(id, fields)
    return fields
  }

  function change(id: string, fields: Readonly<Record<string, unknown>>): void {
    index.doc.transact(() => {
      const target = fieldsOf(id)
      for (const [key, value] of Object.entries(fields)) {
        if (value === undefined) target.delete(key)
        else if (JSON.stringify(target.get(key)) !== JSON.stringify(value)) target.set(key, value)
      }
    })
  }

  return {
    index,
    cards,
    bin,
    get: (id) => known.get(id),
    create(kind, title = '') {
      const id = newNoteId(kind)
      const now = Date.now()
      change(id, { title, createdAt: now, editedAt: now })
      return id
    },
    rename: (id, title) => change(id, { title, editedAt: Date.now() }),
    pin: (id, pinned) => change(id, { pinned: pinned || undefined }),
    describe(id, { excerpt, tasks }) {
      change(id, { excerpt, tasks: tasks === undefined ? undefined : [tasks.done, tasks.total], editedAt: Date.now() })
    },
    date: (id, { createdAt, editedAt, pinned }) => change(id, { createdAt, editedAt, pinned: pinned || undefined }),
    trash: (id) => change(id, { trashedAt: Date.now() }),
    restore: (id) => change(id, { trashedAt: undefined }),
    async deleteForEver(id) {
      notes.delete(id)
      await workspace.delete(id)
    },
  }
}

function createList(): Readable<readonly Card[]> & { set(cards: readonly Card[]): void } {
  let value: readonly Card[] = []
  const listeners = new Set<(cards: readonly Card[]) => void>()
  return {
    get: () => value,
    subscribe(listener) {
      listeners.add(listener)
      listener(value)
      return () => listeners.delete(listener)
    },
    set(next) {
      value = next
      for (const listener of [...listeners]) listener(value)
    },
  }
}
