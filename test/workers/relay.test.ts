import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testRelayRuntime } from '../contract/relay-runtime.ts'
import { startWorkerd, type WorkerdRelay } from '../support/workerd.ts'
import { startClient } from '../unit/client/support.ts'
import { stockClient, until } from '../unit/server/support.ts'

testRelayRuntime('in workerd', async () => {
  const { url, deploy, close } = await startWorkerd()
  let version = 0
  // As a deploy does it: its objects begin anew, and their sockets are closed.
  return { url, restart: () => deploy({ VERSION: `${version++}` }), close }
})

let relay: WorkerdRelay

beforeAll(async () => {
  relay = await startWorkerd()
}, 60_000)

afterAll(() => relay.close())

describe('a relay in workerd', () => {
  test('[P1] a Rejoin client and an unmodified WebsocketProvider converge', async () => {
    const ada = await startClient(relay, { id: 'both' })
    const note = ada.open('notes/today')
    note.type('hello')
    await note.saved('relay')
    const bob = stockClient(`${relay.socketUrl}/y/both`, 'notes/today')
    await until('the stock client has read', () => bob.text.toString() === 'hello')
    bob.type(' from y')
    await until('the Rejoin client has read', () => note.read() === 'hello from y')
    expect(relay.errors()).toEqual([])
  })

  test('serves its routes and the demo', async () => {
    const health = await fetch(`${relay.url}/healthz`)
    expect([health.status, await health.json()]).toMatchObject([200, { status: 'ok' }])
    expect((await fetch(`${relay.url}/sync/x`)).status).toBe(426)
    expect(await (await fetch(relay.url)).text()).toContain('<title>')
  })
})
