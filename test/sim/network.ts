/**
 * A network in memory: sockets in pairs, as `Dial` and `Connection` want them. A connection keeps the order of what is sent,
 * as TCP does; what goes wrong is that it is late, slow, damaged, cut, or silently gone, in one direction or both.
 */
import type { Dial, SocketHandlers } from '../../client/connection/socket.ts'
import type { Connection, ConnectionHandler } from '../../server/relay/connection.ts'
import type { Chance } from './chance.ts'
import type { Clock } from './clock.ts'
import type { Process } from './process.ts'

/** Where a relay takes connections. */
export interface Endpoint {
  readonly process: Process
  accept(workspace: string, connection: Connection): ConnectionHandler
}

/** How the way between one client and one relay is. */
export interface Path {
  /** Of one message, one way: `delayMs` on the whole, and now and then up to `tailMs` more. */
  delayMs: number
  tailMs: number
  /** Bytes a millisecond. */
  bandwidth: number
  /** Dialling hangs and what is sent disappears. */
  cut: boolean
}

export type Direction = 'up' | 'down'

export interface Network {
  /** What a client's sockets are opened with. */
  dialOf(client: string, process: Process): Dial
  listen(relay: string, endpoint: Endpoint): void
  path(client: string, relay: string): Path
  /** Open connections between these two; `undefined` stands for any. */
  links(client?: string, relay?: string): Link[]
  /** Frames under way, without signs of life. */
  readonly frames: number
}

export interface Link {
  readonly client: string
  readonly relay: string
  /** Both ends hear that it is over. */
  cut(): void
  /** What is sent from now on disappears, and nobody hears of it. */
  lose(directions: readonly Direction[]): void
  /** Nothing arrives for this long; then it does. */
  stall(direction: Direction, forMs: number): void
  /** The next frame is damaged: a bit flips, or its end is missing. */
  damage(direction: Direction): void
  /** Bytes a millisecond that this end takes from now on. */
  slow(direction: Direction, bandwidth: number): void
  /** Slow and stalled no more. What is lost stays lost. */
  mend(): void
}

export interface NetworkOptions {
  clock: Clock
  chance: Chance
  /** Sees every message that reaches an end, just before it does. */
  delivered(from: string, to: string, data: Uint8Array | string): void
}

/** Node tells of a drained socket only when more than this was in it. */
const HIGH_WATER_BYTES = 16 * 1024

