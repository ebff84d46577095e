/** What goes wrong with relays: their processes, and their disks. */
import type { Chance } from '../time/chance.ts'
import type { SimRelay, World } from '../world/types.ts'
import { comeBack, excuseTheLost, explain, type Fault, identitiesAreCopied } from './common.ts'

export const RELAY_FAULTS = {
  /** A relay dies and comes back. */
  'relay crash'(world, chance) {
    const relay = chance.one(world.relays)
    world.killRelay(relay)
    return comeBack(world, relay, chance)
  },
  /** It loses power: nobody is told. */
  'relay power'(world, chance) {
    const relay = chance.one(world.relays)
    for (const link of world.network.links(undefined, relay.name)) link.lose(['up', 'down'])
    world.killRelay(relay)
    return comeBack(world, relay, chance)
  },
  'relay restart'(world, chance) {
    const relay = chance.one(world.relays)
    world.stopRelay(relay)
    world.clock.after(150 + chance.below(5000), () => world.startRelay(relay))
    return true
  },
  /** An object that is a relay is taken out of memory between messages for a while, and its sockets stay open. */
  'relay sleep'(world, chance) {
    const relay = chance.one(world.relays)
    if (relay.sleeper === undefined || !relay.process?.alive) return false
    const { sleeper } = relay
    sleeper.drowsiness = chance.one([0.1, 0.5, 1])
    world.clock.after(1000 + chance.below(20_000), () => {
      sleeper.drowsiness = 0
    })
    return true
  },
  /** It dies within a commit: before it is durable, or after and before anybody hears of it. */
  'relay commit'(world, chance) {
    const relay = chance.one(world.relays)
    relay.disk.fate = chance.one(['crash before', 'crash after'])
    const watch = (): void => {
      if (!relay.process?.alive) void comeBack(world, relay, chance)
      else if (relay.disk.fate !== 'done') world.clock.after(500, watch)
    }
    world.clock.after(500, watch)
    return true
  },
  'relay disk full'(world, chance) {
    explain(world, 'storage-full', 'storage-failed')
    const relay = chance.one(world.relays)
    if (chance.happens(0.5)) relay.disk.fate = 'failed'
    else {
      relay.disk.full = true
      world.clock.after(500 + chance.below(10_000), () => {
        relay.disk.full = false
      })
    }
    return true
  },
  /** Its disk is away for a while: no store opens, and one that is open is none any more; with it the process may have gone. */
  'relay disk away'(world, chance) {
    explain(world, 'storage-failed')
    const relay = chance.one(world.relays)
    relay.disk.leave()
    world.clock.after(500 + chance.below(40_000), () => relay.disk.comeBack())
    if (chance.happens(0.7)) return true
    world.killRelay(relay)
    return comeBack(world, relay, chance)
  },
  /** What it notes beside documents is damaged when it starts again: its names, epochs and owners, or where its log begins. */
  'relay lost note'(world, chance) {
    const relay = chance.one(world.relays)
    world.killRelay(relay)
    relay.disk.loseNotes(chance)
    return comeBack(world, relay, chance)
  },
  /** Its clock is put forward or back. */
  'relay clock jump'(world, chance) {
    const relay = chance.one(world.relays)
    relay.process?.skew(chance.one([-3_600_000, 3_600_000, 30_000, -30_000, 315_360_000_000]))
    return relay.process?.alive ?? false
  },
  /** A record reads otherwise than it was written for a while: torn, flipped, or another one in its place. */
  'relay misread'(world, chance) {
    explain(world, 'corrupt', 'dependency', 'gap')
    const relay = chance.one(world.relays)
    const mend = relay.disk.misread(chance, chance.one(['flip', 'tear', 'misdirect']))
    if (mend === undefined) return false
    world.clock.after(500 + chance.below(20_000), mend)
    return true
  },
  /** A bit of a stored record or piece flips, its end is lost, or another one is written in its place: for good. */
  'relay rot'(world, chance) {
    const relay = chance.one(world.relays)
    return spoiled(world, relay, relay.disk.rot(chance, chance.one(['flip', 'tear', 'misdirect'])))
  },
  /** A row in the middle of its log is lost, for good; those before and after it stand. */
  'relay lost row': (world, chance) => spoilRow(world, chance, 'lose'),
  /** Another row of its log was written over one, for good: a whole one, with a checksum of its own. */
  'relay misdirected write': (world, chance) => spoilRow(world, chance, 'misdirect'),
  /** It loses power, and its disk the last commits that it said were written. */
  'relay lost write'(world, chance) {
    const relay = chance.one(world.relays)
    world.killRelay(relay)
    if (relay.disk.loseCommits(1 + chance.below(5)) > 0) {
      identitiesAreCopied(world)
      world.checkers.relayRestored(relay.name, relay.disk.copy())
      excuseTheLost(world)
      // Names with owners are brought back by nobody else until whoever runs it says `--restored` (docs/decisions/0021).
      if (world.gated) relay.disk.forgetOwners()
    }
    return comeBack(world, relay, chance)
  },
  /** An older copy of its store is put back: what was acknowledged since is gone there. */
  'relay restore'(world, chance) {
    const relay = chance.one(world.relays)
    const copy = relay.disk.copy()
    world.clock.after(2000 + chance.below(20_000), () => {
      identitiesAreCopied(world)
      world.killRelay(relay)
      relay.disk.restore(copy)
      world.checkers.relayRestored(relay.name, relay.disk.copy())
      excuseTheLost(world)
      comeBack(world, relay, chance)
    })
    return true
  },
} as const satisfies Record<string, Fault>

function spoilRow(world: World, chance: Chance, how: 'lose' | 'misdirect'): boolean {
  const relay = chance.one(world.relays)
  return spoiled(world, relay, relay.disk.spoilRow(chance, how))
}

/** Something of a document does not read any more as it was written, for good. */
function spoiled(world: World, relay: SimRelay, document: string | undefined): boolean {
  if (document === undefined) return false
  explain(world, 'corrupt', 'dependency', 'gap')
  world.checkers.allowed.regress = true
  world.checkers.relaySpoiled(relay.name, document)
  excuseTheLost(world)
  return true
}
