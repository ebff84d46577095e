/**
 * The WebSockets of a Durable Object, which outlive its memory: each becomes a `Connection` of the core, and what its conversation
 * goes on from lies in the socket's attachment whenever nothing is under way. An object that wakes makes them all anew from
 * that; one whose attachment says that something was under way is closed, and its client resumes by its place.
 */
import type { LogEpoch } from '../../shared/ids.ts'
import { SEND_BUFFER_BYTES_HIGH } from '../../shared/limits.ts'
import { encodeFrame, encodeMessage } from '../../shared/wire/codec.ts'
import {
  type Connection,
  type ConnectionHandler,
  closeReason,
  type Kept,
  type KeptGuest,
  type KeptSync,
} from '../relay/connection.ts'
import type { RelayCore } from '../relay/relay.ts'
import type { Target } from '../target.ts'

/** As much of the platform's WebSocket as is used here. */
export interface ObjectSocket {
  readonly readyState: number
  send(data: string | Uint8Array): void
  close(code: number, reason: string): void
  /** Takes at most 16 KiB, and raises an error for more. */
  serializeAttachment(attachment: unknown): void
  deserializeAttachment(): unknown
}

export interface ObjectSockets<S extends ObjectSocket> {
  readonly size: number
  /** `token`: what it shows where it has no other way to. */
  accept(webSocket: S, target: Target, token: string): void
  /** Goes on with sockets that were there before. */
  restore(webSockets: readonly S[]): void
  received(webSocket: S, data: string | ArrayBuffer): void
  closed(webSocket: S): void
  /** Takes down what each goes on from. Call it at the end of every turn. */
  keep(): void
  /** Passes on which pings the platform answered. */
  heard(): void
}

export interface ObjectSocketsOptions<S extends ObjectSocket> {
  core: RelayCore
  /** Largest message, by protocol. */
  bytesMax: Readonly<Record<Target['protocol'], number>>
  /** When the platform last answered a ping of this socket. */
  answeredAt: (webSocket: S) => Date | null
  /** Calls back when others have had their turn. */
  later: (act: () => void) => void
}

/** What lies in the attachment of a socket; the platform takes 16 KiB. */
interface Attachment {
  target: Target
  /** Absent while something is under way. */
  kept?: Kept
}

interface Socket<S extends ObjectSocket> {
  webSocket: S
  target: Target
  /** Absent where its conversation did not begin. */
  handler?: ConnectionHandler
  /** The number of changes that the attachment is of, or `UNDER_WAY`. */
  attached: number
  /** Sent since others had their turn, or since the peer said that it had it all. */
  sentBytes: number
}

/** Texts by which one side asks whether the other is there, or has all that was sent before, and the answer. */
const ASK = 'ping'
const ANSWER = 'pong'

const UNDER_WAY = -1
/** Of a WebSocket that can send. */
const OPEN = 1
/** The relay goes on in another memory, and the client comes back. */
const CLOSE_RESTART = 1012
const RESTARTS = 'the relay restarts'
const RESTART = encodeFrame([encodeMessage({ type: 'failure', code: 'stopping', detail: RESTARTS, retryAfterMs: 0 })])
const CLOSE_TOO_BIG = 1009
/** A stock client that was told 1009 would come back with the same message. */
const CLOSE_TOO_BIG_FOR_GOOD = 4413

