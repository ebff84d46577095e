/** A digest session on encoded messages, as connections use it. */
import type { DocumentId } from '../ids.ts'
import { decodeDigestMessage, encodeDigestMessage } from './messages.ts'
import type { Reconciler } from './reconciler.ts'

export interface DigestConversation {
  /** What to send first; nothing where the other side begins. */
  start(): Uint8Array[]
  /** Takes one message. Raises `bad-frame` and `protocol`; then the session is over. */
  receive(bytes: Uint8Array): DigestAnswer
}

export interface DigestAnswer {
  send: Uint8Array[]
  /** The documents that differ, when the session is over. */
  differing?: ReadonlySet<DocumentId>
}

export function createDigestConversation(reconciler: Reconciler): DigestConversation {
  return {
    start: () => reconciler.start().map(encodeDigestMessage),
    receive(bytes) {
      const { send, result } = reconciler.receive(decodeDigestMessage(bytes))
      return { send: send.map(encodeDigestMessage), differing: result?.differing }
    },
  }
}
