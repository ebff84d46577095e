/**
 * Rejoin in one process and in virtual time, with ids from a seed: the real client and relay code over links in memory. What
 * it costs depends on nothing else, so that it can be compared from one change to the next.
 */
import {
  createMemoryReplicaStore,
  type Dial,
  type DocumentHandle,
  openWorkspace,
  type ReplicaStore,
  type Workspace,
} from '../../client/index.ts'
import type { Connection, ConnectionHandler } from '../../server/relay/connection.ts'
import { RELAY_LIMITS, TICK_EVERY_MS } from '../../server/relay/limits.ts'
import { createRelayCore, type RelayCore } from '../../server/relay/relay.ts'
import { createMemoryStore } from '../../server/storage/memory.ts'
import type { RelayStore } from '../../server/storage/store.ts'
import type { Environment } from '../../shared/environment.ts'
import { type Chance, createChance } from '../../test/sim/time/chance.ts'
import { type Clock, createClock } from '../../test/sim/time/clock.ts'
import { PARTS } from '../../test/sim/world/parts.ts'
import { createDoc } from './real-time.ts'
import type { Person, System } from './system.ts'
import { createTraffic, type Traffic } from './traffic.ts'

/** Where virtual time begins: any moment will do. */
const EPOCH_MS = 1_800_000_000_000
/** One way, between client and relay. */
const DELAY_MS = 20
const CAME_TO_BE_MS = 600_000
/** Long enough for whatever the relay does when it has time. */
const QUIET_MS = 120_000

export interface VirtualSystem extends System {
  /** Somebody new in a workspace with many documents. */
  enter(name: string, storage?: ReplicaStore): Promise<Visitor>
}

export interface Visitor {
  readonly workspace: Workspace
  readonly traffic: Traffic
  /** Opens a document, adds a text, and closes it when the relay has it. */
  write(document: string, text: string): Promise<void>
}

/** What a test may put in the place of what is usual. */
export interface VirtualOptions {
  relayStore?(store: RelayStore): RelayStore
  /** Is told of errors, which otherwise end the run. */
  report?(error: unknown): void
}

export function createVirtual(seed: number, options: VirtualOptions = {}): VirtualSystem {
  const chance = createChance(seed)
  const clock = createClock(chance.fork('order'))
  const relay = startRelay(clock, chance, options)
  const workspaces: Workspace[] = []
  const errors: unknown[] = []

  async function until(what: string, condition: () => boolean): Promise<void> {
    await clock.run(clock.now() + CAME_TO_BE_MS, condition)
    if (errors.length > 0) throw errors[0]
    if (!condition()) throw new Error(`not within ${CAME_TO_BE_MS} ms of virtual time: ${what}`)
  }

  async function enter(
    name: string,
    storage: ReplicaStore = createMemoryReplicaStore({ durable: true }),
  ): Promise<Visitor> {
    const environment = environmentOf(clock, chance.fork(name))
    const traffic = createTraffic(clock.now)
    const workspace = await openWorkspace({
      id: 'bench',
      user: name,
      relays: ['ws://relay'],
      storage,
      connect: false,
      environment,
      dial: dialIn(clock, relay, traffic),
      parts: PARTS,
    })
    workspace.on('error', options.report ?? ((error) => errors.push(error)))
    workspaces.push(workspace)
    const own = chance.fork(`documents of ${name}`)
    return {
      workspace,
      traffic,
      async write(document, text) {
        const note = await open(workspace, document, own)
        note.doc.getText('text').insert(0, text)
        await until(`${document} is at the relay`, () => note.status.get().unacknowledged === 0)
        note.close()
      },
    }
  }

  async function open(workspace: Workspace, document: string, own: Chance): Promise<DocumentHandle> {
    const note = workspace.open(document, { doc: createDoc(own.below) })
    await finished(`${document} has loaded`, note.whenLoaded)
    return note
  }

  /** Runs the clock until a promise has settled. */
  async function finished(what: string, promise: Promise<unknown>): Promise<void> {
    let isOver = false
    const over = () => {
      isOver = true
    }
    promise.then(over, over)
    await until(what, () => isOver)
    await promise
  }

  return {
    name: 'Rejoin in virtual time',
    now: clock.now,
    pause: (ms) => clock.run(clock.now() + Math.max(1, ms)),
    quiet: () => clock.run(clock.now() + QUIET_MS),
    until,
    enter,
    async join(name, document = 'document'): Promise<Person> {
      const { workspace, traffic } = await enter(name)
      const note = await open(workspace, document, chance.fork(`documents of ${name}`))
      const { doc } = note
      return {
        name,
        doc,
        text: doc.getText('text'),
        traffic,
        connect: () => workspace.connect(),
        disconnect: () => workspace.disconnect(),
        isSynced: () => workspace.status.get().connection === 'synced',
        delivered: () => until(`${name} has delivered`, () => note.status.get().unacknowledged === 0),
        leave: async () => workspace.disconnect(),
      }
    },
    async close() {
      await finished('everybody has left', Promise.all(workspaces.map((workspace) => workspace.close())))
      relay.close()
    },
  }
}

