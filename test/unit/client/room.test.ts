/** Documents leave a device that has no room for them, and come back: budget, full stores, pins, tabs, and no relay. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import type { ReplicaStore } from '../../../client/replica/store.ts'
import type { WorkspaceOptions } from '../../../client/workspace.ts'
import type { Environment } from '../../../shared/environment.ts'
import { RejoinError } from '../../../shared/errors.ts'
import { createOwnStore } from '../../support/stores.ts'
import { type RunningRelay, startRelay, until } from '../server/support.ts'
import { allRead, type Client, coded, impatient, isSynced, noise, readAtRelay, startClient } from './support.ts'

/** Time that goes twenty times as fast. */
const hasty: Environment = {
  ...impatient,
  now: () => Date.now() * 20,
  setTimer: (callback, delayMs) => impatient.setTimer(callback, delayMs / 20),
}

const keep = (store: ReplicaStore): ReplicaStore => ({ ...store, close() {} })
const TEXT = noise(2_000)
const ids = (count: number): string[] => Array.from({ length: count }, (_, i) => `note ${i}`)
const away = ({ workspace }: Client): string[] => [...workspace.kept.get()].map(([id, { at }]) => `${id}: ${at}`)

/** A relay that holds documents of some 2 kB each. */
async function filled(count: number) {
  const relay = await startRelay()
  const author = await startClient(relay)
  for (const id of ids(count)) author.open(id).type(`${id} ${TEXT}`)
  await isSynced(author)
  return { relay, author }
}

/** A client that has used them one after the other, in the order of their numbers. */
async function startReader(relay: RunningRelay, options: Partial<WorkspaceOptions> = {}) {
  const store = createOwnStore()
  const start = (more: Partial<WorkspaceOptions> = {}): Promise<Client> =>
    startClient(relay, { storage: keep(store), environment: hasty, user: 'reader', ...options, ...more })
  return { store, start, reader: await start() }
}

describe('a budget', () => {
  test('[P2] takes what was not used for the longest time off the device, and opening brings it back', async () => {
    const { relay } = await filled(5)
    const { reader, start } = await startReader(relay, { budgetBytes: 7_000 })
    await until('two have left', () => reader.workspace.kept.get().size === 2)
    expect(reader.workspace.documents.get()).toEqual(ids(5))
    expect(reader.workspace.status.get()).toMatchObject({ storage: 'ok', connection: 'synced' })
    const [first] = reader.workspace.kept.get().keys()
    if (first === undefined) throw new Error('none has left')
    expect(reader.workspace.kept.get().get(first)).toEqual({ at: 'relay', pinned: false })
    await expect(reader.workspace.export(first)).rejects.toThrow(coded('not-here'))
    const note = reader.open(first)
    await note.whenSynced
    await allRead([note], `${first} ${TEXT}`)
    expect(note.status.get()).toMatchObject({ kept: 'device', connection: 'synced' })
    await until('another one has left for it', () => reader.workspace.kept.get().size === 2)
    expect(reader.workspace.kept.get().has(first)).toBe(false)
    await reader.workspace.close()
    // In the next session they are where they were, and nothing is fetched.
    const again = await start()
    await isSynced(again)
    expect(again.workspace.kept.get().size).toBe(2)
    expect(again.network.receivedBytes).toBeLessThan(200)
    for (const id of ids(5)) {
      const each = again.open(id)
      await allRead([each], `${id} ${TEXT}`)
      await until('it is whole', () => each.status.get().kept === 'device')
    }
    expect([reader.errors, again.errors]).toEqual([[], []])
  })

  test('[P11] what has left is not fetched by what others write, a reconnect, or a digest', async () => {
    const { relay, author } = await filled(3)
    const { reader } = await startReader(relay, { budgetBytes: 100 })
    await until('all have left', () => reader.workspace.kept.get().size === 3)
    const [mine] = [author.open('note 0')]
    reader.network.resetCounts()
    mine.type(' and more')
    await mine.saved('relay')
    await until('it was told', () => reader.network.receivedBytes > 0)
    reader.network.cut()
    mine.type(' again')
    await mine.saved('relay')
    reader.network.mend()
    await isSynced(reader)
    expect(away(reader)).toEqual(ids(3).map((id) => `${id}: relay`))
    // Another relay that holds the same: there is no place to go on from.
    const other = await startRelay()
    const ferry = await startClient(relay, { relays: [relay.socketUrl, other.socketUrl] })
    await isSynced(ferry)
    const elsewhere = await startClient(other)
    for (const id of ids(3)) Y.applyUpdate(elsewhere.open(id).doc, await ferry.workspace.export(id))
    await isSynced(elsewhere)
    await reader.workspace.close()
    const moved = await startReader(relay, { budgetBytes: 100 })
    await until('all have left', () => moved.reader.workspace.kept.get().size === 3)
    await moved.reader.workspace.close()
    const there = await moved.start({ relays: [other.socketUrl] })
    await isSynced(there)
    expect(away(there)).toEqual(ids(3).map((id) => `${id}: relay`))
    expect(there.network.receivedBytes).toBeLessThan(1_000)
    const note = there.open('note 0')
    await allRead([note], `note 0 ${TEXT} and more again`)
  })

  test('[P2] never takes what no relay has acknowledged, what is open, or what is pinned', async () => {
    const { relay } = await filled(3)
    const { reader } = await startReader(relay, { budgetBytes: 100, connect: false })
    await reader.workspace.pin('note 0')
    const [typed, open] = [reader.open('typed'), reader.open('note 1')]
    typed.type('only here')
    await typed.saved('device')
    typed.close()
    reader.workspace.connect()
    await until('the third has left', () => away(reader).includes('note 2: relay'))
    await until('it was sent', () => reader.workspace.status.get().unacknowledged === 0)
    await until('it has left too, then', () => away(reader).includes('typed: relay'))
    expect(reader.workspace.kept.get().get('note 0')).toEqual({ at: 'device', pinned: true })
    expect(open.status.get().kept).toBe('device')
    expect(open.read()).toContain(TEXT)
    expect(await readAtRelay(relay, 'typed')).toBe('only here')
    await reader.workspace.unpin('note 0')
    open.close()
    await until('all have left', () => reader.workspace.kept.get().size === 4)
  })

  test('raises for one that is none', async () => {
    await expect(startClient(undefined, { budgetBytes: 0 })).rejects.toThrow(coded('bad-option'))
  })
})

