/** The side of the page: what can be begun, the search, the list, and oneself. */
import type { Workspace } from '../../client/index.ts'
import { type Card, titleOf } from '../notebook/card.ts'
import type { NoteKind } from '../notebook/ids.ts'
import type { Notebook } from '../notebook/notebook.ts'
import { countAway } from '../notebook/whole.ts'
import { count, find, make, makeButton } from '../parts/dom.ts'
import { openMenu } from '../parts/menu.ts'
import { toast } from '../parts/toast.ts'
import { makeAvatar, paintAvatar } from '../people/avatar.ts'
import type { Lobby } from '../people/lobby.ts'
import type { OwnPerson } from '../people/person.ts'
import { createIndicator } from '../trust/indicator.ts'
import { createNoteList } from './list.ts'
import { renameInPlace } from './rename.ts'
import type { Search } from './search.ts'

export interface SideOptions {
  workspace: Workspace
  notebook: Notebook
  self: OwnPerson
  lobby: Lobby
  create(kind: NoteKind, title?: string): void
  menu(card: Card, anchor: HTMLElement): void
  trash(card: Card): void
  trust(): void
  settings(): void
}

export interface Side {
  select(id: string | undefined): void
  focus(): void
  search(): void
  rename(id: string): void
}

export function createSide(options: SideOptions): Side {
  const { workspace, notebook, self, lobby, create } = options
  const field = find('search', HTMLInputElement)
  let search: Search | undefined
  const list = createNoteList({
    peopleIn: lobby.peopleIn,
    keptOf: (id) => workspace.kept.get().get(id),
    menu: options.menu,
    trash: options.trash,
  })

  const more = makeButton({
    label: 'New board or note',
    icon: 'plus',
    class: 'primary round',
    testid: 'new',
    act: () =>
      openMenu(more, 'New', [
        { label: 'Note', icon: 'note', act: () => create('note') },
        { label: 'Board', icon: 'board', act: () => create('board') },
      ]),
  })
  find('side-actions', HTMLElement).append(more)

  function show(): void {
    const cards = notebook.cards.get()
    const query = field.value.trim()
    if (query === '') {
      search?.find('', [], () => {})
      list.show(cards, makeEmpty())
    } else if (search === undefined) loadSearch()
    else search.find(query, cards, (found, matches) => list.show(found, makeNotFound(query), matches))
  }

  function loadSearch(): void {
    import('./search.ts')
      .then(({ createSearch }) => {
        search ??= createSearch(workspace)
        show()
      })
      .catch((error: unknown) => toast({ key: 'search', text: `The search does not load: ${String(error)}` }))
  }

  /** A notebook with nothing in it, as far as is known: others may have filled it, and that takes a moment to hear. */
  function makeEmpty(): Node {
    const { connection } = workspace.status.get()
    if (connection === 'connecting' || connection === 'syncing')
      return make('p', { class: 'none' }, 'Looking for notes…')
    const fill = makeButton({
      label: 'Fill it with samples',
      class: 'wide',
      testid: 'fill',
      act() {
        fill.disabled = true
        import('../seed/notebook.ts')
          .then(({ fillNotebook }) => fillNotebook(workspace, notebook))
          .catch((error: unknown) => toast({ key: 'fill', text: `The samples could not be written: ${String(error)}` }))
      },
    })
    return make('div', { class: 'none' }, make('p', {}, 'No notes yet. Begin one with the plus above.'), fill)
  }

  function makeNotFound(query: string): Node {
    const away = countAway(workspace)
    return make(
      'div',
      { class: 'none' },
      make('p', {}, `Nothing says “${query}”.`),
      ...(away === 0
        ? []
        : [make('p', {}, `Of ${count(away, 'note')} at the relay only, titles and first lines were searched.`)]),
      makeButton({
        label: 'Begin a note with it',
        class: 'wide',
        act() {
          field.value = ''
          show()
          create('note', query)
        },
      }),
    )
  }

  field.addEventListener('input', show)
  field.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && field.value !== '') {
      event.preventDefault()
      field.value = ''
      show()
    }
    if (event.key === 'ArrowDown' || event.key === 'Enter') {
      event.preventDefault()
      list.focus()
    }
  })

  const avatar = makeAvatar(self.get())
  const me = make(
    'button',
    { type: 'button', class: 'me', 'data-testid': 'settings-button', title: 'You and this notebook' },
    avatar,
  )
  self.subscribe((person) => {
    paintAvatar(avatar, person)
    me.ariaLabel = `${person.name}: you and this notebook`
  })
  me.addEventListener('click', options.settings)
  find('side-foot', HTMLElement).append(
    createIndicator({ workspace, relays: 1, act: options.trust }).element,
    make('span', { class: 'spacer' }),
    me,
  )

  notebook.cards.subscribe(show)
  let last = workspace.status.get().connection
  workspace.status.subscribe(({ connection }) => {
    if (connection !== last && notebook.cards.get().length === 0) show()
    last = connection
  })
  lobby.observe(list.refresh)
  workspace.kept.subscribe(list.refresh)
  return {
    select: list.select,
    focus: list.focus,
    search() {
      field.focus()
      field.select()
    },
    rename(id) {
      const card = notebook.get(id)
      const row = document.querySelector<HTMLElement>(`.row[data-id="${CSS.escape(id)}"]`)
      if (card !== undefined && row !== null) renameInPlace(row, titleOf(card), (title) => notebook.rename(id, title))
    },
  }
}
