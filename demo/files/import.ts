/** Files into notes: Markdown and text one by one, or the JSON of a whole notebook. Every import makes new notes. */
import type { Workspace } from '../../client/index.ts'
import { fillBoard } from '../board/model.ts'
import type { Notebook } from '../notebook/notebook.ts'
import { writeBlocks } from '../text/blocks.ts'
import { describe } from '../text/describe.ts'
import { readMarkdown } from '../text/markdown-read.ts'
import type { NotebookFile, NoteFile } from './export.ts'

/** A text of this size is no note. */
const FILE_BYTES_MAX = 20_000_000

/** Imports a file; resolves to the ids of the new notes. Throws an `Error` in words for people. */
export async function importFile(workspace: Workspace, notebook: Notebook, file: File): Promise<string[]> {
  if (file.size > FILE_BYTES_MAX) throw new Error(`“${file.name}” is too big for notes.`)
  const text = await file.text()
  if (!file.name.endsWith('.json')) return [await addNote(workspace, notebook, toNote(file.name, text))]
  const ids: string[] = []
  for (const note of readNotebook(file.name, text).notes) ids.push(await addNote(workspace, notebook, note))
  return ids
}

/** Adds a note with its content; resolves to its id when this device has it. */
export async function addNote(workspace: Workspace, notebook: Notebook, note: NoteFile): Promise<string> {
  const id = notebook.create(note.kind, note.title)
  const handle = workspace.open(id)
  await handle.whenLoaded
  if (note.kind === 'board') fillBoard(handle.doc, note.columns ?? [])
  else writeBlocks(handle.doc, readMarkdown(note.markdown ?? ''))
  notebook.describe(id, describe(note.kind, handle.doc))
  notebook.date(id, note)
  handle.close()
  return id
}

/** A first heading is the title; else the name of the file. */
function toNote(name: string, text: string): NoteFile {
  const now = Date.now()
  const [, title, rest] = /^\s*# +([^\n]+)\n([\s\S]*)$/.exec(text) ?? []
  const byName = name.replace(/\.\w+$/, '')
  return {
    kind: 'note',
    title: title?.trim() ?? byName,
    createdAt: now,
    editedAt: now,
    pinned: false,
    markdown: rest ?? text,
  }
}

function readNotebook(name: string, text: string): NotebookFile {
  let file: unknown
  try {
    file = JSON.parse(text)
  } catch {
    throw new Error(`“${name}” is no JSON.`)
  }
  if (
    typeof file !== 'object' ||
    file === null ||
    !('format' in file) ||
    file.format !== 'fieldnotes' ||
    !('notes' in file) ||
    !Array.isArray(file.notes)
  ) {
    throw new Error(`“${name}” is no notebook of Fieldnotes.`)
  }
  return { format: 'fieldnotes', version: 1, notes: file.notes.map(readNote) }
}

/** What is missing or something else is left out. */
function readNote(note: unknown): NoteFile {
  const fields: Record<string, unknown> = typeof note === 'object' && note !== null ? { ...note } : {}
  const now = Date.now()
  const time = (value: unknown): number =>
    typeof value === 'number' && Number.isFinite(value) ? Math.min(value, now) : now
  return {
    kind: fields.kind === 'board' ? 'board' : 'note',
    title: text(fields.title),
    createdAt: time(fields.createdAt),
    editedAt: time(fields.editedAt),
    pinned: fields.pinned === true,
    markdown: text(fields.markdown),
    columns: list(fields.columns).map((column) => {
      const { title, cards }: { title?: unknown; cards?: unknown } =
        typeof column === 'object' && column !== null ? column : {}
      return { title: text(title), cards: list(cards).map(text) }
    }),
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
