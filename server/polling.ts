/**
 * Clients whose network blocks WebSockets: `POST /exchange/<workspace>`, type `application/vnd.rejoin.session`, carries the frames of
 * the same protocol. One request at a time waits for what the relay has to say, another brings what the client says; between them
 * the connection is a queue here, bounded as a socket is. It knows nothing of what is in the frames.
 */

import { type Environment, pauseFor } from '../shared/environment.ts'
import { closeCode } from '../shared/error-numbers.ts'
import { RejoinError } from '../shared/errors.ts'
import { FRAME_BYTES_MAX } from '../shared/limits.ts'
import { framesOf, joinFrames } from '../shared/wire/bodies.ts'
import { readBounded } from './mesh/http.ts'
import { type Connection, type ConnectionHandler, closeReason, NOBODY, type Visitor } from './relay/connection.ts'
import { RETRY_AFTER_SECONDS } from './relay/limits.ts'

export const SESSION_TYPE = 'application/vnd.rejoin.session'

export interface Polling {
  /** Connections that are not over. */
  readonly size: number
  /** Answers a request of such a client. Never rejects. */
  answer(workspace: string, request: Request, address: string): Promise<Response>
  /** Time has passed: ends connections that nobody asks about any more. */
  tick(): void
  close(): void
}

export interface PollingOptions {
  core: { sync(workspaceId: string, connection: Connection): PolledHandler }
  environment: Environment
  /** Lets one more connection in from there. Raises `overloaded`. */
  admit(address: string): Visitor
}
/** How long a request waits for something to be said; below what proxies on the way allow. */
const POLL_MS_MAX = 20_000
/** What is said within this time shares an answer. */
const GATHER_MS = 10
/** A client that asks for nothing for so long is gone. */
const SILENT_MS_MAX = 30_000
/** What brings more than it may is answered later, by so much at most: below what clients wait for an answer. */
const SLOWED_MS_MAX = 10_000
/** Connections of this kind: each holds a request open. */
const SESSIONS_MAX = 1_000

/** What is used of one. */
export type PolledHandler = Pick<ConnectionHandler, 'received' | 'drained' | 'closed'>

interface Session {
  visitor: Visitor
  handler: PolledHandler
  frames: Uint8Array[]
  bytes: number
  /** Sequence number of the last request that brought something. */
  taken: number
  /** What it brings before this is refused: the answer to what it brought is not given yet. */
  slowedUntil: number
  /** Set when it is over: what the client is told. */
  over: { code: number; reason: string } | undefined
  heardAt: number
  wake: () => void
}

