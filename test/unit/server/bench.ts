/** A relay without sockets and without time: both are the test's. */
import { type Authenticate, createGate } from '../../../server/auth/gate.ts'
import type { Connection, ConnectionHandler, KeptGuest, KeptSync } from '../../../server/relay/connection.ts'
import { RELAY_LIMITS, type RelayLimits } from '../../../server/relay/limits.ts'
import { createRelayCore, type RelayCoreOptions } from '../../../server/relay/relay.ts'
import { createMemoryStore } from '../../../server/storage/memory.ts'
import type { RelayStore } from '../../../server/storage/store.ts'
import type { Environment } from '../../../shared/environment.ts'

export interface Bench {
  core: ReturnType<typeof createRelayCore>
  /** What went wrong and was nobody's to be told. */
  reported: unknown[]
  /** Workspaces opened and closed. */
  noted: string[]
  /** Commits wait for this. */
  commit(): void
  /** Lets time pass, in ticks of 5 s. */
  pass(ms: number): void
  /** The clock moves on without a tick, as on a machine that slept. */
  jump(ms: number): void
  /** Lets one timer that is set run out; false if there is none. */
  step(): boolean
  /** Lets all timers run out, also those that are set meanwhile: what is done in the background is done then. */
  rest(): void
  /** Timers that are set. */
  timers(): number
  /** With `kept` it goes on from there. */
  sync(workspace: string, kept?: KeptSync): Socket
  yWebsocket(workspace: string, document: string, token?: string, kept?: KeptGuest): Socket
}

export interface Socket {
  sent: Uint8Array[]
  /** Bytes sent that the peer has not read. */
  unread: number
  /** Whether the peer reads what it is sent at once. */
  reads: boolean
  closedWith: number | undefined
  /** For how long nothing is to be read from it, milliseconds: the longest. */
  slowedMs: number
  handler: ConnectionHandler
  send(data: Uint8Array | string): void
  /** Reads all that it was sent. */
  read(): void
}

/** A relay with this way to open stores; memory, if none is given. */
export function createBench(
  openStore: (workspace: string) => RelayStore = memoryStores(),
  limits: Partial<RelayLimits> = {},
  ttlMs?: RelayCoreOptions['ttlMs'],
  auth?: { authenticate: Authenticate },
  continued?: RelayCoreOptions['continued'],
): Bench {
  // Not 0, which stands for a time that is not known.
  let now = 1
  let seed = 1
  const commits: (() => void)[] = []
  const timers = new Set<() => void>()
  const reported: unknown[] = []
  const noted: string[] = []
  const environment: Environment = {
    now: () => now,
    randomBytes: (length) => Uint8Array.from({ length }, () => seed++ % 256),
    setTimer(callback) {
      timers.add(callback)
      return () => timers.delete(callback)
    },
  }
  const core = createRelayCore({
    openStore,
    environment,
    gate: auth && createGate({ ...auth, ...environment, lifetimeMsMax: 3_600_000 }),
    limits: { ...RELAY_LIMITS, ...limits },
    ttlMs,
    continued,
    soon: (commit) => void commits.push(commit),
    report: (error) => void reported.push(error),
    noted: (event, workspace) => void noted.push(`${event}: ${workspace}`),
  })
  function step(): boolean {
    const [timer] = timers
    if (timer === undefined) return false
    timers.delete(timer)
    timer()
    return true
  }

  return {
    core,
    reported,
    noted,
    commit() {
      for (const commit of commits.splice(0)) commit()
    },
    pass(ms) {
      for (const end = now + ms; now < end; ) {
        now += 5_000
        core.tick()
      }
    },
    jump(ms) {
      now += ms
    },
    step,
    rest() {
      for (let steps = 0; step(); steps++) if (steps > 100_000) throw new Error('the work has no end')
    },
    timers: () => timers.size,
    sync: (workspace, kept) => createSocket((connection) => core.sync(workspace, connection, kept)),
    yWebsocket: (workspace, document, token, kept) =>
      createSocket((connection) => core.yWebsocket(workspace, document, connection, token, kept)),
  }
}

function memoryStores(): (workspace: string) => RelayStore {
  const stores = new Map<string, RelayStore>()
  return (workspace) => {
    const store = stores.get(workspace) ?? createMemoryStore()
    stores.set(workspace, store)
    return store
  }
}

function createSocket(open: (connection: Connection) => ConnectionHandler): Socket {
  const sent: Uint8Array[] = []
  const connection: Connection = {
    send(bytes) {
      sent.push(bytes)
      if (!socket.reads) socket.unread += bytes.length
    },
    sendText() {},
    buffered: () => socket.unread,
    close(code) {
      socket.closedWith ??= code
    },
    slow(forMs) {
      socket.slowedMs = Math.max(socket.slowedMs, forMs)
    },
  }
  const deaf: ConnectionHandler = {
    received() {},
    drained() {},
    tick() {},
    heard() {},
    closed() {},
    changes: 0,
    resting: false,
    kept: () => ({ since: 0 }),
  }
  const socket: Socket = {
    sent,
    unread: 0,
    reads: true,
    closedWith: undefined,
    slowedMs: 0,
    handler: deaf,
    send: (data) => socket.handler.received(data),
    read() {
      socket.unread = 0
      socket.handler.drained()
    },
  }
  socket.handler = open(connection)
  return socket
}
