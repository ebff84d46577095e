/** The provider in the place of y-websocket's: the same shape, over one socket. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { type ProviderOptions, RejoinProvider } from '../../../client/provider.ts'
import { createNetwork, type Network } from '../../support/network.ts'
import { createOwnStore } from '../../support/stores.ts'
import { cleanUp, type RunningRelay, startRelay, until } from '../server/support.ts'
import { allRead, readAtRelay } from './support.ts'

interface Page {
  provider: RejoinProvider
  doc: Y.Doc
  text: Y.Text
  network: Network
  statuses: string[]
  syncs: boolean[]
  errors: unknown[]
  read(): string
}

function openPage(
  relay: RunningRelay,
  room = 'note',
  options: ProviderOptions & { doc?: Y.Doc; network?: Network } = {},
) {
  const { doc = new Y.Doc(), network = createNetwork(), ...rest } = options
  const provider = new RejoinProvider(`${relay.socketUrl}/sync/acme`, room, doc, {
    dial: network.dial,
    // Pages of one process share a workspace by URL and user: these are different people.
    user: `${users++}`,
    ...rest,
  })
  cleanUp(() => provider.destroy())
  const text = doc.getText('text')
  const page: Page = { provider, doc, text, network, statuses: [], syncs: [], errors: [], read: () => text.toString() }
  provider.on('status', ({ status }) => page.statuses.push(status))
  provider.on('sync', (synced) => page.syncs.push(synced))
  provider.on('error', (error) => page.errors.push(error))
  return page
}
let users = 0

const synced = ({ provider }: Page) => until('it is synced', () => provider.synced)

describe('RejoinProvider', () => {
  test('has the shape of y-websocket’s: events, synced, connect, disconnect, destroy', async () => {
    const relay = await startRelay()
    const page = openPage(relay)
    expect(page.provider.synced).toBe(false)
    expect(page.provider.roomname).toBe('note')
    await synced(page)
    expect(page.provider.wsconnected).toBe(true)
    // Like y-websocket it says that it connects before anybody can listen.
    expect(page.statuses).toEqual(['connected'])
    expect(page.syncs).toEqual([true])
    page.provider.disconnect()
    expect(page.provider.synced).toBe(false)
    expect(page.provider.wsconnected).toBe(false)
    expect(page.statuses).toEqual(['connected', 'disconnected'])
    expect(page.syncs).toEqual([true, false])
    page.provider.connect()
    await synced(page)
    expect(page.statuses.slice(2)).toEqual(['connecting', 'connected'])
    page.provider.destroy()
    page.provider.destroy()
    page.provider.connect()
    expect(page.provider.wsconnected).toBe(false)
    expect(page.doc.isDestroyed).toBe(false)
    expect(page.errors).toEqual([])
  })

  test('connect: false waits for connect()', async () => {
    const relay = await startRelay()
    const page = openPage(relay, 'note', { connect: false })
    expect(page.network.opened).toBe(0)
    page.provider.connect()
    await synced(page)
    expect(page.network.opened).toBe(1)
  })

  test('[P1] syncs both ways, and a Y.Doc that holds something already', async () => {
    const relay = await startRelay()
    const doc = new Y.Doc()
    doc.getText('text').insert(0, 'was here ')
    const [alice, bob] = [openPage(relay, 'note', { doc }), openPage(relay)]
    await allRead([alice, bob], 'was here ')
    bob.text.insert(0, 'I too ')
    await allRead([alice, bob], 'I too was here ')
    await Promise.all([synced(alice), synced(bob)])
    expect(await readAtRelay(relay)).toBe('I too was here ')
  })

  test('[P1] edits made while disconnected meet those of others', async () => {
    const relay = await startRelay()
    for (const storage of ['memory', createOwnStore()] as const) {
      const room = `room ${typeof storage}`
      const [alice, bob] = [openPage(relay, room, { storage }), openPage(relay, room)]
      await Promise.all([synced(alice), synced(bob)])
      alice.provider.disconnect()
      alice.text.insert(0, 'a')
      bob.text.insert(0, 'b')
      await synced(bob)
      alice.text.insert(0, 'a')
      expect(bob.read()).toBe('b')
      alice.provider.connect()
      await until('both have all', () => alice.read().length === 3 && bob.read() === alice.read())
      // And through a network that fails.
      alice.network.cut()
      alice.text.insert(0, 'x')
      bob.text.delete(0, 1)
      alice.network.mend()
      await until('both have all', () => alice.read().length === 3 && bob.read() === alice.read())
    }
  })

  test('[P6] edits made before it is loaded are not lost', async () => {
    const relay = await startRelay()
    const page = openPage(relay)
    page.text.insert(0, 'at once')
    await synced(page)
    expect(await readAtRelay(relay)).toBe('at once')
  })

  test('[P2] an edit made just before it is ended arrives', async () => {
    const relay = await startRelay()
    const page = openPage(relay)
    await synced(page)
    page.text.insert(0, 'last words')
    page.provider.destroy()
    await until('the relay has it', async () => (await readAtRelay(relay)) === 'last words')
  })

  test('[P11] rooms of one URL share a socket, until the last one leaves', async () => {
    const relay = await startRelay()
    const network = createNetwork()
    const pages = Array.from({ length: 12 }, (_, i) =>
      openPage(relay, `room/${i} of twelve`, { network, user: 'alice' }),
    )
    await Promise.all(pages.map(synced))
    expect(network.opened).toBe(1)
    for (const [i, { text }] of pages.entries()) text.insert(0, `${i}`)
    await Promise.all(pages.map(synced))
    for (const page of pages.slice(1)) page.provider.destroy()
    pages[0]?.text.insert(0, 'still ')
    await until('it is heard', async () => (await readAtRelay(relay, 'room/0 of twelve')) === 'still 0')
    expect(network.opened).toBe(1)
    expect(await readAtRelay(relay, 'room/7 of twelve')).toBe('7')
    expect(pages[0]?.provider.wsconnected).toBe(true)
  })

  test('shows people in a room, and that they left it although their socket stays', async () => {
    const relay = await startRelay()
    const network = createNetwork()
    const shared = { network, user: 'alice' }
    const [one, two, bob] = [openPage(relay, 'one', shared), openPage(relay, 'two', shared), openPage(relay, 'one')]
    one.provider.awareness.setLocalStateField('name', 'alice')
    bob.provider.awareness.setLocalStateField('name', 'bob')
    const seen = ({ provider }: Page) =>
      [...provider.awareness.getStates().values()]
        .map(({ name }) => name)
        .sort()
        .join()
    for (const page of [one, bob]) await until('they see each other', () => seen(page) === 'alice,bob')
    await synced(two)
    one.provider.disconnect()
    await until('alice has left', () => seen(bob) === 'bob')
    one.provider.connect()
    await until('alice is back', () => seen(bob) === 'alice,bob')
    one.provider.destroy()
    await until('alice has left', () => seen(bob) === 'bob')
    expect(network.opened).toBe(1)
    expect(two.provider.synced).toBe(true)
  })

  test('[P5] [P6] whose code does not come says so, tries again, and has lost nothing', async () => {
    const relay = await startRelay()
    let tries = 0
    const load = async () => {
      if (++tries < 3) throw new TypeError('Failed to fetch dynamically imported module')
      return import('../../../client/workspace.ts')
    }
    const page = openPage(relay, 'note', { load })
    page.text.insert(0, 'typed before')
    await synced(page)
    expect(tries).toBe(3)
    expect(page.errors).toEqual([expect.objectContaining({ code: 'not-loaded' })])
    // It says that it connects first before anybody can listen.
    expect(page.statuses).toEqual(['disconnected', 'connecting', 'disconnected', 'connecting', 'connected'])
    expect(await readAtRelay(relay)).toBe('typed before')
  })

  test('[P6] who leaves and comes back while the code is loaded is there once', async () => {
    const relay = await startRelay()
    const page = openPage(relay)
    page.provider.disconnect()
    page.provider.connect()
    await synced(page)
    page.provider.disconnect()
    page.text.insert(0, 'typed alone')
    page.provider.connect()
    await synced(page)
    expect(page.network.opened).toBe(2)
    expect(await readAtRelay(relay)).toBe('typed alone')
  })

  test('[P5][P7] one that does not open its document lets go of the socket all the same', async () => {
    const relay = await startRelay()
    const network = createNetwork()
    const options = { network, user: 'two documents of one name' }
    const [one, two] = [openPage(relay, 'note', options), openPage(relay, 'note', options)]
    await until('the first is in', () => one.provider.synced)
    await until('the second is told', () => two.errors.length > 0)
    expect(two.errors).toEqual([expect.objectContaining({ code: 'bad-option' })])
    one.provider.destroy()
    two.provider.destroy()
    await until('nobody is connected', async () => {
      const metrics = await (await fetch(`${relay.url}/metrics`)).text()
      return /^rejoin_connections\{?[^\n]* 0$/m.test(metrics)
    })
  })

  test('[P5] an address without a workspace is an error, told once', async () => {
    const provider = new RejoinProvider('ws://127.0.0.1:9/other', 'note', new Y.Doc())
    const errors: unknown[] = []
    provider.on('error', (error) => errors.push(error))
    await until('it is told', () => errors.length > 0)
    expect(errors).toEqual([expect.objectContaining({ code: 'bad-option' })])
    provider.destroy()
  })
})
