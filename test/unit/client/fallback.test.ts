/** When plain requests are taken in place of WebSockets, told by sockets that open when the test says so. */
import { expect, test } from 'vitest'
import { dialWithFallback } from '../../../client/connection/polling.ts'
import type { Dial, Socket, SocketHandlers } from '../../../client/connection/socket.ts'

interface Dialled {
  way: 'web socket' | 'requests'
  isOver: boolean
  handlers: SocketHandlers
}

/** `next` dials as a client does that lost its relay, and tells what was dialled. */
function createClient() {
  const dialled: Dialled[] = []
  const now = { value: 0 }
  const heard: string[] = []
  const way = (name: Dialled['way']): Dial => {
    return (_, handlers) => {
      const made: Dialled = { way: name, isOver: false, handlers }
      dialled.push(made)
      const closed = (): void => {
        if (made.isOver) return
        made.isOver = true
        handlers.closed(1000, 'closed here')
      }
      return { send: (data) => void heard.push(`${name} ${data}`), buffered: () => 0, close: closed }
    }
  }
  const dial = dialWithFallback({ webSocket: way('web socket'), polling: way('requests'), now: () => now.value })
  let ended = true
  let socket: Socket | undefined

  return {
    now,
    heard,
    get ways() {
      return dialled.map((each) => each.way)
    },
    get last() {
      return dialled.at(-1)
    },
    get isEnded() {
      return ended
    },
    send: (data: string) => socket?.send(data),
    close: () => socket?.close(),
    next() {
      ended = false
      socket = dial('ws://relay', { opened: () => heard.push('opened'), received() {}, closed: () => (ended = true) })
      return dialled.at(-1)?.way
    },
    opens: () => dialled.at(-1)?.handlers.opened(),
    fails: () => dialled.at(-1)?.handlers.closed(1006, 'no'),
  }
}

test('[P6] a relay that was away is reached by a WebSocket again, whenever it comes back', () => {
  const client = createClient()
  for (let times = 0; times < 5; times++) {
    expect(client.next()).toBe('web socket')
    client.fails()
    expect(client.next()).toBe('requests')
    client.fails()
    expect(client.isEnded).toBe(true)
  }
  client.next()
  client.fails()
  // It is back when requests are tried: these are for finding that out only.
  expect(client.next()).toBe('requests')
  client.opens()
  expect(client.last?.way).toBe('web socket')
  expect(client.heard).toEqual([])
  client.opens()
  client.send('hello')
  expect(client.heard).toEqual(['opened', 'web socket hello'])
  client.fails()
  expect(client.isEnded).toBe(true)
  expect(client.next()).toBe('web socket')
})

test('[P6] where requests come through and WebSockets do not, requests are taken, and a WebSocket is tried again after five minutes', () => {
  const client = createClient()
  client.next()
  client.fails()
  client.next()
  client.opens()
  client.fails()
  expect(client.ways).toEqual(['web socket', 'requests', 'web socket'])
  expect(client.isEnded).toBe(true)
  expect(client.next()).toBe('requests')
  client.opens()
  client.send('hello')
  expect(client.heard).toEqual(['opened', 'requests hello'])
  client.fails()
  client.now.value += 4 * 60_000
  expect(client.next()).toBe('requests')
  client.opens()
  client.fails()
  client.now.value += 2 * 60_000
  client.next()
  client.opens()
  expect(client.ways.slice(-2)).toEqual(['requests', 'web socket'])
  client.opens()
  client.fails()
  expect(client.next()).toBe('web socket')
})

test('[P6] one that is closed here while it is found out what comes through is over', () => {
  const client = createClient()
  client.next()
  client.fails()
  client.next()
  client.close()
  expect(client.isEnded).toBe(true)
  expect(client.ways).toEqual(['web socket', 'requests'])
})
