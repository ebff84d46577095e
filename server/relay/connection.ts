/** What a relay needs of a socket, and what a socket needs of it; one small adapter per runtime stands between them. */
import type { ErrorCode } from '../../shared/errors.ts'

export interface Connection {
  /** Sends a binary message; never waits. */
  send(bytes: Uint8Array): void
  sendText(text: string): void
  /** Bytes handed to the socket that have not left it yet. */
  buffered(): number
  /** Idempotent. */
  close(code: number, reason: string): void
}

/** What the adapter of a socket calls. None of it throws. */
export interface ConnectionHandler {
  received(data: Uint8Array | string): void
  /** The socket has taken what was buffered. */
  drained(): void
  /** Some seconds have passed. */
  tick(): void
  closed(): void
}

/** A connection's other end inside of the relay, which can also be ended from there. */
export interface Conversation extends ConnectionHandler {
  /** `retryAfterMs`: come back no sooner than this; 0, the default: as you like. */
  end(code: ErrorCode, detail: string, retryAfterMs?: number): void
}
