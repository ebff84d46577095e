/**
 * A relay that is run as a Durable Object is: its sockets outlive its memory. When that is gone, the next event wakes it, and it goes on
 * from its disk and from what was attached to its sockets, with the code that does so in production. What the platform does is here:
 * it keeps sockets and their attachments, and answers pings by itself.
 */
import type { Connection, ConnectionHandler } from '../../../server/relay/connection.ts'
import type { RelayCore } from '../../../server/relay/relay.ts'
import {
  createObjectSockets,
  keptEpoch,
  type ObjectSocket,
  type ObjectSockets,
} from '../../../server/runtime/object-sockets.ts'
import { createObjectTurns, type ObjectTurns } from '../../../server/runtime/object-turns.ts'
import type { Environment } from '../../../shared/environment.ts'
import type { LogEpoch } from '../../../shared/ids.ts'
import { FRAME_BYTES_MAX } from '../../../shared/limits.ts'
import type { Chance } from '../time/chance.ts'
import type { Process } from '../time/process.ts'

export interface Sleeper {
  accept(workspace: string, connection: Connection): Pick<ConnectionHandler, 'received' | 'drained' | 'closed'>
  /** How often it loses its memory after an event. */
  drowsiness: number
  close(): void
}

export interface SleeperOptions {
  process: Process
  chance: Chance
  /** The core that begins when it wakes; `continued`: the epoch of the log in which its sockets are. */
  wake(environment: Environment, soon: (commit: () => void) => void, continued: LogEpoch | undefined): RelayCore
  /** It has lost its memory. */
  slept(): void
}

/** The platform takes no greater attachments. */
const ATTACHMENT_BYTES_MAX = 16_384
/** It loses its memory at once after an event, or within this: before, while and after its timers do something. */
const ASLEEP_WITHIN_MS = 40

const OPEN = 1
const CLOSED = 3

interface SimSocket extends ObjectSocket {
  readyState: number
  answeredAt: number | undefined
}

interface Memory {
  core: RelayCore
  turns: ObjectTurns
  sockets: ObjectSockets<SimSocket>
}

export function createSleeper({ process, chance, wake, slept }: SleeperOptions): Sleeper {
  const { environment } = process
  const open = new Set<SimSocket>()
  let memory: Memory | undefined

  function awake(): Memory {
    if (memory !== undefined) return memory
    const webSockets = [...open]
    const setTimer: Environment['setTimer'] = (act, delayMs) =>
      environment.setTimer(() => (memory === mine ? act() : undefined), delayMs)
    const turns = createObjectTurns({
      environment: { now: environment.now, setTimer },
      tick() {
        mine.sockets.heard()
        mine.core.tick()
      },
      committed() {},
      keep: () => mine.sockets.keep(),
    })
    const inTurns: Environment = {
      ...environment,
      setTimer: (act, delayMs) => setTimer(() => turns.turn(act), delayMs),
    }
    const core = wake(inTurns, turns.soon, keptEpoch(webSockets))
    const sockets = createObjectSockets<SimSocket>({
      core,
      bytesMax: { sync: FRAME_BYTES_MAX, 'y-websocket': 0 },
      answeredAt: ({ answeredAt }) => (answeredAt === undefined ? null : new Date(answeredAt)),
      later: (act) => void inTurns.setTimer(act, 0),
    })
    const mine: Memory = { core, turns, sockets }
    memory = mine
    sockets.restore(webSockets)
    return mine
  }

  function happens(event: (memory: Memory) => void): void {
    const mine = awake()
    mine.turns.turn(() => event(mine))
    if (!chance.happens(sleeper.drowsiness)) return
    environment.setTimer(
      () => {
        if (memory !== mine) return
        memory = undefined
        slept()
      },
      chance.happens(0.5) ? 0 : chance.below(ASLEEP_WITHIN_MS),
    )
  }

  const sleeper: Sleeper = {
    drowsiness: 0,
    accept(workspace, connection) {
      const socket = toSocket(connection)
      const mine = awake()
      open.add(socket)
      mine.turns.turn(() => mine.sockets.accept(socket, { protocol: 'sync', workspace }, ''))
      return {
        received(data) {
          if (data === 'ping') {
            socket.answeredAt = environment.now()
            return connection.sendText('pong')
          }
          happens(({ sockets }) => sockets.received(socket, typeof data === 'string' ? data : copyOf(data)))
        },
        // The platform does not say what a socket has taken.
        drained() {},
        closed() {
          socket.readyState = CLOSED
          happens(({ sockets }) => sockets.closed(socket))
          open.delete(socket)
        },
      }
    },
    close: () => memory?.core.close(),
  }
  return sleeper
}

const copyOf = (data: Uint8Array): ArrayBuffer => new Uint8Array(data).buffer

function toSocket(connection: Connection): SimSocket {
  let attachment: unknown = null
  return {
    readyState: OPEN,
    answeredAt: undefined,
    send: (data) => (typeof data === 'string' ? connection.sendText(data) : connection.send(data)),
    close(code, reason) {
      this.readyState = CLOSED
      connection.close(code, reason)
    },
    serializeAttachment(value) {
      if (sizeOf(value) > ATTACHMENT_BYTES_MAX) throw new Error('the attachment is too large')
      attachment = structuredClone(value)
    },
    deserializeAttachment: () => structuredClone(attachment),
  }
}

/** About what a value takes when it is stored. */
const sizeOf = (value: unknown): number =>
  JSON.stringify(value, (_, held) => (held instanceof Uint8Array ? 'x'.repeat(held.length) : held)).length
