/** What the list shows, in order: headings of time and notes, each with its place in pixels. Pure. */
import type { Card } from '../notebook/card.ts'

export interface NoteRow {
  type: 'note'
  card: Card
  top: number
  index: number
}

export type Row = { type: 'heading'; text: string; top: number } | NoteRow

/** As style/side.css has them. */
export const NOTE_PX = 66
export const HEADING_PX = 34

export interface Rows {
  rows: readonly Row[]
  height: number
  /** The notes among them, in order. */
  notes: readonly NoteRow[]
  /** By the id of the note. */
  byId: ReadonlyMap<string, NoteRow>
}

/** Lays out cards, which are sorted; `grouped`: under headings of time. */
export function layOut(cards: readonly Card[], grouped: boolean, now: Date): Rows {
  const rows: Row[] = []
  const byId = new Map<string, NoteRow>()
  let top = 0
  let last: string | undefined
  for (const [index, card] of cards.entries()) {
    const group = grouped ? groupOf(card, now) : undefined
    if (group !== undefined && group !== last) {
      rows.push({ type: 'heading', text: group, top })
      top += HEADING_PX
      last = group
    }
    const row: NoteRow = { type: 'note', card, top, index }
    rows.push(row)
    byId.set(card.id, row)
    top += NOTE_PX
  }
  return { rows, height: top, notes: [...byId.values()], byId }
}

/** The rows that overlap this window of pixels, found by halving. */
export function rowsWithin({ rows }: Rows, from: number, to: number): readonly Row[] {
  return rows.slice(Math.max(0, firstAfter(rows, from) - 1), firstAfter(rows, to))
}

function firstAfter(rows: readonly Row[], px: number): number {
  let [low, high] = [0, rows.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((rows[middle]?.top ?? 0) <= px) low = middle + 1
    else high = middle
  }
  return low
}

/** Made once: to make one takes longer than to lay out a hundred notes. */
const MONTH = new Intl.DateTimeFormat('en', { month: 'long' })
const MONTH_AND_YEAR = new Intl.DateTimeFormat('en', { month: 'long', year: 'numeric' })
const TIME = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const WEEKDAY = new Intl.DateTimeFormat('en-GB', { weekday: 'short' })
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })
const DAY_AND_YEAR = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: '2-digit' })

const DAY_MS = 24 * 60 * 60_000

function groupOf({ pinned, editedAt }: Card, now: Date): string {
  if (pinned) return 'Pinned'
  const days = daysBefore(editedAt, now)
  if (days <= 0) return 'Today'
  if (days === 1) return 'Yesterday'
  if (days < 7) return 'This week'
  if (days < 30) return 'This month'
  const date = new Date(editedAt)
  const sameYear = date.getFullYear() === now.getFullYear()
  return (sameYear ? MONTH : MONTH_AND_YEAR).format(date)
}

const midnight = (time: number | Date): number => new Date(time).setHours(0, 0, 0, 0)

/** Whole days of the calendar; a day may have 23 or 25 hours. */
const daysBefore = (time: number, now: Date): number => Math.round((midnight(now) - midnight(time)) / DAY_MS)

/** `14:05`, `Tue`, `3 Oct`: as short as the day allows. */
export function shortTime(time: number, now: Date): string {
  const days = daysBefore(time, now)
  const date = new Date(time)
  if (days <= 0) return TIME.format(date)
  if (days < 7) return WEEKDAY.format(date)
  const sameYear = date.getFullYear() === now.getFullYear()
  return (sameYear ? DAY : DAY_AND_YEAR).format(date)
}
