/** One card: read until somebody edits it, dragged by mouse and finger, carried by the keyboard. */
import { afterPause, make } from '../parts/dom.ts'
import { type MenuItem, openMenu } from '../parts/menu.ts'
import { toast } from '../parts/toast.ts'
import type { Carrying } from './carry.ts'
import type { BoardContext } from './context.ts'
import type { Dragging } from './drag.ts'
import type { BoardCard } from './model.ts'

export interface CardElement {
  readonly element: HTMLLIElement
  show(card: BoardCard): void
}

const WRITTEN_AFTER_MS = 300

export function createCardElement(
  id: string,
  context: BoardContext,
  carrying: Carrying,
  dragging: Dragging,
): CardElement {
  const { board, presence } = context
  const text = make('span', { class: 'card-text', dir: 'auto' })
  const element = make(
    'li',
    {
      class: 'card',
      tabindex: '0',
      'data-id': id,
      'data-testid': 'card',
      'aria-roledescription': 'card; Enter edits, Space picks up, arrows move',
    },
    text,
  )
  let editor: HTMLTextAreaElement | undefined

  function edit(): void {
    if (editor !== undefined) return
    const field = make('textarea', {
      class: 'card-edit',
      rows: '1',
      maxlength: '2000',
      'aria-label': 'Text of the card',
    })
    editor = field
    field.value = text.textContent ?? ''
    const before = field.value
    const write = afterPause(WRITTEN_AFTER_MS, () => board.setText(id, field.value))
    const end = (): void => {
      write.now()
      editor = undefined
      field.remove()
      element.classList.remove('editing')
      if (text.textContent === '') board.removeCard(id)
    }
    field.addEventListener('input', () => {
      text.textContent = field.value
      write.later()
    })
    field.addEventListener('blur', end)
    field.addEventListener('keydown', (event) => {
      event.stopPropagation()
      if (event.key === 'Escape') {
        field.value = before
        text.textContent = before
        write.later()
      }
      if (event.key === 'Escape' || (event.key === 'Enter' && !event.shiftKey && !event.isComposing)) {
        event.preventDefault()
        element.focus()
      }
    })
    element.classList.add('editing')
    element.append(field)
    field.focus()
    field.select()
  }

  function remove(): void {
    board.removeCard(id)
    toast({ key: 'card', text: 'Card removed', action: { label: 'Undo', act: () => board.undo.undo() } })
  }

  function showMenu(): void {
    const columns = board.columns()
    const own = columns.find(({ cards }) => cards.some((card) => card.id === id))
    const moves: MenuItem[] = columns
      .filter((column) => column !== own)
      .map((column) => ({
        label: `Move to ${column.title || 'column'}`,
        icon: 'board',
        act: () => board.move(id, column.id, column.cards.length),
      }))
    openMenu(element, 'Card', [
      { label: 'Edit', icon: 'pen', act: edit },
      ...moves,
      { label: 'Remove', icon: 'bin', danger: true, act: remove },
    ])
  }

  element.addEventListener('click', () => {
    if (!dragging.justEnded()) edit()
  })
  element.addEventListener('contextmenu', (event) => {
    event.preventDefault()
    if (!dragging.active()) showMenu()
  })
  element.addEventListener('focusin', () => presence.at(id))
  element.addEventListener('focusout', ({ relatedTarget }) => {
    if (relatedTarget instanceof Node && element.contains(relatedTarget)) return
    carrying.drop(id)
    presence.at(undefined)
  })
  element.addEventListener('keydown', (event) => {
    if (event.target !== element || event.ctrlKey || event.metaKey || event.altKey) return
    if (carrying.key(id, event.key)) event.preventDefault()
    else if (event.key === 'Enter') {
      event.preventDefault()
      edit()
    } else if (event.key === 'Delete' || event.key === 'Backspace') remove()
    else if (event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey)) showMenu()
  })
  dragging.listen(element, id)
  return {
    element,
    show(card) {
      if (editor === undefined && text.textContent !== card.text) text.textContent = card.text
      element.classList.toggle('carried', carrying.carried() === id)
    },
  }
}
