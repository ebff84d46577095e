/** Two tabs of one replica in this process: one store, one channel, a connection each or one of them without. */
import { describe, expect, test } from 'vitest'
import type { ReplicaStore } from '../../../client/replica/store.ts'
import type { WorkspaceOptions } from '../../../client/workspace.ts'
import { type ErrorCode, RejoinError } from '../../../shared/errors.ts'
import { copyOf, createOwnStore } from '../../support/stores.ts'
import { startRelay, until } from '../server/support.ts'
import { allRead, type Client, coded, isSynced, type Note, noise, readAtRelay, startClient } from './support.ts'

describe('another tab of the replica', () => {
  test('[P8] hears of a fork, and follows without being opened again', async () => {
    const relay = await startRelay()
    const store = createOwnStore()
    const before = await startClient(relay, { storage: store })
    before.open().type('before ')
    await isSynced(before)
    await before.workspace.close()
    const copy = await copyOf(store)
    const online = await startClient(relay, { storage: keep(store), user: 'shared' })
    const offline = await startTab(store)
    const [mine, shown] = [online.open(), offline.open()]
    await Promise.all([mine.whenSynced, shown.whenLoaded])
    // What is sealed here stays in the network, while the copied profile gives the same names to something else.
    online.network.hold()
    online.network.resetCounts()
    mine.text.insert(0, 'mine ')
    await allRead([mine, shown], 'mine before ')
    await until('it is sealed', () => online.network.sentBytes > 0)
    const other = await startClient(relay, { storage: copy })
    const theirs = other.open()
    await theirs.whenSynced
    for (const word of ['one ', 'two ', 'three ']) {
      theirs.type(word)
      await theirs.saved('relay')
    }
    online.network.release()
    await allRead([theirs, mine, shown], 'mine before one two three ')
    expect([online.forks, offline.forks]).toEqual([['note'], ['note']])
    shown.type('end')
    await shown.saved('relay')
    await allRead([theirs, mine, shown], 'mine before one two three end')
  })

  test('[P5] hears that a document was refused, and ends it as well', async () => {
    const relay = await startRelay({ limits: { updateBytesMax: 1_000 } })
    const store = createOwnStore()
    const offline = await startTab(store)
    const online = await startClient(relay, { storage: keep(store), user: 'shared' })
    const [shown, note] = [offline.open(), online.open()]
    note.type('fine')
    await note.saved('relay')
    note.type('y'.repeat(2_000))
    await until('it has it', () => shown.text.length > 2_000)
    await expect(shown.saved('relay')).rejects.toThrow(coded('too-big'))
    await until('it has ended', () => shown.status.get().error?.code === 'too-big')
    const reopened = offline.open()
    await reopened.whenLoaded
    await allRead([reopened], 'fine')
    reopened.type('!')
    await reopened.saved('relay')
  })

  test('[P11] does not send again what this one has sent', async () => {
    const relay = await startRelay()
    const store = createOwnStore()
    const start = () => startClient(relay, { storage: keep(store), user: 'shared' })
    const [first, second] = [await start(), await start()]
    const [note, shown] = [first.open(), second.open()]
    await isSynced(first, second)
    second.network.resetCounts()
    for (let i = 0; i < 5; i++) {
      note.type(noise(1_000))
      await note.saved('relay')
      await allRead([shown, note])
    }
    // A tab looks for what others left behind every few seconds.
    await new Promise((resolve) => setTimeout(resolve, 6_000))
    expect(second.network.sentBytes).toBeLessThan(1_000)
    expect(second.workspace.status.get().unacknowledged).toBe(0)
  })
})

