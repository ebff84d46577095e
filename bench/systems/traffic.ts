/**
 * What one client sends and receives, by binary messages: without the HTTP upgrade, heads of WebSocket frames and signs of
 * life. Whoever counts leaves out what is no payload, and knows which message is an answer.
 */
export interface Counts {
  bytesUp: number
  bytesDown: number
  messagesUp: number
  messagesDown: number
  /** Answers that the client waited for, one after the other. */
  roundTrips: number
}

export interface Traffic {
  readonly counts: Readonly<Counts>
  /** When anything was sent or received last; milliseconds. */
  readonly lastAt: number
  /** When a message came that is more than a greeting, for the first time since the last reset; 0: none has. */
  readonly contentAt: number
  reset(): void
  sent(bytes: number): void
  /** `isAnswer`: what the client sent was answered, and what it sends from now on may rest on that. */
  received(bytes: number, isAnswer: boolean): void
}

/** Greetings, state vectors and their like of a few people are smaller. */
const GREETING_BYTES_MAX = 1_024

const nothing = (): Counts => ({ bytesUp: 0, bytesDown: 0, messagesUp: 0, messagesDown: 0, roundTrips: 0 })

export function createTraffic(now: () => number): Traffic {
  let counts = nothing()
  let lastAt = now()
  let contentAt = 0
  return {
    get counts() {
      return counts
    },
    get lastAt() {
      return lastAt
    },
    get contentAt() {
      return contentAt
    },
    reset() {
      counts = nothing()
      contentAt = 0
    },
    sent(bytes) {
      counts.bytesUp += bytes
      counts.messagesUp++
      lastAt = now()
    },
    received(bytes, isAnswer) {
      lastAt = now()
      if (contentAt === 0 && bytes > GREETING_BYTES_MAX) contentAt = lastAt
      counts.bytesDown += bytes
      counts.messagesDown++
      if (isAnswer) counts.roundTrips++
    },
  }
}
