/**
 * Requests and answers between relays as bytes: frames as a WebSocket would carry them. The first message says who speaks. What is
 * read is bounded (P7); anything else is `bad-frame`, and nothing of it is used.
 */
import { RejoinError } from '../../shared/errors.ts'
import { EXCHANGE_BYTES_MAX, FRAME_BYTES_TARGET } from '../../shared/limits.ts'
import { framesOf, joinFrames } from '../../shared/wire/bodies.ts'
import { decodeFrame, encodeFrame, encodeMessage } from '../../shared/wire/codec.ts'
import type { Exchange, Message } from '../../shared/wire/messages.ts'
import { commonVersion, PROTOCOL_VERSION, PROTOCOL_VERSION_OLDEST } from '../../shared/wire/version.ts'

/** Messages on their way into one request or answer. */
export interface Body {
  /** Bytes so far, before they are deflated. */
  readonly bytes: number
  readonly messages: number
  put(message: Message): void
  /** All of it, behind the head. */
  encode(head: Omit<Exchange, 'type' | 'oldestVersion' | 'newestVersion'>): Uint8Array
}

export function createBody(): Body {
  const parts: Uint8Array[][] = [[]]
  let partBytes = 0
  let bytes = 0
  let messages = 0
  return {
    get bytes() {
      return bytes
    },
    get messages() {
      return messages
    },
    put(message) {
      const encoded = encodeMessage(message)
      if (partBytes > 0 && partBytes + encoded.length > FRAME_BYTES_TARGET) {
        parts.push([])
        partBytes = 0
      }
      parts.at(-1)?.push(encoded)
      partBytes += encoded.length
      bytes += encoded.length
      messages++
    },
    encode(head) {
      const versions = { oldestVersion: PROTOCOL_VERSION_OLDEST, newestVersion: PROTOCOL_VERSION }
      const first = encodeMessage({ type: 'exchange', ...versions, ...head })
      const [own = [], ...others] = parts
      return joinFrames([[first, ...own], ...others].map(encodeFrame))
    },
  }
}

/** Raises `too-big`, `bad-frame`, `protocol` for a body without a head, `version`. */
export function decodeBody(body: Uint8Array): { head: Exchange; messages: Message[] } {
  if (body.length > EXCHANGE_BYTES_MAX) {
    throw new RejoinError('too-big', `an exchange of ${body.length} bytes; the most is ${EXCHANGE_BYTES_MAX}`)
  }
  const [head, ...messages] = framesOf(body).flatMap(decodeFrame)
  if (head?.type === 'failure') throw new RejoinError(head.code, head.detail)
  if (head?.type !== 'exchange') throw new RejoinError('protocol', 'an exchange does not say who speaks')
  if (commonVersion(head.oldestVersion, head.newestVersion) === undefined) {
    throw new RejoinError('version', `this relay speaks versions ${PROTOCOL_VERSION_OLDEST} to ${PROTOCOL_VERSION}`)
  }
  return { head, messages }
}

/** The answer that says why there is none: what goes wrong with one request is told to its sender (P5). */
export function encodeFailure(error: RejoinError): Uint8Array {
  const { code, detail } = error
  return joinFrames([encodeFrame([encodeMessage({ type: 'failure', code, detail, retryAfterMs: 0 })])])
}
