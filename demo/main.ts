/** Fieldnotes: a notebook on this device, shared with whoever has its link, network or not. */
import { openWorkspace, type Workspace } from '../client/index.ts'
import { ownKey, takeKeyFromAddress, userOf } from './access.ts'
import { noteInAddress, noteLink, relaysInAddress, workspaceInAddress } from './address.ts'
import { openApp } from './app.ts'
import { countIn } from './lab/tabs.ts'
import { make } from './parts/dom.ts'
import { preload } from './preload.ts'
import { listenForInstall } from './pwa/install.ts'
import { registerServiceWorker } from './pwa/register.ts'
import { applyLooks, looks } from './settings/looks.ts'
import { askForAll, listenForRoom, ownRoom } from './settings/room.ts'

declare global {
  interface Window {
    /** The workspace and the open note, for tests and for whoever tries things in the console. */
    rejoin?: { workspace: Workspace; handle: ReturnType<typeof openApp>['handle'] }
  }
}

async function main(): Promise<void> {
  applyLooks(looks())
  listenForInstall()
  const relays = relaysInAddress()
  // Where the device keeps nothing, as in some private windows, it says so in its status, and works with the relay alone.
  takeKeyFromAddress()
  const token = ownKey()
  listenForRoom()
  const workspace = await openWorkspace({
    id: workspaceInAddress(),
    relays,
    user: userOf(token),
    token,
    sync: 'all',
    budgetBytes: ownRoom(),
  })
  const app = openApp(workspace, relays)
  window.rejoin = { workspace, handle: app.handle }
  const id = noteInAddress()
  if (id !== undefined) app.open(id)
  addEventListener('hashchange', () => {
    // With another key one may be somebody else.
    if (takeKeyFromAddress()) return location.reload()
    const next = noteInAddress()
    if (next === undefined) app.close()
    else app.open(next)
  })
  addEventListener('beforeunload', (event) => {
    const { storage, unacknowledged } = workspace.status.get()
    if (storage !== 'ok' && unacknowledged > 0) event.preventDefault()
  })
  askForAll(workspace).catch((error: unknown) => console.warn('Fieldnotes:', error))
  countIn()
  preload()
  registerServiceWorker()
}

main().catch((error: unknown) => {
  console.error(error)
  const text = error instanceof Error ? error.message : String(error)
  const again = make('a', { href: noteLink(''), class: 'wide' }, 'Try again')
  again.addEventListener('click', () => location.reload())
  document.body.replaceChildren(
    make(
      'main',
      { class: 'fatal', role: 'alert' },
      make('h1', {}, 'The notebook does not open'),
      make('p', {}, text),
      again,
    ),
  )
})
