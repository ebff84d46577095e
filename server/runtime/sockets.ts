/**
 * The WebSockets of a Node relay (package ws): each becomes a `Connection` of the core. It bounds what a socket can make the
 * relay hold, finds dead peers of the stock protocol, and keeps a socket's errors to itself (P9).
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { RejoinError } from '../../shared/errors.ts'
import { FRAME_BYTES_MAX, PING_EVERY_MS } from '../../shared/limits.ts'
import { type Connection, type ConnectionHandler, closeReason, type Visitor } from '../relay/connection.ts'
import type { RelayLimits } from '../relay/limits.ts'
import type { RelayCore } from '../relay/relay.ts'
import { Y_HEAD_BYTES } from '../relay/y-protocol.ts'
import { SUBPROTOCOL, shownToken, type Target } from '../target.ts'

export interface Sockets {
  readonly size: number
  /** Takes over an upgrade request that was found good. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, target: Target, visitor: Visitor): void
  /** Time has passed: pings stock clients, and cuts those that do not answer. */
  tick(): void
  /** Reads nothing more, so that what was read can be dealt with; `drain` reads on. */
  pause(): void
  /** Ends when all sockets are closed; those that are not after `withinMs` are cut, and counted. */
  drain(withinMs: number): Promise<number>
}

export interface SocketsOptions {
  core: RelayCore
  limits: RelayLimits
  now: () => number
  /** A socket broke the WebSocket protocol. */
  broken: (error: Error) => void
}

/** Pings that a stock client may leave unanswered. */
const PINGS_MISSED_MAX = 2
/** How long a peer has to answer a close, and to read what was sent before it. */
const CLOSE_WITHIN_MS = 10_000
/** Fragments of one message: browsers cut at what their pipes hold, some kilobytes at least. */
const FRAGMENT_BYTES_MIN = 4_096
/** Chunks of one frame before it is whole, which hold on to memory however small they are: half of what a packet holds. */
const CHUNK_BYTES_MIN = 512
/** Both may be this many, whatever the largest message. */
const PARTS_MIN = 1_024
/** What tells a stock client that its message is larger than the relay takes, and that it need not come back with it. */
const TOO_BIG_FOR_GOOD = 4413

interface Socket {
  webSocket: WebSocket
  /** Stock clients cannot be asked in their protocol whether they are there. */
  pings: boolean
  pingsMissed: number
  /** Bytes that came since the last whole message. */
  unfinishedBytes: number
}

/** A stock client that was told 1009, as ws tells it, would come back with the same message. */
class StockSocket extends WebSocket {
  override close(code?: number, reason?: string | Buffer): void {
    super.close(code === 1009 ? TOO_BIG_FOR_GOOD : code, reason)
  }
}

