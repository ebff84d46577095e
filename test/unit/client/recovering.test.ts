/** A storage that did not open is tried again: the app goes on with the Y.Docs that it has, and what it typed gets there. */
import { expect, test } from 'vitest'
import { openRecovering } from '../../../client/recovering.ts'
import { createMemoryReplicaStore } from '../../../client/replica/memory.ts'
import { beginWorkspace, openWorkspace, type Workspace, type WorkspaceOptions } from '../../../client/workspace.ts'
import { RejoinError } from '../../../shared/errors.ts'
import { createNetwork } from '../../support/network.ts'
import { createOwnStore } from '../../support/stores.ts'
import { cleanUp, startRelay, until } from '../server/support.ts'
import { allRead, coded, impatient, readAtRelay, readInStore, startClient, toNote } from './support.ts'

const unopened = new RejoinError('storage-failed', 'it does not open')

/** A workspace whose store opens when it is said to. */
async function start(more: Partial<WorkspaceOptions> = {}, store = createOwnStore()) {
  const errors: unknown[] = []
  let opens = false
  let tries = 0
  const network = createNetwork()
  const workspace: Workspace = await openRecovering({
    options: { id: 'acme', environment: impatient, dial: network.dial, ...more },
    environment: impatient,
    memory: createMemoryReplicaStore(),
    unopened,
    begin: beginWorkspace,
    async reopen() {
      tries++
      if (!opens) throw unopened
      return store
    },
  })
  cleanUp(() => workspace.close())
  workspace.on('error', (error) => errors.push(error))
  const recover = async (): Promise<void> => {
    opens = true
    await until('it has recovered', () => workspace.status.get().storage === 'ok')
  }
  return { workspace, store, errors, recover, network, tries: () => tries }
}

test('[P5][P6] what was typed in memory reaches the store when that opens, and the Y.Docs stay what they are', async () => {
  const { workspace, store, recover, errors, tries } = await start()
  const note = toNote(workspace.open('note'))
  const closed = toNote(workspace.open('closed'))
  await note.whenLoaded
  expect(workspace.status.get()).toMatchObject({ storage: 'degraded', trouble: { code: 'storage-failed' } })
  expect(note.status.get()).toMatchObject({ storage: 'degraded', receipt: 'memory' })
  const shown: string[] = []
  note.status.subscribe(({ storage, receipt }) => shown.push(`${storage} ${receipt}`))
  note.type('typed in memory ')
  closed.type('and closed')
  closed.close()
  await until('it is tried again', () => tries() > 3)
  const saved = note.saved('device')
  await recover()
  await saved
  note.type('and on the device')
  await note.saved('device')
  expect(await readInStore(store)).toBe('typed in memory and on the device')
  expect(await readInStore(store, 'closed')).toBe('and closed')
  expect(note.status.get()).toMatchObject({ storage: 'ok', receipt: 'device' })
  expect(note.status.get().trouble).toBeUndefined()
  expect(shown[0]).toBe('degraded memory')
  expect(shown.at(-1)).toBe('ok device')
  expect(workspace.documents.get()).toEqual(['closed', 'note'])
  expect(errors).toEqual([coded('storage-failed')])
})

test('[P1][P2] it syncs meanwhile and afterwards, with what the store had held all along', async () => {
  const relay = await startRelay()
  const store = createOwnStore()
  const before = await startClient(relay, { storage: { ...store, close() {} }, user: 'one' })
  before.network.cut()
  before.open().type('from before ')
  await before.open().saved('device')
  await before.workspace.close()
  const { workspace, recover, errors } = await start({ relays: [relay.socketUrl], user: 'one' }, store)
  const other = (await startClient(relay)).open()
  const note = toNote(workspace.open('note'))
  await note.whenSynced
  note.type('from here ')
  await note.saved('relay')
  other.type('from there ')
  await allRead([note, other])
  expect(note.read()).not.toContain('before')
  const saved = note.saved({ relays: 1 })
  await recover()
  await saved
  await until('it has what was there', () => note.read().includes('from before '))
  await allRead([note, other])
  expect(note.read()).toHaveLength('from before from here from there '.length)
  other.type('!')
  await allRead([note, other])
  await note.saved('relay')
  expect(await readAtRelay(relay)).toBe(note.read())
  await until('it is synced', () => workspace.status.get().connection === 'synced')
  expect(errors).toEqual([coded('storage-failed')])
})

