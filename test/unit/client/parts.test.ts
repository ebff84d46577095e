/** Code that a workspace loads later, and that does not come: as offline, or where the app was deployed anew meanwhile. */
import { expect, test } from 'vitest'
import { importedParts, type Parts } from '../../../client/parts.ts'
import type { WorkspaceStatus } from '../../../client/status.ts'
import { acknowledge, createOwnStore, damage, foldAll, NOTE, openLog, typist } from '../../support/stores.ts'
import { startRelay, until } from '../server/support.ts'
import { coded, isSynced, readAtRelay, startClient } from './support.ts'

/** Parts that do not come until they are there. */
function createParts() {
  const gate = { isThere: false, tries: 0 }
  const unlessGone = <T>(load: () => Promise<T>) => {
    gate.tries++
    if (!gate.isThere) return Promise.reject(new TypeError('Failed to fetch dynamically imported module'))
    return load()
  }
  const parts: Parts = {
    log: () => unlessGone(importedParts.log),
    relaying: () => unlessGone(importedParts.relaying),
    inflating: () => unlessGone(importedParts.inflating),
    memory: () => unlessGone(importedParts.memory),
    recovering: importedParts.recovering,
  }
  return { gate, parts }
}

test('[P5] [P6] without the code for connections edits are stored, and it is said and tried again until it is there', async () => {
  const relay = await startRelay()
  const { gate, parts } = createParts()
  const alice = await startClient(relay, { parts })
  const said: WorkspaceStatus[] = []
  alice.workspace.status.subscribe((status) => void said.push(status))
  const note = alice.open()
  note.type('typed without')
  await note.saved('device')
  await until('it was tried often', () => gate.tries > 10)
  const reason = expect.objectContaining({ code: 'not-loaded', detail: expect.stringContaining('Failed to fetch') })
  expect(said.filter(({ connection }) => connection === 'offline').at(-1)?.error).toEqual(reason)
  expect(said.some(({ connection }) => connection === 'syncing')).toBe(false)
  // It is reported once for as long as it lasts.
  expect(alice.errors).toEqual([coded('not-loaded')])

  gate.isThere = true
  await isSynced(alice)
  expect(alice.workspace.status.get().error).toBeUndefined()
  await note.saved('relay')
  expect(await readAtRelay(relay)).toBe('typed without')
})

test('[P5] who stays offline is not tried for; `connect` tries at once', async () => {
  const relay = await startRelay()
  const { gate, parts } = createParts()
  const alice = await startClient(relay, { parts })
  await until('it was tried', () => gate.tries > 2)
  alice.workspace.disconnect()
  const { connection, error } = alice.workspace.status.get()
  expect({ connection, error }).toEqual({ connection: 'offline', error: undefined })
  gate.isThere = true
  alice.workspace.connect()
  await isSynced(alice)
})

test('[P10] a tab that does not get the code lets another one lead, which has it', async () => {
  const relay = await startRelay()
  const { gate, parts } = createParts()
  const [storage, user] = [createOwnStore(), 'one of two tabs']
  const without = await startClient(relay, { storage: { ...storage, close() {} }, user, parts })
  await until('it was tried', () => gate.tries > 2)
  const note = without.open()
  note.type('from the tab without')
  const other = await startClient(relay, { storage, user })
  await isSynced(other, without)
  await note.saved('relay')
  expect(await readAtRelay(relay)).toBe('from the tab without')
})

test('[P5] a damaged document opens as soon as the code is there that mends it', async () => {
  const relay = await startRelay()
  const storage = createOwnStore()
  const before = await startClient(relay, { storage, user: 'mended' })
  const typed = before.open()
  typed.type('sound')
  await typed.saved('relay')
  await before.workspace.close()
  const [record] = await storage.read(['records'], (transaction) => transaction.range('records', ['note']))
  await damage(storage, 'records', record?.key ?? [])

  const { gate, parts } = createParts()
  const after = await startClient(relay, { storage, user: 'mended', parts })
  const note = after.open()
  await until('it is said', () => note.status.get().trouble?.code === 'not-loaded')
  expect(note.status.get().storage).toBe('degraded')
  note.type('typed meanwhile ')
  gate.isThere = true
  await note.whenSynced
  await until('both are there', () => note.read().includes('sound') && note.read().includes('typed meanwhile'))
  await until('it is well', () => note.status.get().storage === 'ok')
})

test('[P5] [P6] a folded document is typed in before, and shown as soon as the code is there that inflates it', async () => {
  const storage = createOwnStore()
  const before = await openLog(storage)
  await before.open(NOTE)
  const { type } = typist(before)
  for (const word of ['folded ', 'twice ']) await type(word)
  await before.seal('note')
  await acknowledge(before)
  await foldAll(before)
  expect((await storage.read(['pieces'], (transaction) => transaction.range('pieces', ['note']))).length).toBe(1)

  const { gate, parts } = createParts()
  const alice = await startClient(undefined, { storage, user: 'folded', parts })
  const note = alice.open()
  await until('it is said', () => note.status.get().trouble?.code === 'not-loaded')
  note.type('typed meanwhile ')
  expect(note.read()).toBe('typed meanwhile ')
  gate.isThere = true
  await note.whenLoaded
  expect(note.read()).toContain('folded')
  expect(note.read()).toContain('typed meanwhile')
  await note.saved('device')
  await until('it is well', () => note.status.get().storage === 'ok')
})

test('[P5] a workspace in memory does not open without the code for it, and says so', async () => {
  const { gate, parts } = createParts()
  const open = () => startClient(undefined, { storage: 'memory', parts })
  await expect(open()).rejects.toThrow(coded('not-loaded'))
  gate.isThere = true
  const alice = await open()
  alice.open().type('here')
})

test('[P5] what cannot be deleted for want of the code is refused, and stays open', async () => {
  const { gate, parts } = createParts()
  const alice = await startClient(undefined, { parts })
  const note = alice.open()
  note.type('here')
  await note.saved('device')
  await expect(alice.workspace.delete('note')).rejects.toThrow(coded('not-loaded'))
  expect(note.status.get().error).toBeUndefined()
  gate.isThere = true
  await alice.workspace.delete('note')
  expect(note.status.get().error?.code).toBe('deleted')
})

test('[P6] a tab that follows is known to the relay as soon as the one that leads has the code', async () => {
  const relay = await startRelay()
  const { gate, parts } = createParts()
  const [storage, user] = [createOwnStore(), 'both without']
  const tabs = [
    await startClient(relay, { storage: { ...storage, close() {} }, user, parts, sync: 'opened' }),
    await startClient(relay, { storage: { ...storage, close() {} }, user, parts, sync: 'opened' }),
  ]
  // Each has a document of its own: whoever leads, the other one's is to be asked for too.
  const notes = tabs.map((tab, nth) => tab.open(`of tab ${nth}`))
  for (const [nth, note] of notes.entries()) note.awareness.setLocalState({ name: `tab ${nth}` })
  const bob = await startClient(relay)
  const seen = notes.map(({ id }) => bob.open(id))
  for (const note of seen) note.type('from bob')
  await isSynced(bob)
  await until('it was tried', () => gate.tries > 4)
  gate.isThere = true
  await isSynced(...tabs)
  for (const [nth, note] of notes.entries()) {
    await until('what is there has come', () => note.read() === 'from bob')
    await until('who is there is seen', () =>
      [...(seen[nth]?.awareness.getStates().values() ?? [])].some(({ name }) => name === `tab ${nth}`),
    )
  }
})
