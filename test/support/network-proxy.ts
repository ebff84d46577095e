/** The way between browsers and a relay, in the hand of a test: it is cut, or carries only what the test lets pass. */
import { createServer, connect as dial, type Socket } from 'node:net'
import { cleanUp } from './lifetime.ts'

export interface NetworkProxy {
  /** The relay's address by this way. */
  readonly socketUrl: string
  /** Bytes of clients that were lost on the way, since the last `mend`. */
  readonly lostBytes: number
  /** Ends every connection and lets none come through. */
  cut(): void
  /** From now on the relay hears nothing of what clients send; connections stay. */
  loseRequests(): void
  /** As `loseRequests`, for each connection from the moment at which the relay has answered its greeting. */
  loseRequestsAfterGreeting(): void
  /** From now on clients hear nothing of what the relay sends; connections stay. */
  loseAnswers(): void
  /** Lets so many more bytes through from clients (`up`) or from the relay (`down`), then ends every connection, once. */
  cutAfter(direction: 'up' | 'down', bytes: number): void
  /** Connections that `cutAfter` has ended. */
  readonly cuts: number
  /** Bytes that came through from the relay, and from clients. */
  readonly carried: Readonly<Record<'up' | 'down', number>>
  /** Lets everything pass again; connections that may have lost something are ended. */
  mend(): void
}

type Loss = 'nothing' | 'everything' | 'requests' | 'requests after greeting' | 'answers'

export async function startNetworkProxy(relayPort: number): Promise<NetworkProxy> {
  const pairs = new Set<() => void>()
  const endings = new Set<() => void>()
  let loss: Loss = 'nothing'
  let lostBytes = 0
  let left: { direction: 'up' | 'down'; bytes: number } | undefined
  let cuts = 0
  const carried = { up: 0, down: 0 }

  /** Sends on what is to pass; the rest of it is lost with the connections. */
  function pass(direction: 'up' | 'down', to: Socket, bytes: Buffer): void {
    const isCut = left?.direction === direction && bytes.length >= left.bytes
    const passing = isCut ? bytes.subarray(0, left?.bytes) : bytes
    carried[direction] += passing.length
    to.write(passing)
    if (left?.direction !== direction) return
    left.bytes -= passing.length
    if (!isCut) return
    left = undefined
    cuts++
    // What was let through arrives.
    for (const end of [...endings]) end()
  }

  function carry(client: Socket): void {
    if (loss === 'everything') return void client.destroy()
    const relay = dial(relayPort, '127.0.0.1')
    const greeting = watchGreeting()
    const end = (): void => {
      client.destroy()
      relay.destroy()
      pairs.delete(end)
      endings.delete(endGently)
    }
    const endGently = (): void => {
      client.end()
      relay.end()
      endings.delete(endGently)
    }
    pairs.add(end)
    endings.add(endGently)
    for (const socket of [client, relay]) socket.on('error', end).on('close', end)
    client.on('data', (bytes) => {
      if (loss === 'requests' || (loss === 'requests after greeting' && greeting.isOver())) lostBytes += bytes.length
      else pass('up', relay, bytes)
    })
    relay.on('data', (bytes) => {
      greeting.answered(bytes)
      if (loss !== 'answers') pass('down', client, bytes)
    })
  }

  const server = createServer(carry)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the network has no port')
  const endAll = (): void => {
    for (const end of [...pairs]) end()
  }
  cleanUp(() => {
    endAll()
    return new Promise((resolve) => server.close(resolve))
  })

  return {
    socketUrl: `ws://127.0.0.1:${address.port}`,
    get lostBytes() {
      return lostBytes
    },
    cut() {
      loss = 'everything'
      endAll()
    },
    loseRequests() {
      loss = 'requests'
    },
    loseRequestsAfterGreeting() {
      loss = 'requests after greeting'
    },
    loseAnswers() {
      loss = 'answers'
    },
    cutAfter(direction, bytes) {
      left = { direction, bytes }
    },
    get cuts() {
      return cuts
    },
    carried,
    mend() {
      if (loss !== 'nothing') endAll()
      loss = 'nothing'
      lostBytes = 0
    },
  }
}

/** The greeting is over when anything follows the head of the HTTP answer that grants the WebSocket. */
function watchGreeting() {
  let head = ''
  let over = false
  return {
    isOver: () => over,
    answered(bytes: Buffer) {
      if (over) return
      head += bytes.toString('latin1')
      const end = head.indexOf('\r\n\r\n')
      over = end >= 0 && head.length > end + 4
    },
  }
}
