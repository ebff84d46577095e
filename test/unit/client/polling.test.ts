import { expect, test } from 'vitest'
import { openWorkspace } from '../../../client/index.ts'
import { createRelay } from '../../../server/index.ts'
import { startBlockingProxy } from '../../support/blocking-proxy.ts'
import { cleanUp, until } from '../../support/lifetime.ts'

async function startBlockedRelay() {
  const relay = createRelay()
  const { port, url } = await relay.listen(0)
  cleanUp(() => relay.close())
  return { relay, port, proxy: await startBlockingProxy(url) }
}

test('[P6] where WebSockets are blocked a client syncs by plain requests, both ways', async () => {
  const { relay, port, proxy } = await startBlockedRelay()
  const open = async (url: string) => {
    const workspace = await openWorkspace({ id: 'team', storage: 'memory', relays: [url] })
    cleanUp(() => workspace.close())
    return { workspace, note: workspace.open('note') }
  }
  const near = await open(`http://127.0.0.1:${port}`)
  const far = await open(proxy.url)
  await far.note.whenSynced
  expect(proxy.upgrades).toBe(2)
  far.note.doc.getText('text').insert(0, 'from behind')
  await far.note.saved('relay')
  await until('the other has it', () => near.note.doc.getText('text').toString() === 'from behind')
  near.note.doc.getText('text').insert(0, 'x'.repeat(300_000))
  await until('the one behind has all', () => far.note.doc.getText('text').length === 300_011)
  near.note.awareness.setLocalState({ name: 'near' })
  await until('it sees who is there', () => far.note.awareness.getStates().size === 2)
  expect(new Set(proxy.requests)).toEqual(new Set(['open', 'close', 'poll', 'send']))
  await relay.close()
  await until('it hears that the relay stops', () => far.workspace.status.get().connection !== 'synced')
})

test('[P9] a request of a connection that is over, or out of order, is refused', async () => {
  const { port } = await startBlockedRelay()
  const ask = (what: string, body?: Uint8Array<ArrayBuffer>, session = 'a'.repeat(32)) =>
    fetch(`http://127.0.0.1:${port}/exchange/team`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/vnd.rejoin.session', 'Rejoin-Session': `${session} ${what}` },
      body,
    })
  expect((await ask('poll 1')).status).toBe(410)
  expect((await ask('open 0', undefined, 'short')).status).toBe(410)
  expect((await ask('open 0')).status).toBe(204)
  expect((await ask('send 2', new Uint8Array(4))).status).toBe(410)
  expect((await ask('send 1', new Uint8Array([255, 0, 0, 0]))).status).toBe(400)
  expect((await ask('send 1', new Uint8Array(4))).status).toBe(204)
  const answer = await ask('poll 1')
  expect(new Uint8Array(await answer.arrayBuffer())).toEqual(new Uint8Array(4))
  expect((await ask('close 0')).status).toBe(204)
  expect((await ask('poll 2')).status).toBe(410)
})
