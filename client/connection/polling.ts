/**
 * A socket over plain HTTP, for networks that block WebSockets: the same frames in requests to `/exchange/<workspace>`, one that
 * waits for what the relay says and one that brings what is said here. `dialWithFallback` tries WebSockets first, and this where those
 * do not even open.
 */
import { toHex } from '../../shared/hash.ts'
import { framesOf, joinFrames } from '../../shared/wire/bodies.ts'
import { type Dial, dialWebSocket, type Socket } from './socket.ts'

/** WebSockets in a row that did not open, after which the other way is tried. */
const BLOCKED_AFTER = 2
/** How long the other way is taken before a WebSocket is tried again. */
const BLOCKED_MS = 5 * 60_000
/** A request that waits is answered by then, whatever there is to say. */
const POLL_MS_MAX = 40_000
const ANSWER_MS_MAX = 15_000

/** What both ways are, and what time it is. */
export interface FallbackOptions {
  webSocket: Dial
  polling: Dial
  now(): number
}

/** WebSockets, and plain requests where those are blocked. */
function dialWithFallback({ webSocket, polling, now }: FallbackOptions): Dial {
  const blocked = new Map<string, { times: number; since: number }>()
  return (url, handlers) => {
    const known = blocked.get(url)
    const isBlocked = known !== undefined && known.times >= BLOCKED_AFTER && Math.abs(now() - known.since) < BLOCKED_MS
    let isOpen = false
    const dial = isBlocked ? polling : webSocket
    return dial(url, {
      opened() {
        isOpen = true
        if (!isBlocked) blocked.delete(url)
        handlers.opened()
      },
      received: handlers.received,
      closed(code, reason) {
        // Where plain requests do not come through either, the relay is away.
        if (isBlocked && !isOpen) blocked.delete(url)
        else if (!isOpen) blocked.set(url, { times: (known?.times ?? 0) + 1, since: now() })
        handlers.closed(code, reason)
      },
    })
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
