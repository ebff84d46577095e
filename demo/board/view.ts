/** A board in the page: columns and cards, drawn anew where they changed, so that focus and what is being typed stay. */
import type { DocumentHandle } from '../../client/index.ts'
import type { Surface } from '../note/surface.ts'
import { find, make, makeButton } from '../parts/dom.ts'
import { type CardElement, createCardElement } from './card.ts'
import { createCarrying } from './carry.ts'
import { type ColumnElement, createColumnElement } from './column.ts'
import { describeBoard } from './describe.ts'
import { createDragging } from './drag.ts'
import { type BoardColumn, openBoard } from './model.ts'
import { createPresence } from './presence.ts'

const FIRST_COLUMNS = ['To do', 'Doing', 'Done']

/** A board of `handle`, which must be loaded. */
export function openBoardView(handle: DocumentHandle, parent: HTMLElement, tools: HTMLElement): Surface {
  const board = openBoard(handle.doc)
  const columns = new Map<string, ColumnElement>()
  const cards = new Map<string, CardElement>()
  const start = make('div', { class: 'board-start' }, make('p', {}, 'An empty board.'))
  const addColumn = makeButton({
    label: 'Add column',
    icon: 'plus',
    text: 'Add column',
    class: 'add-column',
    testid: 'add-column',
    act: () => newColumn(''),
  })
  const root = make('div', { class: 'board', 'data-testid': 'board' }, addColumn)
  const presence = createPresence(handle.awareness, (card) => cards.get(card)?.element)
  const announce = (text: string): void => {
    find('announcement', HTMLElement).textContent = text
  }
  const context = { board, announce, focusCard, presence }
  const carrying = createCarrying(context)
  const dragging = createDragging(root, context)

  function newColumn(title: string): void {
    const id = board.addColumn(title)
    columns.get(id)?.title.focus()
  }

  start.append(
    makeButton({
      label: `Start with ${FIRST_COLUMNS.join(', ')}`,
      class: 'wide',
      testid: 'start-board',
      act() {
        for (const title of FIRST_COLUMNS) board.addColumn(title)
      },
    }),
  )

  function draw(): void {
    const now = board.columns()
    start.hidden = now.length > 0
    arrange(
      root,
      now.map((column) => drawColumn(column).element),
      addColumn,
    )
    forget(columns, new Set(now.map(({ id }) => id)))
    forget(cards, new Set(now.flatMap(({ cards: those }) => those.map(({ id }) => id))))
    presence.draw()
    showTools()
  }

  function drawColumn(column: BoardColumn): ColumnElement {
    const drawn = columns.get(column.id) ?? createColumnElement(column.id, context)
    columns.set(column.id, drawn)
    drawn.show(column)
    arrange(
      drawn.list,
      column.cards.map((card) => {
        const element = cards.get(card.id) ?? createCardElement(card.id, context, carrying, dragging)
        cards.set(card.id, element)
        element.show(card)
        return element.element
      }),
    )
    return drawn
  }

  function focusCard(id: string): void {
    cards.get(id)?.element.focus()
  }

  const undo = makeButton({ label: 'Undo', icon: 'undo', class: 'tool', act: () => void board.undo.undo() })
  const redo = makeButton({ label: 'Redo', icon: 'redo', class: 'tool', act: () => void board.undo.redo() })
  const bar = make('div', { class: 'toolbar', role: 'toolbar', 'aria-label': 'History' }, undo, redo)
  tools.append(bar)
  function showTools(): void {
    undo.ariaDisabled = String(!board.undo.canUndo())
    redo.ariaDisabled = String(!board.undo.canRedo())
  }
  root.addEventListener('keydown', (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.target instanceof HTMLTextAreaElement) return
    const key = event.key.toLowerCase()
    if (key === 'z' && !event.shiftKey) board.undo.undo()
    else if (key === 'y' || key === 'z') board.undo.redo()
    else return
    event.preventDefault()
  })

  parent.append(start, root)
  const unobserve = board.observe(draw)
  board.undo.on('stack-item-added', showTools)
  board.undo.on('stack-item-popped', showTools)
  draw()
  return {
    focus: () => cards.values().next().value?.element.focus(),
    begin: () => cards.values().next().value?.element.focus(),
    describe: () => describeBoard(handle.doc),
    freeze() {
      root.inert = true
      bar.remove()
    },
    close() {
      unobserve()
      dragging.close()
      presence.close()
      board.close()
      bar.remove()
    },
  }
}

/** Puts children in this order, moving only those that stand elsewhere; what is not named stays at the end. */
function arrange(parent: HTMLElement, children: readonly HTMLElement[], last: HTMLElement | null = null): void {
  for (const [index, child] of children.entries()) {
    const there = parent.children[index]
    if (there !== child) parent.insertBefore(child, there ?? last)
  }
}

function forget(drawn: Map<string, { element: HTMLElement }>, kept: ReadonlySet<string>): void {
  for (const [id, { element }] of drawn) {
    if (kept.has(id)) continue
    element.remove()
    drawn.delete(id)
  }
}
