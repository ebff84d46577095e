/** What is wrong in what an app says: told at once, with a code and what to do. */
import { expect, test } from 'vitest'
import { openWorkspace, type WorkspaceOptions } from '../../../client/workspace.ts'
import { coded, startClient } from './support.ts'

test.each([
  ['relays', { relays: 'ws://127.0.0.1:1' }],
  ['relays', { relays: [undefined] }],
  ['relays', { relays: ['relay'] }],
  ['storage', { storage: 'localStorage' }],
  ['storage', { storage: null }],
  ['user', { user: '\ud800' }],
  ['user', { user: 7 }],
  ['sync', { sync: 'some' }],
])('[P5] refuses %s of the wrong kind: %j', async (_, wrong) => {
  const options = { id: 'acme', storage: 'memory', ...wrong } as unknown as WorkspaceOptions
  await expect(openWorkspace(options)).rejects.toThrow(coded('bad-option'))
})

test.each([0, -3, 1.5, 65])('[P5] refuses a receipt of %d relays', async (relays) => {
  const client = await startClient(undefined)
  const note = client.open()
  note.type('x')
  await expect(note.saved({ relays })).rejects.toThrow(coded('bad-option'))
})
