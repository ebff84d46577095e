/** What the list shows, in order: headings of time and notes, each with its place in pixels. Pure. */
import type { Card } from '../notebook/card.ts'

export type Row =
  | { type: 'heading'; text: string; top: number }
  | { type: 'note'; card: Card; top: number; index: number }

/** As style/list.css has them. */
export const NOTE_PX = 76
export const HEADING_PX = 34

export interface Rows {
  rows: readonly Row[]
  height: number
  notes: number
}

/** Lays out cards, which are sorted; `grouped`: under headings of time. */
export function layOut(cards: readonly Card[], grouped: boolean, now: Date): Rows {
  const rows: Row[] = []
  let top = 0
  let last: string | undefined
  for (const [index, card] of cards.entries()) {
    const group = grouped ? groupOf(card, now) : undefined
    if (group !== undefined && group !== last) {
      rows.push({ type: 'heading', text: group, top })
      top += HEADING_PX
      last = group
    }
    rows.push({ type: 'note', card, top, index })
    top += NOTE_PX
  }
  return { rows, height: top, notes: cards.length }
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
  return date.toLocaleDateString('en', sameYear ? { month: 'long' } : { month: 'long', year: 'numeric' })
}

const midnight = (time: number | Date): number => new Date(time).setHours(0, 0, 0, 0)

/** Whole days of the calendar; a day may have 23 or 25 hours. */
const daysBefore = (time: number, now: Date): number => Math.round((midnight(now) - midnight(time)) / DAY_MS)

/** `14:05`, `Tue`, `3 Oct`: as short as the day allows. */
export function shortTime(time: number, now: Date): string {
  const days = daysBefore(time, now)
  const date = new Date(time)
  if (days <= 0) return date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
  if (days < 7) return date.toLocaleDateString('en-GB', { weekday: 'short' })
  const sameYear = date.getFullYear() === now.getFullYear()
  return date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', ...(sameYear ? {} : { year: '2-digit' }) })
}
