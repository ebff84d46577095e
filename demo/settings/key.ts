/** The key to this notebook, where its relay asks for one: to put in, to see whether it opens, to forget. */
import type { Workspace } from '../../client/index.ts'
import { keepKey, ownKey } from '../access.ts'
import { make, makeButton } from '../parts/dom.ts'
import { asksForKey } from '../trust/words.ts'

/** Shown where a key is there, or wanted. */
export function makeKey(workspace: Workspace): HTMLElement {
  const { error, role } = workspace.status.get()
  const wanted = asksForKey(error)
  const section = make('section', { 'data-testid': 'key-section' })
  section.hidden = ownKey() === '' && !wanted
  const field = make('input', {
    id: 'own-key',
    type: 'password',
    autocomplete: 'off',
    spellcheck: 'false',
    'data-testid': 'key',
    placeholder: 'Paste the key you were given',
  })
  const use = (key: string): void => {
    if (keepKey(key)) location.reload()
    else note.textContent = 'This browser keeps nothing for this page, so it cannot keep a key.'
  }
  const form = make(
    'form',
    { class: 'line' },
    field,
    make('button', { type: 'submit', 'data-testid': 'use-key' }, 'Use it'),
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const key = field.value.trim()
    if (key !== '') use(key)
  })
  const note = make('p', { class: 'soft' }, wordsOfKey(wanted, role))
  section.append(make('label', { for: 'own-key', class: 'label' }, 'Key to this notebook'), form, note)
  if (ownKey() !== '') section.append(makeButton({ label: 'Forget the key', class: 'quiet', act: () => use('') }))
  return section
}

function wordsOfKey(wanted: boolean, role: string | undefined): string {
  if (wanted) return 'The relay does not let this browser in with the key it has. Notes that are here stay here.'
  if (role === 'read' || role === 'comment') return 'This key opens the notebook for reading.'
  return 'This browser has a key. It is kept here only, and is in no link that you share.'
}