export function createNetwork(options: NetworkOptions): Network {
  const { clock, chance } = options
  const endpoints = new Map<string, Endpoint>()
  const paths = new Map<string, Path>()
  const links = new Set<Link>()
  let frames = 0

  function path(client: string, relay: string): Path {
    const key = `${client} ${relay}`
    let found = paths.get(key)
    if (found === undefined) {
      found = { delayMs: 5 + chance.below(60), tailMs: 0, bandwidth: 1000, cut: false }
      paths.set(key, found)
    }
    return found
  }

  /** One direction of a connection. */
  function createPipe(way: Path, take: (data: Uint8Array | string) => void) {
    const queue: { data: Uint8Array | string; ready: number; size: number }[] = []
    let lastReady = 0
    let waiting: (() => void) | undefined
    let damaged = false
    let taken: (() => void) | undefined
    const pipe = {
      lost: false,
      bandwidth: Infinity,
      buffered: 0,
      stalledUntil: 0,
      damage: () => {
        damaged = true
      },
      send(data: Uint8Array | string, delivered?: () => void) {
        if (pipe.lost || way.cut) return
        taken = delivered
        const size = data.length
        const tail = way.tailMs > 0 && chance.happens(0.1) ? chance.below(way.tailMs) : 0
        const start = Math.max(clock.now(), lastReady - way.delayMs)
        const ready = start + size / Math.min(way.bandwidth, pipe.bandwidth) + way.delayMs + tail
        lastReady = Math.max(lastReady, ready)
        pipe.buffered += size
        const bytes = damaged && typeof data !== 'string' ? spoil(data) : data
        if (typeof data !== 'string') {
          frames++
          damaged = false
        }
        queue.push({ data: bytes, ready: lastReady, size })
        next()
      },
      /** What is under way comes without further delay. */
      mend() {
        pipe.bandwidth = Infinity
        pipe.stalledUntil = 0
        lastReady = clock.now() + way.delayMs
        for (const message of queue) message.ready = Math.min(message.ready, lastReady)
        waiting?.()
        waiting = undefined
        next()
      },
      /** Nothing of what is under way arrives. */
      drop() {
        pipe.lost = true
        for (const { data } of queue.splice(0)) if (typeof data !== 'string') frames--
        pipe.buffered = 0
      },
    }
    function next(): void {
      const first = queue[0]
      if (waiting !== undefined || first === undefined) return
      waiting = clock.after(Math.max(first.ready, pipe.stalledUntil) - clock.now(), () => {
        waiting = undefined
        if (clock.now() < pipe.stalledUntil) return next()
        const message = queue.shift()
        if (message === undefined) return
        const full = pipe.buffered > HIGH_WATER_BYTES
        pipe.buffered -= message.size
        if (typeof message.data !== 'string') frames--
        take(message.data)
        if (full && pipe.buffered === 0) taken?.()
        next()
      })
    }
    return pipe
  }

  function spoil(data: Uint8Array): Uint8Array {
    const spoiled = data.slice()
    if (chance.happens(0.3)) return spoiled.subarray(0, chance.below(spoiled.length))
    const at = chance.below(spoiled.length)
    spoiled[at] = (spoiled[at] as number) ^ (1 << chance.below(8))
    return spoiled
  }

  function dialOf(client: string, process: Process): Dial {
    return (url, handlers) => {
      const { host, pathname } = new URL(url)
      const workspace = decodeURIComponent(pathname.split('/').at(-1) ?? '')
      return open(client, process, host, workspace, handlers)
    }
  }

  function open(client: string, process: Process, relay: string, workspace: string, handlers: SocketHandlers) {
    const way = path(client, relay)
    let state: 'opening' | 'open' | 'over' = 'opening'
    let handler: ConnectionHandler | undefined
    let host: Process | undefined
    let closedHere = false

    const up = createPipe(way, (data) => {
      options.delivered(client, relay, data)
      host?.run(() => handler?.received(data))
    })
    const down = createPipe(way, (data) => {
      options.delivered(relay, client, data)
      process.run(() => {
        if (!closedHere) handlers.received(data)
      })
    })

    /** The client's end is over, with these words. */
    function tellClient(code: number, reason: string, afterMs: number): void {
      clock.after(afterMs, () => process.run(() => closeClient(code, reason)))
    }

    let toldClient = false
    function closeClient(code: number, reason: string): void {
      if (toldClient) return
      toldClient = true
      closedHere = true
      handlers.closed(code, reason)
    }

    let toldRelay = false
    function tellRelay(afterMs: number): void {
      clock.after(afterMs, () => {
        if (toldRelay) return
        toldRelay = true
        host?.run(() => handler?.closed())
      })
    }

    function end(): void {
      state = 'over'
      links.delete(link)
      up.drop()
      down.drop()
    }

    const link: Link = {
      client,
      relay,
      cut() {
        if (state === 'over') return
        end()
        tellClient(1006, 'the connection broke', 0)
        tellRelay(chance.below(50))
      },
      lose(directions) {
        if (directions.includes('up')) up.drop()
        if (directions.includes('down')) down.drop()
      },
      stall(direction, forMs) {
        const pipe = direction === 'up' ? up : down
        pipe.stalledUntil = Math.max(pipe.stalledUntil, clock.now() + forMs)
      },
      damage: (direction) => (direction === 'up' ? up : down).damage(),
      mend() {
        up.mend()
        down.mend()
      },
      slow(direction, bandwidth) {
        if (direction === 'up') up.bandwidth = bandwidth
        else down.bandwidth = bandwidth
      },
    }

    const connection: Connection = {
      send(bytes) {
        if (state !== 'open' || !host?.alive) return
        down.send(bytes, () => host?.run(() => handler?.drained()))
      },
      sendText(text) {
        if (state === 'open' && host?.alive) down.send(text)
      },
      buffered: () => down.buffered,
      close(code, reason) {
        if (state !== 'open' || !host?.alive) return
        // What was sent before still arrives; then the client hears of the end.
        const last = down.lost || way.cut ? undefined : Math.max(0, way.delayMs) + way.tailMs + 1
        clock.after(last ?? 0, () => {
          end()
          if (last !== undefined) process.run(() => closeClient(code, reason))
        })
        tellRelay(0)
      },
    }

    clock.after(1.5 * way.delayMs, () => {
      if (state === 'over') return
      const endpoint = endpoints.get(relay)
      if (way.cut || up.lost || down.lost) return
      if (endpoint === undefined || !endpoint.process.alive) {
        end()
        return tellClient(1006, 'nobody listens there', way.delayMs / 2)
      }
      state = 'open'
      host = endpoint.process
      host.onKilled(() => (up.lost && down.lost ? end() : link.cut()))
      host.run(() => {
        handler = endpoint.accept(workspace, connection)
      })
      clock.after(way.delayMs / 2, () => process.run(() => (closedHere ? undefined : handlers.opened())))
    })
    process.onKilled(() => {
      if (state === 'over') return
      end()
      tellRelay(way.delayMs)
    })
    links.add(link)

    return {
      send(data: Uint8Array | string) {
        if (state === 'open' && process.alive && !closedHere) up.send(data)
      },
      buffered: () => up.buffered,
      close() {
        if (closedHere) return
        closedHere = true
        if (state === 'over') return tellClient(1000, 'closed here', 0)
        tellClient(1000, 'closed here', 0)
        const reaches = !up.lost && !way.cut
        const wasOpen = state === 'open'
        state = 'over'
        links.delete(link)
        // What was sent before still arrives.
        clock.after(way.delayMs + way.tailMs + 1, () => {
          end()
          if (wasOpen && reaches) tellRelay(0)
        })
      },
    }
  }

  return {
    dialOf,
    listen: (relay, endpoint) => void endpoints.set(relay, endpoint),
    path,
    links: (client, relay) =>
      [...links].filter(
        (link) => (client === undefined || link.client === client) && (relay === undefined || link.relay === relay),
      ),
    get frames() {
      return frames
    },
  }
}
