/** What goes wrong between clients and relays. */
import type { Direction } from '../network/types.ts'
import type { Chance } from '../time/chance.ts'
import type { World } from '../world/types.ts'
import { direction, explain, type Fault, onLink } from './common.ts'

const BOTH: readonly Direction[] = ['up', 'down']

export const NETWORK_FAULTS = {
  /** Messages are now and then seconds late. */
  delay(world, chance) {
    const way = anyPath(world, chance)
    way.tailMs = 1 + chance.below(5000)
    return true
  },
  /** One message in ten and more is lost and sent again by the transport, which gives the connection up in the end. */
  loss(world, chance) {
    const way = anyPath(world, chance)
    way.loss = 0.05 + chance.below(25) / 100
    world.clock.after(1000 + chance.below(30_000), () => {
      way.loss = 0
    })
    return true
  },
  /** A connection breaks, or many do. */
  break(world, chance) {
    const links = world.network.links()
    if (links.length === 0) return false
    for (const link of chance.happens(0.3) ? links : [chance.one(links)]) link.cut()
    return true
  },
  /** Some clients cannot reach some relays; what is open goes silent. */
  partition(world, chance) {
    for (const { name } of world.replicas) {
      for (const relay of world.relays) {
        if (chance.happens(0.5)) cutFor(world, name, relay.name, BOTH, 1000 + chance.below(40_000))
      }
    }
    return true
  },
  /** Some clients reach some relays that do not reach them, or the other way round. */
  'one-way partition'(world, chance) {
    const lost = [direction(chance)]
    for (const { name } of world.replicas) {
      for (const relay of world.relays) {
        if (chance.happens(0.4)) cutFor(world, name, relay.name, lost, 1000 + chance.below(40_000))
      }
    }
    return true
  },
  /** One direction of a connection is lost, and nobody is told. */
  'one way': (world, chance) => onLink(world, chance, (link) => void link.lose([direction(chance)])),
  /** A socket that is dead and does not know it. */
  'half open': (world, chance) => onLink(world, chance, (link) => void link.lose(BOTH)),
  stall: (world, chance) =>
    onLink(world, chance, (link) => void link.stall(direction(chance), 100 + chance.below(60_000))),
  /** Connections stop one after the other, and go on in another order. */
  swizzle(world, chance) {
    const links = world.network.links().filter(() => chance.happens(0.6))
    for (const link of links) {
      world.clock.after(chance.below(5000), () => {
        for (const each of BOTH) link.stall(each, 1000 + chance.below(20_000))
      })
    }
    return links.length > 0
  },
  'slow reader': (world, chance) =>
    onLink(world, chance, (link) => void link.slow('down', 0.005 + chance.below(100) / 1000)),
  /** A frame is changed or cut on its way: its checksum must show it. */
  damage(world, chance) {
    explain(world, 'bad-frame')
    return onLink(world, chance, (link) => void link.damage(direction(chance)))
  },
  /** A frame that has arrived before arrives again: it changes nothing, or ends the conversation. */
  replay(world, chance) {
    explain(world, 'protocol', 'gap', 'dependency')
    return onLink(world, chance, (link) => link.replay(direction(chance)))
  },
  /** Connections come and go. */
  flap(world, chance) {
    const { name } = chance.one(world.replicas)
    for (let i = 0; i < 6; i++) world.clock.after(i * (50 + chance.below(700)), () => cutAll(world, name))
    return true
  },
} as const satisfies Record<string, Fault>

const anyPath = (world: World, chance: Chance) =>
  world.network.path(chance.one(world.replicas).name, chance.one(world.relays).name)

function cutAll(world: World, replica: string): void {
  for (const link of world.network.links(replica)) link.cut()
}

function cutFor(world: World, client: string, relay: string, directions: readonly Direction[], forMs: number): void {
  const way = world.network.path(client, relay)
  for (const each of directions) way.cut.add(each)
  for (const link of world.network.links(client, relay)) link.lose(directions)
  world.clock.after(forMs, () => way.cut.clear())
}
