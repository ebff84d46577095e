/** The title of a note, which lies in the index. */

import { kindOf } from '../notebook/ids.ts'
import type { Notebook } from '../notebook/notebook.ts'
import { afterPause, make } from '../parts/dom.ts'

const WRITTEN_AFTER_MS = 300

export interface Title {
  readonly element: HTMLTextAreaElement
  close(): void
}

export function createTitle(id: string, notebook: Notebook, leave: () => void, readOnly: () => boolean): Title {
  const element = make('textarea', {
    class: 'title',
    rows: '1',
    dir: 'auto',
    maxlength: '300',
    placeholder: kindOf(id) === 'board' ? 'New board' : 'New note',
    'aria-label': 'Title',
    'data-testid': 'title',
    enterkeyhint: 'next',
    spellcheck: 'true',
  })
  element.readOnly = readOnly()
  const write = afterPause(WRITTEN_AFTER_MS, () => notebook.rename(id, element.value.replaceAll('\n', ' ')))
  let typing = false

  const end = notebook.cards.subscribe(() => {
    const { title = '' } = notebook.get(id) ?? {}
    element.readOnly = readOnly()
    // What is being typed is newer than what is stored.
    if (!typing && element.value !== title) element.value = title
  })
  element.addEventListener('input', () => {
    typing = true
    write.later()
  })
  element.addEventListener('blur', () => {
    write.now()
    typing = false
  })
  element.addEventListener('keydown', (event) => {
    const atEnd = element.selectionStart === element.value.length
    if (event.isComposing || (event.key !== 'Enter' && !(event.key === 'ArrowDown' && atEnd))) return
    event.preventDefault()
    leave()
  })
  return {
    element,
    close() {
      write.now()
      end()
    },
  }
}
