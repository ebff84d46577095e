import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { startWorkerd, type WorkerdRelay } from '../support/workerd.ts'
import { isSynced, startClient } from '../unit/client/support.ts'
import { cleanUp, until } from '../unit/server/support.ts'

let relay: WorkerdRelay

beforeAll(async () => {
  relay = await startWorkerd('test/workers/regions/wrangler.toml')
})

afterAll(() => relay.close())

/** An unmodified client whose requests are for a region. */
function stockIn(region: string, workspace: string) {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(`${relay.socketUrl}/y/${workspace}`, 'note', doc, {
    disableBc: true,
    params: { region },
  })
  cleanUp(() => {
    provider.destroy()
    provider.awareness.destroy()
  })
  return { text: doc.getText('text'), provider }
}

describe('three regions in workerd', () => {
  test('[P1] a Rejoin client in one and unmodified WebsocketProviders in the others converge', async () => {
    const ada = await startClient(relay, { id: 'world' })
    const note = ada.open()
    note.type('weur ')
    await isSynced(ada)
    // For the first time in either.
    const [enam, apac] = [stockIn('enam', 'world'), stockIn('apac', 'world')]
    await until('both have what was written before', () => [enam, apac].every(({ text }) => text.length === 5))
    enam.text.insert(5, 'enam ')
    await until('it is everywhere', () => note.read().length === 10 && apac.text.length === 10)
    apac.text.insert(10, 'apac')
    note.type('!')
    const texts = () => [note.read(), enam.text.toString(), apac.text.toString()]
    await until('all read the same', () => texts().every((text) => text.length === 15 && text === texts()[0]))
    expect(relay.errors()).toEqual([])
  })

  test('shows who is there to those in the same region, and to no others', async () => {
    const [here, near, far] = [stockIn('weur', 'people'), stockIn('weur', 'people'), stockIn('enam', 'people')]
    await until('all are there', () => [here, near, far].every(({ provider }) => provider.synced))
    here.provider.awareness.setLocalState({ name: 'here' })
    const isSeenBy = (other: typeof here) => other.provider.awareness.getStates().has(here.provider.awareness.clientID)
    await until('who is near sees it', () => isSeenBy(near))
    // What is written afterwards comes there.
    here.text.insert(0, 'a')
    await until('what is written is there', () => far.text.length === 1)
    expect(isSeenBy(far)).toBe(false)
  })

  test('[P2] a receipt of two relays comes when another region has it', async () => {
    const ada = await startClient(relay, { id: 'receipts' })
    const note = ada.open()
    stockIn('enam', 'receipts')
    note.type('a')
    await note.saved({ relays: 2 })
    expect(await relay.query('receipts', 'SELECT COUNT(*) AS count FROM log')).toEqual([{ count: 1 }])
    const there = await relay.query('receipts', 'SELECT COUNT(*) AS count FROM log', 'enam')
    expect(there).toEqual([{ count: 1 }])
  })

  test('[P1] a program that is the first in a region is told what the others have, and deletes it there too', async () => {
    const doc = new Y.Doc()
    doc.getText('text').insert(0, 'hello')
    const ask = (region: string, document: string, init?: RequestInit) =>
      fetch(`${relay.url}/v1/workspaces/programs/documents${document}?region=${region}`, init)
    const body = new Uint8Array(Y.encodeStateAsUpdate(doc))
    expect((await ask('weur', '/note', { method: 'POST', body })).status).toBe(204)
    expect(await (await ask('enam', '')).json()).toMatchObject({ documents: [{ id: 'note' }] })
    const read = await ask('enam', '/note')
    expect([await read.json(), read.headers.get('Rejoin-Harvest')]).toEqual([{ text: 'hello' }, '2/2'])
    expect((await ask('apac', '/note', { method: 'DELETE' })).status).toBe(204)
    await until('it is gone in all of them', async () => (await ask('weur', '/note')).status === 404)
    expect(relay.errors()).toEqual([])
  })
})
