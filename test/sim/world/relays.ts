/** The relays of a world: disks that stay, and processes with the real relay core that come and go. */
import { createGate, type Gate } from '../../../server/auth/gate.ts'
import { RELAY_LIMITS, TICK_EVERY_MS } from '../../../server/relay/limits.ts'
import { createRelayCore } from '../../../server/relay/relay.ts'
import type { Environment } from '../../../shared/environment.ts'
import type { Network } from '../network/types.ts'
import { createRelayDisk } from '../storage/relay-disk.ts'
import type { Process } from '../time/process.ts'
import type { Ground, SimRelay } from './types.ts'

/** How long a relay that was told to stop still runs. */
const STOPPED_WITHIN_MS = 100

/** Nobody is revoked there. */
const TOKENS_LIVE_MS = 3_600_000

export interface Relays {
  readonly relays: readonly SimRelay[]
  start(relay: SimRelay): void
  stop(relay: SimRelay): void
}

export function createRelays(ground: Ground, network: () => Network): Relays {
  const { bend, checkers, clock } = ground

  function start(relay: SimRelay): void {
    if (relay.process?.alive) return
    const process = ground.spawn(`${relay.name} ${ground.nextStart()}`)
    const store = relay.disk.open(() => process.kill())
    relay.process = process
    const core = createRelayCore({
      gate: gateOf(process.environment),
      openStore: () => (bend.relayStore ? bend.relayStore(store, clock) : store),
      environment: process.environment,
      limits: RELAY_LIMITS,
      soon: (commit) => void process.environment.setTimer(commit, 0),
      report: (error) => {
        if (process.alive) ground.blame(relay.name, error)
      },
      noted: () => {},
    })
    relay.core = core
    network().listen(relay.name, { process, accept: (workspace, connection) => core.sync(workspace, connection) })
    every(process, TICK_EVERY_MS, () => core.tick())
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

  const create = (name: string): SimRelay => {
    const { environment } = ground.spawn(`disk of ${name}`)
    const disk = createRelayDisk({
      environment,
      committed: (batch) => {
        ground.note(`${name} commits ${batch.entries.length} at ${batch.entries[0]?.offset}`)
        checkers.relayCommitted(name, batch)
      },
    })
    return { name, disk, process: undefined, core: undefined }
  }

  return {
    relays: Array.from({ length: ground.options.relays }, (_, i) => create(`relay${i}`)),
    start,
    stop({ process, core }) {
      process?.run(() => core?.close())
      clock.after(STOPPED_WITHIN_MS, () => process?.kill())
    },
  }
}

function every(process: Process, ms: number, act: () => void): void {
  process.environment.setTimer(() => {
    act()
    every(process, ms, act)
  }, ms)
}
