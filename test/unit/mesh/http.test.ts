import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createPeerAuth } from '../../../server/mesh/auth.ts'
import { createHttpTransport } from '../../../server/mesh/http.ts'
import { systemEnvironment } from '../../../shared/environment.ts'
import { cleanUp, converged, startRelay, stockClient, until } from '../server/support.ts'

const SECRET = 'a secret of twenty characters and more'
const { randomBytes } = systemEnvironment

type Started = Awaited<ReturnType<typeof startRelay>>

/** Each relay knows the first one only. */
async function startMesh(count: number, peerSecret?: string): Promise<Started[]> {
  const relays: Started[] = []
  for (let i = 0; i < count; i++) {
    const [first] = relays
    relays.push(await startRelay({ peers: first === undefined ? [] : [first.url], peerSecret }))
  }
  await until('all relays know and reach each other', () =>
    relays.every(({ relay }) => relay.mesh()?.members.filter(({ up }) => up).length === count - 1),
  )
  return relays
}

const post = (url: string, body: Uint8Array, headers: Record<string, string> = {}) =>
  fetch(url, { method: 'POST', body: new Uint8Array(body), headers })

describe('a mesh over HTTP', () => {
  it('[P10] is joined by way of any member, and what one client writes at one relay others read at all', async () => {
    const relays = await startMesh(3)
    const clients = relays.map(({ socketUrl }) => stockClient(`${socketUrl}/y/team`, 'note'))
    for (const [i, client] of clients.entries()) client.type(`${i}`)
    await until('all have written', () => clients.every(({ provider }) => provider.synced))
    await until('all have all', () => clients.every(({ text }) => text.length === 3))
    await converged(clients)
    await until(
      'no relay differs from another',
      () => new Set(relays.map(({ relay }) => relay.mesh()?.root)).size === 1,
    )
    expect(relays.map(({ errors }) => errors)).toEqual([[], [], []])
  })

  it('[P9] with a secret only peers are answered, each request once', async () => {
    const relays = await startMesh(2, SECRET)
    const [a, b] = relays
    if (a === undefined || b === undefined) throw new Error('there are two')
    const clients = relays.map(({ socketUrl }) => stockClient(`${socketUrl}/y/team`, 'note'))
    clients[0]?.type('hello')
    await converged(clients, 'hello')
    const refused = a.relay.mesh()?.counters.refused ?? 0
    expect((await post(`${a.url}/exchange/team`, new Uint8Array(10))).status).toBe(403)
    const other = createPeerAuth([{ secret: 'another secret of twenty characters' }], systemEnvironment)
    await expect(createHttpTransport(other)(a.url, 'team', new Uint8Array(10))).rejects.toThrow('forbidden')
    const auth = createPeerAuth([{ secret: SECRET }], systemEnvironment)
    const body = randomBytes(10)
    const signed = await auth.sign(a.url, '/exchange/team', body)
    expect((await post(`${a.url}/exchange/team`, body, { Authorization: signed })).status).toBe(200)
    expect((await post(`${a.url}/exchange/team`, body, { Authorization: signed })).status).toBe(403)
    expect(
      (await post(`${a.url}/exchange/other`, body, { Authorization: await auth.sign(a.url, '/exchange/team', body) }))
        .status,
    ).toBe(403)
    expect(a.relay.mesh()?.counters.refused).toBeGreaterThanOrEqual(refused + 5)
  })

  it('[P9] a peer with a secret of its own cannot speak for another', async () => {
    const a = await startRelay({
      peers: [{ url: 'http://127.0.0.1:1', secret: SECRET }],
      advertise: 'http://127.0.0.1:2',
    })
    const b = await startRelay({ peers: [{ url: a.url, secret: SECRET }] })
    await until('b was refused', () => (a.relay.mesh()?.counters.refused ?? 0) > 0)
    expect(a.relay.mesh()?.members.map(({ address }) => address)).toEqual(['http://127.0.0.1:1'])
    await until('a is reached', () => b.relay.mesh()?.members[0]?.up === true)
  })

  it('[P7] refuses bodies that are too large, and what is no exchange', async () => {
    const [a] = await startMesh(1)
    const url = `${a?.url}/exchange/team`
    expect((await post(url, new Uint8Array(17 * 1024 * 1024))).status).toBe(413)
    const answer = await post(url, new Uint8Array(10))
    expect(answer.status).toBe(200)
    expect(a?.relay.mesh()?.counters.refused).toBe(2)
  })

  it('asks for a secret beyond this machine', async () => {
    await expect(startRelay({ peers: ['http://10.0.0.1:8787'] })).rejects.toThrow('need a secret')
    await expect(startRelay({ peers: ['http://10.0.0.1:8787'], peerSecret: 'short' })).rejects.toThrow('at least 20')
  })

  it('[P11] a relay that starts again knows what it holds without opening it', async () => {
    const data = mkdtempSync(join(tmpdir(), 'rejoin-mesh-'))
    cleanUp(() => rmSync(data, { recursive: true, force: true }))
    const first = await startRelay({ data, peers: [] })
    for (let i = 0; i < 5; i++) {
      const client = stockClient(`${first.socketUrl}/y/team${i}`, 'note')
      client.type('text')
      await until('it is there', () => client.provider.synced)
      client.leave()
    }
    await until('all is counted', () => first.relay.mesh()?.workspaces === 5)
    const { root } = first.relay.mesh() ?? {}
    await first.relay.close()
    const opened: string[] = []
    const again = await startRelay({
      data,
      peers: [],
      log: (_, event) => void opened.push(event),
    })
    expect(again.relay.mesh()?.root).toBe(root)
    expect(opened).not.toContain('workspace opened')
  })

  it('[P5] tells Prometheus of peers, of what they are owed, and of what was mended', async () => {
    const [a, b] = await startMesh(2)
    if (a === undefined || b === undefined) throw new Error('there are two')
    const metric = async (name: string): Promise<string[]> => {
      const text = await (await fetch(`${a.url}/metrics`)).text()
      return text.split('\n').filter((line) => line.startsWith(name))
    }
    const client = stockClient(`${a.socketUrl}/y/team`, 'note')
    client.type('hello')
    await until('it is there', () => client.provider.synced)
    await until('b was sent it', async () => (await metric('rejoin_mesh_pushed_records_total '))[0] !== undefined)
    expect(await metric('rejoin_peer_up')).toEqual([`rejoin_peer_up{peer="${b.url}"} 1`])
    await until('b is owed nothing', async () => (await metric('rejoin_peer_hint_bytes'))[0]?.endsWith(' 0') === true)
    expect(await metric('rejoin_connections ')).toEqual(['rejoin_connections 1'])
    expect(Number((await metric('rejoin_accept_seconds_count'))[0]?.split(' ')[1])).toBeGreaterThan(0)
    await b.relay.close()
    client.type('for the absent')
    await until('b is owed something', async () => !(await metric('rejoin_peer_hint_bytes'))[0]?.endsWith(' 0'))
  })

  it('[P9] with tokens for clients, peers need a secret and operators a token', async () => {
    const auth = { secret: 'a secret for the tokens of clients' }
    await expect(startRelay({ auth, peers: [] })).rejects.toThrow('give one')
    const { url } = await startRelay({ auth, peers: [], peerSecret: SECRET, operatorToken: 'operator' })
    for (const path of ['/metrics', '/mesh']) {
      expect((await fetch(url + path)).status).toBe(404)
      expect((await fetch(url + path, { headers: { Authorization: 'Bearer wrong' } })).status).toBe(404)
      expect((await fetch(url + path, { headers: { Authorization: 'Bearer operator' } })).status).toBe(200)
    }
    expect((await post(`${url}/exchange`, new Uint8Array(10))).status).toBe(403)
  })
})
