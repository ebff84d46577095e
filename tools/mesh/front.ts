/**
 * What stands in front of a relay of the mesh: pages and files pass as they are, connections of devices by a way that can be cut.
 * A device is a browser's profile, told by a cookie, which all ports of this machine share.
 */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Devices } from './devices.ts'
import type { Links } from './links.ts'

export interface FrontOptions {
  name: string
  port: number
  /** Where the relay listens. */
  inner: number
  links: Links
  devices: Devices
  /** Answers what is the lab's; false where it is not. */
  lab(incoming: IncomingMessage, response: ServerResponse): boolean
}

const COOKIE = 'fieldnotes-device'
/** Notes go over these; where the way of a device is cut they are, too. */
const SYNC_PATHS = /^\/(sync|y|exchange)\//
const YEAR_S = 365 * 86_400

export async function openFront(options: FrontOptions): Promise<Server> {
  const { name, port, inner, links, devices, lab } = options

  function pass(incoming: IncomingMessage, response: ServerResponse): void {
    const { method, url, headers } = incoming
    const device = devices.of(tokenOf(incoming))
    // A page of another port sends no cookie with a plain request: nobody knows whose way it would take.
    const isStray = device === undefined ? headers.origin !== undefined : links.is('cut', device, name)
    if (SYNC_PATHS.test(url ?? '') && isStray) return void incoming.destroy()
    const onward = request({ host: '127.0.0.1', port: inner, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => {
      if (!response.headersSent) response.writeHead(502, { 'Content-Type': 'text/plain' })
      response.end('the relay does not answer')
    })
    incoming.pipe(onward)
  }

  const server = createServer((incoming, response) => {
    if (tokenOf(incoming) === undefined) response.setHeader('Set-Cookie', newCookie())
    if (!lab(incoming, response)) pass(incoming, response)
  })
  server.on('upgrade', (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    const device = devices.of(tokenOf(incoming)) ?? 'somebody'
    links.carry(device, name, socket, inner, Buffer.concat([headOf(incoming), head]))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return server
}

/** What tells the browser's profile; `undefined` where nothing does. */
export function tokenOf({ headers }: IncomingMessage): string | undefined {
  return new RegExp(`(?:^|; )${COOKIE}=([\\w-]{36})(?:;|$)`).exec(headers.cookie ?? '')?.[1]
}

const newCookie = (): string => `${COOKIE}=${crypto.randomUUID()}; Path=/; Max-Age=${YEAR_S}; HttpOnly; SameSite=Strict`

/** The request as it came. */
function headOf({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let i = 0; i < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`)
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}
