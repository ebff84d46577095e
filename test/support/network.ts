/** A network between clients and their relay that a test can count, cut and mend. */
import { type Dial, dialWebSocket, type SocketHandlers } from '../../client/connection/socket.ts'

export interface Network {
  readonly dial: Dial
  /** Sockets that were opened, so far. */
  readonly opened: number
  /** Bytes of payload since `resetCounts`. */
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Binary messages since then, and answers that a client waited for, one after the other. */
  readonly sentMessages: number
  readonly receivedMessages: number
  readonly roundTrips: number
  resetCounts(): void
  /** Ends what is open; sockets dialled from now on hang. */
  cut(): void
  /** Sockets that hang fail, and new ones open again. */
  mend(): void
  /** What clients send stays in the network until `release`. */
  hold(): void
  release(): void
  /** What relays send to the sockets open now is lost. */
  deafen(): void
}

export function createNetwork(): Network {
  const live = new Set<{ end(): void; deaf: boolean }>()
  const hanging = new Set<SocketHandlers>()
  const held: (() => void)[] = []
  let down = false
  let holding = false
  let opened = 0
  let sentBytes = 0
  let receivedBytes = 0
  let sentMessages = 0
  let receivedMessages = 0
  let roundTrips = 0
  let hasAsked = false

  const dial: Dial = (url, handlers) => {
    if (down) {
      hanging.add(handlers)
      return { send() {}, buffered: () => 0, close: () => void hanging.delete(handlers) }
    }
    let over = false
    const socket = dialWebSocket(url, {
      opened() {
        opened++
        handlers.opened()
      },
      received(data) {
        if (over || entry.deaf) return
        receivedBytes += data.length
        if (typeof data !== 'string') {
          receivedMessages++
          if (hasAsked) roundTrips++
          hasAsked = false
        }
        handlers.received(data)
      },
      closed(code, reason) {
        over = true
        live.delete(entry)
        handlers.closed(code, reason)
      },
    })
    const entry = { end: () => socket.close(), deaf: false }
    live.add(entry)
    return {
      ...socket,
      send(data) {
        sentBytes += data.length
        if (typeof data !== 'string') {
          sentMessages++
          hasAsked = true
        }
        if (holding) held.push(() => socket.send(data))
        else socket.send(data)
      },
    }
  }

  return {
    dial,
    get opened() {
      return opened
    },
    get sentBytes() {
      return sentBytes
    },
    get receivedBytes() {
      return receivedBytes
    },
    get sentMessages() {
      return sentMessages
    },
    get receivedMessages() {
      return receivedMessages
    },
    get roundTrips() {
      return roundTrips
    },
    resetCounts() {
      sentBytes = 0
      receivedBytes = 0
      sentMessages = 0
      receivedMessages = 0
      roundTrips = 0
      hasAsked = false
    },
    cut() {
      down = true
      for (const { end } of [...live]) end()
    },
    mend() {
      down = false
      const those = [...hanging]
      hanging.clear()
      for (const handlers of those) handlers.closed(1006, 'the network is down')
    },
    hold() {
      holding = true
    },
    deafen() {
      for (const entry of live) entry.deaf = true
    },
    release() {
      holding = false
      for (const send of held.splice(0)) send()
    },
  }
}
