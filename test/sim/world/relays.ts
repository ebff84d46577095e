/** The relays of a world: disks that stay, and processes with the real relay core that come and go. */
import { createGate, type Gate } from '../../../server/auth/gate.ts'
import { createMesh, type Mesh, type MeshTransport } from '../../../server/mesh/mesh.ts'
import { createMemoryRootStore } from '../../../server/mesh/roots.ts'
import { RELAY_LIMITS, TICK_EVERY_MS } from '../../../server/relay/limits.ts'
import { createRelayCore, type RelayCore } from '../../../server/relay/relay.ts'
import type { Environment } from '../../../shared/environment.ts'
import type { Network } from '../network/types.ts'
import { createRelayDisk } from '../storage/relay-disk.ts'
import type { Process } from '../time/process.ts'
import { createSleeper } from './sleeper.ts'
import type { Ground, SimRelay } from './types.ts'

/** How long a relay that was told to stop still runs. */
const STOPPED_WITHIN_MS = 100

/** A few seconds of typing of some people. */
const FOLDING = { unfoldedRecordsMax: 8, retainRecordsMax: 30 }

/** Nobody is revoked there. */
const TOKENS_LIVE_MS = 3_600_000

export interface Relays {
  readonly relays: readonly SimRelay[]
  start(relay: SimRelay): void
  stop(relay: SimRelay): void
}

export function createRelays(ground: Ground, network: () => Network): Relays {
  const { bend, checkers, clock } = ground

  const limits = ground.options.folds ? { ...RELAY_LIMITS, ...FOLDING } : RELAY_LIMITS

  function start(relay: SimRelay): void {
    if (relay.process?.alive) return
    const process = ground.spawn(`${relay.name} ${ground.nextStart()}`)
    relay.process = process
    if (ground.options.sleeps && !ground.options.mesh) return startSleeper(relay, process)
    const { environment } = process
    const core = createRelayCore({
      ...coreOf(relay, process, environment),
      soon: (commit) => void environment.setTimer(commit, 0),
      attach: ground.options.mesh ? (workspace, opened) => joined(mesh).attach(workspace, opened) : undefined,
    })
    const mesh = ground.options.mesh ? createMeshOf(relay, process, core) : undefined
    relay.core = core
    relay.mesh = mesh
    network().listen(relay.name, {
      process,
      accept: (workspace, connection) => core.sync(workspace, connection),
      answer: mesh?.answer,
    })
    mesh?.start()
    every(process, TICK_EVERY_MS, () => core.tick())
  }

  function coreOf(relay: SimRelay, process: Process, environment: Environment) {
    return {
      gate: gateOf(environment),
      openStore() {
        const store = relay.disk.open(() => process.kill())
        return bend.relayStore ? bend.relayStore(store, clock) : store
      },
      environment,
      limits,
      report(error: unknown) {
        if (process.alive) ground.blame(relay.name, error)
      },
      noted() {},
    }
  }

  function startSleeper(relay: SimRelay, process: Process): void {
    const sleeper = createSleeper({
      process,
      chance: ground.chance.fork(`sleep of ${process.name}`),
      wake(environment, soon, continued) {
        ground.note(`${relay.name} wakes`)
        return createRelayCore({ ...coreOf(relay, process, environment), soon, continued })
      },
      slept: () => ground.note(`${relay.name} sleeps`),
    })
    relay.core = sleeper
    relay.sleeper = sleeper
    network().listen(relay.name, { process, accept: sleeper.accept })
  }

  function gateOf({ now, randomBytes }: Environment): Gate | undefined {
    const { authenticate } = bend
    if (authenticate === undefined) return undefined
    return createGate({
      authenticate: ({ token }) => authenticate.call(bend, token, now()),
      now,
      randomBytes,
      lifetimeMsMax: TOKENS_LIVE_MS,
    })
  }

  /** Every relay knows the first one, which introduces the others. */
  function createMeshOf(relay: SimRelay, process: Process, core: RelayCore): Mesh {
    const transport: MeshTransport = (to, workspace, request) =>
      network().exchange(relay.name, process, to, workspace, request)
    return createMesh({
      peers: relay.name === 'relay0' ? [] : ['relay0'],
      address: () => relay.name,
      transport: bend.transport?.(transport, ground.chance.fork(`bend ${relay.name}`)) ?? transport,
      key: [1, 2, 3, 4],
      roots: createMemoryRootStore(),
      environment: process.environment,
      enter: core.use,
      stored: () => (relay.disk.batches().length > 0 ? ['world'] : []),
      report: (error) => {
        if (process.alive) ground.blame(relay.name, error)
      },
      noted: (event, fields) => ground.note(`${relay.name} ${event} ${JSON.stringify(fields)}`),
    })
  }

  const create = (name: string): SimRelay => {
    const { environment } = ground.spawn(`disk of ${name}`)
    const disk = createRelayDisk({
      environment,
      committed: (batch, head) => {
        ground.note(`${name} commits ${batch.entries.length} at ${batch.entries[0]?.offset}`)
        checkers.relayCommitted(name, batch, head)
        if (batch.givenUp === undefined) return
        ground.note(`${name} gives up ${batch.givenUp}`)
        ground.gaveUp()
      },
    })
    return { name, disk, process: undefined, core: undefined, mesh: undefined, sleeper: undefined }
  }

  return {
    relays: Array.from({ length: ground.options.relays }, (_, i) => create(`relay${i}`)),
    start,
    stop({ process, core, mesh }) {
      process?.run(() => {
        mesh?.close()
        core?.close()
      })
      clock.after(STOPPED_WITHIN_MS, () => process?.kill())
    },
  }
}

function joined(mesh: Mesh | undefined): Mesh {
  if (mesh === undefined) throw new Error('a workspace was opened before the mesh was there')
  return mesh
}

function every(process: Process, ms: number, act: () => void): void {
  process.environment.setTimer(() => {
    act()
    every(process, ms, act)
  }, ms)
}
