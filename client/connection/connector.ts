/**
 * Keeps one conversation with a relay alive: dials, waits with full jitter, tries relays by their health, and stops where trying
 * again cannot help. It reacts at once when the browser says that the network or the page is back.
 */
import type { Environment } from '../../shared/environment.ts'
import { type ErrorCode, isFinal } from '../../shared/errors.ts'
import type { Conversation } from './conversation.ts'
import { createHealth } from './health.ts'
import type { Dial, Socket } from './socket.ts'

export interface ConnectorOptions {
  /** Tried by their health. */
  urls: readonly string[]
  dial: Dial
  environment: Environment
  /** Starts the conversation over an open socket. `ended` says that it is over and when to come back. */
  converse(url: string, socket: Socket, ended: Ended): Promise<Conversation>
  /** `stopped`: an error that trying again cannot help. */
  changed(state: 'offline' | 'connecting', stopped?: { code: ErrorCode; detail: string }): void
}

export type Ended = (code: ErrorCode, detail: string, retryAfterMs: number) => void

export interface Connector {
  readonly conversation: Conversation | undefined
  /** Does what is due, as timers may not run in a hidden tab. */
  tick(): void
  connect(): void
  /** So many others would come back too when the relay is lost that they are to do so within this time. */
  spread(withinMs: number): void
  /** Ends the conversation and stays offline until `connect`. */
  disconnect(): void
}

/** A connection that lasted this long was healthy: the next pause is short again. */
const HEALTHY_AFTER_MS = 10_000
/** How often a conversation looks at the time. */
const TICK_EVERY_MS = 2_500
/** A socket that does not open within this is given up. */
const DIAL_MS_MAX = 15_000

export function createConnector(options: ConnectorOptions): Connector {
  const { urls, environment } = options
  let wanted = false
  const health = createHealth(urls, environment)
  let attempt: { end(code: ErrorCode, detail: string): void } | undefined
  let conversation: Conversation | undefined
  let cancelWait: (() => void) | undefined
  let forgetEvents: (() => void) | undefined
  let tickedAt = 0

  function dial(): void {
    cancelWait = undefined
    const { url } = health.next()
    const openedAt = environment.now()
    health.dialled(url)
    let over = false
    let cancelTimer = environment.setTimer(() => ended('timeout', 'the relay does not answer', 0), DIAL_MS_MAX)
    options.changed('connecting')

    const socket = options.dial(url, {
      opened() {
        if (over) return
        const starting = options.converse(url, socket, ended)
        starting.then(
          (started) => {
            if (over) return started.closed()
            conversation = started
            tick()
          },
          (error: unknown) => ended('closed', String(error), 0),
        )
      },
      received: (data) => conversation?.received(data),
      closed: (code, reason) => ended(codeOf(code), reason || `the socket closed with ${code}`, 0),
    })
    attempt = { end: (code, detail) => (conversation ? conversation.end(code, detail) : ended(code, detail, 0)) }

    function tick(): void {
      cancelTimer()
      if (environment.now() - openedAt > HEALTHY_AFTER_MS) health.lasted(url)
      cancelTimer = environment.setTimer(tick, TICK_EVERY_MS)
      tickedAt = environment.now()
      conversation?.tick()
    }

    function ended(code: ErrorCode, detail: string, retryAfterMs: number): void {
      if (over) return
      over = true
      cancelTimer()
      socket.close()
      const isOwed = conversation?.isOwed
      conversation?.closed()
      conversation = undefined
      attempt = undefined
      if (wanted && code !== 'closed' && isFinal(code)) {
        wanted = false
        forgetEvents?.()
        return options.changed('offline', { code, detail })
      }
      health.ended(url, retryAfterMs, isOwed)
      options.changed('offline')
      if (wanted) cancelWait = environment.setTimer(dial, health.next().delayMs)
    }
  }

  function hurry(): void {
    if (cancelWait === undefined) return
    cancelWait()
    health.forgive()
    dial()
  }

  return {
    get conversation() {
      return conversation
    },
    tick() {
      if (Math.abs(environment.now() - tickedAt) < TICK_EVERY_MS) return
      tickedAt = environment.now()
      conversation?.tick()
    },
    connect() {
      if (wanted) return
      wanted = true
      forgetEvents = listen(hurry, () => attempt?.end('timeout', 'the browser is offline'))
      if (urls.length > 0) dial()
    },
    spread(withinMs) {
      health.spread(withinMs)
    },
    disconnect() {
      wanted = false
      forgetEvents?.()
      cancelWait?.()
      cancelWait = undefined
      attempt?.end('closed', 'disconnected here')
    },
  }
}

const FINAL_CLOSES: Readonly<Record<number, ErrorCode>> = {
  4400: 'version',
  4401: 'unauthenticated',
  4404: 'invalid-id',
}

/** Close codes 4400 to 4499 say that coming back is of no use. */
function codeOf(code: number): ErrorCode {
  if (code >= 4400 && code <= 4499) return FINAL_CLOSES[code] ?? 'forbidden'
  return 'timeout'
}

/** The browser's signs that the network or the page is back, or gone; none of them elsewhere. */
function listen(back: () => void, gone: () => void): () => void {
  const { window, document } = globalThis as { window?: Window; document?: Document }
  if (window?.addEventListener === undefined || document?.addEventListener === undefined) return () => {}
  const visible = (): void => {
    if (document.visibilityState === 'visible') back()
  }
  window.addEventListener('online', back)
  window.addEventListener('offline', gone)
  window.addEventListener('pageshow', back)
  document.addEventListener('visibilitychange', visible)
  return () => {
    window.removeEventListener('online', back)
    window.removeEventListener('offline', gone)
    window.removeEventListener('pageshow', back)
    document.removeEventListener('visibilitychange', visible)
  }
}
