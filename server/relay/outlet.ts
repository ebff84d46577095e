/**
 * What goes out of a connection, as fast as its socket takes it. Messages share frames. The log, and what is owed beside it, are read
 * in turn, so that none waits for another; a slow reader costs a buffer of a few hundred kilobytes and no queue (P7, P9).
 */
import type { Environment } from '../../shared/environment.ts'
import { SEND_BUFFER_BYTES_HIGH } from '../../shared/limits.ts'
import type { Message } from '../../shared/wire/messages.ts'
import type { Connection } from './connection.ts'
import { createOutgoing, type Outgoing } from './fan-out.ts'
import type { Feed } from './feeds.ts'
import { FEED_MS_MAX } from './limits.ts'
import type { LogStream } from './stream.ts'

export interface OutletOptions {
  connection: Pick<Connection, 'send' | 'buffered'>
  environment: Environment
  /** The socket takes more: what was kept back for want of room may be added. */
  roomy(): void
  /** What is read could not be. */
  failed(error: unknown): void
}

export interface Outlet {
  readonly outgoing: Outgoing
  /** Something is owed beside the log. */
  readonly owes: boolean
  /** Whether the socket takes more. */
  hasRoom(): boolean
  /** From now on the log is read too. */
  follow(log: LogStream): void
  /** It is owed from now on, and read when `pump` comes to it. */
  owe(feed: Feed): void
  /** Goes out with what else is put until the next `flush` or `pump`. */
  put(message: Message): void
  /** Goes out before the turn of the event loop ends. */
  deliver(message: Message): void
  send(frame: Uint8Array): void
  flush(): void
  /** Sends as much of what is owed as the socket takes. */
  pump(): void
  /** The socket has taken what was buffered. */
  drained(): void
  /** For how long it has taken nothing that was there for it, in milliseconds; 0 where it takes more. */
  stalledMs(): number
  /** Nothing is sent any more. Idempotent. */
  close(): void
}

export function createOutlet({ connection, environment, roomy, failed }: OutletOptions): Outlet {
  const outgoing = createOutgoing()
  const feeds: Feed[] = []
  let log: LogStream | undefined
  let movedAt = environment.now()
  let cancelPump: (() => void) | undefined
  let closed = false

  const hasRoom = (): boolean => connection.buffered() < SEND_BUFFER_BYTES_HIGH

  function pump(): void {
    const startedAt = environment.now()
    if (hasRoom()) roomy()
    try {
      while (log !== undefined && !closed && hasRoom()) {
        const behind = log.isBehind()
        if (behind) log.next()
        const feed = feeds.shift()
        const next = feed?.next()
        if (feed !== undefined && next !== undefined && !next.done) {
          put(next.value)
          feeds.push(feed)
        }
        if (!behind && feed === undefined) break
        // Little leaves where much was read and joined: others have waited for that.
        if (environment.now() - startedAt < FEED_MS_MAX) continue
        pumpSoon()
        break
      }
      flush()
    } catch (error) {
      failed(error)
    }
  }

  function pumpSoon(): void {
    cancelPump ??= environment.setTimer(() => {
      cancelPump = undefined
      pump()
    }, 0)
  }

  function put(message: Message): void {
    const full = outgoing.put(message)
    if (full !== undefined) send(full)
  }

  function flush(): void {
    const frame = outgoing.take()
    if (frame !== undefined) send(frame)
  }

  function send(frame: Uint8Array): void {
    if (!closed) connection.send(frame)
  }

  return {
    outgoing,
    get owes() {
      return feeds.length > 0
    },
    hasRoom,
    follow(stream) {
      log = stream
    },
    owe: (feed) => void feeds.push(feed),
    put,
    deliver(message) {
      put(message)
      if (outgoing.length === 1) queueMicrotask(flush)
    },
    send,
    flush,
    pump,
    drained() {
      movedAt = environment.now()
      pump()
    },
    stalledMs() {
      const now = environment.now()
      if (hasRoom()) movedAt = now
      return now - movedAt
    },
    close() {
      closed = true
      feeds.length = 0
      cancelPump?.()
    },
  }
}
