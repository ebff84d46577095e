/**
 * Plain requests to a relay object: the routes of every relay, and clients whose network blocks WebSockets. Nobody says that such a
 * client has gone, so the object looks, and stays awake for as long as one is there.
 */
import type { Environment } from '../../shared/environment.ts'
import { RejoinError } from '../../shared/errors.ts'
import { createApp } from '../app.ts'
import type { Gate } from '../auth/gate.ts'
import { createPolling, type PolledHandler } from '../polling.ts'
import { type Connection, NOBODY, type Visitor } from '../relay/connection.ts'
import { TICK_EVERY_MS } from '../relay/limits.ts'
import type { RelayCore } from '../relay/relay.ts'
import { VERSION } from '../version.ts'
import { createDocuments } from './documents.ts'

export interface ObjectRequestsOptions {
  core: RelayCore
  gate: Gate | undefined
  allowedOrigins: readonly string[]
  connectionsMax: number
  environment: Environment
  /** Takes one event. */
  turn(act: () => void): void
  /** Somebody has begun a conversation. */
  came(): void
  /** Somebody asks something; resolves when the other regions were asked, where that is due, or have had their time. */
  compared(): Promise<void>
  report(error: unknown): void
}

/** A Y.Doc of so much takes 70 MB at worst, of the 128 that an object may have. */
const JSON_BYTES_MAX = 1024 * 1024

export interface ObjectRequests {
  answer(request: Request): Promise<Response>
}

export function createObjectRequests(options: ObjectRequestsOptions): ObjectRequests {
  const { core, gate, allowedOrigins, connectionsMax, environment, turn, came, compared, report } = options
  const polled = {
    /** Its steps are turns. */
    sync(workspace: string, connection: Connection): PolledHandler {
      let handler: PolledHandler = NOBODY
      turn(() => {
        handler = core.sync(workspace, connection)
      })
      came()
      return {
        received: (data) => turn(() => handler.received(data)),
        drained: () => turn(() => handler.drained()),
        closed: () => turn(() => handler.closed()),
      }
    },
  }
  const polling = createPolling({ core: polled, environment, admit })
  const documents = createDocuments({ core, gate, environment, jsonBytesMax: JSON_BYTES_MAX, report })
  const app = createApp({
    async documents(workspace, document, request) {
      await compared()
      return documents.answer(workspace, document, request)
    },
    version: VERSION,
    allowedOrigins: new Set(allowedOrigins),
    gate,
    polling,
    ready: () => true,
    report,
  })
  let isWatching = false

  /** How much one may bring the core bounds, and where he comes from the platform. */
  function admit(): Visitor {
    if (core.connections >= connectionsMax) {
      throw new RejoinError('overloaded', `${core.connections} connections are open, the most allowed`)
    }
    return { address: '', spend: () => 0, leave() {} }
  }

  function watch(): void {
    if (isWatching || polling.size === 0) return
    isWatching = true
    environment.setTimer(() => {
      isWatching = false
      core.tick()
      polling.tick()
      watch()
    }, TICK_EVERY_MS)
  }

  return {
    async answer(request) {
      const answer = await app.fetch(request)
      // What sockets go on from may have changed.
      turn(() => {})
      watch()
      return answer
    },
  }
}
