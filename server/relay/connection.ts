/** What a relay needs of a socket, and what a socket needs of it; one small adapter per runtime stands between them. */
import type { ErrorCode } from '../../shared/errors.ts'
import type { LogEpoch } from '../../shared/ids.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { Principal } from '../auth/principal.ts'

export interface Connection {
  /** Sends a binary message; never waits. */
  send(bytes: Uint8Array): void
  sendText(text: string): void
  /** Bytes handed to the socket that have not left it yet. */
  buffered(): number
  /** Idempotent. Of the reason `closeReason` is told. */
  close(code: number, reason: string): void
  /** Where it comes from, where a runtime knows. */
  readonly address?: string
  /** Reads nothing more from it for so long, in milliseconds; absent where a runtime cannot. */
  slow?(forMs: number): void
}

/** Bytes of UTF-8 that the reason of a close may have. */
const REASON_BYTES_MAX = 123

/** The beginning of a reason that fits a close, cut between characters. */
export function closeReason(reason: string): string {
  const { read } = new TextEncoder().encodeInto(reason, new Uint8Array(REASON_BYTES_MAX))
  return reason.slice(0, read)
}

/** What bounds a connection by itself, and by where it comes from. */
export interface Visitor {
  readonly address: string
  /** So many messages with so many bytes came; milliseconds for which nothing more is to be read. */
  spend(messages: number, bytes: number): number
  /** It has gone. Idempotent. */
  leave(): void
}

/** What a conversation goes on from where a runtime keeps its socket and forgets all else. Plain values, to be stored. */
export type Kept = KeptSync | KeptGuest

interface KeptStart {
  /** The epoch of the log that was opened meanwhile: to go on is no start. */
  epoch?: LogEpoch
  /** Who it is, where that was asked for. */
  principal?: Principal
}

export interface KeptSync extends KeptStart {
  /** When it began, or its peer was last heard; milliseconds. */
  since: number
  /** Absent before the greeting. */
  greeted?: {
    /** The peer's replica. */
    peer: string
    all: boolean
    opened: KeptDocument[]
    /** A document of which content is known to differ at the peer. */
    mending?: string
  }
}

export interface KeptDocument extends DocumentRef {
  /** Awareness of the peer's clients in it, as y-protocols writes it. */
  awareness?: Uint8Array
}

/** The same of a stock client. */
export interface KeptGuest extends KeptStart {
  where: DocumentRef
  awareness?: Uint8Array
}

/** What the adapter of a socket calls. None of it throws. */
export interface ConnectionHandler {
  received(data: Uint8Array | string): void
  /** The socket has taken what was buffered. */
  drained(): void
  /** Some seconds have passed. */
  tick(): void
  /** When the runtime itself last answered a ping, where it does. */
  heard(at: number): void
  closed(): void
  /** Nothing is under way that would be lost with what is not kept. */
  readonly resting: boolean
  /** Rises with every change of what is kept. */
  readonly changes: number
  /** What it can go on from, while it rests. */
  kept(): Kept
}

/** A connection's other end inside of the relay, which can also be ended from there. */
export interface Conversation extends ConnectionHandler {
  end(code: ErrorCode, detail: string): void
}

/** Stands for a conversation that did not begin. */
export const NOBODY: ConnectionHandler = {
  received() {},
  drained() {},
  tick() {},
  heard() {},
  closed() {},
  resting: false,
  changes: 0,
  kept: () => ({ since: 0 }),
}
