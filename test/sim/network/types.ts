/** What the simulated network is made of. */
import type { Dial } from '../../../client/connection/socket.ts'
import type { Connection, ConnectionHandler } from '../../../server/relay/connection.ts'
import type { Chance } from '../time/chance.ts'
import type { Clock } from '../time/clock.ts'
import type { Process } from '../time/process.ts'

/** Seen from the client. */
export type Direction = 'up' | 'down'

/** Where a relay takes connections. */
export interface Endpoint {
  readonly process: Process
  accept(workspace: string, connection: Connection): Pick<ConnectionHandler, 'received' | 'drained' | 'closed'>
  /** Answers another relay. */
  answer?(workspace: string | undefined, request: Uint8Array): Uint8Array
}

/** How the way between one client and one relay is. */
export interface Path {
  /** Of one message, one way: `delayMs` on the whole, and now and then up to `tailMs` more. */
  delayMs: number
  tailMs: number
  /** Bytes a millisecond. */
  bandwidth: number
  /** Share of messages that are lost, and sent again by the transport until it gives the connection up. */
  loss: number
  /** Between relays: shares of requests and answers that are damaged, and of requests that come twice. */
  damage?: number
  replays?: number
  /** In these directions nothing passes. Dialling needs both. */
  readonly cut: Set<Direction>
}

export interface Network {
  /** What a client's sockets are opened with. */
  dialOf(client: string, process: Process): Dial
  listen(relay: string, endpoint: Endpoint): void
  /** One relay asks another. */
  exchange(
    from: string,
    process: Process,
    to: string,
    workspace: string | undefined,
    request: Uint8Array,
  ): Promise<Uint8Array>
  path(client: string, relay: string): Path
  /** Open connections between these two; `undefined` stands for any. */
  links(client?: string, relay?: string): Link[]
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
  /** A frame that has arrived before arrives again; says whether there was one. */
  replay(direction: Direction): boolean
  /** Bytes a millisecond that this end takes from now on. */
  slow(direction: Direction, bandwidth: number): void
  /** Slow and stalled no more. What is lost stays lost. */
  mend(): void
}

/** What somebody sees who looks on. */
export interface NetworkWatch {
  /** A socket is opened. */
  dialled?(process: Process, openLinks: number): void
  /** A message is handed over to a socket, which then holds so many bytes. */
  sent?(from: string, size: number, direction: Direction, buffered: number): void
  /** A message reaches an end, just before it does. */
  delivered(from: string, to: string, data: Uint8Array | string): void
  /** A relay's request reaches another, just before it does. */
  exchanged?(from: string, to: string, request: Uint8Array): void
}

export interface NetworkOptions extends NetworkWatch {
  clock: Clock
  chance: Chance
}
