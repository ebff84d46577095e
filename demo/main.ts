/** The demo: the documents of one workspace, edited together, and told at every moment how safe the last edit is. */
import { type DocumentHandle, openWorkspace, RejoinError, type Workspace } from '../client/index.ts'
import { documentInAddress, documentLink, FIRST_DOCUMENT, workspaceInAddress } from './address.ts'
import { createDocumentList } from './documents.ts'
import { find, make } from './dom.ts'
import { type Editor, openEditor } from './editor.ts'
import { notify, tellOfProblems } from './notices.ts'
import { createPeople } from './people.ts'
import { createOwnPerson } from './person.ts'
import { createStatusLine } from './status.ts'

declare global {
  interface Window {
    /** The workspace and the open document, for tests and for whoever tries things in the console. */
    rejoin?: { workspace: Workspace; handle(): DocumentHandle | undefined }
  }
}

/** How long an empty document may still be about to arrive: without a network nobody tells that it is empty. */
const EMPTY_AFTER_MS = 1_500

interface Opened {
  handle: DocumentHandle
  editor?: Editor
}

async function main(): Promise<void> {
  const id = workspaceInAddress()
  find('workspace-name', HTMLElement).textContent = id
  const workspace = await open(id)
  show(workspace)
}

/** The workspace on this device; where the device keeps nothing, in memory, and it says so. */
async function open(id: string): Promise<Workspace> {
  const options = { id, relays: [location.origin.replace(/^http/, 'ws')], user: 'demo', sync: 'all' } as const
  try {
    return await openWorkspace({ ...options, storage: 'indexeddb' })
  } catch (error) {
    if (!(error instanceof RejoinError) || !error.code.startsWith('storage-')) throw error
    console.error('Rejoin:', error)
    const text =
      'This browser keeps nothing for this page, as in some private windows. Edits are lost with it unless they reach the relay.'
    notify({ key: 'memory', text })
    return openWorkspace({ ...options, storage: 'memory' })
  }
}

function show(workspace: Workspace): void {
  const app = find('app', HTMLElement)
  const paper = find('paper', HTMLElement)
  const title = find('title', HTMLElement)
  const status = createStatusLine(workspace)
  const people = createPeople(createOwnPerson())
  const list = createDocumentList({ workspace, create: (id) => enter(id, true) })
  let opened: Opened | undefined

  /** Opens a document in place of the one that is open. Raises `invalid-id`. */
  function enter(id: string, focus: boolean): void {
    app.dataset.view = 'editor'
    if (opened?.handle.id === id) {
      if (focus) opened.editor?.focus()
      return
    }
    const handle = workspace.open(id)
    leave()
    const mine: Opened = { handle }
    opened = mine
    if (documentInAddress() !== id) history.pushState(undefined, '', documentLink(id))
    title.textContent = id
    document.title = `${id} · Rejoin`
    list.select(id)
    people.enter(handle)
    status.follow(handle)
    handle.whenLoaded.then(
      () => {
        if (opened === mine) edit(mine, focus)
      },
      (error: unknown) => notify({ key: `open ${id}`, text: `“${id}” does not open: ${String(error)}` }),
    )
  }

  function edit(mine: Opened, focus: boolean): void {
    const { handle } = mine
    const editor = openEditor(handle, paper)
    mine.editor = editor
    if (focus) editor.focus()
    const invite = (): void => {
      if (opened === mine && handle.status.get().error === undefined) editor.invite()
    }
    void handle.whenSynced.then(invite)
    setTimeout(invite, EMPTY_AFTER_MS)
    handle.status.subscribe(({ error }) => {
      if (error !== undefined && opened === mine) editor.freeze()
    })
  }

  function leave(): void {
    opened?.editor?.close()
    opened?.handle.close()
    opened = undefined
    paper.replaceChildren()
  }

  /** Goes where the address points; without a document it is the list, which a narrow window shows by itself. */
  function follow(): void {
    const id = documentInAddress()
    if (id === undefined) {
      app.dataset.view = 'list'
      list.focus()
      return
    }
    try {
      enter(id, false)
    } catch (error) {
      notify({ key: 'address', text: `This address names no document: ${String(error)}` })
      app.dataset.view = 'list'
    }
  }

  app.inert = false
  tellOfProblems(workspace, (id) => {
    if (opened?.handle.id !== id) return
    leave()
    enter(id, true)
  })
  if (documentInAddress() === undefined) history.replaceState(undefined, '', documentLink(FIRST_DOCUMENT))
  follow()
  find('back', HTMLButtonElement).addEventListener('click', () => {
    location.hash = ''
  })
  addEventListener('hashchange', follow)
  addEventListener('popstate', follow)
  addEventListener('beforeunload', (event) => {
    const { storage, unacknowledged } = workspace.status.get()
    if (storage !== 'ok' && unacknowledged > 0) event.preventDefault()
  })
  window.rejoin = { workspace, handle: () => opened?.handle }
}

main().catch((error: unknown) => {
  console.error(error)
  const text = error instanceof Error ? error.message : String(error)
  const heading = make('h1', {}, 'This workspace does not open')
  document.body.replaceChildren(make('main', { class: 'fatal', role: 'alert' }, heading, make('p', {}, text)))
})