describe('tabs of one replica', () => {
  test('[P11] have one connection, and all of them stand as the one that has it', async () => {
    const { relay, tabs } = await startTabs(4)
    await isSynced(...tabs)
    expect(tabs.map(({ network }) => network.opened)).toEqual([1, 0, 0, 0])
    const notes = tabs.map((tab) => tab.open())
    await Promise.all(notes.map(({ whenSynced }) => whenSynced))
    const [, note] = notes
    note?.type('typed by one that follows')
    await note?.saved('relay')
    expect(await readAtRelay(relay)).toBe('typed by one that follows')
    await allRead(notes, 'typed by one that follows')
    for (const { status } of notes) {
      const settled = () => status.get().receipt === 'relay' && status.get().connection === 'synced'
      await until(`it is told everywhere, but: ${JSON.stringify(status.get())}`, settled)
    }
    expect(tabs.map(({ network }) => network.opened)).toEqual([1, 0, 0, 0])
    expect(tabs.flatMap(({ errors }) => errors)).toEqual([])
  })

  test('[P6] show at once what one of them types, offline too, also before it is stored', async () => {
    const { broken, tabs } = await startTabs(3, { connect: false })
    const notes = tabs.map((tab) => tab.open())
    await Promise.all(notes.map(({ whenLoaded }) => whenLoaded))
    notes[0]?.type('stored ')
    await allRead(notes, 'stored ')
    broken.code = 'storage-failed'
    notes[1]?.type('not stored ')
    await allRead(notes, 'stored not stored ')
    notes[2]?.type('nor this')
    await allRead(notes, 'stored not stored nor this')
    // Whoever has seen it keeps it until there is room.
    await tabs[1]?.workspace.close()
    broken.code = undefined
    await notes[2]?.saved('device')
    const later = await startTab(tabs.store)
    const read = later.open()
    await allRead([read], 'stored not stored nor this')
  })

  test('[P2] hand over when the leader is closed: what was on its way is sent again', async () => {
    const { relay, tabs } = await startTabs(3)
    const notes = tabs.map((tab) => tab.open())
    await isSynced(...tabs)
    tabs[0]?.network.hold()
    notes[1]?.type('typed ')
    notes[0]?.type('and ')
    await allRead(notes.slice(1))
    await tabs[0]?.workspace.close()
    await notes[1]?.saved('relay')
    expect(await readAtRelay(relay)).toBe(notes[1]?.read())
    await isSynced(...tabs.slice(1))
    expect(tabs.map(({ network }) => network.opened).sort()).toEqual([0, 1, 1])
  })

  test('[P5] show each other, and who is elsewhere, and who has gone', async () => {
    const { relay, tabs } = await startTabs(3)
    const other = (await startClient(relay)).open()
    const notes = tabs.map((tab) => tab.open())
    await isSynced(...tabs)
    await Promise.all([...notes, other].map(({ whenSynced }) => whenSynced))
    const all = [...notes, other]
    for (const [index, { awareness }] of all.entries()) awareness.setLocalState({ name: `person ${index}` })
    const seenBy = (note: Note) => [...note.awareness.getStates().values()].map(({ name }) => name).sort()
    const see = (viewers: readonly Note[], names: readonly string[]) =>
      until(`they see ${names}, not ${JSON.stringify(viewers.map(seenBy))}`, () =>
        viewers.every((note) => JSON.stringify(seenBy(note)) === JSON.stringify(names)),
      )
    await see(all, ['person 0', 'person 1', 'person 2', 'person 3'])
    notes[1]?.close()
    await see([all[0], all[2], all[3]] as Note[], ['person 0', 'person 2', 'person 3'])
    await tabs[0]?.workspace.close()
    await see([all[2], all[3]] as Note[], ['person 2', 'person 3'])
  })

  test('[P6] with a full device send all the same what any of them types', async () => {
    const { relay, broken, tabs } = await startTabs(3)
    const notes = tabs.map((tab) => tab.open())
    const bob = (await startClient(relay)).open()
    await isSynced(...tabs)
    await Promise.all(notes.map(({ whenSynced }) => whenSynced))
    broken.code = 'storage-full'
    for (const [index, note] of notes.entries()) {
      note.type(`tab ${index} `)
      await note.saved('relay')
      await allRead([...notes, bob])
      bob.type('bob ')
      await allRead([...notes, bob])
    }
    expect(bob.read()).toBe('tab 0 bob tab 1 bob tab 2 bob ')
    for (const { workspace } of tabs) {
      await until('it is told', () => workspace.status.get().storage === 'degraded')
    }
    broken.code = undefined
    for (const note of notes) await note.saved('device')
    for (const { workspace } of tabs) await until('all is well', () => workspace.status.get().storage === 'ok')
    const later = await startTab(tabs.store)
    await allRead([later.open()], bob.read())
  })
})

/** Tabs in the order in which they were opened: the first one leads. */
async function startTabs(count: number, options: Partial<WorkspaceOptions> = {}) {
  const relay = await startRelay()
  const inner = createOwnStore()
  const broken: { code: ErrorCode | undefined } = { code: undefined }
  const store: ReplicaStore = {
    ...inner,
    write(tables, body) {
      if (broken.code === undefined) return inner.write(tables, body)
      return Promise.reject(new RejoinError(broken.code, 'nothing can be written'))
    },
  }
  const user = `shared ${users++}`
  const tabs: Client[] = []
  for (let i = 0; i < count; i++) {
    const tab = await startClient(relay, { storage: keep(store), user, ...options })
    tabs.push(tab)
    if (options.connect !== false && i === 0) await isSynced(tab)
  }
  return { relay, broken, tabs: Object.assign(tabs, { store }) }
}

let users = 0

/** The same content, but closing it ends this user of it only. */
const keep = (store: ReplicaStore): ReplicaStore => ({ ...store, durable: true, close() {} })

/** A tab without a connection of its own. */
const startTab = (store: ReplicaStore) => startClient(undefined, { storage: keep(store), user: 'shared' })
