/** The open note: its title, who is there, how safe it is, and the surface it is edited with. */
import type { DocumentHandle, Workspace } from '../../client/index.ts'
import { titleOf } from '../notebook/card.ts'
import { kindOf } from '../notebook/ids.ts'
import type { Notebook } from '../notebook/notebook.ts'
import { afterPause, find, make, makeButton } from '../parts/dom.ts'
import { makeAvatar } from '../people/avatar.ts'
import { peopleIn } from '../people/awareness.ts'
import type { OwnPerson } from '../people/person.ts'
import { loadBoard, loadEditor } from '../preload.ts'
import { createIndicator } from '../trust/indicator.ts'
import { mayOnlyRead } from '../trust/words.ts'
import { untilHere } from './absent.ts'
import type { Surface } from './surface.ts'
import { createTitle } from './title.ts'

export interface PaneOptions {
  workspace: Workspace
  relays: readonly string[]
  notebook: Notebook
  self: OwnPerson
  back(): void
  trust(): void
  share(id: string): void
  menu(id: string, anchor: HTMLElement): void
  failed(id: string, error: unknown): void
}

export interface OpenNote {
  readonly id: string
  readonly handle: DocumentHandle
  focus(): void
  close(): void
}

/** After this pause the card in the list is written anew. */
const DESCRIBED_AFTER_MS = 1_200
const FACES_MAX = 5

/** Opens a note in the page. Raises `invalid-id`. */
export function openNote(id: string, focus: 'title' | 'text' | 'none', options: PaneOptions): OpenNote {
  const { workspace, notebook, self } = options
  const handle = workspace.open(id)
  const kind = kindOf(id)
  const indicator = createIndicator({ workspace, note: handle, relays: options.relays.length, act: options.trust })
  const people = make('ul', { class: 'people', 'aria-label': 'People in this note', 'data-testid': 'people' })
  const more = makeButton({
    label: 'More',
    icon: 'more',
    class: 'quiet',
    testid: 'note-menu',
    act: () => options.menu(id, more),
  })
  const bar = make(
    'header',
    { class: 'bar' },
    makeButton({ label: 'All notes', icon: 'back', class: 'quiet back', testid: 'back', act: options.back }),
    indicator.element,
    make('span', { class: 'spacer' }),
    people,
    makeButton({ label: 'Share', icon: 'share', class: 'quiet', testid: 'share', act: () => options.share(id) }),
    more,
  )
  const begins = (): void => {
    if (surface === undefined) wish = 'text'
    else surface.begin()
  }
  const title = createTitle(id, notebook, begins, () => mayOnlyRead(workspace.status.get()))
  const body = make('div', { class: `body of-${kind}` })
  const paper = make('article', { class: `paper of-${kind}`, tabindex: '-1' }, title.element, body)
  const tools = make('div', { class: 'tool-place' })
  find('main', HTMLElement).replaceChildren(bar, paper, tools)
  let surface: Surface | undefined
  let wish = focus
  let closed = false
  const leaving = new AbortController()

  const described = afterPause(DESCRIBED_AFTER_MS, () => {
    if (surface !== undefined) notebook.describe(id, surface.describe())
  })
  /** The one who edits writes the card, and nobody else. */
  const edited = (_update: unknown, _origin: unknown, _doc: unknown, transaction: { local: boolean }): void => {
    if (transaction.local) described.later()
  }

  async function begin(): Promise<void> {
    const open = kind === 'board' ? loadBoard() : loadEditor()
    const [module] = await Promise.all([open, handle.whenLoaded])
    if (closed) return
    await untilHere(handle, body, leaving.signal)
    if (closed) return
    surface =
      'openBoardView' in module ? module.openBoardView(handle, body, tools) : module.openEditor(handle, body, tools)
    handle.doc.on('update', edited)
    if (wish === 'text') surface.begin()
    ends.push(
      handle.status.subscribe(({ error }) => {
        if (error !== undefined) surface?.freeze()
      }),
      // Whoever may only read is not let write what the relay would refuse.
      workspace.status.subscribe((status) => {
        if (mayOnlyRead(status)) surface?.freeze()
      }),
    )
  }

  function showPeople(): void {
    const all = peopleIn(handle.awareness)
    const own = self.get()
    const others = all.filter(({ name, color }) => name !== own.name || color !== own.color)
    const faces = others
      .slice(0, FACES_MAX)
      .map((person) => make('li', {}, makeAvatar(person), make('span', { class: 'unseen' }, person.name)))
    if (others.length > FACES_MAX) faces.push(make('li', { class: 'faces-more' }, `+${others.length - FACES_MAX}`))
    people.replaceChildren(...faces)
  }

  const ends = [
    self.subscribe((person) => handle.awareness.setLocalStateField('user', person)),
    notebook.cards.subscribe(() => {
      const card = notebook.get(id)
      document.title = card === undefined ? 'Fieldnotes' : `${titleOf(card)} · Fieldnotes`
    }),
  ]
  handle.awareness.on('change', showPeople)
  showPeople()
  begin().catch((error: unknown) => options.failed(id, error))
  if (focus === 'title') title.element.focus()

  return {
    id,
    handle,
    focus: () => surface?.focus(),
    close() {
      if (closed) return
      closed = true
      leaving.abort()
      described.now()
      title.close()
      handle.doc.off('update', edited)
      handle.awareness.off('change', showPeople)
      for (const end of ends) end()
      indicator.close()
      surface?.close()
      handle.close()
      find('main', HTMLElement).replaceChildren()
    },
  }
}
