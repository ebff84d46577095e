/** Deleting documents, through clients and a relay: offline through a deletion, recreated, on two sides at once. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createOwnStore } from '../../support/stores.ts'
import { startRelay, temporaryFolder, until } from '../server/support.ts'
import { allRead, type Client, coded, isSynced, startClient, startRelayAt } from './support.ts'

interface Deletions {
  document: string
  text: string | undefined
}

/** What the workspace tells of deletions, with the text of the branch. */
function deletionsOf({ workspace }: Client): Deletions[] {
  const told: Deletions[] = []
  workspace.on('deleted', ({ document, branch }) => {
    const doc = new Y.Doc()
    if (branch !== undefined) Y.applyUpdate(doc, branch.update)
    told.push({ document, text: branch && doc.getText('text').toString() })
  })
  return told
}

describe('a document that is deleted', () => {
  test('[P1] is gone here at once, and elsewhere as they hear of it; opened again it is empty', async () => {
    const relay = await startRelay()
    const alice = await startClient(relay)
    const bob = await startClient(relay)
    const told = deletionsOf(bob)
    const [mine, theirs] = [alice.open(), bob.open()]
    mine.type('old')
    await allRead([mine, theirs], 'old')
    await isSynced(alice, bob)

    await alice.workspace.delete('note')
    expect(mine.status.get().error?.code).toBe('deleted')
    expect(alice.workspace.documents.get()).toEqual([])
    await until('bob hears of it', () => theirs.status.get().error?.code === 'deleted')
    expect(told).toEqual([{ document: 'note', text: undefined }])
    expect(bob.workspace.documents.get()).toEqual([])
    await isSynced(alice, bob)

    const again = bob.open()
    await again.whenLoaded
    expect(again.read()).toBe('')
    again.type('new')
    await again.saved('relay')
    await allRead([alice.open(), again], 'new')
    const carol = await startClient(relay)
    await allRead([carol.open()], 'new')
    expect([...alice.errors, ...bob.errors, ...relay.errors]).toEqual([])
  })

  test('[P2] while offline stays deleted over a reload, and is told when a relay is there', async () => {
    const relay = await startRelay()
    const storage = createOwnStore()
    const alice = await startClient(relay, { storage, user: 'alice' })
    const bob = await startClient(relay)
    const note = alice.open()
    note.type('old')
    await note.saved('relay')
    await allRead([bob.open()], 'old')
    alice.workspace.disconnect()
    await alice.workspace.delete('note')
    await alice.workspace.close()

    const reopened = await startClient(relay, { storage, user: 'alice', connect: false })
    expect(reopened.workspace.documents.get()).toEqual([])
    reopened.workspace.connect()
    await until('bob hears of it', () => bob.workspace.documents.get().length === 0)
    await isSynced(reopened)
    expect(reopened.workspace.status.get().unacknowledged).toBe(0)
  })

  test('[P5] keeps what somebody wrote offline meanwhile as a branch of theirs, and nothing comes back', async () => {
    const relay = await startRelay()
    const alice = await startClient(relay)
    const bob = await startClient(relay)
    const told = deletionsOf(bob)
    const [mine, theirs] = [alice.open(), bob.open()]
    mine.type('old ')
    await allRead([mine, theirs], 'old ')
    bob.workspace.disconnect()
    theirs.type('and mine')
    await theirs.saved('device')
    await alice.workspace.delete('note')
    await isSynced(alice)

    bob.workspace.connect()
    await until('bob is told', () => told.length > 0)
    expect(told).toEqual([{ document: 'note', text: expect.anything() }])
    const [branch] = await bob.workspace.branches()
    expect(branch).toMatchObject({ document: 'note', code: 'deleted' })
    await expect(theirs.saved('relay')).rejects.toThrow(coded('deleted'))
    await isSynced(bob)
    const carol = await startClient(relay)
    const note = carol.open()
    await note.whenSynced
    expect(note.read()).toBe('')
    expect(bob.workspace.status.get().unacknowledged).toBe(0)
  })

  test('[P1][P10] on two sides at once, and made anew on both, is one document in the end', async () => {
    const relay = await startRelay()
    const alice = await startClient(relay)
    const bob = await startClient(relay)
    const note = alice.open()
    note.type('old')
    await allRead([note, bob.open()], 'old')
    for (const { workspace } of [alice, bob]) workspace.disconnect()
    for (const client of [alice, bob]) await client.workspace.delete('note')
    const [mine, theirs] = [alice.open(), bob.open()]
    mine.type('of alice')
    theirs.type('of bob')
    for (const each of [mine, theirs]) await each.saved('device')
    const told = [deletionsOf(alice), deletionsOf(bob)]
    for (const { workspace } of [alice, bob]) workspace.connect()
    await until('one of them is told', () => told.flat().length === 1)
    const winner = told[0]?.length === 0 ? 'of alice' : 'of bob'
    // A copy is kept where the relay did not have it before it heard of the greater epoch.
    expect([undefined, winner === 'of alice' ? 'of bob' : 'of alice']).toContain(told.flat()[0]?.text)
    await isSynced(alice, bob)
    await allRead([alice.open(), bob.open()], winner)
  })

  test('[P2] stays deleted over a restart of the relay, also for one who was away', async () => {
    const data = temporaryFolder()
    const first = await startRelay({ data })
    const alice = await startClient(first)
    const bob = await startClient(first)
    const note = alice.open()
    note.type('old')
    await allRead([note, bob.open()], 'old')
    bob.workspace.disconnect()
    await alice.workspace.delete('note')
    await isSynced(alice)
    await first.relay.close()

    await startRelayAt(first.url, { data })
    bob.workspace.connect()
    await until('bob hears of it', () => bob.workspace.documents.get().length === 0)
    await isSynced(alice, bob)
  })

  test('that this device does not have is deleted elsewhere', async () => {
    const relay = await startRelay()
    const alice = await startClient(relay)
    const bob = await startClient(relay, { sync: 'opened' })
    const note = alice.open()
    note.type('old')
    await note.saved('relay')
    await bob.workspace.delete('note')
    await until('alice hears of it', () => note.status.get().error?.code === 'deleted')
    await expect(bob.workspace.delete('')).rejects.toThrow(coded('invalid-id'))
    await bob.workspace.close()
    await expect(bob.workspace.delete('note')).rejects.toThrow(coded('closed'))
  })

  test('[P6] of a replica that keeps nothing is deleted as well', async () => {
    const relay = await startRelay()
    const alice = await startClient(relay, { storage: 'memory' })
    const bob = await startClient(relay)
    const note = alice.open()
    note.type('old')
    await note.saved('relay')
    const theirs = bob.open()
    await allRead([theirs], 'old')
    await alice.workspace.delete('note')
    await until('bob hears of it', () => theirs.status.get().error?.code === 'deleted')
    const again = alice.open()
    again.type('new')
    await again.saved('relay')
    await allRead([bob.open()], 'new')
  })
})
