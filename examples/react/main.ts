/** A list that everybody writes, with the hooks of `rejoin/react`. */
import { createElement as h, StrictMode, Suspense } from 'react'
import { createRoot } from 'react-dom/client'
import { useDocument, useShared, useSyncStatus, WorkspaceProvider } from '../../client/react/index.ts'
import { relayOf } from '../relay.ts'

const options = { id: 'examples', relays: [relayOf(location.search)] }

function Items() {
  const note = useDocument('react', { suspense: true })
  const items = useShared(note, (doc) => doc.getArray<string>('items')) ?? []
  const { connection, receipt } = useSyncStatus(note)
  const add = (form: FormData): void => note.doc.getArray<string>('items').push([String(form.get('item'))])
  return h(
    'section',
    null,
    h('ul', null, ...items.map((item, index) => h('li', { key: index }, item))),
    h('form', { action: add }, h('input', { name: 'item', 'aria-label': 'a new item' })),
    h('output', null, `${connection}, the last edit is safe at: ${receipt}`),
  )
}

const app = h(WorkspaceProvider, { options }, h(Suspense, { fallback: 'loading' }, h(Items)))
createRoot(document.getElementById('app') as HTMLElement).render(h(StrictMode, null, app))