describe('without a relay', () => {
  test('[P5] a document that is not here is not shown as a whole one, and what is typed joins it', async () => {
    const { relay, author } = await filled(1)
    const { reader, start } = await startReader(relay, { budgetBytes: 100 })
    await until('it has left', () => reader.workspace.kept.get().size === 1)
    await reader.workspace.close()
    const offline = await start({ connect: false })
    expect(away(offline)).toEqual(['note 0: relay'])
    const note = offline.open('note 0')
    await note.whenLoaded
    expect(note.status.get()).toMatchObject({ kept: 'coming', connection: 'offline', receipt: 'relay' })
    expect(away(offline)).toEqual(['note 0: coming'])
    // What would be the first content of a new document is none here.
    await note.init('template', (doc) => doc.getText('text').insert(0, 'a template'))
    expect(note.read()).toBe('')
    note.type('typed offline')
    await note.saved('device')
    await expect(offline.workspace.export('note 0')).rejects.toThrow(coded('not-here'))
    await offline.workspace.close()
    const again = await start()
    const reopened = again.open('note 0')
    await reopened.whenSynced
    await until('it is whole', () => reopened.status.get().kept === 'device')
    expect(reopened.read()).toHaveLength(`note 0 ${TEXT}typed offline`.length)
    await reopened.saved('relay')
    await allRead([reopened, author.open('note 0')])
    expect(again.forks).toEqual([])
  })

  test('[P4] what was opened and not fetched is fetched by the next session, open or not', async () => {
    const { relay } = await filled(1)
    const { reader, start } = await startReader(relay, { budgetBytes: 100 })
    await until('it has left', () => reader.workspace.kept.get().size === 1)
    await reader.workspace.close()
    const offline = await start({ connect: false })
    await offline.workspace.pin('note 0')
    expect(offline.workspace.kept.get().get('note 0')).toEqual({ at: 'coming', pinned: true })
    await offline.workspace.close()
    const again = await start()
    await until('it is here', () => again.workspace.kept.get().get('note 0')?.at === 'device')
    expect(again.workspace.kept.get().get('note 0')).toEqual({ at: 'device', pinned: true })
    await again.workspace.close()
    const last = await start({ connect: false })
    const note = last.open('note 0')
    await note.whenLoaded
    expect(note.read()).toBe(`note 0 ${TEXT}`)
    expect(note.status.get().pinned).toBe(true)
  })

  test('a document that is deleted while it is away is gone', async () => {
    const { relay, author } = await filled(2)
    const { reader } = await startReader(relay, { budgetBytes: 100 })
    await until('both have left', () => reader.workspace.kept.get().size === 2)
    const deleted: string[] = []
    reader.workspace.on('deleted', ({ document }) => deleted.push(document))
    await author.workspace.delete('note 0')
    await until('it is gone', () => reader.workspace.documents.get().length === 1)
    await reader.workspace.delete('note 1')
    await until('that one too, everywhere', () => author.workspace.documents.get().length === 0)
    expect([...reader.workspace.kept.get()]).toEqual([])
    expect(deleted).toEqual(['note 0'])
  })
})

