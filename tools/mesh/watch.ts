/**
 * What the lab of the page sees of the mesh, and does to it: `GET /lab/watch` tells of it as it happens (server-sent events),
 * `POST /lab/do` cuts, slows, stops, starts and writes. Both for pages of the mesh on this machine only.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Command, Passed, ToldWorld } from '../../demo/lab/told.ts'
import { refusal } from '../../server/access.ts'

export interface WatchOptions {
  origins: ReadonlySet<string>
  world(incoming: IncomingMessage): ToldWorld
  /** What everybody holds, for somebody who begins to watch. */
  held(): { node: string; update: Uint8Array }[]
  /** False for what nobody can do. */
  act(command: Command): boolean
}

export interface Watch {
  /** Answers what is the lab's; false where it is not. */
  answer(incoming: IncomingMessage, response: ServerResponse): boolean
  passed(from: string, to: string, bytes: number): void
  wrote(node: string, update: Uint8Array): void
  readonly isWatched: boolean
  close(): void
}

const TOLD_EVERY_MS = 60
const COMMAND_BYTES_MAX = 1_000
/** Who reads so slowly that this much waits begins anew. */
const UNREAD_BYTES_MAX = 4 << 20
const WATCHERS_MAX = 32

export function createWatch({ origins, world, held, act }: WatchOptions): Watch {
  const watchers = new Map<ServerResponse, { incoming: IncomingMessage; told: string }>()
  let traffic = new Map<string, Passed>()
  const timer = setInterval(tell, TOLD_EVERY_MS)

  function tell(): void {
    const passed = [...traffic.values()]
    traffic = new Map()
    for (const [response, watcher] of watchers) {
      const told = JSON.stringify(world(watcher.incoming))
      if (told !== watcher.told) send(response, 'world', told)
      watcher.told = told
      if (passed.length > 0) send(response, 'passed', JSON.stringify(passed))
    }
  }

  function send(response: ServerResponse, event: string, data: string): void {
    response.write(`event: ${event}\ndata: ${data}\n\n`)
    if (response.writableLength > UNREAD_BYTES_MAX) response.destroy()
  }

  function watch(incoming: IncomingMessage, response: ServerResponse): void {
    if (watchers.size >= WATCHERS_MAX) return refuse(response, 503)
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
    const told = JSON.stringify(world(incoming))
    watchers.set(response, { incoming, told })
    send(response, 'world', told)
    for (const { node, update } of held()) sendHeld(response, node, update)
    response.on('close', () => watchers.delete(response))
  }

  function sendHeld(response: ServerResponse, node: string, update: Uint8Array): void {
    send(response, 'held', JSON.stringify({ node, update: Buffer.from(update).toString('base64') }))
  }

  async function command(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = ''
    for await (const chunk of incoming) {
      text += chunk
      if (text.length > COMMAND_BYTES_MAX) return refuse(response, 413)
    }
    if (!act(JSON.parse(text) as Command)) return refuse(response, 400)
    response.writeHead(204).end()
  }

  return {
    answer(incoming, response) {
      const path = incoming.url ?? ''
      if (!path.startsWith('/lab/')) return false
      const { host, origin } = incoming.headers
      if (refusal({ host, origin }, origins) !== undefined) refuse(response, 403)
      else if (path === '/lab/watch' && incoming.method === 'GET') watch(incoming, response)
      // A page has to say its origin with this one.
      else if (path === '/lab/do' && incoming.method === 'POST' && origin !== undefined)
        command(incoming, response).catch(() => refuse(response, 400))
      else refuse(response, 404)
      return true
    },
    passed(from, to, bytes) {
      if (watchers.size === 0) return
      const key = `${from} ${to}`
      const before = traffic.get(key)?.bytes ?? 0
      traffic.set(key, { from, to, bytes: before + bytes })
    },
    wrote(node, update) {
      for (const response of watchers.keys()) sendHeld(response, node, update)
    },
    get isWatched() {
      return watchers.size > 0
    },
    close() {
      clearInterval(timer)
      for (const response of watchers.keys()) response.end()
    },
  }
}

function refuse(response: ServerResponse, status: number): void {
  if (!response.headersSent) response.writeHead(status)
  response.end()
}
