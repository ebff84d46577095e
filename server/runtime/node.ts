/**
 * A relay on Node: HTTP and WebSockets of one core. Loopback only where no permissions are asked for. It starts and stops
 * without losing what was taken: a stop refuses what is new, tells those who are there, commits, and drains.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { getRequestListener } from '@hono/node-server'
import { RejoinError } from '../../shared/errors.ts'
import { isLoopbackName, refusal } from '../access.ts'
import { errorBody, type HttpCode, isHealth } from '../app.ts'
import type { Log } from '../log.ts'
import type { Visitor } from '../relay/connection.ts'
import { RETRY_AFTER_SECONDS, type RelayLimits, TICK_EVERY_MS } from '../relay/limits.ts'
import type { RelayCore } from '../relay/relay.ts'
import { parseTarget } from '../target.ts'
import { createAddresses } from './addresses.ts'
import { watchLoad } from './load.ts'
import { createSockets } from './sockets.ts'
import { answerPlain, localAddress } from './upgrade.ts'

export interface NodeHost {
  /** Whether connections are taken. */
  readonly ready: boolean
  /** Lets one more connection in that is no WebSocket. Raises `overloaded`. */
  admit(address: string): Visitor
  attach(server: Server): () => void
  listen(port: number, host: string): Promise<AddressInfo>
  close(): Promise<void>
}

export interface NodeHostOptions {
  core: RelayCore
  limits: RelayLimits
  allowedOrigins: ReadonlySet<string>
  /** Permissions are asked for: it may be reached from anywhere. */
  guarded: boolean
  /** A proxy in front says where requests come from. */
  trustProxy: boolean
  /** Time has passed. */
  tick: () => void
  /** Answers a request that came from this address. */
  fetch: (request: Request, address: string) => Response | Promise<Response>
  now: () => number
  /** For what strangers can cause as often as they like. */
  log: Log
}

/** A client that sends its head or body more slowly than this is cut (slowloris). */
const HEADERS_WITHIN_MS = 10_000
const REQUEST_WITHIN_MS = 15_000
/** How often Node looks for such clients. */
const SLOW_REQUESTS_EVERY_MS = 2_000
const HEADER_BYTES_MAX = 8 * 1024
/** Sockets of plain HTTP beside those of `connectionsMax`. */
const HTTP_CONNECTIONS_MAX = 1_000
/** How long a stop waits for peers to read what they were sent. */
const DRAIN_WITHIN_MS = 5_000

/** Why a WebSocket is not granted, in words of HTTP. */
interface Denial {
  status: 403 | 404 | 503
  code: HttpCode
  message: string
}

const NO_SUCH_PATH: Denial = { status: 404, code: 'not-found', message: 'there is no such path for WebSockets' }

