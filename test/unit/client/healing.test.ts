/** What a replica does after a reconnect, and where one side is not what it was: restored, copied, damaged. */
import { cpSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { LACKING_MS } from '../../../client/reading.ts'
import type { ReplicaStore } from '../../../client/replica/store.ts'
import type { Environment } from '../../../shared/environment.ts'
import { copyOf, createOwnStore, damage, dump } from '../../support/stores.ts'
import { startRelay, temporaryFolder, until } from '../server/support.ts'
import {
  allRead,
  impatient,
  isSynced,
  type Note,
  readAtRelay,
  readInStore,
  startClient,
  startRelayAt,
} from './support.ts'

/** Bytes each way that a reconnect may cost where nothing has changed. */
const QUIET_BYTES_MAX = 64

/** Asks at once for what a Y.Doc lacks: a second later its question would fall into what is counted, or not. */
const curious: Environment = {
  ...impatient,
  setTimer: (callback, delayMs) => impatient.setTimer(callback, delayMs === LACKING_MS ? 0 : delayMs),
}

describe('a reconnect', () => {
  test('[P11] costs at most 64 bytes each way where nothing has changed, however much there is', async () => {
    const relay = await startRelay()
    const alice = await startClient(relay)
    for (let i = 0; i < 100; i++) alice.open(`note ${i}`).type(`this is note ${i}, of some length`)
    await isSynced(alice)
    const storage = createOwnStore()
    const first = await startClient(relay, { storage })
    await isSynced(first)
    await first.workspace.close()
    // In another session, and within one.
    const second = await startClient(relay, { storage })
    await isSynced(second)
    expect(second.network.opened).toBe(1)
    expect(second.network.sentBytes).toBeLessThanOrEqual(QUIET_BYTES_MAX)
    expect(second.network.receivedBytes).toBeLessThanOrEqual(QUIET_BYTES_MAX)
    for (let times = 0; times < 3; times++) {
      second.network.cut()
      second.network.resetCounts()
      second.network.mend()
      await isSynced(second)
      expect(second.network.sentBytes).toBeGreaterThan(0)
      expect(second.network.sentBytes).toBeLessThanOrEqual(QUIET_BYTES_MAX)
      expect(second.network.receivedBytes).toBeLessThanOrEqual(QUIET_BYTES_MAX)
    }
  })

  test('[P11] costs what has changed', async () => {
    const relay = await startRelay()
    const alice = await startClient(relay)
    const notes = Array.from({ length: 100 }, (_, i) => alice.open(`note ${i}`))
    for (const note of notes) note.type('some text that everybody has already')
    await isSynced(alice)
    const bob = await startClient(relay)
    await isSynced(bob)
    bob.network.cut()
    notes[7]?.type('!')
    await notes[7]?.saved('relay')
    bob.network.resetCounts()
    bob.network.mend()
    await isSynced(bob)
    expect(bob.network.sentBytes).toBeLessThanOrEqual(QUIET_BYTES_MAX)
    expect(bob.network.receivedBytes).toBeLessThanOrEqual(2 * QUIET_BYTES_MAX)
    const note = bob.open('note 7')
    await note.whenLoaded
    expect(note.read()).toBe('some text that everybody has already!')
  })

  test('[P11] costs as little after much was written and read, in both directions, since the greeting', async () => {
    const relay = await startRelay()
    const [alice, bob] = [await startClient(relay), await startClient(relay)]
    await isSynced(alice, bob)
    const handles = [alice.open(), bob.open()]
    const [a, b] = handles as [Note, Note]
    for (let i = 0; i < 12; i++) {
      a.type('alice types ')
      await a.saved('relay')
      b.type('bob too ')
      await b.saved('relay')
    }
    await allRead([a, b])
    // Without open documents, which are told of at every greeting.
    for (const note of handles) note.close()
    await isSynced(alice, bob)
    for (const { workspace, network } of [alice, bob]) {
      network.cut()
      network.resetCounts()
      network.mend()
      await until('it is synced', () => workspace.status.get().connection === 'synced')
      expect(network.sentBytes).toBeLessThanOrEqual(QUIET_BYTES_MAX)
      expect(network.receivedBytes).toBeLessThanOrEqual(QUIET_BYTES_MAX)
    }
  })

  test('[P10] once quiet, the wire is silent', async () => {
    const relay = await startRelay()
    const [alice, bob] = [await startClient(relay), await startClient(relay)]
    const [a, b] = [alice.open(), bob.open()]
    a.type('a')
    b.type('b')
    await isSynced(alice, bob)
    await allRead([a, b])
    // A few round trips of another later everything that was under way has come.
    for (let times = 0; times < 3; times++) {
      for (const { network } of [alice, bob]) network.resetCounts()
      expect(await readAtRelay(relay)).toBe(a.read())
    }
    for (const { network } of [alice, bob]) expect([network.sentBytes, network.receivedBytes]).toEqual([0, 0])
  })

  test('[P7][P10] an edit that builds on what nobody has is not offered again and again', async () => {
    const relay = await startRelay()
    for (const storage of [createOwnStore(), 'memory'] as const) {
      const updates: Uint8Array[] = []
      const author = new Y.Doc()
      author.on('update', (update) => updates.push(update))
      for (const word of ['never ', 'arrives']) author.getText('text').insert(0, word)
      const doc = new Y.Doc()
      doc.getText('other').insert(0, 'something')
      if (updates[1] !== undefined) Y.applyUpdate(doc, updates[1])
      const client = await startClient(relay, { storage, environment: curious })
      const fine = client.open('fine')
      client.workspace.open(`stuck ${typeof storage}`, { doc })
      fine.type('x')
      await fine.saved('relay')
      await until('it is told that it cannot be sent', () => client.errors.length > 0)
      // It is offered, refused, compared and offered again: a few round trips, that another's round trips outlast.
      let before = 0
      for (let times = 0; times < 6; times++) {
        before = client.network.sentBytes
        await readAtRelay(relay, 'fine')
      }
      expect(client.network.sentBytes).toBe(before)
      expect(client.workspace.status.get()).toMatchObject({ connection: 'syncing', unacknowledged: 1 })
      expect(client.errors).toEqual([expect.objectContaining({ code: 'dependency' })])
      await client.workspace.close()
    }
  })

  test('[P3] a lost acknowledgement costs nothing: the same bytes again are no second edit', async () => {
    const relay = await startRelay()
    const storage = createOwnStore()
    const client = await startClient(relay, { storage })
    const note = client.open()
    await note.whenSynced
    // The relay takes the record; that it has it never arrives.
    client.network.deafen()
    note.type('once')
    await until('the relay has it', async () => (await readAtRelay(relay)) === 'once')
    expect(note.status.get()).toMatchObject({ unacknowledged: 1, receipt: 'device' })
    client.network.cut()
    client.network.mend()
    await note.saved('relay')
    expect(await readAtRelay(relay)).toBe('once')
    expect((await dump(storage)).records).toHaveLength(1)
    expect(client.forks).toEqual([])
  })
})

describe('a relay that was restored from an older copy of its folder', () => {
  test('[P2][P8] is given again what it has lost, and nothing is lost of what is new', async () => {
    const data = temporaryFolder()
    const backup = temporaryFolder()
    let relay = await startRelay({ data })
    const storage = createOwnStore()
    const alice = await startClient(relay, { storage })
    const bob = await startClient(relay, { storage: 'memory' })
    const [a, b] = [alice.open(), bob.open()]
    a.type('old ')
    await allRead([a, b], 'old ')
    await isSynced(alice, bob)

    for (const { network } of [alice, bob]) network.cut()
    await relay.relay.close()
    cpSync(data, backup, { recursive: true })
    relay = await startRelayAt(relay.url, { data })
    for (const { network } of [alice, bob]) network.mend()
    a.type('lost ')
    await allRead([a, b], 'old lost ')
    b.type('stamped ')
    await allRead([a, b], 'old lost stamped ')
    alice.open('other').type('lost too')
    await isSynced(alice, bob)

    for (const { network } of [alice, bob]) network.cut()
    await relay.relay.close()
    a.type('offline ')
    await a.saved('device')
    // The restored one goes on before those come back who know more, under the origin that it had.
    relay = await startRelayAt(relay.url, { data: backup })
    expect(await readAtRelay(relay)).toBe('old ')
    const carol = await startClient(relay, { storage: 'memory' })
    const c = carol.open()
    await c.whenSynced
    c.text.insert(0, 'new ')
    await c.saved('relay')

    for (const { network } of [alice, bob]) network.mend()
    await allRead([a, b, c], 'new old lost stamped offline ')
    await isSynced(alice)
    expect(await readAtRelay(relay)).toBe('new old lost stamped offline ')
    expect(await readAtRelay(relay, 'other')).toBe('lost too')
    expect(await readInStore(storage)).toBe('new old lost stamped offline ')
    a.type('.')
    b.text.insert(0, '.')
    c.type('.')
    await allRead([a, b, c])
    expect(a.read()).toHaveLength('.new old lost stamped offline ..'.length)
    expect(relay.errors).toEqual([])
  })

  test('[P2] a relay that lost everything is given everything', async () => {
    let relay = await startRelay()
    const alice = await startClient(relay)
    for (const id of ['one', 'two', 'three']) alice.open(id).type(id)
    await isSynced(alice)
    alice.network.cut()
    await relay.relay.close()
    relay = await startRelayAt(relay.url, { data: temporaryFolder() })
    alice.network.mend()
    await isSynced(alice)
    await until('all three are there', async () => (await readAtRelay(relay, 'three')) === 'three')
    for (const id of ['one', 'two']) expect(await readAtRelay(relay, id)).toBe(id)
  })
})

describe('a copied profile', () => {
  async function twins(relay: Awaited<ReturnType<typeof startRelay>>) {
    const storage = createOwnStore()
    const before = await startClient(relay, { storage })
    before.open('note').type('before ')
    before.open('other').type('other ')
    await isSynced(before)
    await before.workspace.close()
    return [storage, await copyOf(storage)] as const
  }

  test('[P8] both branches are kept, where both wrote before they met the relay', async () => {
    const relay = await startRelay()
    const stores = await twins(relay)
    const clients = []
    for (const [i, storage] of stores.entries()) {
      const offline = await startClient(relay, { storage: keep(storage), connect: false })
      const note = offline.open()
      await note.whenLoaded
      note.text.insert(0, `twin ${i} `)
      await note.saved('device')
      offline.workspace.connect()
      clients.push({ ...offline, note })
      await note.saved('relay')
    }
    const notes = clients.map(({ note }) => note)
    await allRead(notes)
    for (const part of ['twin 0 ', 'twin 1 ', 'before ']) expect(notes[0]?.read()).toContain(part)
    expect(await readAtRelay(relay)).toBe(notes[0]?.read())
    expect(clients.flatMap(({ forks }) => forks)).toContain('note')
    for (const client of clients) await isSynced(client)
  })

  test('[P8] both go on, also when they write at once, and the fork is told once', async () => {
    const relay = await startRelay()
    const [first, second] = await twins(relay)
    const alice = await startClient(relay, { storage: keep(first) })
    const bob = await startClient(relay, { storage: keep(second) })
    const [a, b] = [alice.open(), bob.open()]
    await Promise.all([a.whenLoaded, b.whenLoaded])
    await isSynced(alice, bob)
    a.type('1')
    b.text.insert(0, '1')
    await allRead([a, b], '1before 1')
    for (const letter of '23456') {
      a.type(letter)
      await allRead([a, b])
      b.text.insert(0, letter)
      await allRead([a, b])
    }
    expect(a.read()).toBe('654321before 123456')
    await isSynced(alice, bob)
    // Both took a new name, or one of them did; the other document forks at most once as well.
    expect(alice.forks.length + bob.forks.length).toBeLessThanOrEqual(3)
    expect(alice.forks.length + bob.forks.length).toBeGreaterThan(0)
    const [x, y] = [alice.open('other'), bob.open('other')]
    await Promise.all([x.whenLoaded, y.whenLoaded])
    x.type('x')
    await allRead([x, y], 'other x')
    y.type('y')
    await allRead([x, y], 'other xy')
    expect(await readAtRelay(relay)).toBe(a.read())
    expect([...alice.errors, ...bob.errors, ...relay.errors]).toEqual([])
  })
})

describe('a damaged replica', () => {
  async function withRecords(relay: Awaited<ReturnType<typeof startRelay>>): Promise<ReplicaStore> {
    const storage = createOwnStore()
    const writer = await startClient(relay)
    const reader = await startClient(relay, { storage })
    const note = writer.open()
    for (const word of ['one ', 'two ', 'three ']) {
      note.type(word)
      await note.saved('relay')
    }
    writer.open('other').type('fine')
    await isSynced(writer, reader)
    await until('the reader has all', async () => (await readInStore(storage)) === 'one two three ')
    await until('also the other', async () => (await readInStore(storage, 'other')) === 'fine')
    await Promise.all([writer.workspace.close(), reader.workspace.close()])
    const rows = (await dump(storage)).records.filter(({ key }) => key[0] === 'note' && key[2] === 2)
    for (const { key } of rows) await damage(storage, 'records', key)
    return storage
  }

  test('[P2][P5] a record that does not match its checksum is reported, and fetched from the relay again', async () => {
    const relay = await startRelay()
    const storage = await withRecords(relay)
    const client = await startClient(relay, { storage })
    await isSynced(client)
    const note = client.open()
    await note.whenLoaded
    expect(note.read().startsWith('one ')).toBe(true)
    await allRead([note], 'one two three ')
    expect(client.errors).toEqual([expect.objectContaining({ code: 'corrupt' })])
    note.type('four')
    await note.saved('relay')
    expect(await readAtRelay(relay)).toBe('one two three four')
  })

  test('[P2] also where it was found offline, in an earlier session', async () => {
    const relay = await startRelay()
    const storage = await withRecords(relay)
    const offline = await startClient(undefined, { storage })
    await offline.open().whenLoaded
    expect(offline.errors).toEqual([expect.objectContaining({ code: 'corrupt' })])
    await offline.workspace.close()
    const client = await startClient(relay, { storage })
    const note = client.open()
    await note.whenLoaded
    await allRead([note], 'one two three ')
    expect(client.errors).toEqual([])
  })

  test('[P9] a damaged record that waits for a relay does not hold up other documents', async () => {
    const relay = await startRelay()
    const storage = createOwnStore()
    const before = await startClient(relay, { storage })
    const note = before.open('bad')
    await note.whenSynced
    before.network.hold()
    before.network.resetCounts()
    note.type('never arrives')
    await until('it is sealed and sent', () => before.network.sentBytes > 0)
    before.network.cut()
    before.open('good').type('arrives')
    await before.workspace.close()
    const [row] = (await dump(storage)).records
    if (row !== undefined) await damage(storage, 'records', row.key)
    const client = await startClient(relay, { storage })
    const good = client.open('good')
    await good.saved('relay')
    expect(await readAtRelay(relay, 'good')).toBe('arrives')
    await until('the damage is reported', () => client.errors.length > 0)
    expect(client.errors).toEqual([expect.objectContaining({ code: 'corrupt' })])
  })
})

/** The same content, but closing it ends this user of it only. */
const keep = (store: ReplicaStore): ReplicaStore => ({ ...store, durable: true, close() {} })

describe('content and history', () => {
  test('[P1] replicas that met in any order hold equal documents', async () => {
    const relay = await startRelay()
    const stores = [createOwnStore(), createOwnStore(), createOwnStore()]
    const clients = await Promise.all(stores.map((storage) => startClient(relay, { storage })))
    const notes = clients.map(({ open }) => open())
    await Promise.all(notes.map(({ whenSynced }) => whenSynced))
    for (let round = 0; round < 12; round++) {
      for (const [i, { network }] of clients.entries()) {
        if ((round + i) % 3 === 0) network.cut()
        if ((round + i) % 3 === 1) network.mend()
      }
      for (const [i, note] of notes.entries()) {
        note.text.insert((round * (i + 1)) % (note.text.length + 1), `${i}`)
        if (round % 4 === i) note.text.delete(0, Math.min(2, note.text.length))
        note.doc.getMap('map').set(`${round % 3}`, `${i}/${round}`)
      }
    }
    for (const { network } of clients) network.mend()
    await isSynced(...clients)
    await allRead(notes)
    const states = notes.map(({ doc }) => JSON.stringify([doc.getText('text').toDelta(), doc.getMap('map').toJSON()]))
    await until('maps are equal', () => new Set(notes.map(({ doc }) => JSON.stringify(doc.getMap('map')))).size === 1)
    expect(new Set(states).size).toBe(1)
    const stateVectors = notes.map(({ doc }) => [...Y.decodeStateVector(Y.encodeStateVector(doc))].sort().join())
    expect(new Set(stateVectors).size).toBe(1)
  })
})