export function createPolling({ core, environment, admit }: PollingOptions): Polling {
  const sessions = new Map<string, Session>()

  function open(id: string, workspace: string, address: string): Session {
    if (sessions.size >= SESSIONS_MAX) {
      throw new RejoinError('overloaded', 'as many connections are open as are allowed')
    }
    const session: Session = {
      visitor: admit(address),
      handler: NOBODY,
      frames: [],
      bytes: 0,
      taken: 0,
      slowedUntil: 0,
      over: undefined,
      heardAt: environment.now(),
      wake() {},
    }
    sessions.set(id, session)
    const say = (frame: Uint8Array): void => {
      if (session.over !== undefined) return
      session.frames.push(frame)
      session.bytes += frame.length
      session.wake()
    }
    session.handler = core.sync(workspace, {
      address: session.visitor.address,
      send: say,
      // The only text that a relay says is the answer to a sign of life.
      sendText: () => say(new Uint8Array(0)),
      buffered: () => session.bytes,
      close(code, reason) {
        session.over ??= { code, reason: closeReason(reason) }
        session.wake()
      },
      slow: (forMs) => slow(session, forMs),
    })
    return session
  }

  function slow(session: Session, forMs: number): void {
    const waitMs = Math.max(slowedMs(session), Math.min(forMs, SLOWED_MS_MAX))
    if (forMs > 0) session.slowedUntil = environment.now() + waitMs
  }

  /** A clock that was put back makes nobody wait for as long. */
  function slowedMs({ slowedUntil }: Session): number {
    const waitMs = slowedUntil - environment.now()
    return waitMs > SLOWED_MS_MAX ? 0 : Math.max(0, waitMs)
  }

  /** Ends when it may bring more. */
  async function taken(session: Session): Promise<Response> {
    const waitMs = slowedMs(session)
    if (waitMs > 0) await pauseFor(environment, waitMs)
    return new Response(null, { status: 204 })
  }

  function take(session: Session, frames: readonly Uint8Array[]): void {
    for (const frame of frames) {
      if (frame.length > FRAME_BYTES_MAX) throw new RejoinError('too-big', `a frame of ${frame.length} bytes`)
      session.handler.received(frame.length === 0 ? 'ping' : frame)
      slow(session, session.visitor.spend(1, frame.length))
    }
  }

  async function wait(session: Session): Promise<void> {
    if (session.frames.length > 0 || session.over !== undefined) return
    // Another request that waits is one that its client gave up.
    session.wake()
    await new Promise<void>((resolve) => {
      const cancel = environment.setTimer(resolve, POLL_MS_MAX)
      session.wake = () => {
        cancel()
        resolve()
      }
    })
    session.wake = () => {}
    if (session.over === undefined) await pauseFor(environment, GATHER_MS)
  }

  async function poll(id: string, session: Session): Promise<Response> {
    await wait(session)
    session.heardAt = environment.now()
    const full = session.bytes
    const body = joinFrames(session.frames)
    session.frames = []
    session.bytes = 0
    const { over } = session
    if (over !== undefined) end(id, session)
    else if (full > 0) session.handler.drained()
    const headers = new Headers({ 'Content-Type': SESSION_TYPE })
    if (over !== undefined) headers.set('Rejoin-Closed', `${over.code} ${encodeURIComponent(over.reason)}`)
    return new Response(body, { headers })
  }

  function end(id: string, session: Session): void {
    if (!sessions.delete(id)) return
    session.over ??= { code: closeCode('timeout'), reason: 'nobody asks any more' }
    session.visitor.leave()
    session.handler.closed()
    session.wake()
  }

  async function respond(workspace: string, request: Request, address: string): Promise<Response> {
    const [, id = '', what, number] =
      /^([0-9a-f]{32}) (open|send|poll|close) (\d{1,15})$/.exec(request.headers.get('Rejoin-Session') ?? '') ?? []
    const frames = framesOf(await readBounded(request.body, request.headers.get('Content-Length')))
    const session = what === 'open' && !sessions.has(id) && id !== '' ? open(id, workspace, address) : sessions.get(id)
    if (session === undefined) return failure(410, new RejoinError('closed', 'that connection is over'))
    session.heardAt = environment.now()
    if (what === 'poll') return poll(id, session)
    if (what === 'close') end(id, session)
    else if (what === 'send') {
      if (Number(number) !== session.taken + 1) return failure(410, new RejoinError('protocol', 'a request was lost'))
      if (slowedMs(session) > 0) throw new RejoinError('overloaded', 'it does not wait for answers')
      session.taken++
      take(session, frames)
      return taken(session)
    }
    return new Response(null, { status: 204 })
  }

  return {
    get size() {
      return sessions.size
    },
    async answer(workspace, request, address) {
      try {
        return await respond(workspace, request, address)
      } catch (thrown) {
        const error = thrown instanceof RejoinError ? thrown : new RejoinError('bad-frame', 'the request broke off')
        return failure(error.code === 'overloaded' ? 503 : error.code === 'too-big' ? 413 : 400, error)
      }
    },
    tick() {
      for (const [id, session] of sessions) {
        if (Math.abs(environment.now() - session.heardAt) > SILENT_MS_MAX) end(id, session)
      }
    },
    close() {
      for (const session of sessions.values()) session.wake()
    },
  }
}

const failure = (status: number, { code, message }: RejoinError): Response =>
  Response.json(
    { error: { code, message } },
    { status, headers: status === 503 ? { 'Retry-After': RETRY_AFTER_SECONDS } : {} },
  )
