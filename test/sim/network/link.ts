/** One connection: a socket at the client, a connection at the relay, and a pipe for each direction. */
import type { Socket, SocketHandlers } from '../../../client/connection/socket.ts'
import type { Connection } from '../../../server/relay/connection.ts'
import type { Process } from '../time/process.ts'
import { createPipe, type Pipe } from './pipe.ts'
import type { Direction, Endpoint, Link, NetworkOptions, Path } from './types.ts'

export interface LinkOptions {
  network: NetworkOptions
  client: string
  process: Process
  relay: string
  workspace: string
  way: Path
  handlers: SocketHandlers
  /** Who listens there at this moment. */
  endpoint(): Endpoint | undefined
  /** It is no open connection any more. */
  ended(link: Link): void
}

export function openLink(options: LinkOptions): { link: Link; socket: Socket } {
  const { client, process, relay, way, handlers } = options
  const { clock, chance, delivered, sent } = options.network
  let state: 'opening' | 'open' | 'over' = 'opening'
  let handler: ReturnType<Endpoint['accept']> | undefined
  let host: Process | undefined
  let closedHere = false
  let toldClient = false
  let toldRelay = false
  /** Nobody is told of the death of who was connected long ago. */
  let forget: (() => void)[] = []

  const pipe = (direction: Direction, take: (data: Uint8Array | string) => void): Pipe =>
    createPipe({
      clock,
      chance,
      way,
      isCut: () => way.cut.has(direction),
      take,
      gaveUp: () => link.cut(),
    })
  const up = pipe('up', (data) => {
    delivered(client, relay, data)
    host?.run(() => handler?.received(data))
  })
  const down = pipe('down', (data) => {
    delivered(relay, client, data)
    process.run(() => {
      if (!closedHere) handlers.received(data)
    })
  })
  const pipes = { up, down }

  /** The client's end is over, with these words. */
  function tellClient(code: number, reason: string, afterMs: number): void {
    clock.after(afterMs, () => process.run(() => closeClient(code, reason)))
  }

  function closeClient(code: number, reason: string): void {
    if (toldClient) return
    toldClient = true
    closedHere = true
    handlers.closed(code, reason)
  }

  function tellRelay(afterMs: number): void {
    clock.after(afterMs, () => {
      if (toldRelay) return
      toldRelay = true
      host?.run(() => handler?.closed())
    })
  }

  function end(): void {
    state = 'over'
    options.ended(link)
    up.drop()
    down.drop()
    for (const each of forget) each()
    forget = []
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
      for (const direction of directions) pipes[direction].drop()
    },
    stall: (direction, forMs) => pipes[direction].stall(forMs),
    damage: (direction) => pipes[direction].damage(),
    replay: (direction) => state === 'open' && pipes[direction].replay(),
    slow: (direction, bandwidth) => pipes[direction].slow(bandwidth),
    mend() {
      up.mend()
      down.mend()
    },
  }

  const connection: Connection = {
    send(bytes) {
      if (state !== 'open' || !host?.alive) return
      down.send(bytes, () => host?.run(() => handler?.drained()))
      sent?.(relay, bytes.length, 'down', down.buffered)
    },
    sendText(text) {
      if (state === 'open' && host?.alive) down.send(text)
    },
    buffered: () => down.buffered,
    close(code, reason) {
      if (state !== 'open' || !host?.alive) return
      // What was sent before still arrives; then the client hears of the end.
      const last = down.lost || way.cut.has('down') ? undefined : Math.max(0, way.delayMs) + way.tailMs + 1
      clock.after(last ?? 0, () => {
        end()
        if (last !== undefined) process.run(() => closeClient(code, reason))
      })
      tellRelay(0)
    },
  }

  function accept(): void {
    if (state === 'over' || way.cut.size > 0 || up.lost || down.lost) return
    const endpoint = options.endpoint()
    if (endpoint === undefined || !endpoint.process.alive) {
      end()
      return tellClient(1006, 'nobody listens there', way.delayMs / 2)
    }
    state = 'open'
    host = endpoint.process
    forget.push(host.onKilled(() => (up.lost && down.lost ? end() : link.cut())))
    host.run(() => {
      handler = endpoint.accept(options.workspace, connection)
    })
    clock.after(way.delayMs / 2, () => process.run(() => (closedHere ? undefined : handlers.opened())))
  }

  clock.after(1.5 * way.delayMs, accept)
  const gone = process.onKilled(() => {
    if (state === 'over') return
    end()
    tellRelay(way.delayMs)
  })
  forget.push(gone)

  const socket: Socket = {
    send(data) {
      if (state !== 'open' || !process.alive || closedHere) return
      up.send(data)
      sent?.(client, data.length, 'up', up.buffered)
    },
    buffered: () => up.buffered,
    close() {
      if (closedHere) return
      closedHere = true
      tellClient(1000, 'closed here', 0)
      if (state === 'over') return
      const reaches = !up.lost && !way.cut.has('up')
      const wasOpen = state === 'open'
      state = 'over'
      options.ended(link)
      // What was sent before still arrives.
      clock.after(way.delayMs + way.tailMs + 1, () => {
        end()
        if (wasOpen && reaches) tellRelay(0)
      })
    },
  }
  return { link, socket }
}
