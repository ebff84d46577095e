/** What a relay refuses for good: it becomes a branch, and everything else goes on. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import type { ReplicaStore } from '../../../client/replica/store.ts'
import { createOwnStore, dump } from '../../support/stores.ts'
import { startRelay, until } from '../server/support.ts'
import { coded, isSynced, noise, readAtRelay, startClient } from './support.ts'

describe('a document that a relay refuses', () => {
  test('[P5] ends, and what is not acknowledged becomes a branch; opened again it has what was accepted', async () => {
    const relay = await startRelay({ limits: { updateBytesMax: 1_000 } })
    for (const storage of [createOwnStore(), 'memory'] as const) {
      const client = await startClient(relay, { storage })
      const bystander = client.open('other')
      const note = client.open(typeof storage)
      note.type('fine')
      await note.saved('relay')
      note.type('y'.repeat(2_000))
      await expect(note.saved('relay')).rejects.toThrow(coded('too-big'))
      await until('it is told', () => client.branches.length === 1)
      expect(note.status.get()).toMatchObject({ connection: 'offline', error: { code: 'too-big' } })
      const [branch] = client.branches
      expect(branch).toMatchObject({ document: note.id, code: 'too-big' })
      expect(await client.workspace.branches()).toEqual([branch])
      expect(client.workspace.status.get().unacknowledged).toBe(0)

      const reopened = client.open(note.id)
      await reopened.whenLoaded
      await until('it has what was accepted', () => reopened.read() === 'fine')
      expect(reopened.doc).not.toBe(note.doc)
      // Whoever wants the branch back applies it.
      const doc = new Y.Doc()
      for (const update of [Y.encodeStateAsUpdate(reopened.doc), branch?.update]) {
        if (update !== undefined) Y.applyUpdate(doc, update)
      }
      expect(doc.getText('text').toString()).toBe(`fine${'y'.repeat(2_000)}`)

      reopened.type('!')
      await reopened.saved('relay')
      expect(await readAtRelay(relay, note.id)).toBe('fine!')
      // Other documents go on.
      bystander.type('z')
      await bystander.saved('relay')
      expect(client.branches).toHaveLength(1)
      expect(client.forks).toEqual([])
    }
  })

  test('[P9] with what no relay takes at all is refused here, and the others go on', async () => {
    const relay = await startRelay()
    for (const storage of [createOwnStore(), 'memory'] as const) {
      const client = await startClient(relay, { storage })
      const [bystander, note] = [client.open('other'), client.open(`deep ${typeof storage}`)]
      note.type('fine')
      await note.saved('relay')
      let deep: unknown = 'here'
      for (let depth = 0; depth < 100; depth++) deep = [deep]
      note.doc.getMap('map').set('deep', deep)
      await expect(note.saved('relay')).rejects.toThrow(coded('invalid-update'))
      await until('it is told', () => client.branches.length === 1)
      const reopened = client.open(note.id)
      await reopened.whenSynced
      expect(reopened.read()).toBe('fine')
      const doc = new Y.Doc()
      for (const update of [Y.encodeStateAsUpdate(reopened.doc), client.branches[0]?.update])
        if (update !== undefined) Y.applyUpdate(doc, update)
      expect(JSON.stringify(doc.getMap('map').toJSON())).toContain('here')
      bystander.type('z')
      await bystander.saved('relay')
      await isSynced(client)
      expect(await readAtRelay(relay, note.id)).toBe('fine')
    }
  })

  test('[P5] ends its parts with its last handle', async () => {
    const relay = await startRelay({ limits: { updateBytesMax: 1_000 } })
    const client = await startClient(relay)
    const note = client.open()
    let gone = false
    note.awareness.on('destroy', () => {
      gone = true
    })
    note.type('y'.repeat(2_000))
    await expect(note.saved('relay')).rejects.toThrow(coded('too-big'))
    note.close()
    await until('its awareness has ended', () => gone)
  })

  test('[P5] what is typed while it is being refused is in a branch as well', async () => {
    const relay = await startRelay({ limits: { updateBytesMax: 1_000 } })
    const storage = createOwnStore()
    let refusing = (): void => {}
    const write: ReplicaStore['write'] = (tables, body) => {
      if (tables.includes('branches')) refusing()
      return storage.write(tables, body)
    }
    const client = await startClient(relay, { storage: { ...storage, write } })
    const note = client.open()
    await note.whenSynced
    refusing = () => {
      refusing = () => {}
      note.type('typed meanwhile')
    }
    note.type('y'.repeat(2_000))
    await expect(note.saved('relay')).rejects.toThrow(coded('too-big'))
    await until('it is told', () => client.branches.length > 0)
    note.close()
    await isSynced(client)
    const doc = new Y.Doc()
    for (const { update } of await client.workspace.branches()) Y.applyUpdate(doc, update)
    expect(doc.getText('text').toString()).toBe(`${'y'.repeat(2_000)}typed meanwhile`)
    expect((await dump(storage)).edits).toEqual([])
    expect(client.workspace.status.get().unacknowledged).toBe(0)
  })

  test('[P8] an acknowledgement that comes after the refusal makes no fork', async () => {
    const relay = await startRelay({ limits: { updateBytesMax: 1_000 } })
    const client = await startClient(relay)
    const note = client.open()
    note.type('one ')
    await note.saved('relay')
    // Both records reach the relay in one go, so the refusal of one overtakes the receipt of the other.
    client.network.hold()
    client.network.resetCounts()
    note.type('two ')
    await until('it is sealed', () => client.network.sentBytes > 0)
    client.network.resetCounts()
    note.type(noise(2_000))
    await until('that is sealed too', () => client.network.sentBytes > 1_000)
    client.network.release()
    await until('it is refused', () => client.branches.length === 1)
    await isSynced(client)
    const reopened = client.open()
    await reopened.whenLoaded
    await until('it has what was accepted', () => reopened.read() === 'one two ')
    expect(client.forks).toEqual([])
    expect(await readAtRelay(relay)).toBe('one two ')
  })

  test('[P9] what no frame can carry is refused too, and holds nothing else up', async () => {
    const relay = await startRelay()
    for (const storage of [createOwnStore(), 'memory'] as const) {
      const client = await startClient(relay, { storage })
      const note = client.open(`large ${typeof storage}`)
      const other = client.open(`small ${typeof storage}`)
      await Promise.all([note.whenSynced, other.whenSynced])
      // One value, which cannot be cut into several updates.
      note.doc.getMap('files').set('picture', new Uint8Array(1_500_000))
      other.type('fine')
      await other.saved('relay')
      await expect(note.saved('relay')).rejects.toThrow(coded('too-big'))
      expect(client.branches).toEqual([expect.objectContaining({ document: note.id, code: 'too-big' })])
      expect(client.network.opened).toBe(1)
    }
  })

  test('[P2] a text larger than a frame is sent in parts', async () => {
    const relay = await startRelay()
    const pasted = noise(1_500_000)
    for (const storage of [createOwnStore(), 'memory'] as const) {
      const client = await startClient(relay, { storage })
      const note = client.open(`pasted ${typeof storage}`)
      note.type(pasted)
      await note.saved('relay')
      expect(await readAtRelay(relay, note.id)).toBe(pasted)
      expect(client.network.opened).toBe(1)
      expect(client.workspace.status.get().unacknowledged).toBe(0)
    }
  })

  test('[P5] stays listed as a branch, also after a reload, until that is dismissed', async () => {
    const relay = await startRelay({ limits: { updateBytesMax: 1_000 } })
    const storage = createOwnStore()
    const client = await startClient(relay, { storage })
    const refuse = async (id: string) => {
      const note = client.open(id)
      note.type('y'.repeat(2_000))
      await expect(note.saved('relay')).rejects.toThrow(coded('too-big'))
      note.close()
    }
    for (const id of ['one', 'two']) await refuse(id)
    await client.workspace.close()
    const { workspace } = await startClient(undefined, { storage })
    const branches = await workspace.branches()
    expect(branches.map(({ document }) => document).sort()).toEqual(['one', 'two'])
    expect(new Set(branches.map(({ id }) => id)).size).toBe(2)
    const [first, ...rest] = branches
    if (first === undefined) throw new Error('there is no branch')
    await workspace.dismiss(first)
    await workspace.dismiss(first)
    expect(await workspace.branches()).toEqual(rest)
  })
})