export function createObjectSockets<S extends ObjectSocket>(options: ObjectSocketsOptions<S>): ObjectSockets<S> {
  const { core, bytesMax, answeredAt, later } = options
  const sockets = new Map<S, Socket<S>>()
  /** Those that were sent so much that others are to have their turn. */
  const full = new Set<Socket<S>>()

  function open(webSocket: S, target: Target, token: string, kept?: Kept): void {
    const socket: Socket<S> = { webSocket, target, attached: UNDER_WAY, sentBytes: 0 }
    sockets.set(webSocket, socket)
    const connection = connect(socket)
    socket.handler =
      target.protocol === 'sync'
        ? core.sync(target.workspace, connection, kept as KeptSync | undefined)
        : core.yWebsocket(target.workspace, target.document, connection, token, kept as KeptGuest | undefined)
    if (kept !== undefined) socket.attached = versionOf(socket.handler)
  }

  function connect(socket: Socket<S>): Connection {
    const { webSocket } = socket
    return {
      send: (bytes) => send(socket, bytes, bytes.length),
      sendText: (text) => send(socket, text, text.length),
      buffered: () => socket.sentBytes,
      close: (code, reason) => closeSocket(webSocket, code, reason),
    }
  }

  function send(socket: Socket<S>, data: string | Uint8Array, bytes: number): void {
    if (socket.webSocket.readyState !== OPEN) return
    socket.webSocket.send(data)
    socket.sentBytes += bytes
    if (socket.sentBytes >= SEND_BUFFER_BYTES_HIGH && !full.has(socket)) wait(socket)
  }

  /** The platform does not say what a socket has taken: a Rejoin client is asked, of a stock client it is taken for granted. */
  function wait(socket: Socket<S>): void {
    full.add(socket)
    if (socket.target.protocol === 'sync') socket.webSocket.send(ASK)
    else later(() => drained(socket))
  }

  function drained(socket: Socket<S>): void {
    if (!full.delete(socket)) return
    socket.sentBytes = 0
    socket.handler?.drained()
  }

  function keep(socket: Socket<S>): void {
    const { webSocket, target, handler } = socket
    const version = versionOf(handler)
    if (version === socket.attached) return
    socket.attached = version
    const kept = version === UNDER_WAY ? undefined : handler?.kept()
    try {
      webSocket.serializeAttachment({ target, kept } satisfies Attachment)
    } catch {
      // More than the platform takes: as if something were under way all the time.
      webSocket.serializeAttachment({ target } satisfies Attachment)
    }
  }

  return {
    get size() {
      return sockets.size
    },
    accept(webSocket, target, token) {
      webSocket.serializeAttachment({ target } satisfies Attachment)
      open(webSocket, target, token)
    },
    restore(webSockets) {
      for (const webSocket of webSockets) {
        const attachment = webSocket.deserializeAttachment() as Attachment | null
        if (attachment?.kept === undefined) restart(webSocket, attachment?.target.protocol)
        else open(webSocket, attachment.target, '', heardLast(attachment.kept, answeredAt(webSocket)))
      }
    },
    received(webSocket, data) {
      const socket = sockets.get(webSocket)
      if (socket === undefined) return
      const { protocol } = socket.target
      const bytes = typeof data === 'string' ? data.length : data.byteLength
      if (data === ANSWER && protocol === 'sync') {
        drained(socket)
      } else if (bytes > bytesMax[protocol]) {
        closeSocket(webSocket, protocol === 'sync' ? CLOSE_TOO_BIG : CLOSE_TOO_BIG_FOR_GOOD, `${bytes} bytes`)
      } else {
        socket.handler?.received(typeof data === 'string' ? data : new Uint8Array(data))
      }
    },
    closed(webSocket) {
      const socket = sockets.get(webSocket)
      if (socket === undefined) return
      sockets.delete(webSocket)
      full.delete(socket)
      socket.handler?.closed()
    },
    keep() {
      for (const socket of sockets.values()) {
        keep(socket)
        if (socket.target.protocol === 'y-websocket' && !full.has(socket)) socket.sentBytes = 0
      }
    },
    heard() {
      for (const { webSocket, handler } of sockets.values()) {
        const at = answeredAt(webSocket)
        if (at !== null) handler?.heard(at.getTime())
      }
    },
  }
}

/** The epoch of the log in which sockets that were there before go on; `undefined` where there are none. */
export function keptEpoch(webSockets: readonly ObjectSocket[]): LogEpoch | undefined {
  for (const webSocket of webSockets) {
    const { kept } = (webSocket.deserializeAttachment() as Attachment | null) ?? {}
    if (kept?.epoch !== undefined) return kept.epoch
  }
  return undefined
}

/** What is closed outside of an event of its own the platform ends seconds later: a Rejoin client that is told ends it by itself. */
function restart(webSocket: ObjectSocket, protocol: Target['protocol'] | undefined): void {
  if (protocol === 'sync' && webSocket.readyState === OPEN) webSocket.send(RESTART)
  closeSocket(webSocket, CLOSE_RESTART, RESTARTS)
}

export function closeSocket(webSocket: ObjectSocket, code: number, reason: string): void {
  try {
    webSocket.close(code, closeReason(reason))
  } catch {
    // It was closed already.
  }
}

const versionOf = (handler: ConnectionHandler | undefined): number => (handler?.resting ? handler.changes : UNDER_WAY)

function heardLast(kept: Kept, at: Date | null): Kept {
  return 'since' in kept && at !== null ? { ...kept, since: Math.max(kept.since, at.getTime()) } : kept
}
