/** What a relay answers over plain HTTP, and at its doors. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createRelay } from '../../../server/index.ts'
import { workspaceFileName } from '../../../server/runtime/data-folder.ts'
import { cleanUp, converged, startRelay, stockClient, temporaryFolder, until } from './support.ts'

const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': `${'x'.repeat(22)}==`,
}

type Headers = Record<string, string>

/** One request with headers that `fetch` would not send; the path is sent as it is. */
async function ask(url: string, path: string, headers: Headers = {}) {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number
    headers: NodeJS.Dict<string | string[]>
    body: string
  }>()
  const { hostname, port } = new URL(url)
  const sent = request({ hostname, port, path, headers, agent: false })
  sent.on('error', reject)
  sent.on('upgrade', (answer, socket) => {
    socket.destroy()
    resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: '' })
  })
  sent.on('response', async (answer) => {
    let body = ''
    for await (const part of answer) body += part
    resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body })
  })
  sent.end()
  return promise
}

const codeOf = (body: string): unknown => JSON.parse(body).error.code

describe('HTTP', () => {
  test('tells that it lives and is ready', async () => {
    const { url, relay } = await startRelay()
    expect(await (await fetch(`${url}/healthz`)).json()).toMatchObject({ status: 'ok' })
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    await relay.close()
    expect((await relay.fetch(new Request(`${url}/readyz`))).status).toBe(503)
    expect((await relay.fetch(new Request(`${url}/healthz`))).status).toBe(200)
  })

  test('[P5] answers what is not there with a code', async () => {
    const { url } = await startRelay()
    for (const path of ['/', '/nothing', '/..%2f..%2fetc/passwd', '/%']) {
      const { status, body } = await ask(url, path)
      expect([path, status, codeOf(body)]).toEqual([path, 404, 'not-found'])
    }
    const post = await fetch(`${url}/healthz`, { method: 'POST' })
    expect([post.status, codeOf(await post.text())]).toEqual([404, 'not-found'])
    const plain = await ask(url, '/sync/acme')
    expect([plain.status, codeOf(plain.body)]).toEqual([426, 'upgrade-required'])
  })

  test('serves a demo that is built anew while the relay runs', async () => {
    const demo = join(temporaryFolder(), 'demo')
    mkdirSync(join(demo, 'assets'), { recursive: true })
    writeFileSync(join(demo, 'index.html'), 'old')
    writeFileSync(join(demo, 'assets', 'old.js'), 'export {}')
    const { url, errors } = await startRelay({ demo })
    const get = async (path: string): Promise<string> => (await fetch(url + path)).text()
    expect(await get('/assets/old.js')).toBe('export {}')
    rmSync(join(demo, 'assets', 'old.js'))
    writeFileSync(join(demo, 'index.html'), 'new')
    writeFileSync(join(demo, 'assets', 'new.js'), 'export default 1')
    expect(await get('/')).toBe('new')
    await until('the new file is seen', async () => (await get('/assets/new.js')) === 'export default 1')
    expect((await fetch(`${url}/assets/old.js`)).status).toBe(404)
    expect(errors).toEqual([])
  })

  test('serves the demo: types, caching, a content security policy, and nothing beside it', async () => {
    const outside = temporaryFolder()
    const demo = join(outside, 'demo')
    mkdirSync(join(demo, 'assets'), { recursive: true })
    writeFileSync(join(outside, 'secret.txt'), 'secret')
    writeFileSync(join(demo, 'index.html'), '<!doctype html>')
    writeFileSync(join(demo, 'assets', 'index-Ab3_x-9Z.js'), 'export {}')
    const { url } = await startRelay({ demo })
    const page = await fetch(`${url}/?a=b`)
    expect([
      page.status,
      page.headers.get('content-type'),
      page.headers.get('cache-control'),
      await page.text(),
    ]).toEqual([200, 'text/html; charset=utf-8', 'no-cache', '<!doctype html>'])
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'self'.*object-src 'none'/)
    expect(page.headers.get('x-content-type-options')).toBe('nosniff')
    const script = await fetch(`${url}/assets/index-Ab3_x-9Z.js`)
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
    expect(script.headers.get('cache-control')).toMatch(/immutable/)
    const head = await fetch(`${url}/`, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
    for (const path of [
      '/../secret.txt',
      '/%2e%2e/secret.txt',
      '/..%2fsecret.txt',
      '/assets/../../secret.txt',
      '/assets',
      '//etc/passwd',
    ]) {
      expect([path, (await ask(url, path)).status]).toEqual([path, 404])
    }
  })

  test('[P6] lets a page that it allows read what it answers, also to a client that polls', async () => {
    const origin = 'https://app.example.com'
    const { url } = await startRelay({ allowedOrigins: [origin] })
    const session = { 'Content-Type': 'application/vnd.rejoin.session', 'Rejoin-Session': `${'a'.repeat(32)} open 0` }
    const polled = await fetch(`${url}/exchange/acme`, { method: 'POST', headers: { ...session, origin } })
    const listed = await fetch(`${url}/v1/workspaces/acme/documents`, { headers: { origin } })
    const asked = await fetch(`${url}/exchange/acme`, { method: 'OPTIONS', headers: { origin } })
    for (const answer of [polled, listed, asked]) {
      expect([answer.status < 300, answer.headers.get('access-control-allow-origin')]).toEqual([true, origin])
    }
  })

  test('[P9] refuses foreign pages and foreign names before it upgrades, and serves its own', async () => {
    const { url, relay } = await startRelay({ allowedOrigins: ['https://app.example.com'] })
    const { port } = new URL(url)
    const refused: Headers[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { host: `evil.example:${port}` },
    ]
    const served: Headers[] = [
      {},
      { origin: url },
      { origin: `http://localhost:${port}` },
      { origin: 'https://app.example.com' },
    ]
    for (const path of ['/sync/acme', '/y/acme/note']) {
      for (const headers of refused) {
        const { status, body } = await ask(url, path, { ...UPGRADE, ...headers })
        expect([status, codeOf(body)]).toEqual([403, 'origin-refused'])
      }
      for (const headers of served) expect((await ask(url, path, { ...UPGRADE, ...headers })).status).toBe(101)
    }
    for (const headers of refused) expect((await ask(url, '/healthz', headers)).status).toBe(403)
    for (const headers of served) expect((await ask(url, '/healthz', headers)).status).toBe(200)
    expect((await relay.fetch(new Request('http://evil.example/healthz'))).status).toBe(403)
    const nowhere = await ask(url, '/elsewhere', UPGRADE)
    expect([nowhere.status, codeOf(nowhere.body)]).toEqual([404, 'not-found'])
  })

  test('[P7] takes so many connections and no more, and says when to come back', async () => {
    const { url, socketUrl } = await startRelay({ limits: { connectionsMax: 2 } })
    const [alice, bob] = [stockClient(`${socketUrl}/y/acme`, 'note'), stockClient(`${socketUrl}/y/acme`, 'note')]
    alice.type('hello')
    await converged([alice, bob], 'hello')
    const { status, headers, body } = await ask(url, '/y/acme/note', UPGRADE)
    expect([status, codeOf(body), headers['retry-after']]).toEqual([503, 'overloaded', '5'])
    alice.leave()
    bob.type('!')
    const carol = stockClient(`${socketUrl}/y/acme`, 'note')
    await converged([bob, carol], 'hello!')
  })

  test.each(['0.0.0.0', '::', 'example.com', '192.168.1.1'])('refuses to listen on %s, and says why', async (host) => {
    const relay = createRelay()
    cleanUp(() => relay.close())
    await expect(relay.listen(0, host)).rejects.toThrow(/would open every document.*bad-option/)
  })

  test('[P5] says which port is taken, and which data folder', async () => {
    const data = temporaryFolder()
    const { url } = await startRelay({ data })
    const { port } = new URL(url)
    const relay = createRelay()
    cleanUp(() => relay.close())
    await expect(relay.listen(Number(port))).rejects.toThrow(new RegExp(`port ${port} of 127.0.0.1 is in use`))
    expect(() => createRelay({ data })).toThrow(/another relay uses the data folder/)
  })

  test.each([
    { limits: { documentsMax: 0 } },
    { limits: { typo: 1 } },
    { limits: { updateBytesMax: 2 ** 30 } },
    { allowedOrigins: ['*'] },
    { demo: '/no/such/folder' },
  ])('[P5] refuses the options %j', (options) => {
    expect(() => createRelay(options)).toThrow(expect.objectContaining({ code: 'bad-option' }))
  })

  test('lives in a server of somebody else, and leaves what is not its own to others', async () => {
    const relay = createRelay()
    cleanUp(() => relay.close())
    const server = createServer((_, answer) => answer.end('mine'))
    server.on('upgrade', (incoming, socket) => {
      if (incoming.url === '/mine') socket.end('HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n')
    })
    const detach = relay.attach(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    cleanUp(() => server.close())
    const { port } = server.address() as AddressInfo
    const [alice, bob] = [
      stockClient(`ws://127.0.0.1:${port}/y/acme`, 'note'),
      stockClient(`ws://127.0.0.1:${port}/y/acme`, 'note'),
    ]
    alice.type('hello')
    await converged([alice, bob], 'hello')
    expect((await ask(`http://127.0.0.1:${port}`, '/mine', UPGRADE)).status).toBe(418)
    expect(
      (await ask(`http://127.0.0.1:${port}`, '/sync/acme', { ...UPGRADE, origin: 'https://evil.example' })).status,
    ).toBe(403)
    detach()
    detach()
  })

  test('[P7] cuts who sends the head of a request slowly or makes it long', async () => {
    const { url } = await startRelay()
    const { status } = await ask(url, '/healthz', { 'x-long': 'x'.repeat(9_000) })
    expect(status).toBe(431)
    const { port } = new URL(url)
    const socket = connect(Number(port), '127.0.0.1')
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
    socket.on('data', () => {})
    // It is cut between two drops, or by the answer to one.
    socket.on('error', () => {})
    const drip = setInterval(() => socket.write('x'), 500)
    socket.write('GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ')
    cleanUp(() => clearInterval(drip))
    await closed
  })
})

describe('the file of a workspace', () => {
  test('is one of its own, whatever the file system does with letters', () => {
    const ids = [
      'a',
      'A',
      '%41',
      '%2541',
      'é',
      'e\u0301',
      'E',
      'a b',
      'a_b',
      'a.b',
      'con',
      '🎉',
      'ß',
      'SS',
      'ss',
      '-',
      '~',
    ]
    const names = ids.map((id) => workspaceFileName(id).toLowerCase().normalize('NFC'))
    expect(new Set(names).size).toBe(ids.length)
    for (const id of ids) expect(workspaceFileName(id)).toMatch(/^[a-z0-9_%-]+\.sqlite$/)
    expect(`${workspaceFileName('Ä'.repeat(40))}-journal`.length).toBeLessThanOrEqual(255)
  })
})