export function createNodeHost(options: NodeHostOptions): NodeHost {
  const { core, limits, allowedOrigins, guarded, trustProxy, tick, fetch, now, log } = options
  const addresses = createAddresses(limits, trustProxy, now)
  const load = watchLoad(limits.loopDelayMsMax)
  const broken = (error: Error) => log('info', 'broken connection', { message: error.message })
  const sockets = createSockets({ core, limits, now, broken })
  const own = new Set<Server>()
  const detachers = new Set<() => void>()
  let stopping: Promise<void> | undefined
  const timer = setInterval(() => {
    core.tick()
    sockets.tick()
    load.tick()
    addresses.tick()
    tick()
  }, TICK_EVERY_MS)
  timer.unref()

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, others: boolean): void {
    const target = parseTarget(request.url ?? '')
    if (target === undefined && others) return
    // An error of the socket before ws has it would end the process.
    socket.on('error', () => socket.destroy())
    const denied = target === undefined ? NO_SUCH_PATH : denial(request)
    if (denied !== undefined) {
      log('info', 'refused', { ...denied })
      const headers = denied.status === 503 ? { 'Retry-After': RETRY_AFTER_SECONDS } : undefined
      answerPlain(socket, denied.status, errorBody(denied.code, denied.message), headers)
    } else if (target !== undefined) {
      sockets.accept(request, socket, head, target, addresses.enter(addresses.of(request)))
    }
  }

  /** Why a request for a WebSocket is not granted. */
  function denial(request: IncomingMessage): Denial | undefined {
    if (!guarded && !isLoopbackName(localAddress(request))) {
      return { status: 403, code: 'forbidden', message: 'without permissions this relay serves loopback only' }
    }
    const refused = refusal({ host: request.headers.host, origin: request.headers.origin }, allowedOrigins, guarded)
    if (refused !== undefined) return { status: 403, code: refused.code, message: refused.message }
    if (stopping !== undefined) return { status: 503, code: 'stopping', message: 'the relay stops' }
    const full = fullness(addresses.of(request))
    return full === undefined ? undefined : { status: 503, code: 'overloaded', message: full }
  }

  /** Why nobody new is let in from there. */
  function fullness(address: string): string | undefined {
    if (core.connections >= limits.connectionsMax) return `${core.connections} connections are open, the most allowed`
    if (!addresses.hasRoom(address)) {
      return `${limits.connectionsPerAddressMax} connections from one address are open, the most allowed`
    }
    return load.excess()
  }

  /** A request of plain HTTP. How the relay is, it says whatever else is asked of it. */
  function answer(request: Request, incoming: IncomingMessage): Response | Promise<Response> {
    const address = addresses.of(incoming)
    const waitMs = isHealth(incoming.url ?? '') ? 0 : addresses.ask(address)
    if (waitMs === 0) return fetch(request, address)
    const seconds = Math.ceil(waitMs / 1000)
    const body = errorBody('overloaded', 'more requests come from one address than are answered')
    return Response.json(body, { status: 503, headers: { 'Retry-After': String(seconds) } })
  }

  async function stop(): Promise<void> {
    clearInterval(timer)
    load.close()
    const closed = [...own].map(closeServer)
    // What was read until now is committed and acknowledged when this turn of the event loop ends.
    sockets.pause()
    await turn()
    core.close()
    const cut = await sockets.drain(DRAIN_WITHIN_MS)
    if (cut > 0) log('info', 'connections cut', { connections: cut })
    for (const detach of detachers) detach()
    for (const server of own) server.closeAllConnections()
    await Promise.all(closed)
  }

  return {
    get ready() {
      return stopping === undefined
    },
    admit(address) {
      const full = fullness(address)
      if (full !== undefined) throw new RejoinError('overloaded', full)
      return addresses.enter(address)
    },
    attach(server) {
      const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        upgrade(request, socket, head, server.listenerCount('upgrade') > 1)
      }
      const detach = () => {
        server.off('upgrade', onUpgrade)
        detachers.delete(detach)
      }
      server.on('upgrade', onUpgrade)
      detachers.add(detach)
      return detach
    },
    async listen(port, host) {
      if (!guarded && !isLoopbackName(host)) {
        throw new RejoinError(
          'bad-option',
          `listening on ${host} would open every document to whoever reaches it: ` +
            'give the relay a secret or public keys to check tokens with, or listen on 127.0.0.1',
        )
      }
      if (stopping !== undefined) throw new RejoinError('stopping', 'the relay is closed')
      const server = createHttpServer(limits, answer)
      server.on('upgrade', (request, socket, head) => upgrade(request, socket, head, false))
      await startListening(server, port, host)
      server.on('error', (error) => log('error', 'server error', { message: error.message }))
      own.add(server)
      return server.address() as AddressInfo
    },
    close() {
      stopping ??= stop()
      return stopping
    },
  }
}

type Answer = (request: Request, incoming: IncomingMessage) => Response | Promise<Response>

function createHttpServer(limits: RelayLimits, answer: Answer): Server {
  const options = {
    headersTimeout: HEADERS_WITHIN_MS,
    requestTimeout: REQUEST_WITHIN_MS,
    connectionsCheckingInterval: SLOW_REQUESTS_EVERY_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
    noDelay: true,
  }
  const listener = getRequestListener((request, { incoming }) => answer(request, incoming as IncomingMessage), {
    overrideGlobalObjects: false,
  })
  const server = createServer(options, listener)
  server.maxConnections = limits.connectionsMax + HTTP_CONNECTIONS_MAX
  return server
}

function startListening(server: Server, port: number, host: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const failed = (error: NodeJS.ErrnoException) => {
    const what =
      error.code === 'EADDRINUSE'
        ? `port ${port} of ${host} is in use: stop the program that has it, or choose another port`
        : `listening on port ${port} of ${host} failed: ${error.message}`
    reject(new RejoinError('bad-option', what, { cause: error }))
  }
  server.once('error', failed)
  server.listen(port, host, () => {
    server.off('error', failed)
    resolve()
  })
  return promise
}

function closeServer(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  return promise
}
