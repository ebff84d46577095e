/** Renaming a note where it stands in the list. */
import { make } from '../parts/dom.ts'

export function renameInPlace(row: HTMLElement, title: string, rename: (title: string) => void): void {
  const field = make('input', {
    class: 'rename',
    'aria-label': 'Title',
    maxlength: '300',
    'data-testid': 'rename',
    value: title,
  })
  let wanted = true
  field.addEventListener('keydown', (event) => {
    event.stopPropagation()
    if (event.key === 'Escape') wanted = false
    if (event.key === 'Enter' || event.key === 'Escape') row.querySelector('a')?.focus()
  })
  field.addEventListener('blur', () => {
    const next = field.value.trim()
    field.remove()
    if (wanted && next !== '' && next !== title) rename(next)
  })
  row.append(field)
  field.focus()
  field.select()
}
