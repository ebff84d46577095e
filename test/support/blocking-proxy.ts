/** A proxy between clients and a relay that lets no WebSocket through. */
import { createServer, type Server } from 'node:http'
import { cleanUp } from './lifetime.ts'

export interface BlockingProxy {
  /** `http://127.0.0.1:12345` */
  url: string
  /** What polled clients asked for, in order. */
  readonly requests: readonly string[]
  /** How many asked for a WebSocket. */
  readonly upgrades: number
}

const PASSED = [
  'content-type',
  'rejoin-session',
  'origin',
  'access-control-request-method',
  'access-control-request-headers',
]

/** `target`: as `http://127.0.0.1:8787`. */
export async function startBlockingProxy(target: string): Promise<BlockingProxy> {
  let upgrades = 0
  const requests: string[] = []
  const proxy: Server = createServer((request, response) => {
    const { method } = request
    // What a browser asks first for a page of another origin is not of a session.
    if (method !== 'OPTIONS') requests.push(String(request.headers['rejoin-session']).split(' ')[1] ?? '')
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => void chunks.push(chunk))
    request.on('end', async () => {
      const headers = PASSED.flatMap((name): [string, string][] => {
        const value = request.headers[name]
        return value === undefined ? [] : [[name, String(value)]]
      })
      const body = method === 'OPTIONS' ? undefined : new Uint8Array(Buffer.concat(chunks))
      try {
        const answer = await fetch(`${target}${request.url}`, { method, headers, body })
        const bytes = Buffer.from(await answer.arrayBuffer())
        response.writeHead(answer.status, Object.fromEntries(answer.headers))
        response.end(bytes)
      } catch {
        response.destroy()
      }
    })
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
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    get upgrades() {
      return upgrades
    },
  }
}
