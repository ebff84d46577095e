/** What every runtime of a relay promises, of those on Node: alone, in a server of somebody else's, in a process of its own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { createRelay, type Relay } from '../../server/index.ts'
import { freePort } from '../../tools/free-port.ts'
import { testRelayRuntime } from '../contract/relay-runtime.ts'
import { startRelayProcess } from '../support/relay-process.ts'

/** A folder for as long as a suite runs, which is longer than a test. */
function folder(): { data: string; remove(): void } {
  const data = mkdtempSync(join(tmpdir(), 'rejoin-test-'))
  return { data, remove: () => rmSync(data, { recursive: true, force: true }) }
}

/** It shares its process with clients and tests, whose work is none of its own. */
const limits = { loopDelayMsMax: 3_600_000 }

testRelayRuntime('of `createRelay().listen()`', async () => {
  const { data, remove } = folder()
  const create = (): Relay => createRelay({ data, limits, log: () => {} })
  let relay = create()
  const port = await freePort()
  const { url } = await relay.listen(port)
  return {
    url,
    async restart() {
      await relay.close()
      relay = create()
      await relay.listen(port)
    },
    async close() {
      await relay.close()
      remove()
    },
  }
})

testRelayRuntime('of `createRelay().attach()`', async () => {
  const { data, remove } = folder()
  const port = await freePort()
  let relay: Relay
  let server: Server

  async function open(): Promise<void> {
    relay = createRelay({ data, limits, log: () => {} })
    server = createServer(getRequestListener(relay.fetch))
    relay.attach(server)
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  }

  async function close(): Promise<void> {
    const closed = new Promise((resolve) => server.close(resolve))
    await relay.close()
    server.closeAllConnections()
    await closed
  }

  await open()
  return {
    url: `http://127.0.0.1:${port}`,
    async restart() {
      await close()
      await open()
    },
    async close() {
      await close()
      remove()
    },
  }
})

testRelayRuntime('of `rejoin relay`, killed where it is started anew', async () => {
  const { data, remove } = folder()
  const { url, start, kill } = await startRelayProcess({ data, stays: true })
  return {
    url,
    async restart() {
      await kill()
      await start()
    },
    async close() {
      await kill()
      remove()
    },
  }
})
