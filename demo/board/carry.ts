/** Moving cards by the keyboard: Space picks up, arrows move, Space puts down, Escape puts back. */
import type { BoardContext } from './context.ts'
import type { BoardCard, BoardColumn } from './model.ts'

export interface Carrying {
  carried(): string | undefined
  /** A key at a card; says whether it was one of these. */
  key(card: string, key: string): boolean
  /** The card has lost the focus. */
  drop(card: string): void
}

interface Spot {
  columns: BoardColumn[]
  column: number
  at: number
}

export function createCarrying(context: BoardContext): Carrying {
  const { board, announce } = context
  let carried: string | undefined
  let from: { column: string; at: number } | undefined
  let moving = false

  function find(card: string): Spot | undefined {
    const columns = board.columns()
    const column = columns.findIndex(({ cards }) => cards.some(({ id }) => id === card))
    const at = columns[column]?.cards.findIndex(({ id }) => id === card) ?? -1
    return at < 0 ? undefined : { columns, column, at }
  }

  /** Moving it in the page takes its focus away for a moment: that is no dropping. */
  function move(card: string, column: BoardColumn, at: number): void {
    moving = true
    board.move(card, column.id, at)
    context.focusCard(card)
    moving = false
    const { columns = [], column: index = 0, at: place = 0 } = find(card) ?? {}
    const now = columns[index]
    announce(`${now?.title || 'Column'}, place ${place + 1} of ${now?.cards.length ?? 1}`)
  }

  function pickUp(card: string, { columns, column, at }: Spot): void {
    carried = card
    from = { column: columns[column]?.id ?? '', at }
    announce('Picked up. Arrows move, Space puts down, Escape puts back.')
  }

  function step(card: string, key: string, { columns, column, at }: Spot): boolean {
    const own = columns[column]
    const aside = columns[column + (key === 'ArrowRight' ? 1 : -1)]
    if (key === 'ArrowUp' || key === 'ArrowDown') {
      const to = at + (key === 'ArrowUp' ? -1 : 1)
      if (own !== undefined && to >= 0 && to < own.cards.length) move(card, own, to)
      return true
    }
    if (key !== 'ArrowLeft' && key !== 'ArrowRight') return false
    if (aside !== undefined) move(card, aside, Math.min(at, aside.cards.length))
    return true
  }

  /** Without a card in hand arrows move the focus. */
  function look(key: string, { columns, column, at }: Spot): boolean {
    const near = (cards: readonly BoardCard[] | undefined): BoardCard | undefined =>
      cards?.[Math.min(at, cards.length - 1)]
    const next = {
      ArrowUp: () => columns[column]?.cards[at - 1],
      ArrowDown: () => columns[column]?.cards[at + 1],
      ArrowLeft: () => near(columns.slice(0, column).findLast(({ cards }) => cards.length > 0)?.cards),
      ArrowRight: () => near(columns.slice(column + 1).find(({ cards }) => cards.length > 0)?.cards),
    }[key]
    if (next === undefined) return false
    const card = next()
    if (card !== undefined) context.focusCard(card.id)
    return true
  }

  function show(): void {
    for (const element of document.querySelectorAll<HTMLElement>('.card')) {
      element.classList.toggle('carried', carried !== undefined && element.dataset.id === carried)
    }
  }

  return {
    carried: () => carried,
    key(card, key) {
      const spot = find(card)
      if (spot === undefined) return false
      const mine = carried === card
      if (key === ' ') {
        if (mine) {
          carried = undefined
          announce('Put down.')
        } else pickUp(card, spot)
        show()
        return true
      }
      if (mine && key === 'Escape' && from !== undefined) {
        const back = spot.columns.find(({ id }) => id === from?.column)
        if (back !== undefined) move(card, back, from.at)
        carried = undefined
        announce('Put back.')
        show()
        return true
      }
      return mine ? step(card, key, spot) : look(key, spot)
    },
    drop(card) {
      if (carried !== card || moving) return
      carried = undefined
      show()
    },
  }
}
