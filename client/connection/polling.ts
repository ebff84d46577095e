/**
 * A socket over plain HTTP, for networks that block WebSockets: the same frames in requests to `/exchange/<workspace>`, one that
 * waits for what the relay says and one that brings what is said here. `dialWithFallback` tries WebSockets first, and this where only
 * those do not open.
 */
import { toHex } from '../../shared/hash.ts'
import { framesOf, joinFrames } from '../../shared/wire/bodies.ts'
import { type Dial, dialWebSocket, type Socket } from './socket.ts'

/** How long the other way is taken before a WebSocket is tried again. */
const BLOCKED_MS = 5 * 60_000
/** A WebSocket did not open: it may be blocked, and the relay may be away. */
const SUSPECTED = -Infinity
/** A request that waits is answered by then, whatever there is to say. */
const POLL_MS_MAX = 40_000
const ANSWER_MS_MAX = 15_000

/** What both ways are, and what time it is. */
export interface FallbackOptions {
  webSocket: Dial
  polling: Dial
  now(): number
}

/** WebSockets, and plain requests where those are blocked: where requests come through, and a WebSocket right after them does not. */
export function dialWithFallback({ webSocket, polling, now }: FallbackOptions): Dial {
  const blocked = new Map<string, number>()
  return (url, handlers) => {
    /** `since`: what is known of WebSockets if this one does not open; where plain requests do not come through, nothing is. */
    const attempt = (dial: Dial, since?: number): Socket => {
      let isOpen = false
      return dial(url, {
        opened() {
          isOpen = true
          if (since !== undefined) blocked.delete(url)
          handlers.opened()
        },
        received: handlers.received,
        closed(code, reason) {
          if (!isOpen && since !== undefined) blocked.set(url, since)
          else if (!isOpen) blocked.delete(url)
          handlers.closed(code, reason)
        },
      })
    }
    const since = blocked.get(url)
    if (since === undefined) return attempt(webSocket, SUSPECTED)
    if (Math.abs(now() - since) < BLOCKED_MS) return attempt(polling)
    let isThere = false
    // A request finds out whether the relay is there at all.
    let socket = attempt((_, { closed }) =>
      polling(url, {
        opened() {
          isThere = true
          socket.close()
          socket = attempt(webSocket, now())
        },
        received() {},
        closed: (code, reason) => void (isThere || closed(code, reason)),
      }),
    )
    return { send: (data) => socket.send(data), buffered: () => socket.buffered(), close: () => socket.close() }
  }
}

/** The platform's sockets, or requests where those are blocked. */
export const dialAnyhow = (now: () => number): Dial =>
  dialWithFallback({ webSocket: dialWebSocket, polling: dialPolling, now })

/** A socket over requests. */
const dialPolling: Dial = (url, handlers) => {
  const address = url.replace(/^ws/, 'http').replace('/sync/', '/exchange/')
  const id = toHex(crypto.getRandomValues(new Uint8Array(16)))
  const ending = new AbortController()
  let waiting: Uint8Array[] = []
  let bytes = 0
  let sent = 0
  let isSending = false
  let over = false

  async function ask(what: string, number: number, body: Uint8Array | undefined, withinMs: number): Promise<Response> {
    const headers = { 'Content-Type': 'application/vnd.rejoin.session', 'Rejoin-Session': `${id} ${what} ${number}` }
    const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(withinMs)])
    const response = await fetch(address, {
      method: 'POST',
      headers,
      body: body as Uint8Array<ArrayBuffer> | undefined,
      signal,
    })
    if (!response.ok) throw new Error(`the relay answers with ${response.status}`)
    return response
  }

  async function listen(): Promise<void> {
    await ask('open', 0, undefined, ANSWER_MS_MAX)
    if (over) return
    handlers.opened()
    for (let polls = 1; !over; polls++) {
      const response = await ask('poll', polls, undefined, POLL_MS_MAX)
      const frames = framesOf(new Uint8Array(await response.arrayBuffer()))
      for (const frame of frames) if (!over) handlers.received(frame.length === 0 ? 'pong' : frame)
      const [, code, reason = ''] = /^(\d+) (.*)$/.exec(response.headers.get('Rejoin-Closed') ?? '') ?? []
      if (code !== undefined) return closed(Number(code), decodeURIComponent(reason))
    }
  }

  async function send(): Promise<void> {
    if (isSending) return
    isSending = true
    while (waiting.length > 0 && !over) {
      const frames = waiting
      const size = bytes
      waiting = []
      await ask('send', ++sent, joinFrames(frames), ANSWER_MS_MAX)
      bytes -= size
    }
    isSending = false
  }

  function closed(code: number, reason: string): void {
    if (over) return
    over = true
    ending.abort()
    handlers.closed(code, reason)
  }

  const failed = (error: unknown): void => closed(1006, error instanceof Error ? error.message : String(error))

  const socket: Socket = {
    send(data) {
      if (over) return
      const frame = typeof data === 'string' ? new Uint8Array(0) : data
      waiting.push(frame)
      bytes += frame.length
      send().catch(failed)
    },
    buffered: () => bytes,
    close() {
      if (over) return
      const farewell = ask('close', 0, undefined, ANSWER_MS_MAX)
      farewell.catch(() => {})
      over = true
      handlers.closed(1000, 'closed here')
      farewell.finally(() => ending.abort()).catch(() => {})
    },
  }
  queueMicrotask(() => void listen().catch(failed))
  return socket
}