test('[P4] what a relay has acknowledged is not shown as waiting again, and is stored all the same', async () => {
  const relay = await startRelay()
  const { workspace, store, recover } = await start({ relays: [relay.socketUrl] })
  const note = toNote(workspace.open('note'))
  const empty = toNote(workspace.open('empty'))
  note.type('received')
  await note.saved('relay')
  const shown: string[] = []
  note.status.subscribe(({ receipt, unacknowledged }) => shown.push(`${receipt} ${unacknowledged}`))
  const saved = note.saved('device').then(() => readInStore(store))
  await recover()
  expect(await saved).toBe('received')
  await note.saved('relay')
  expect(new Set(shown)).toEqual(new Set(['relay 0']))
  expect(empty.status.get()).toMatchObject({ receipt: 'device', unacknowledged: 0 })
  note.type(' and typed later')
  expect(note.status.get()).toMatchObject({ receipt: 'memory', unacknowledged: 1 })
  await note.saved('relay')
  expect(await readAtRelay(relay)).toBe('received and typed later')
})

test('[P5][P6] a store of the app’s own that does not open is tried again', async () => {
  const store = createOwnStore()
  let tries = 0
  const workspace = await openWorkspace({
    id: 'acme',
    environment: impatient,
    async storage() {
      tries++
      if (tries < 3) throw new Error('the file is locked')
      return store
    },
  })
  cleanUp(() => workspace.close())
  expect(workspace.status.get()).toMatchObject({ storage: 'degraded', trouble: { code: 'storage-failed' } })
  const note = toNote(workspace.open('note'))
  note.type('typed in memory')
  await note.saved('device')
  expect(workspace.status.get().storage).toBe('ok')
  expect([tries, await readInStore(store)]).toEqual([3, 'typed in memory'])
})

test('a store of the app’s own that never opens is not tried again', async () => {
  let tries = 0
  const workspace = await openWorkspace({
    id: 'acme',
    environment: impatient,
    async storage() {
      tries++
      throw new RejoinError('storage-unavailable', 'there is none')
    },
  })
  cleanUp(() => workspace.close())
  await expect(workspace.open('note').saved('device')).rejects.toMatchObject({ code: 'storage-unavailable' })
  expect([tries, workspace.status.get().trouble?.code]).toEqual([1, 'storage-unavailable'])
})

test('awareness, deletions, pins and listeners go along', async () => {
  const relay = await startRelay()
  const { workspace, store, recover } = await start({ relays: [relay.socketUrl], connect: false })
  const other = (await startClient(relay)).open()
  const note = toNote(workspace.open('note'))
  note.awareness.setLocalState({ name: 'here' })
  workspace.open('gone').close()
  await workspace.pin('note')
  await workspace.delete('gone')
  await recover()
  workspace.connect()
  await until('they see each other', () => other.awareness.getStates().has(note.doc.clientID))
  expect(workspace.kept.get().get('note')).toEqual({ at: 'device', pinned: true })
  expect(workspace.documents.get()).toEqual(['note'])
  other.type('hello')
  await allRead([note, other], 'hello')
  const again = toNote(workspace.open('note'))
  expect(again.doc).toBe(note.doc)
  await workspace.close()
  expect(() => workspace.open('note')).toThrow(coded('closed'))
  expect(await readInStore(store)).toBe('hello')
})

test('a storage that belongs to a newer app is not tried on, and closing ends all of it', async () => {
  const errors: unknown[] = []
  let tries = 0
  const workspace = await openRecovering({
    options: { id: 'acme', environment: impatient },
    environment: impatient,
    memory: createMemoryReplicaStore(),
    unopened,
    begin: beginWorkspace,
    async reopen() {
      tries++
      throw new RejoinError('outdated', 'of a newer version')
    },
  })
  workspace.on('error', (error) => errors.push(error))
  await until('it was told', () => errors.length === 2)
  expect(errors).toEqual([coded('storage-failed'), coded('outdated')])
  expect(tries).toBe(1)
  const note = workspace.open('note')
  const saved = note.saved('device')
  const controller = new AbortController()
  const aborted = note.saved('device', { signal: controller.signal })
  controller.abort(new Error('enough'))
  await expect(aborted).rejects.toThrow('enough')
  await workspace.close()
  await expect(saved).rejects.toThrow(coded('closed'))
})
