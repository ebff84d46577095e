/** Everything as files: one Markdown file a note in a ZIP archive, or one JSON file that can be imported again. */
import { strToU8, zipSync } from 'fflate'
import type { DocumentHandle, Workspace } from '../../client/index.ts'
import { openBoard } from '../board/model.ts'
import { type Card, titleOf } from '../notebook/card.ts'
import type { NoteKind } from '../notebook/ids.ts'
import { whole } from '../notebook/whole.ts'
import { readBlocks } from '../text/blocks.ts'
import { writeMarkdown } from '../text/markdown-write.ts'
import { download, fileName } from './download.ts'

/** The file that `importFile` reads again. */
export interface NotebookFile {
  format: 'fieldnotes'
  version: 1
  notes: NoteFile[]
}

export interface NoteFile {
  kind: NoteKind
  title: string
  createdAt: number
  editedAt: number
  pinned: boolean
  /** Of a note. */
  markdown?: string
  /** Of a board. */
  columns?: { title: string; cards: string[] }[]
}

export async function exportMarkdown(workspace: Workspace, cards: readonly Card[]): Promise<void> {
  const files: Record<string, Uint8Array> = {}
  for (const card of cards) {
    const text = await withNote(workspace, card, (handle) => toMarkdown(card, handle))
    files[freeName(files, fileName(titleOf(card)))] = strToU8(text)
  }
  download('fieldnotes.zip', new Blob([new Uint8Array(zipSync(files))], { type: 'application/zip' }))
}

export async function exportJson(workspace: Workspace, cards: readonly Card[]): Promise<void> {
  const notes: NoteFile[] = []
  for (const card of cards) notes.push(await withNote(workspace, card, (handle) => toFile(card, handle)))
  const file: NotebookFile = { format: 'fieldnotes', version: 1, notes }
  download('fieldnotes.json', new Blob([JSON.stringify(file, null, 2)], { type: 'application/json' }))
}

export async function exportNote(workspace: Workspace, card: Card): Promise<void> {
  const text = await withNote(workspace, card, (handle) => toMarkdown(card, handle))
  download(`${fileName(titleOf(card))}.md`, new Blob([text], { type: 'text/markdown' }))
}

/** One that left this device, or has not come yet, is fetched first: half a note is no copy of it. */
async function withNote<T>(workspace: Workspace, card: Card, read: (handle: DocumentHandle) => T): Promise<T> {
  const handle = workspace.open(card.id)
  try {
    await whole(handle, card)
    return read(handle)
  } finally {
    handle.close()
  }
}

function toMarkdown(card: Card, handle: DocumentHandle): string {
  const title = `# ${titleOf(card)}\n\n`
  if (card.kind === 'note') return title + writeMarkdown(readBlocks(handle.doc))
  const columns = columnsOf(handle).map(
    ({ title: column, cards }) =>
      `## ${column}\n\n${cards.map((text) => `- ${text.replaceAll('\n', '\n  ')}\n`).join('')}`,
  )
  return `${title}${columns.join('\n')}`
}

function toFile(card: Card, handle: DocumentHandle): NoteFile {
  const { kind, createdAt, editedAt, pinned } = card
  const common = { kind, title: titleOf(card), createdAt, editedAt, pinned }
  if (kind === 'board') return { ...common, columns: columnsOf(handle) }
  return { ...common, markdown: writeMarkdown(readBlocks(handle.doc)) }
}

function columnsOf({ doc }: DocumentHandle): { title: string; cards: string[] }[] {
  const board = openBoard(doc)
  const columns = board.columns().map(({ title, cards }) => ({ title, cards: cards.map(({ text }) => text) }))
  board.close()
  return columns
}

function freeName(taken: Readonly<Record<string, unknown>>, name: string): string {
  for (let nth = 1; ; nth++) {
    const free = nth === 1 ? `${name}.md` : `${name} ${nth}.md`
    if (!(free in taken)) return free
  }
}
