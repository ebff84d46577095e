import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { mintToken, type TokenClaims } from '../../server/index.ts'
import { startWorkerd, type WorkerdRelay } from '../support/workerd.ts'
import { isSynced, startClient } from '../unit/client/support.ts'
import { cleanUp, until } from '../unit/server/support.ts'

/** As in the settings of the Worker. */
const SECRET = 'a secret of at least thirty-two bytes'

let relay: WorkerdRelay

beforeAll(async () => {
  relay = await startWorkerd('test/workers/auth/wrangler.toml')
})

afterAll(() => relay.close())

const tokenOf = (subject: string, claims: Partial<TokenClaims> = {}): Promise<string> =>
  mintToken(SECRET, { subject, workspaces: ['*'], role: 'write', lifetimeMs: 60_000, ...claims })

describe('a Worker that asks for tokens', () => {
  test('[P9] lets nobody in without one, and who has one stays in while the object sleeps', async () => {
    const nobody = await startClient(relay, { id: 'guarded' })
    nobody.open()
    await until('it is told why', () => nobody.workspace.status.get().error?.code === 'unauthenticated')
    const ada = await startClient(relay, { id: 'guarded', token: () => tokenOf('ada') })
    const note = ada.open()
    await isSynced(ada)
    const { opened } = ada.network
    for (const word of ['one', 'two', 'three']) {
      note.type(word)
      await note.saved('relay')
      await relay.evict('guarded')
    }
    expect(ada.network.opened).toBe(opened)
    expect(await relay.query('guarded', 'SELECT COUNT(*) AS count FROM log')).toEqual([{ count: 3 }])
  })

  test('[P9] keeps who may only read from writing, also after a sleep', async () => {
    const ada = await startClient(relay, { id: 'reading', token: () => tokenOf('ada') })
    const note = ada.open()
    note.type('hello')
    await note.saved('relay')
    const bob = await startClient(relay, { id: 'reading', token: () => tokenOf('bob', { role: 'read' }) })
    const read = bob.open()
    await until('the reader reads', () => read.read() === 'hello')
    await relay.evict('reading')
    read.type('!')
    note.type(' world')
    await note.saved('relay')
    expect(await relay.query('reading', 'SELECT COUNT(*) AS count FROM log')).toEqual([{ count: 2 }])
  })

  test('[P9] turns out who is revoked, also after a sleep, lets in by a newer token, and leaves others be', async () => {
    const before = Date.now()
    const token = await tokenOf('eve')
    const eve = await startClient(relay, { id: 'revoking', token })
    const note = eve.open()
    note.type('hello')
    await note.saved('relay')
    const ada = await startClient(relay, { id: 'revoking', token: () => tokenOf('ada') })
    const read = ada.open()
    await until('ada reads', () => read.read() === 'hello')
    const { opened } = ada.network
    await relay.evict('revoking')
    const asks = async (region: string): Promise<number> => {
      const headers = { Authorization: `Bearer ${token}` }
      return (await fetch(`${relay.url}/v1/workspaces/revoking/documents?region=${region}`, { headers })).status
    }
    expect([await asks('weur'), await asks('enam')]).toEqual([200, 200])
    expect((await fetch(`${relay.url}/revoke/revoking/eve`)).status).toBe(204)
    expect([await asks('weur'), await asks('enam')]).toEqual([401, 401])
    note.type('!')
    await until('eve is told', () => eve.workspace.status.get().error?.code === 'unauthenticated')
    read.type('?')
    await read.saved('relay')
    await relay.evict('revoking')
    const again = await startClient(relay, { id: 'revoking', token })
    await until('she stays out', () => again.workspace.status.get().error?.code === 'unauthenticated')
    expect(await relay.query('revoking', 'SELECT COUNT(*) AS count FROM log')).toEqual([{ count: 2 }])
    expect(ada.network.opened).toBe(opened)
    // Tokens say seconds.
    await until('a second has passed', () => Math.floor(Date.now() / 1_000) > Math.floor(before / 1_000) + 1)
    const back = await startClient(relay, { id: 'revoking', token: () => tokenOf('eve') })
    back.open()
    await isSynced(back)
    expect((await fetch(`${relay.url}/revoke/${'x'.repeat(81)}/eve`)).status).toBe(500)
  })

  test('[P9] takes nothing more of a stock client that is revoked, and closes its connection', async () => {
    const doc = new Y.Doc()
    const provider = new WebsocketProvider(`${relay.socketUrl}/y/stock-revoked`, 'note', doc, {
      disableBc: true,
      protocols: ['rejoin', `token.${await tokenOf('eve')}`],
    })
    cleanUp(() => {
      provider.destroy()
      provider.awareness.destroy()
    })
    const count = async () => relay.query('stock-revoked', 'SELECT COUNT(*) AS count FROM log')
    await until('it is synced', () => provider.synced)
    doc.getText('text').insert(0, 'a')
    await until('it is stored', async () => (await count())[0]?.count === 1)
    const closed = Promise.withResolvers<number | undefined>()
    provider.on('connection-close', (event) => closed.resolve(event?.code))
    expect((await fetch(`${relay.url}/revoke/stock-revoked/eve`)).status).toBe(204)
    doc.getText('text').insert(1, 'b')
    expect(await closed.promise).toBe(4401)
    expect(await count()).toEqual([{ count: 1 }])
  })

  test('takes the token of an unmodified WebsocketProvider as a subprotocol', async () => {
    const doc = new Y.Doc()
    const token = await tokenOf('stock')
    const provider = new WebsocketProvider(`${relay.socketUrl}/y/stock`, 'note', doc, {
      disableBc: true,
      protocols: ['rejoin', `token.${token}`],
    })
    cleanUp(() => {
      provider.destroy()
      provider.awareness.destroy()
    })
    await until('it is synced', () => provider.synced)
    doc.getText('text').insert(0, 'a')
    await until('it is stored', async () => {
      const rows = await relay.query('stock', 'SELECT COUNT(*) AS count FROM log')
      return rows[0]?.count === 1
    })
  })
})
