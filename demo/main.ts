/** Fieldnotes: a notebook on this device, shared with whoever has its link, network or not. */
import { openWorkspace, RejoinError, type Workspace } from '../client/index.ts'
import { noteInAddress, noteLink, workspaceInAddress } from './address.ts'
import { openApp } from './app.ts'
import { make } from './parts/dom.ts'
import { toast } from './parts/toast.ts'
import { preload } from './preload.ts'
import { listenForInstall } from './pwa/install.ts'
import { registerServiceWorker } from './pwa/register.ts'
import { applyLooks, looks } from './settings/looks.ts'

declare global {
  interface Window {
    /** The workspace and the open note, for tests and for whoever tries things in the console. */
    rejoin?: { workspace: Workspace; handle: ReturnType<typeof openApp>['handle'] }
  }
}

const relay = location.origin.replace(/^http/, 'ws')

async function main(): Promise<void> {
  applyLooks(looks())
  listenForInstall()
  const workspace = await open(workspaceInAddress())
  const app = openApp(workspace, relay)
  window.rejoin = { workspace, handle: app.handle }
  const id = noteInAddress()
  if (id !== undefined) app.open(id)
  performance.mark('notebook shown')
  addEventListener('hashchange', () => {
    const next = noteInAddress()
    if (next === undefined) app.close()
    else app.open(next)
  })
  addEventListener('beforeunload', (event) => {
    const { storage, unacknowledged } = workspace.status.get()
    if (storage !== 'ok' && unacknowledged > 0) event.preventDefault()
  })
  preload()
  registerServiceWorker()
}

/** The workspace on this device; where the device keeps nothing, in memory, and it says so. */
async function open(id: string): Promise<Workspace> {
  const options = { id, relays: [relay], user: 'demo', sync: 'all' } as const
  try {
    return await openWorkspace({ ...options, storage: 'indexeddb' })
  } catch (error) {
    if (!(error instanceof RejoinError) || !error.code.startsWith('storage-')) throw error
    console.error('Fieldnotes:', error)
    const text =
      'This browser keeps nothing for this page, as in some private windows. What you write is lost with it unless it reaches the relay.'
    toast({ key: 'memory', text, lasting: true })
    return openWorkspace({ ...options, storage: 'memory' })
  }
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
