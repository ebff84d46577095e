/** What goes wrong between relays that form a mesh. */
import type { Direction, Path } from '../network/types.ts'
import type { Chance } from '../time/chance.ts'
import type { World } from '../world/types.ts'
import { comeBack, direction, excuseTheLost, explain, type Fault } from './common.ts'

export const MESH_FAULTS = {
  /** The relays fall into two halves that do not reach each other. */
  'mesh partition'(world, chance) {
    const halves = world.relays.map(({ name }) => ({ name, side: chance.below(2) }))
    const forMs = 5_000 + chance.below(60_000)
    return each(world, (way, from, to) => {
      const apart = halves.find(({ name }) => name === from)?.side !== halves.find(({ name }) => name === to)?.side
      if (apart) cutFor(world, way, ['up', 'down'], forMs)
    })
  },
  /** Some relays are heard by some others and do not hear them, or the other way round. */
  'mesh one way'(world, chance) {
    return each(world, (way) => {
      if (chance.happens(0.3)) cutFor(world, way, [direction(chance)], 1_000 + chance.below(40_000))
    })
  },
  /** Every link between relays loses a share of what it carries. */
  'mesh loss'(world, chance) {
    const share = 0.05 + chance.below(30) / 100
    return forAWhile(world, chance, (way, on) => {
      way.loss = on ? share : 0
    })
  },
  'mesh damage'(world, chance) {
    return forAWhile(world, chance, (way, on) => {
      way.damage = on ? 0.2 : 0
    })
  },
  /** Requests come twice, seconds apart. */
  'mesh replay'(world, chance) {
    return forAWhile(world, chance, (way, on) => {
      way.replays = on ? 0.3 : 0
    })
  },
  'mesh delay'(world, chance) {
    return forAWhile(world, chance, (way, on) => {
      way.tailMs = on ? 1 + chance.below(8_000) : 0
    })
  },
  /** A relay's disk is lost for ever, and it comes back with an empty one. */
  'mesh wipe'(world, chance) {
    if (!world.mesh || world.relays.length < 2) return false
    const relay = chance.one(world.relays)
    world.checkers.losing(relay.name)
    world.killRelay(relay)
    relay.disk.wipe()
    world.checkers.allowed.regress = true
    world.checkers.relayRestored(relay.name, [])
    excuseTheLost(world)
    explain(world, 'dependency', 'gap')
    return comeBack(world, relay, chance)
  },
  /** A link between two relays comes and goes. */
  'mesh flap'(world, chance) {
    if (!world.mesh || world.relays.length < 2) return false
    const [from, to] = [chance.one(world.relays).name, chance.one(world.relays).name]
    const way = world.network.path(from, to)
    for (let i = 0; i < 6; i++)
      world.clock.after(i * 1_500, () => cutFor(world, way, ['up', 'down'], chance.below(1_500)))
    return true
  },
} as const satisfies Record<string, Fault>

function each(world: World, act: (way: Path, from: string, to: string) => void): boolean {
  if (!world.mesh || world.relays.length < 2) return false
  for (const { name: from } of world.relays) {
    for (const { name: to } of world.relays) if (from !== to) act(world.network.path(from, to), from, to)
  }
  return true
}

function forAWhile(world: World, chance: Chance, set: (way: Path, on: boolean) => void): boolean {
  world.clock.after(1_000 + chance.below(30_000), () => void each(world, (way) => set(way, false)))
  return each(world, (way) => set(way, true))
}

function cutFor(world: World, way: Path, directions: readonly Direction[], forMs: number): void {
  for (const each of directions) way.cut.add(each)
  world.clock.after(forMs, () => way.cut.clear())
}
