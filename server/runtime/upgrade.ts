/** The plain HTTP answer to a request for a WebSocket that is not granted. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { errorBody } from '../app.ts'

const REASONS: Readonly<Record<number, string>> = {
  403: 'Forbidden',
  404: 'Not Found',
  503: 'Service Unavailable',
}

/** Answers instead of upgrading, and ends the connection. */
export function answerPlain(
  socket: Duplex,
  status: 403 | 404 | 503,
  body: ReturnType<typeof errorBody>,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = JSON.stringify(body)
  const lines = {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(text)),
    Connection: 'close',
    ...headers,
  }
  const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} ${REASONS[status]}\r\n${head.join('')}\r\n${text}`)
}

/** The address under which a request reached this machine; empty if the socket is gone. */
export const localAddress = (request: IncomingMessage): string => request.socket.localAddress ?? ''
