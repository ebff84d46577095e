/** What the client needs of a socket: the platform's WebSocket, or a pair in memory in tests and the simulator. */
export interface Socket {
  send(data: Uint8Array | string): void
  /** Bytes handed over that have not left yet. */
  buffered(): number
  /** Idempotent; `closed` is still called, later. */
  close(): void
}

export interface SocketHandlers {
  opened(): void
  received(data: Uint8Array | string): void
  /** Called once, also where it never opened. */
  closed(code: number, reason: string): void
}

/** Opens a socket. Never throws: what fails is `closed`. */
export type Dial = (url: string, handlers: SocketHandlers) => Socket

/** The platform's WebSocket: browsers, Node 22 and newer, Deno, Bun. */
export const dialWebSocket: Dial = (url, handlers) => {
  const socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  let over = false
  const closed = (code: number, reason: string): void => {
    if (over) return
    over = true
    handlers.closed(code, reason)
  }
  socket.addEventListener('open', () => handlers.opened())
  socket.addEventListener('message', ({ data }) => {
    if (!over) handlers.received(typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer))
  })
  socket.addEventListener('close', (event) => closed(event.code, event.reason))
  return {
    send(data) {
      if (socket.readyState === WebSocket.OPEN) socket.send(data as Uint8Array<ArrayBuffer> | string)
    },
    buffered: () => socket.bufferedAmount,
    close() {
      socket.close()
      // A socket whose peer is gone may take a minute to close; nobody waits for it.
      closed(1000, 'closed here')
    },
  }
}
