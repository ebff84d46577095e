/** One note in the list. */
import type { Kept } from '../../client/index.ts'
import { noteLink } from '../address.ts'
import { type Card, titleOf } from '../notebook/card.ts'
import { make, makeButton } from '../parts/dom.ts'
import { makeIcon } from '../parts/icons.ts'
import { makeAvatar } from '../people/avatar.ts'
import type { Person } from '../people/person.ts'
import { shortTime } from './rows.ts'
import type { Match } from './search.ts'

export interface RowState {
  selected: boolean
  /** Tab reaches it. */
  reached: boolean
  people: readonly Person[]
  /** Where it is, if it is not on this device as any other. */
  kept: Kept | undefined
  /** What was looked for, where it stands in the note. */
  match: Match | undefined
  now: Date
}

const FACES_MAX = 3
/** What a row was last drawn from: most draws change nothing. */
const drawn = new WeakMap<HTMLLIElement, string>()

export function makeRow(card: Card, menu: (anchor: HTMLElement) => void): HTMLLIElement {
  const link = make('a', { href: noteLink(card.id), class: 'row-link' })
  const more = makeButton({ label: 'More', icon: 'more', class: 'quiet more', act: () => menu(more) })
  const row = make('li', { class: 'row', 'data-id': card.id, 'data-testid': 'row' }, link, more)
  row.addEventListener('contextmenu', (event) => {
    event.preventDefault()
    menu(more)
  })
  return row
}

export function updateRow(row: HTMLLIElement, card: Card, state: RowState): void {
  const { selected, reached, people, kept, match, now } = state
  const title = titleOf(card)
  const time = shortTime(card.editedAt, now)
  const seen = JSON.stringify([
    title,
    card.excerpt,
    card.tasks,
    card.pinned,
    time,
    selected,
    reached,
    people,
    kept,
    match,
  ])
  if (drawn.get(row) === seen) return
  drawn.set(row, seen)
  const [link, more] = [row.querySelector('a'), row.querySelector('button')]
  if (link === null || more === null) return
  link.tabIndex = reached ? 0 : -1
  more.tabIndex = reached ? 0 : -1
  more.ariaLabel = `More for ${title}`
  if (selected) link.setAttribute('aria-current', 'page')
  else link.removeAttribute('aria-current')
  const head = make('span', { class: 'row-head' }, make('span', { class: 'row-title', dir: 'auto' }, title))
  if (card.kind === 'board') head.prepend(makeIcon('board'))
  if (kept !== undefined) head.append(makePlace(kept))
  const faces = make('span', { class: 'faces' }, ...people.slice(0, FACES_MAX).map(makeAvatar))
  if (people.length > 0) {
    faces.append(make('span', { class: 'unseen' }, `, here now: ${people.map(({ name }) => name).join(', ')}`))
    head.append(faces)
  }
  const detail = make(
    'span',
    { class: 'row-detail' },
    make('time', {}, time),
    match === undefined
      ? make('span', { class: 'excerpt', dir: 'auto' }, card.excerpt || 'Nothing in it yet')
      : make('span', { class: 'excerpt', dir: 'auto' }, match.before, make('mark', {}, match.found), match.after),
  )
  const parts = [head, detail]
  if (card.tasks !== undefined && match === undefined) detail.insertBefore(makeTasks(card.tasks), detail.lastChild)
  link.replaceChildren(...parts)
}

/** Quiet: where it is says little of what is in it. */
function makePlace({ at }: Kept): HTMLElement {
  const [icon, words] =
    at === 'device' ? (['device', 'kept on this device'] as const) : (['cloud', 'at the relay only'] as const)
  return make(
    'span',
    { class: 'place-of', title: words, 'data-at': at },
    makeIcon(icon),
    make('span', { class: 'unseen' }, `, ${words}`),
  )
}

function makeTasks({ done, total }: { done: number; total: number }): HTMLElement {
  const tasks = make('span', { class: 'tasks' }, makeIcon('check'), `${done}/${total}`)
  tasks.classList.toggle('all', done === total)
  tasks.append(make('span', { class: 'unseen' }, ' done'))
  return tasks
}
