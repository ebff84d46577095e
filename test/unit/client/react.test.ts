/** The hooks on a server: nothing is opened, and what is rendered is what there is without a workspace. */
import { createElement as h, Suspense } from 'react'
import { renderToString } from 'react-dom/server'
import { describe, expect, test } from 'vitest'
import {
  useDocument,
  usePresence,
  useShared,
  useSyncStatus,
  useWorkspace,
  WorkspaceProvider,
} from '../../../client/react/index.ts'

function Page() {
  const handle = useDocument('note')
  const lines = useShared(handle, (doc) => doc.getArray<string>('lines'))
  const [people] = usePresence(handle)
  return h(
    'p',
    null,
    `${useWorkspace() === undefined} ${lines?.length ?? 'none'} ${people.length} ${useSyncStatus().connection}`,
  )
}

function Waiting() {
  return h('p', null, useDocument('note', { suspense: true }).id)
}

const options = { id: 'acme', relays: ['ws://127.0.0.1:9'] }

describe('on a server', () => {
  test('renders without a workspace', () => {
    expect(renderToString(h(WorkspaceProvider, { options }, h(Page)))).toBe('<p>true none 0 offline</p>')
  })

  test('renders the fallback of what waits for a document', () => {
    const page = h(WorkspaceProvider, { options }, h(Suspense, { fallback: 'loading' }, h(Waiting)))
    expect(renderToString(page)).toContain('loading')
  })

  test('says what is missing around a hook', () => {
    expect(() => renderToString(h(Page))).toThrow('WorkspaceProvider')
  })
})
