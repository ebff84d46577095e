/** A page in React: tests mount, unmount and read it. */
import { createElement as h, StrictMode, Suspense, useState } from 'react'
import { createRoot } from 'react-dom/client'
import type { WorkspaceOptions } from '../../../client/index.ts'
import { useDocument, usePresence, useShared, useSyncStatus, WorkspaceProvider } from '../../../client/react/index.ts'

declare global {
  interface Window {
    /** Renders the app under StrictMode; returns what unmounts it. */
    mount(options: WorkspaceOptions, name: string): void
    unmount(): void
    /** Adds a line, as the app does when somebody types. */
    add(line: string): void
    renders: number
    openSockets(): number
    problems: string[]
  }
}

window.problems = []
window.addEventListener('error', ({ message }) => window.problems.push(message))
window.addEventListener('unhandledrejection', ({ reason }) => window.problems.push(String(reason)))
const { error } = console
console.error = (...details) => {
  window.problems.push(details.map(String).join(' '))
  error(...details)
}

const opened = new Set<WebSocket>()
window.WebSocket = class extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols)
    opened.add(this)
  }
}
window.openSockets = () => [...opened].filter(({ readyState }) => readyState <= WebSocket.OPEN).length

function App({ name }: { name: string }) {
  const [id, setId] = useState('first')
  return h(
    'main',
    null,
    h('button', { id: 'switch', type: 'button', onClick: () => setId(id === 'first' ? 'second' : 'first') }, id),
    h(Suspense, { fallback: h('p', { id: 'waiting' }, 'waiting') }, h(Lines, { id, name })),
    h(Status, { id }),
  )
}

function Lines({ id, name }: { id: string; name: string }) {
  const handle = useDocument(id, { suspense: true })
  const lines = useShared(handle, (doc) => doc.getArray<string>('lines'))
  const [people, show] = usePresence<{ name: string }>(handle)
  window.renders = (window.renders ?? 0) + 1
  window.add = (line) => handle.doc.getArray<string>('lines').push([line])
  return h(
    'section',
    null,
    h('button', { id: 'show', type: 'button', onClick: () => show({ name }) }, 'show me'),
    h('ul', { id: 'lines' }, ...(lines ?? []).map((line, index) => h('li', { key: index }, line))),
    h('p', { id: 'people' }, people.map(({ state }) => state.name ?? '?').join(' ')),
  )
}

function Status({ id }: { id: string }) {
  const handle = useDocument(id)
  const workspace = useSyncStatus()
  const { receipt } = useSyncStatus(handle) as { receipt?: string }
  return h('p', { id: 'status' }, `${workspace.connection} ${receipt ?? ''}`)
}

window.mount = (options, name) => {
  const root = createRoot(document.getElementById('app') as HTMLElement)
  root.render(h(StrictMode, null, h(WorkspaceProvider, { options }, h(App, { name }))))
  window.unmount = () => root.unmount()
}
