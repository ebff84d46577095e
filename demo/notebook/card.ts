/** What the list shows of a note: a map in the index, read as something that others wrote. */
import * as Y from 'yjs'
import { kindOf, type NoteKind } from './ids.ts'

export interface Card {
  readonly id: string
  readonly kind: NoteKind
  /** Empty where nobody has given one. */
  readonly title: string
  /** The beginning of its text. */
  readonly excerpt: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly editedAt: number
  readonly pinned: boolean
  /** When it was put into the bin. */
  readonly trashedAt?: number
  /** Of its check lists. */
  readonly tasks?: { done: number; total: number }
}

/** What is written of a note when it has been edited. */
export interface Description {
  excerpt: string
  tasks?: { done: number; total: number }
}

const TITLE_LENGTH_MAX = 300
const EXCERPT_LENGTH_MAX = 200

export function readCard(id: string, fields: unknown): Card | undefined {
  if (!(fields instanceof Y.Map)) return undefined
  const createdAt = toTime(fields.get('createdAt')) ?? 0
  return {
    id,
    kind: kindOf(id),
    title: toText(fields.get('title'), TITLE_LENGTH_MAX),
    excerpt: toText(fields.get('excerpt'), EXCERPT_LENGTH_MAX),
    createdAt,
    editedAt: toTime(fields.get('editedAt')) ?? createdAt,
    pinned: fields.get('pinned') === true,
    trashedAt: toTime(fields.get('trashedAt')),
    tasks: toTasks(fields.get('tasks')),
  }
}

/** As the list has it: pinned ones first, then the latest. */
export const compareCards = (a: Card, b: Card): number =>
  Number(b.pinned) - Number(a.pinned) || b.editedAt - a.editedAt || (a.id < b.id ? -1 : 1)

export const titleOf = ({ title, excerpt, kind }: Pick<Card, 'title' | 'excerpt' | 'kind'>): string =>
  title.trim() || firstWords(excerpt) || (kind === 'board' ? 'New board' : 'New note')

function firstWords(text: string): string {
  const words = text.slice(0, 60)
  return text.length > 60 ? `${words.slice(0, words.lastIndexOf(' '))}…` : words
}

const toText = (value: unknown, lengthMax: number): string =>
  typeof value === 'string' ? value.slice(0, lengthMax) : ''

const toTime = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : undefined

function toTasks(value: unknown): Card['tasks'] {
  if (!Array.isArray(value)) return undefined
  const [done, total] = value
  if (!Number.isSafeInteger(done) || !Number.isSafeInteger(total) || done < 0 || total < done || total === 0)
    return undefined
  return { done, total }
}

const EXCERPT_LENGTH = 160

/** As much as a card shows. */
export const cut = (text: string): string =>
  text.length <= EXCERPT_LENGTH ? text : `${text.slice(0, EXCERPT_LENGTH - 1)}…`