function environmentOf(clock: Clock, chance: Chance): Environment {
  return {
    now: () => EPOCH_MS + clock.now(),
    randomBytes: (length) => chance.bytes(length),
    setTimer: (callback, delayMs) => clock.after(Math.ceil(delayMs), callback),
  }
}

function startRelay(clock: Clock, chance: Chance, options: VirtualOptions): RelayCore {
  const environment = environmentOf(clock, chance.fork('relay'))
  const plain = createMemoryStore(environmentOf(clock, chance.fork('store')))
  const store = options.relayStore?.(plain) ?? plain
  const core = createRelayCore({
    openStore: () => store,
    environment,
    limits: RELAY_LIMITS,
    soon: (commit) => void clock.after(0, commit),
    report(error) {
      if (options.report === undefined) throw error
      options.report(error)
    },
    noted() {},
  })
  const tick = (): void => {
    core.tick()
    clock.after(TICK_EVERY_MS, tick)
  }
  clock.after(TICK_EVERY_MS, tick)
  return core
}

/** How many messages, one resting on the other, an end has heard of since the link was opened. */
interface End {
  depth: number
}

/**
 * A link in memory: in order, with one delay. Each message rests on all that its sender has received, so the length of the
 * longest chain tells the round trips.
 */
function dialIn(clock: Clock, relay: RelayCore, traffic: Traffic): Dial {
  return (_url, handlers) => {
    const here: End = { depth: 0 }
    const there: End = { depth: 0 }
    let isOpen = true
    let handler: ConnectionHandler | undefined
    let answers = 0

    function end(code: number, reason: string): void {
      if (!isOpen) return
      isOpen = false
      clock.after(0, () => handlers.closed(code, reason))
      clock.after(DELAY_MS, () => handler?.closed())
    }
    const up = createPipe(clock, here, there, (data) => handler?.received(data))
    const down = createPipe(clock, there, here, (data) => {
      if (!isOpen) return
      if (typeof data !== 'string') {
        const isAnswer = here.depth / 2 > answers
        if (isAnswer) answers++
        traffic.received(data.length, isAnswer)
      }
      handlers.received(data)
    })
    const connection: Connection = {
      send: down,
      sendText: down,
      buffered: () => 0,
      close: (code, reason) => clock.after(DELAY_MS, () => end(code, reason)),
    }
    clock.after(DELAY_MS, () => {
      handler = relay.sync('bench', connection)
      clock.after(DELAY_MS, () => isOpen && handlers.opened())
    })
    return {
      send(data) {
        if (!isOpen) return
        if (typeof data !== 'string') traffic.sent(data.length)
        up(data)
      },
      buffered: () => 0,
      close: () => end(1000, 'closed here'),
    }
  }
}

function createPipe(clock: Clock, from: End, to: End, take: (data: Uint8Array | string) => void) {
  const under: { data: Uint8Array | string; depth: number }[] = []
  return (data: Uint8Array | string): void => {
    under.push({ data, depth: from.depth + 1 })
    // events of one moment come in any order, messages of a link do not
    clock.after(DELAY_MS, () => {
      const next = under.shift()
      if (next === undefined) return
      to.depth = Math.max(to.depth, next.depth)
      take(next.data)
    })
  }
}
