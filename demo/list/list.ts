/**
 * The list of notes: only the rows that can be seen are in the page, so that a thousand notes scroll as ten do. Arrows
 * move among them, Enter opens, Delete puts into the bin.
 */
import type { Kept } from '../../client/index.ts'
import type { Card } from '../notebook/card.ts'
import { find, make } from '../parts/dom.ts'
import type { Person } from '../people/person.ts'
import { makeRow, updateRow } from './row.ts'
import { layOut, NOTE_PX, type Row, type Rows, rowsWithin } from './rows.ts'
import type { Match } from './search.ts'

export interface NoteList {
  /** Shows these notes; without `matches` under headings of time, else with what was found in each. `empty` is said where there are none. */
  show(cards: readonly Card[], empty: Node, matches?: ReadonlyMap<string, Match>): void
  /** Marks the note that is open. */
  select(id: string | undefined): void
  /** Puts the keyboard's focus on it, or on the first one. */
  focus(): void
}

export interface NoteListOptions {
  /** Who is in a note. */
  peopleIn(id: string): readonly Person[]
  /** Where a note is, if that is worth a word. */
  keptOf(id: string): Kept | undefined
  menu(card: Card, anchor: HTMLElement): void
  trash(card: Card): void
}

/** Rows beyond the window, so that a fast finger finds them there. */
const OVERSCAN_PX = 400

export function createNoteList(options: NoteListOptions): NoteList & { refresh(): void } {
  const scroller = find('list', HTMLElement)
  const list = make('ul', { class: 'rows' })
  const elements = new Map<string, HTMLLIElement>()
  let rows: Rows = { rows: [], height: 0, notes: [], byId: new Map() }
  let matched: ReadonlyMap<string, Match> | undefined
  let shown = false
  let selected: string | undefined
  /** The row that Tab reaches. */
  let current: string | undefined
  scroller.append(list)

  function draw(): void {
    const { scrollTop, clientHeight } = scroller
    const wanted = new Set<string>()
    const now = new Date()
    const visible = rowsWithin(rows, scrollTop - OVERSCAN_PX, scrollTop + clientHeight + OVERSCAN_PX)
    const focused = rows.byId.get(focusedId() ?? '')
    const tab = reached()
    let before: Element | null = null
    for (const row of focused === undefined || visible.includes(focused) ? visible : [...visible, focused]) {
      const key = keyOf(row)
      wanted.add(key)
      const element = elements.get(key) ?? makeElement(row)
      elements.set(key, element)
      fill(element, row, now, tab)
      // In the order in which they are read; the place on the screen is a matter of style.
      const next: Element | null = before === null ? list.firstElementChild : before.nextElementSibling
      if (next !== element) list.insertBefore(element, next)
      before = element
    }
    for (const [key, element] of elements) {
      if (wanted.has(key)) continue
      element.remove()
      elements.delete(key)
    }
  }

  function makeElement(row: Row): HTMLLIElement {
    if (row.type === 'heading') return make('li', { class: 'group' }, make('span', {}, row.text))
    return makeRow(row.card, (anchor) => {
      const card = cardOf(row.card.id)
      if (card !== undefined) options.menu(card, anchor)
    })
  }

  function fill(element: HTMLLIElement, row: Row, now: Date, tab: string | undefined): void {
    element.style.transform = `translateY(${row.top}px)`
    if (row.type === 'heading') return
    const { card, index } = row
    const state = {
      selected: card.id === selected,
      reached: card.id === tab,
      match: matched?.get(card.id),
      people: options.peopleIn(card.id),
      kept: options.keptOf(card.id),
      now,
    }
    element.ariaSetSize = String(rows.notes.length)
    element.ariaPosInSet = String(index + 1)
    updateRow(element, card, state)
  }

  /** One row is reached by Tab: the one last used, else the one that is open, else the first. */
  function reached(): string | undefined {
    if (current !== undefined && cardOf(current) !== undefined) return current
    if (selected !== undefined && cardOf(selected) !== undefined) return selected
    return rows.notes[0]?.card.id
  }

  const cardOf = (id: string): Card | undefined => rows.byId.get(id)?.card

  function focusOn(id: string): void {
    const row = rows.byId.get(id)
    if (row === undefined) return
    current = id
    const { scrollTop, clientHeight } = scroller
    if (row.top < scrollTop) scroller.scrollTop = row.top - NOTE_PX
    if (row.top + NOTE_PX > scrollTop + clientHeight) scroller.scrollTop = row.top + 2 * NOTE_PX - clientHeight
    draw()
    elements.get(id)?.querySelector<HTMLElement>('a')?.focus({ preventScroll: true })
  }

  function focusedId(): string | undefined {
    const { activeElement } = document
    return activeElement instanceof HTMLElement && list.contains(activeElement)
      ? activeElement.closest('li')?.dataset.id
      : undefined
  }

  scroller.addEventListener('scroll', draw, { passive: true })
  new ResizeObserver(draw).observe(scroller)
  list.addEventListener('focusin', () => {
    current = focusedId() ?? current
  })
  list.addEventListener('keydown', (event) => {
    const { notes: all, byId } = rows
    const row = byId.get(focusedId() ?? '')
    const [at, card] = [row?.index ?? 0, row?.card]
    if (card === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key]
    const next = to === undefined ? undefined : all[Math.max(0, to)]
    if (next !== undefined) {
      event.preventDefault()
      focusOn(next.card.id)
    } else if (event.key === 'Delete' || event.key === 'Backspace') {
      event.preventDefault()
      const neighbour = all[at + 1] ?? all[at - 1]
      options.trash(card)
      if (neighbour !== undefined) focusOn(neighbour.card.id)
    }
  })

  return {
    show(cards, empty, matches) {
      matched = matches
      rows = layOut(cards, matches === undefined, new Date())
      list.style.height = `${rows.height}px`
      for (const other of [...scroller.children]) if (other !== list) other.remove()
      if (cards.length === 0) scroller.append(empty)
      draw()
      if (cards.length > 0 && !shown) performance.mark('list shown')
      shown ||= cards.length > 0
    },
    select(id) {
      selected = id
      current = id ?? current
      draw()
    },
    focus() {
      const id = reached()
      if (id !== undefined) focusOn(id)
    },
    refresh: draw,
  }
}

const keyOf = (row: Row): string => (row.type === 'heading' ? `heading ${row.text}` : row.card.id)
