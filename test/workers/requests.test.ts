/** What is asked of a relay on Workers by plain requests. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { openWorkspace } from '../../client/index.ts'
import { mintToken } from '../../server/index.ts'
import { startBlockingProxy } from '../support/blocking-proxy.ts'
import { startWorkerd, type WorkerdRelay } from '../support/workerd.ts'
import { startClient } from '../unit/client/support.ts'
import { cleanUp, until } from '../unit/server/support.ts'

describe('a Worker behind a network that blocks WebSockets', () => {
  let relay: WorkerdRelay
  beforeAll(async () => {
    relay = await startWorkerd()
  })
  afterAll(() => relay.close())

  test('[P6] serves clients by plain requests, also when its object has forgotten them', async () => {
    const proxy = await startBlockingProxy(relay.url)
    const near = await startClient(relay, { id: 'blocked' })
    const workspace = await openWorkspace({ id: 'blocked', storage: 'memory', relays: [proxy.url] })
    cleanUp(() => workspace.close())
    const [note, far] = [near.open(), workspace.open('note')]
    const text = far.doc.getText('text')
    await far.whenSynced
    expect(proxy.upgrades).toBe(2)
    text.insert(0, 'from behind')
    await far.saved('relay')
    await until('the other has it', () => note.read() === 'from behind')
    note.type('x'.repeat(300_000))
    await until('the one behind has all', () => text.length === 300_011)
    note.awareness.setLocalState({ name: 'near' })
    await until('it sees who is there', () => far.awareness.getStates().size === 2)
    await relay.deploy({ VERSION: 'another' })
    text.insert(0, 'again ')
    await far.saved('relay', { signal: AbortSignal.timeout(30_000) })
    await until('the other has that too', () => note.read().startsWith('again '))
    expect(new Set(proxy.requests)).toEqual(new Set(['open', 'close', 'poll', 'send']))
    // One asked whether the relay is there at all, before a WebSocket was tried again.
    expect(proxy.requests.filter((what) => what === 'close')).toHaveLength(1)
  })

  test('[P2][P5] serves documents to programs; clients see at once what is written, also where the object has slept', async () => {
    const ask = (path: string, init?: RequestInit) =>
      fetch(`${relay.url}/v1/workspaces/programs/documents${path}`, init)
    const doc = new Y.Doc()
    doc.getText('text').insert(0, 'hello')
    expect((await ask('/note')).status).toBe(404)
    const ada = await startClient(relay, { id: 'programs' })
    const note = ada.open()
    await note.whenSynced
    await relay.evict('programs')
    const body = new Uint8Array(Y.encodeStateAsUpdate(doc))
    expect((await ask('/note', { method: 'POST', body })).status).toBe(204)
    await until('the client has it', () => note.read() === 'hello')
    note.type(' you')
    await note.saved('relay')
    await relay.evict('programs')
    const read = await ask('/note')
    expect([await read.json(), read.headers.get('Rejoin-Harvest')]).toEqual([{ text: 'hello you' }, '1/1'])
    expect(await (await ask('')).json()).toMatchObject({ documents: [{ id: 'note' }] })
    expect((await ask('/note', { method: 'DELETE' })).status).toBe(204)
    expect(await (await ask('')).json()).toEqual({ documents: [] })
    expect(relay.errors()).toEqual([])
  })

  test('[P9] reads as JSON what a Y.Doc of fits its memory, and more as an update', async () => {
    const big = new Y.Doc()
    const update = (text: string) => {
      const before = Y.encodeStateVector(big)
      big.getText('text').insert(0, text)
      return new Uint8Array(Y.encodeStateAsUpdate(big, before))
    }
    const path = `${relay.url}/v1/workspaces/programs/documents/big`
    for (let i = 0; i < 20; i++) {
      const body = update(String(i % 10).repeat(60_000))
      expect((await fetch(path, { method: 'POST', body })).status).toBe(204)
    }
    const json = await fetch(path)
    expect([json.status, await json.json()]).toMatchObject([413, { error: { code: 'too-big' } }])
    const bytes = await (await fetch(path, { headers: { Accept: 'application/octet-stream' } })).arrayBuffer()
    const read = new Y.Doc()
    Y.applyUpdate(read, new Uint8Array(bytes))
    expect(read.getText('text').toString()).toBe(big.getText('text').toString())
  })

  test.each(['/metrics', '/mesh', '/exchange'])('says by a code that it has no %s', async (path) => {
    const answer = await fetch(relay.url + path, { method: path === '/exchange' ? 'POST' : 'GET' })
    expect([answer.status, await answer.json()]).toMatchObject([501, { error: { code: 'unsupported' } }])
  })

  test('[P9] refuses workspaces that cannot be, pages of others, and bodies beyond the bound', async () => {
    const ask = (path: string, init: RequestInit = {}) => fetch(relay.url + path, { method: 'POST', ...init })
    expect((await ask(`/exchange/${'x'.repeat(100)}`)).status).toBe(404)
    expect((await ask('/exchange/acme', { headers: { Origin: 'https://elsewhere.example' } })).status).toBe(403)
    expect((await ask('/exchange/acme', { body: new Uint8Array(20 * 1024 * 1024) })).status).toBe(413)
    expect((await ask('/v1/workspaces/acme/tickets')).status).toBe(404)
  })
})

describe('a Worker that asks for tokens', () => {
  let relay: WorkerdRelay
  beforeAll(async () => {
    relay = await startWorkerd('test/workers/auth/wrangler.toml')
  })
  afterAll(() => relay.close())

  /** As in the settings of the Worker. */
  const secret = 'a secret of at least thirty-two bytes'
  const token = () => mintToken(secret, { subject: 'ada', workspaces: ['*'], role: 'write', lifetimeMs: 60_000 })

  async function ask(authorization: string): Promise<{ status: number; ticket: string }> {
    const answer = await fetch(`${relay.url}/v1/workspaces/acme/tickets?document=note`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${authorization}` },
    })
    return { status: answer.status, ...((await answer.json()) as { ticket: string }) }
  }

  function stock(document: string, ticket: string) {
    const doc = new Y.Doc()
    const provider = new WebsocketProvider(`${relay.socketUrl}/y/acme`, document, doc, {
      disableBc: true,
      params: { ticket },
    })
    let closedWith: number | undefined
    provider.on('connection-close', (event) => {
      closedWith = event?.code
    })
    cleanUp(() => {
      provider.destroy()
      provider.awareness.destroy()
    })
    return { provider, closedWith: () => closedWith }
  }

  test('[P9] gives tickets, each of which lets in once, for one document, also where the object has slept', async () => {
    expect((await ask('nonsense')).status).toBe(401)
    const [first, second] = [await ask(await token()), await ask(await token())]
    expect([first.status, second.status]).toEqual([201, 201])
    await relay.evict('acme')
    const ada = stock('note', first.ticket)
    await until('it is in', () => ada.provider.synced)
    await relay.evict('acme')
    // Of a close that the object begins by itself the platform tells programs, not browsers, when it falls asleep.
    const turnedAway = [stock('note', first.ticket), stock('other', second.ticket)]
    await until('they are turned away', () => turnedAway.every(({ closedWith }) => closedWith() === 4401), 30_000)
  })
})