describe('a store that is full', () => {
  test('[P2] is relieved of what relays have, and what was typed is stored', async () => {
    const { relay } = await filled(4)
    const inner = createOwnStore()
    let isFull = false
    let hasSpare = false
    // As Chromium does it: what puts anything is refused, also where it takes more away.
    const store: ReplicaStore = {
      ...inner,
      close() {},
      write: async (tables, body) => {
        let adds = false
        let takes = false
        const result = await inner.write(tables, async (transaction) => {
          const counting: typeof transaction = {
            ...transaction,
            put(table, key, value) {
              adds = true
              if (table === 'pieces') hasSpare = true
              transaction.put(table, key, value)
            },
            delete(table, key) {
              takes ||= table === 'records' || table === 'pieces'
              transaction.delete(table, key)
            },
          }
          const made = await body(counting)
          if (adds && isFull) throw new RejoinError('storage-full', 'no room')
          return made
        })
        if (takes) isFull = false
        return result
      },
    }
    const reader = await startClient(relay, { storage: store, environment: hasty })
    await isSynced(reader)
    await until('bytes are kept in spare', () => hasSpare)
    reader.network.cut()
    isFull = true
    const note = reader.open('note 3')
    await note.whenLoaded
    note.type('!')
    await until('it is degraded', () => reader.workspace.status.get().storage === 'degraded')
    expect(reader.workspace.status.get().trouble?.code).toBe('storage-full')
    await note.saved('device')
    expect(reader.workspace.status.get().storage).toBe('ok')
    expect(reader.workspace.kept.get().size).toBeGreaterThan(0)
    expect(reader.workspace.kept.get().has('note 3')).toBe(false)
    reader.network.mend()
    await note.saved('relay')
    expect(await readAtRelay(relay, 'note 3')).toBe(`note 3 ${TEXT}!`)
  })
})

describe('documents that are kept only while they are open', () => {
  test('leave and come back as well, and are followed while they are pinned', async () => {
    const { relay, author } = await filled(2)
    const { reader } = await startReader(relay, { budgetBytes: 100, sync: 'opened' })
    for (const id of ids(2)) {
      const note = reader.open(id)
      await note.whenSynced
      note.close()
    }
    await until('both have left', () => away(reader).join() === 'note 0: relay,note 1: relay')
    await reader.workspace.pin('note 0')
    await until('it is back', () => reader.workspace.kept.get().get('note 0')?.at === 'device')
    const mine = author.open('note 0')
    mine.type(' and more')
    await mine.saved('relay')
    await until('it has what is new', async () => {
      const doc = new Y.Doc()
      Y.applyUpdate(doc, await reader.workspace.export('note 0'))
      return doc.getText('text').toString().endsWith(' and more')
    })
    expect(away(reader)).toContain('note 1: relay')
    const note = reader.open('note 1')
    await note.whenSynced
    expect(note.read()).toBe(`note 1 ${TEXT}`)
  })
})

describe('tabs of one device', () => {
  test('[P4] know what the leader took off it, keep what is open in any of them, and bring back', async () => {
    const { relay } = await filled(3)
    const { reader, start } = await startReader(relay, { budgetBytes: 100 })
    const follower = await start({ budgetBytes: 100 })
    const open = follower.open('note 1')
    await open.whenLoaded
    await until('the others have left', () => away(follower).join() === 'note 0: relay,note 2: relay')
    expect(away(reader)).toEqual(away(follower))
    const note = follower.open('note 2')
    await until('it is back', () => note.read() === `note 2 ${TEXT}`)
    await until(
      'and whole, in both',
      () => !away(follower).join().includes('note 2') && !away(reader).join().includes('note 2'),
    )
    expect(note.status.get().kept).toBe('device')
    expect(open.read()).toBe(`note 1 ${TEXT}`)
  })
})
