/** The end of a relay: by kill -9, by a signal, by `close`. */
import { connect } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { systemEnvironment } from '../../../shared/environment.ts'
import { FIRST_EPOCH, randomId } from '../../../shared/ids.ts'
import { decodeFrame, encodeFrame, encodeMessage } from '../../../shared/wire/codec.ts'
import type { Message } from '../../../shared/wire/messages.ts'
import { PROTOCOL_VERSION } from '../../../shared/wire/version.ts'
import { rejoin, relayProcess } from './process.ts'
import { cleanUp, converged, pause, startRelay, stockClient, synced, temporaryFolder, until } from './support.ts'

/** A bare client of the Rejoin protocol that has said hello. */
async function greeted(socketUrl: string) {
  const socket = new WebSocket(`${socketUrl}/sync/acme`)
  socket.binaryType = 'arraybuffer'
  cleanUp(() => socket.close())
  const received: Message[] = []
  let closedWith: number | undefined
  socket.addEventListener('message', ({ data }) => received.push(...decodeFrame(new Uint8Array(data))))
  socket.addEventListener('close', ({ code }) => {
    closedWith = code
  })
  const send = (...messages: Message[]) => socket.send(new Uint8Array(encodeFrame(messages.map(encodeMessage))))
  socket.addEventListener('open', () => {
    send({
      type: 'hello',
      oldestVersion: PROTOCOL_VERSION,
      newestVersion: PROTOCOL_VERSION,
      replica: randomId(systemEnvironment),
      scope: 'opened',
      token: '',
    })
  })
  await until('the relay welcomes', () => received.some(({ type }) => type === 'welcome'))
  return {
    received,
    send,
    closedWith: () => closedWith,
    onMessage: (heard: () => void) => socket.addEventListener('message', heard),
  }
}

describe('kill -9', () => {
  test('[P2] loses nothing that reached others', async () => {
    const data = temporaryFolder()
    let relay = await relayProcess(data)
    for (let round = 0; round < 5; round++) {
      const room = `note ${round}`
      const [alice, bob] = [
        stockClient(`${relay.socketUrl}/y/acme`, room),
        stockClient(`${relay.socketUrl}/y/acme`, room),
      ]
      await synced(alice)
      await synced(bob)
      const typing = setInterval(() => alice.type('x'), 1)
      await until('Bob has seen some', () => bob.text.length > 20 + round * 17)
      await relay.kill()
      clearInterval(typing)
      const seen = bob.text.length
      for (const client of [alice, bob]) client.leave()
      relay = await relayProcess(data)
      const carol = stockClient(`${relay.socketUrl}/y/acme`, room)
      await synced(carol)
      expect(carol.text.length).toBeGreaterThanOrEqual(seen)
      carol.leave()
    }
  })
})

