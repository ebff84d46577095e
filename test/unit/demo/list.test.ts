/** The list's layout: what stands where, and which of it can be seen. */
import { describe, expect, test } from 'vitest'
import { HEADING_PX, layOut, NOTE_PX, rowsWithin } from '../../../demo/list/rows.ts'
import type { Card } from '../../../demo/notebook/card.ts'

const NOW = new Date('2026-11-21T12:00:00')
const DAY_MS = 24 * 60 * 60_000

const card = (nth: number, daysAgo: number, pinned = false): Card => ({
  id: `note/${nth}`,
  kind: 'note',
  title: `${nth}`,
  excerpt: '',
  createdAt: 1,
  editedAt: NOW.getTime() - daysAgo * DAY_MS,
  pinned,
})

describe('the rows of the list', () => {
  test('stand under headings of time, one below the other', () => {
    const { rows, height } = layOut(
      [card(0, 40, true), card(1, 0), card(2, 1), card(3, 3), card(4, 12), card(5, 90)],
      true,
      NOW,
    )
    const headings = rows.flatMap((row) => (row.type === 'heading' ? [row.text] : []))
    expect(headings).toEqual(['Pinned', 'Today', 'Yesterday', 'This week', 'This month', 'August'])
    expect(height).toBe(6 * (NOTE_PX + HEADING_PX))
    expect(rows.every(({ top }, at) => at === 0 || top > (rows[at - 1]?.top ?? 0))).toBe(true)
  })

  test('[P7] are in the page only where they can be seen, whatever their number', () => {
    const all = layOut(
      Array.from({ length: 10_000 }, (_, nth) => card(nth, nth / 100)),
      true,
      NOW,
    )
    for (const from of [0, 1, 5_000, 400_000, all.height - 800, all.height]) {
      const visible = rowsWithin(all, from, from + 800)
      expect(visible.length).toBeLessThanOrEqual(14)
      const seen = all.rows.filter(
        ({ top, type }) => top < from + 800 && top + (type === 'note' ? NOTE_PX : HEADING_PX) > from,
      )
      for (const row of seen) expect(visible).toContain(row)
    }
  })
})
