/** One column: its title, its cards, and the field for new ones. */
import { afterPause, make, makeButton } from '../parts/dom.ts'
import { openMenu } from '../parts/menu.ts'
import { toast } from '../parts/toast.ts'
import type { BoardContext } from './context.ts'
import type { BoardColumn } from './model.ts'

export interface ColumnElement {
  readonly element: HTMLElement
  readonly list: HTMLUListElement
  readonly title: HTMLInputElement
  show(column: BoardColumn): void
}

const WRITTEN_AFTER_MS = 300

export function createColumnElement(id: string, { board }: BoardContext): ColumnElement {
  const title = make('input', {
    class: 'column-title',
    'aria-label': 'Title of the column',
    placeholder: 'Column',
    maxlength: '100',
  })
  const number = make('span', { class: 'column-count', 'aria-hidden': 'true' })
  const more = makeButton({ label: 'More', icon: 'more', class: 'quiet', act: showMenu })
  const list = make('ul', { class: 'cards', 'data-column': id })
  const field = make('textarea', {
    class: 'card-edit',
    rows: '2',
    placeholder: 'What is to be done?',
    'aria-label': 'Text of the new card',
  })
  const add = makeButton({
    label: 'Add card',
    icon: 'plus',
    text: 'Add card',
    class: 'add-card',
    testid: 'add-card',
    act: compose,
  })
  field.hidden = true
  const element = make(
    'section',
    { class: 'column', 'data-id': id, 'data-testid': 'column' },
    make('header', {}, title, number, more),
    list,
    field,
    add,
  )
  const write = afterPause(WRITTEN_AFTER_MS, () => board.renameColumn(id, title.value))

  function compose(): void {
    field.hidden = false
    add.hidden = true
    field.focus()
  }

  /** Says whether there was something to add. */
  function take(): boolean {
    const text = field.value.trim()
    field.value = ''
    if (text !== '') board.addCard(id, text)
    return text !== ''
  }

  function showMenu(): void {
    openMenu(more, 'Column', [
      { label: 'Rename', icon: 'pen', act: () => title.select() },
      {
        label: 'Remove with its cards',
        icon: 'bin',
        danger: true,
        act() {
          board.removeColumn(id)
          toast({ key: 'column', text: 'Column removed', action: { label: 'Undo', act: () => board.undo.undo() } })
        },
      },
    ])
  }

  title.addEventListener('input', write.later)
  title.addEventListener('blur', write.now)
  title.addEventListener('keydown', ({ key }) => {
    if (key === 'Enter') title.blur()
  })
  field.addEventListener('keydown', (event) => {
    event.stopPropagation()
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault()
      take()
      field.scrollIntoView({ block: 'nearest' })
    }
    if (event.key === 'Escape') {
      field.value = ''
      field.blur()
      add.focus()
    }
  })
  field.addEventListener('blur', () => {
    take()
    field.hidden = true
    add.hidden = false
  })
  return {
    element,
    list,
    title,
    show(column) {
      if (document.activeElement !== title && title.value !== column.title) title.value = column.title
      element.ariaLabel = `Column ${column.title}`
      number.textContent = String(column.cards.length)
    },
  }
}
