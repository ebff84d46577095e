/** The page around the notes: list and search beside the open note, and what can be done with notes. */
import type { DocumentHandle, Workspace } from '../client/index.ts'
import { noteLink } from './address.ts'
import { createSide } from './list/side.ts'
import { type OpenNote, openNote } from './note/pane.ts'
import { shareNote } from './note/share.ts'
import { titleOf } from './notebook/card.ts'
import { kindOf, type NoteKind } from './notebook/ids.ts'
import { openNotebook } from './notebook/notebook.ts'
import { find, make, makeButton } from './parts/dom.ts'
import { openMenu } from './parts/menu.ts'
import type { Sheet } from './parts/sheet.ts'
import { toast } from './parts/toast.ts'
import { createLobby } from './people/lobby.ts'
import { createOwnPerson } from './people/person.ts'
import { tellOfProblems } from './trust/problems.ts'
import { mayOnlyRead } from './trust/words.ts'

/** Also in index.html: a file whose name changes with its content, which is sent once. */
const ICON = new URL('./icon.svg', import.meta.url).href

export interface App {
  open(id: string): void
  close(): void
  handle(): DocumentHandle | undefined
}

export function openApp(workspace: Workspace, relays: readonly string[]): App {
  const root = find('app', HTMLElement)
  const notebook = openNotebook(workspace)
  const self = createOwnPerson()
  const lobby = createLobby(notebook.index, self)
  let opened: OpenNote | undefined
  /** Where the focus goes in a note that was just made. */
  let fresh: string | undefined
  let settings: Sheet | undefined
  let trust: Sheet | undefined

  const side = createSide({
    workspace,
    notebook,
    self,
    lobby,
    create,
    menu: (card, anchor) => showMenu(card.id, anchor),
    trash,
    trust: showTrust,
    settings: showSettings,
  })

  function titleOfNote(id: string): string {
    return titleOf(notebook.get(id) ?? { title: '', excerpt: '', kind: kindOf(id) })
  }

  function go(id: string): void {
    if (location.hash === noteLink(id)) open(id)
    else location.hash = noteLink(id)
  }

  /** What the relay would refuse is not begun. */
  function mayWrite(): boolean {
    const only = mayOnlyRead(workspace.status.get())
    if (only) toast({ key: 'read', text: 'Your key opens this notebook for reading.' })
    return !only
  }

  function create(kind: NoteKind, title = ''): void {
    if (!mayWrite()) return
    fresh = notebook.create(kind, title)
    go(fresh)
  }

  function open(id: string): void {
    root.dataset.view = 'note'
    if (opened?.id === id) return
    const before = opened
    try {
      opened = undefined
      before?.close()
      opened = openNote(id, id === fresh ? 'title' : 'none', paneOptions)
    } catch (error) {
      failed(id, error)
      return
    }
    fresh = undefined
    side.select(id)
    lobby.enter(id)
  }

  function close(): void {
    root.dataset.view = 'list'
    const id = opened?.id
    opened?.close()
    opened = undefined
    document.title = 'Fieldnotes'
    side.select(undefined)
    lobby.enter(undefined)
    showNothing()
    if (id !== undefined && !matchMedia('(min-width: 800px)').matches) side.focus()
  }

  function leave(id: string): void {
    if (opened?.id === id) location.hash = ''
  }

  function failed(id: string, error: unknown): void {
    const text = error instanceof Error ? error.message : String(error)
    toast({ key: `open ${id}`, text: `The note does not open: ${text}`, lasting: true })
  }

  function trash({ id }: { id: string }): void {
    if (!mayWrite()) return
    const title = titleOfNote(id)
    const wasOpen = opened?.id === id
    notebook.trash(id)
    leave(id)
    const back = (): void => {
      notebook.restore(id)
      if (wasOpen) go(id)
    }
    toast({ key: 'trash', text: `“${title}” is in the bin`, action: { label: 'Undo', act: back } })
  }

  function rename(id: string): void {
    if (!mayWrite()) return
    if (opened?.id === id) return document.querySelector<HTMLTextAreaElement>('.title')?.select()
    side.rename(id)
  }

  function showMenu(id: string, anchor: HTMLElement): void {
    const card = notebook.get(id)
    const pinned = card?.pinned === true
    const stays = workspace.kept.get().get(id)?.pinned === true
    openMenu(anchor, titleOfNote(id), [
      { label: 'Rename', icon: 'pen', act: () => rename(id) },
      { label: pinned ? 'Unpin' : 'Pin to the top', icon: 'pin', act: () => mayWrite() && notebook.pin(id, !pinned) },
      {
        label: stays ? 'Let it leave this device' : 'Keep on this device',
        icon: 'device',
        act: () => keepHere(id, !stays),
      },
      { label: 'Share', icon: 'share', act: () => void shareNote(id, titleOfNote(id)) },
      { label: 'Export as Markdown', icon: 'download', act: () => exportOne(id) },
      { label: 'Delete', icon: 'bin', danger: true, act: () => trash({ id }) },
    ])
  }

  /** Whatever room there is. */
  function keepHere(id: string, stays: boolean): void {
    const text = stays ? 'stays on this device' : 'may leave this device to make room'
    const kept = stays ? workspace.pin(id) : workspace.unpin(id)
    kept.then(
      () => toast({ key: 'keep', text: `“${titleOfNote(id)}” ${text}` }),
      (error: unknown) => toast({ key: 'keep', text: `This browser cannot note it: ${String(error)}` }),
    )
  }

  function exportOne(id: string): void {
    const card = notebook.get(id)
    if (card === undefined) return
    import('./files/export.ts')
      .then(({ exportNote }) => exportNote(workspace, card))
      .catch((error: unknown) => toast({ key: 'export', text: `The export failed: ${String(error)}` }))
  }

  function showSettings(): void {
    load(
      'settings',
      () => import('./settings/settings.ts'),
      ({ createSettings }) => {
        settings ??= createSettings({ workspace, notebook, self, openLab })
        settings.show()
      },
    )
  }

  function showTrust(): void {
    load(
      'panel',
      () => import('./trust/panel.ts'),
      ({ createTrustPanel }) => {
        trust ??= createTrustPanel({
          workspace,
          relays,
          note: () => (opened === undefined ? undefined : { handle: opened.handle, title: titleOfNote(opened.id) }),
          openLab,
        })
        trust.show()
      },
    )
  }

  function openLab(): void {
    trust?.close()
    settings?.close()
    load(
      'lab',
      () => import('./lab/lab.ts'),
      ({ showLab }) => showLab({ workspace, relays }),
    )
  }

  /** What is not needed at first. */
  function load<T>(what: string, from: () => Promise<T>, use: (module: T) => void): void {
    from()
      .then(use)
      .catch((error: unknown) => toast({ key: what, text: `The ${what} cannot be loaded: ${String(error)}` }))
  }

  /** A wide window has room for the note that is not open. */
  function showNothing(): void {
    const start = make(
      'div',
      { class: 'nothing' },
      make('img', { src: ICON, alt: '', width: '56', height: '56' }),
      make('p', {}, 'Choose a note, or begin one.'),
      make(
        'div',
        { class: 'choices' },
        makeButton({ label: 'New note', icon: 'note', text: 'New note', class: 'primary', act: () => create('note') }),
        makeButton({ label: 'New board', icon: 'board', text: 'New board', act: () => create('board') }),
      ),
    )
    find('main', HTMLElement).replaceChildren(start)
  }

  const paneOptions = {
    workspace,
    relays,
    notebook,
    self,
    back: () => {
      location.hash = ''
    },
    trust: showTrust,
    share: (id: string) => void shareNote(id, titleOfNote(id)),
    menu: showMenu,
    failed,
  }

  showNothing()
  tellOfProblems(workspace, titleOfNote, (id) => {
    if (opened?.id !== id) return
    opened.close()
    opened = undefined
    open(id)
  })
  addEventListener('keydown', (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.shiftKey) return
    if (event.key === 'k') side.search()
    else if (event.key === 'j') create('note')
    else return
    event.preventDefault()
  })
  return { open, close, handle: () => opened?.handle }
}
