/** A sheet beside the notes on a wide window, above them on a narrow one. The browser keeps the focus in it. */
import { make, makeButton } from './dom.ts'

export interface Sheet {
  readonly body: HTMLElement
  readonly open: boolean
  show(): void
  close(): void
}

export interface SheetOptions {
  title: string
  testid: string
  class?: string
  /** Called each time it opens; what it returns is called when it closes. */
  opened?(body: HTMLElement): (() => void) | undefined
}

export function makeSheet({ title, testid, class: className = '', opened }: SheetOptions): Sheet {
  const body = make('div', { class: 'sheet-body' })
  const heading = make('h2', { id: `${testid}-title` }, title)
  const close = makeButton({ label: 'Close', icon: 'close', class: 'quiet', act: () => dialog.close() })
  const dialog = make(
    'dialog',
    { class: `sheet ${className}`, 'aria-labelledby': `${testid}-title`, 'data-testid': testid },
    make('header', { class: 'sheet-head' }, heading, close),
    body,
  )
  let ended: (() => void) | undefined
  dialog.addEventListener('close', () => {
    ended?.()
    ended = undefined
    body.replaceChildren()
    dialog.remove()
  })
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close()
  })
  return {
    body,
    get open() {
      return dialog.open
    },
    show() {
      if (dialog.open) return
      document.body.append(dialog)
      ended = opened?.(body)
      dialog.showModal()
    },
    close: () => dialog.close(),
  }
}
