import { createServer, type Server } from 'node:http'
import { expect, test } from 'vitest'
import { openWorkspace } from '../../../client/index.ts'
import { createRelay } from '../../../server/index.ts'
import { cleanUp, until } from '../../support/lifetime.ts'

/** A proxy between a client and a relay that lets no WebSocket through. */
async function startBlockedRelay() {
  const relay = createRelay()
  const { port } = await relay.listen(0)
  cleanUp(() => relay.close())
  let upgrades = 0
  const requests: string[] = []
  const proxy: Server = createServer((request, response) => {
    requests.push(String(request.headers['rejoin-session']).split(' ')[1] ?? '')
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => void chunks.push(chunk))
    const forward = async (): Promise<void> => {
      const headers = {
        'Content-Type': request.headers['content-type'] ?? '',
        'Rejoin-Session': String(request.headers['rejoin-session']),
      }
      const answer = await fetch(`http://127.0.0.1:${port}${request.url}`, {
        method: 'POST',
        headers,
        body: new Uint8Array(Buffer.concat(chunks)),
      })
      response.writeHead(answer.status, Object.fromEntries(answer.headers))
      response.end(Buffer.from(await answer.arrayBuffer()))
    }
    // A relay that stops answers nothing any more.
    request.on('end', () => void forward().catch(() => response.destroy()))
  })
  proxy.on('upgrade', (_, socket) => {
    upgrades++
    socket.destroy()
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  cleanUp(() => proxy.closeAllConnections())
  cleanUp(() => proxy.close())
  const address = proxy.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  return { relay, port, blocked: `http://127.0.0.1:${address.port}`, requests, upgrades: () => upgrades }
}

test('[P6] where WebSockets are blocked a client syncs by plain requests, both ways', async () => {
  const { relay, port, blocked, requests, upgrades } = await startBlockedRelay()
  const open = async (url: string) => {
    const workspace = await openWorkspace({ id: 'team', storage: 'memory', relays: [url] })
    cleanUp(() => workspace.close())
    return { workspace, note: workspace.open('note') }
  }
  const near = await open(`http://127.0.0.1:${port}`)
  const far = await open(blocked)
  await far.note.whenSynced
  expect(upgrades()).toBe(2)
  far.note.doc.getText('text').insert(0, 'from behind')
  await far.note.saved('relay')
  await until('the other has it', () => near.note.doc.getText('text').toString() === 'from behind')
  near.note.doc.getText('text').insert(0, 'x'.repeat(300_000))
  await until('the one behind has all', () => far.note.doc.getText('text').length === 300_011)
  near.note.awareness.setLocalState({ name: 'near' })
  await until('it sees who is there', () => far.note.awareness.getStates().size === 2)
  expect(new Set(requests)).toEqual(new Set(['open', 'poll', 'send']))
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