export function createSockets({ core, limits, now, broken }: SocketsOptions): Sockets {
  const sync = createServer(FRAME_BYTES_MAX, WebSocket)
  const yWebsocket = createServer(limits.yMessageBytesMax + Y_HEAD_BYTES, StockSocket)
  const sockets = new Set<Socket>()
  let unfinishedBytes = 0
  let draining = false
  let emptied = (): void => {}
  let pingedAt = now()

  function converse(webSocket: WebSocket, stream: Duplex, target: Target, token: string, visitor: Visitor): void {
    const isStock = target.protocol === 'y-websocket'
    const socket: Socket = { webSocket, pings: isStock, pingsMissed: 0, unfinishedBytes: 0 }
    sockets.add(socket)
    // Before ws reads it: what it makes whole is taken off again.
    if (isStock) stream.prependListener('data', (data: Buffer) => unfinished(socket, data.length))
    webSocket.on('error', broken)
    const slow = (forMs: number) => slowDown(webSocket, visitor, forMs)
    const connection = createConnection(webSocket, visitor.address, slow)
    const handler = open(core, target, connection, token)
    webSocket.on('message', (data, isBinary) => {
      socket.pingsMissed = 0
      finished(socket)
      handler.received(isBinary ? toBytes(data) : data.toString())
      slowDown(webSocket, visitor, visitor.spend(1, sizeOf(data)))
    })
    webSocket.on('pong', () => {
      socket.pingsMissed = 0
    })
    // What the stream tells once it has taken everything; a callback per message would cost the hot path for the same.
    stream.on('drain', () => handler.drained())
    webSocket.on('close', () => {
      sockets.delete(socket)
      finished(socket)
      visitor.leave()
      handler.closed()
      if (sockets.size === 0) emptied()
    })
  }

  /** It is read on later: what it sends meanwhile fills its own buffers. */
  function slowDown(webSocket: WebSocket, visitor: Visitor, forMs: number): void {
    if (forMs === 0 || draining || webSocket.isPaused) return
    webSocket.pause()
    wait(webSocket, visitor, forMs)
  }

  /** What came in one piece is dealt with all the same: meanwhile there may be more to wait for. */
  function wait(webSocket: WebSocket, visitor: Visitor, forMs: number): void {
    const timer = setTimeout(() => {
      const moreMs = draining ? 0 : visitor.spend(0, 0)
      if (moreMs > 0) wait(webSocket, visitor, moreMs)
      else webSocket.resume()
    }, forMs)
    timer.unref()
  }

  function unfinished(socket: Socket, bytes: number): void {
    socket.unfinishedBytes += bytes
    unfinishedBytes += bytes
    if (unfinishedBytes > limits.yUnfinishedBytesMax) cutLargest()
  }

  function finished(socket: Socket): void {
    unfinishedBytes -= socket.unfinishedBytes
    socket.unfinishedBytes = 0
  }

  /** A close would wait for the rest of the message. */
  function cutLargest(): void {
    let largest: Socket | undefined
    for (const socket of sockets) {
      if (socket.unfinishedBytes > (largest?.unfinishedBytes ?? 0)) largest = socket
    }
    if (largest === undefined) return
    broken(new RejoinError('overloaded', `${unfinishedBytes} bytes of unfinished messages, the largest is cut`))
    finished(largest)
    largest.webSocket.terminate()
  }

  return {
    get size() {
      return sockets.size
    },
    accept(request, stream, head, target, visitor) {
      const server = target.protocol === 'sync' ? sync : yWebsocket
      const offered = request.headers['sec-websocket-protocol']
      const token = target.protocol === 'sync' ? '' : shownToken(request.url ?? '', offered)
      server.handleUpgrade(request, stream, head, (webSocket) => converse(webSocket, stream, target, token, visitor))
      // Also where the handshake fails, and there is no WebSocket to close.
      stream.once('close', () => visitor.leave())
    },
    tick() {
      if (Math.abs(now() - pingedAt) < PING_EVERY_MS) return
      pingedAt = now()
      for (const socket of sockets) {
        if (!socket.pings) continue
        if (socket.pingsMissed >= PINGS_MISSED_MAX) socket.webSocket.terminate()
        else if (socket.webSocket.readyState === socket.webSocket.OPEN) socket.webSocket.ping()
        socket.pingsMissed++
      }
    },
    pause() {
      draining = true
      for (const { webSocket } of sockets) webSocket.pause()
    },
    async drain(withinMs) {
      if (sockets.size === 0) return 0
      for (const { webSocket } of sockets) webSocket.resume()
      const { promise, resolve } = Promise.withResolvers<void>()
      emptied = resolve
      let cut = 0
      const timer = setTimeout(() => {
        cut = sockets.size
        for (const { webSocket } of sockets) webSocket.terminate()
      }, withinMs)
      await promise
      clearTimeout(timer)
      return cut
    },
  }
}

function createServer(maxPayload: number, socketClass: typeof WebSocket): WebSocketServer {
  // Not all of it is in the types yet.
  const options = {
    noServer: true,
    clientTracking: false,
    // It costs memory for every socket, and a small message could become a huge one.
    perMessageDeflate: false,
    maxPayload,
    maxFragments: PARTS_MIN + Math.ceil(maxPayload / FRAGMENT_BYTES_MIN),
    maxBufferedChunks: PARTS_MIN + Math.ceil(maxPayload / CHUNK_BYTES_MIN),
    WebSocket: socketClass,
    // A token among them is not given back.
    handleProtocols: (offered: ReadonlySet<string>) => offered.has(SUBPROTOCOL) && SUBPROTOCOL,
    closeTimeout: CLOSE_WITHIN_MS,
  }
  return new WebSocketServer(options)
}

function open(core: RelayCore, target: Target, connection: Connection, token: string): ConnectionHandler {
  return target.protocol === 'sync'
    ? core.sync(target.workspace, connection)
    : core.yWebsocket(target.workspace, target.document, connection, token)
}

function createConnection(webSocket: WebSocket, address: string, slow: (forMs: number) => void): Connection {
  return {
    address,
    send: (bytes) => webSocket.send(bytes),
    sendText: (text) => webSocket.send(text),
    buffered: () => webSocket.bufferedAmount,
    close: (code, reason) => webSocket.close(code, closeReason(reason)),
    slow,
  }
}

function sizeOf(data: RawData): number {
  return Array.isArray(data) ? data.reduce((sum, each) => sum + each.length, 0) : data.byteLength
}

/** A view, and no Buffer: the two differ in what `slice` does. */
function toBytes(data: RawData): Uint8Array {
  const buffer = Array.isArray(data) ? Buffer.concat(data) : data
  return buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer)
    : new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
}