describe('a stop', () => {
  test('[P2] by SIGTERM tells the clients, keeps what they had sent, and ends with 0', async () => {
    const data = temporaryFolder()
    const relay = await relayProcess(data)
    const alice = stockClient(`${relay.socketUrl}/y/acme`, 'note')
    const bob = stockClient(`${relay.socketUrl}/y/acme`, 'note')
    const codes: unknown[] = []
    for (const { provider } of [alice, bob]) provider.on('connection-close', (event) => codes.push(event?.code))
    alice.type('hello')
    await converged([alice, bob], 'hello')
    relay.child.kill('SIGTERM')
    const { code, stderr } = await relay.ended
    expect(code).toBe(0)
    // Nobody had to be cut: it did not wait for longer than they took to close.
    expect(
      stderr
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).event),
    ).toEqual(['listening', 'workspace opened', 'stopping', 'workspace closed', 'stopped'])
    await until('both heard why', () => codes.length >= 2)
    expect(codes.slice(0, 2)).toEqual([1012, 1012])
    for (const client of [alice, bob]) client.leave()
    const restarted = await relayProcess(data)
    await converged([stockClient(`${restarted.socketUrl}/y/acme`, 'note')], 'hello')
  })

  test.each([1, 2, 3, 4, 5])(
    '[P5] in the middle of a stream acknowledges all that it took, and says why (%i)',
    async () => {
      const data = temporaryFolder()
      const { relay, url, socketUrl, errors } = await startRelay({ data })
      const alice = await greeted(socketUrl)
      const where = { document: 'note', epoch: FIRST_EPOCH, gc: true }
      const doc = new Y.Doc()
      let request = 0
      doc.on('update', (bytes: Uint8Array) => {
        alice.send({ type: 'submit', ...where, request: ++request, kind: 'yjs-v1', bytes })
      })
      const stamped = () => alice.received.filter(({ type }) => type === 'stamped').length
      // The stop comes while the relay has more of the stream at hand: it runs in this process.
      let closed: Promise<void> | undefined
      const typing = setInterval(() => {
        for (let i = 0; i < 200; i++) doc.getText('text').insert(0, 'x')
      }, 1)
      alice.onMessage(() => {
        if (stamped() > 300) closed ??= relay.close()
      })
      await until('the relay said why', () => alice.closedWith() !== undefined)
      clearInterval(typing)
      await closed
      expect(alice.closedWith()).toBe(1012)
      expect(alice.received.at(-1)).toMatchObject({ type: 'failure', code: 'stopping' })
      expect(alice.received.some(({ type }) => type === 'refused')).toBe(false)
      await expect(fetch(url)).rejects.toThrow()
      const again = await startRelay({ data })
      const bob = stockClient(`${again.socketUrl}/y/acme`, 'note')
      await synced(bob)
      expect(bob.text.length).toBe(stamped())
      expect(errors).toEqual([])
    },
  )

  test('[P7] does not wait for ever for a client that has frozen, and stops twice only once', async () => {
    const { relay, url, told } = await startRelay()
    const { port } = new URL(url)
    const frozen = connect(Number(port), '127.0.0.1')
    cleanUp(() => frozen.destroy())
    const gone = new Promise<void>((resolve) => frozen.on('close', () => resolve()))
    frozen.on('error', () => {})
    frozen.write(
      `GET /y/acme/note HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    )
    await new Promise((resolve) => frozen.once('data', resolve))
    const asked = Date.now()
    await Promise.all([relay.close(), relay.close()])
    expect(Date.now() - asked).toBeGreaterThan(3_000)
    expect(told).toContainEqual({ level: 'info', event: 'connections cut', connections: 1 })
    await gone
  })
})

describe('the command', () => {
  test('tells its version and its options', async () => {
    expect(await rejoin(['--version']).ended).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^rejoin \d+\.\d+\.\d+\n$/),
    })
    const { code, stdout } = await rejoin(['relay', '--help']).ended
    expect(code).toBe(0)
    for (const option of ['--port', '--host', '--data', '--demo', '--allowed-origin', '--limit', 'REJOIN_DATA']) {
      expect(stdout).toContain(option)
    }
  })

  test.each([
    [[], /a command is missing/],
    [['reley'], /there is no command reley/],
    [['relay', 'x'], /one argument too many/],
    [['relay', '--prot', '1'], /--prot/],
    [['relay', '--port', '70000'], /70000 is no number/],
    [['relay', '--limit', 'documentsMax'], /documentsMax=1000/],
  ] as const)('does not understand %j, and says so with 2', async (args, said) => {
    const { code, stderr } = await rejoin(args).ended
    expect(code).toBe(2)
    expect(stderr).toMatch(said)
  })

  test.each([
    [['relay', '--host', '0.0.0.0'], /would open every document/],
    [['relay', '--limit', 'typo=1'], /no limit typo/],
    [['relay', '--data', '/dev/null/data'], /data folder \/dev\/null\/data cannot be used/],
  ] as const)('fails with %j, says what to do, and ends with 1', async (args, said) => {
    const { code, stderr } = await rejoin([...args, '--port', '0']).ended
    expect(stderr).toMatch(said)
    expect(code).toBe(1)
  })

  test('refuses a data folder that another relay has, until that one was killed', async () => {
    const data = temporaryFolder()
    const first = await relayProcess(data)
    const second = await rejoin(['relay', '--port', '0', '--data', data]).ended
    expect([second.code, second.stderr]).toEqual([1, expect.stringMatching(/another relay uses the data folder/)])
    await first.kill()
    const third = await relayProcess(data)
    expect((await fetch(`${third.url}/healthz`)).status).toBe(200)
  })

  test('takes its options from the environment, and the command line wins', async () => {
    const data = temporaryFolder()
    const environment = { PORT: '1', REJOIN_PORT: '2', REJOIN_DATA: '/dev/null/data', REJOIN_LIMIT: 'connectionsMax=1' }
    const relay = await relayProcess(data, {
      ...environment,
      REJOIN_ALLOWED_ORIGIN: 'https://a.example,https://b.example',
    })
    expect((await fetch(`${relay.url}/healthz`, { headers: { origin: 'https://b.example' } })).status).toBe(200)
    const alice = stockClient(`${relay.socketUrl}/y/acme`, 'note')
    await synced(alice)
    const bob = stockClient(`${relay.socketUrl}/y/acme`, 'note')
    await pause(200)
    expect(bob.provider.wsconnected).toBe(false)
  })
})

describe('rejoin compact', () => {
  test('[P1] makes the data of a stopped relay small, and changes nothing of it', async () => {
    const data = temporaryFolder()
    const first = await startRelay({ data })
    const alice = stockClient(`${first.socketUrl}/y/acme`, 'note')
    await synced(alice)
    for (let i = 0; i < 3_000; i++) alice.text.insert((i * 7) % (alice.text.length + 1), String(i % 10))
    await converged([alice, stockClient(`${first.socketUrl}/y/acme`, 'note')])
    const text = alice.text.toString()
    expect((await rejoin(['compact', data]).ended).stderr).toMatch(/another relay uses the data folder/)
    alice.leave()
    await first.relay.close()
    const { code, stdout } = await rejoin(['compact', data]).ended
    expect(code).toBe(0)
    const [, before, after] = /^acme: 1 documents, (\d+) bytes before, (\d+) after\n$/.exec(stdout) ?? []
    expect(Number(after)).toBeLessThan(Number(before) / 3)
    const second = await startRelay({ data })
    await converged([stockClient(`${second.socketUrl}/y/acme`, 'note')], text)
    expect(second.errors).toEqual([])
  })

  test('[P5] leaves what is damaged as it is, says so, and ends with 1', async () => {
    const data = temporaryFolder()
    const { relay, socketUrl } = await startRelay({ data })
    const [alice, bob] = [stockClient(`${socketUrl}/y/acme`, 'good'), stockClient(`${socketUrl}/y/acme`, 'bad')]
    for (const client of [alice, bob]) client.type('hello')
    await converged(
      [alice, bob, stockClient(`${socketUrl}/y/acme`, 'good'), stockClient(`${socketUrl}/y/acme`, 'bad')],
      'hello',
    )
    for (const client of [alice, bob]) client.leave()
    await relay.close()
    const file = join(data, 'workspaces', 'acme.sqlite')
    const database = new DatabaseSync(file)
    database.exec("UPDATE log SET bytes = x'00' WHERE document = (SELECT number FROM documents WHERE id = 'bad')")
    database.close()
    const { code, stdout, stderr } = await rejoin(['compact', data]).ended
    expect(code).toBe(1)
    expect(stdout).toMatch(/acme: "bad": record .* does not match its checksum/)
    expect(stderr).toMatch(/1 documents are damaged/)
    const again = await startRelay({ data })
    await converged([stockClient(`${again.socketUrl}/y/acme`, 'good')], 'hello')
  })
})
