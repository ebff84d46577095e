/** How long it takes until all hold the same: in moves of clients among relays that do not talk to one another, in rounds of those that do. */
import { HEARTBEAT_MS } from '../../server/mesh/bounds.ts'
import { fingerprint } from '../../shared/causality/comparing.ts'
import { createChance, createWorld, type World } from '../sim/index.ts'

export interface RoundsOptions {
  /** Share of messages that are lost and sent again, all the time. */
  loss: number
  roundsMax: number
}

const TYPING_MS = 30_000
/** A move, and time for what is to be said then, with what is sent again. */
const ROUND_MS = 15_000

/** Four people type at three relays; then they move, all at once, until all relays are equal. Rejects with a breach. */
export async function roundsToConverge(seed: number, { loss, roundsMax }: RoundsOptions): Promise<number> {
  const world = createWorld({ seed, replicas: 4, relays: 3, documents: 2 })
  try {
    lose(world, world.replicas, loss)
    await typeForAWhile(world, seed)
    for (let round = 1; round <= roundsMax; round++) {
      await world.clock.run(world.clock.now() + ROUND_MS)
      if (world.failure !== undefined) throw new Error(`seed ${seed}: ${world.failure}`)
      if (isEqual(world)) return round
      for (const link of world.network.links()) link.cut()
    }
    return Number.POSITIVE_INFINITY
  } finally {
    world.close()
  }
}

/**
 * Four people type at five relays none of which reaches another one; then these do, and compare in rounds of anti-entropy until all are
 * equal. Rejects with a breach.
 */
export async function meshRoundsToConverge(seed: number, { loss, roundsMax }: RoundsOptions): Promise<number> {
  const world = createWorld({ seed, replicas: 4, relays: 5, documents: 2, mesh: true })
  const ways = world.relays.flatMap(({ name: from }) =>
    world.relays.filter(({ name }) => name !== from).map(({ name: to }) => world.network.path(from, to)),
  )
  try {
    // They know one another before they are parted.
    await world.clock.run(TYPING_MS)
    lose(world, [...world.replicas, ...world.relays], loss)
    for (const way of ways) for (const direction of ['up', 'down'] as const) way.cut.add(direction)
    await typeForAWhile(world, seed)
    if (isEqual(world, world.relays)) throw new Error(`seed ${seed}: the relays were never parted`)
    for (const way of ways) way.cut.clear()
    for (let round = 1; round <= roundsMax; round++) {
      await world.clock.run(world.clock.now() + HEARTBEAT_MS)
      if (world.failure !== undefined) throw new Error(`seed ${seed}: ${world.failure}`)
      if (isEqual(world)) return round
    }
    return Number.POSITIVE_INFINITY
  } finally {
    world.close()
  }
}

function lose(world: World, from: readonly { name: string }[], share: number): void {
  for (const { name } of from) for (const relay of world.relays) world.network.path(name, relay.name).loss = share
}

async function typeForAWhile(world: World, seed: number): Promise<void> {
  const chance = createChance(seed).fork('rounds')
  const begun = world.clock.now()
  for (let at = 500; at < TYPING_MS; at += 250) {
    await world.clock.run(begun + at)
    const { tabs } = chance.one(world.replicas)
    const note = tabs[0]?.notes.get(chance.one(world.documents))
    if (note !== undefined) tabs[0]?.process.run(() => note.editor.edit('edit', chance))
  }
}

function isEqual(world: World, among: readonly { name: string }[] = [...world.relays, ...world.replicas]): boolean {
  const holders = among.map(({ name }) => name)
  return world.documents.every((document) => {
    const prints = holders.map((name) => fingerprint(world.checkers.vector(name, document)))
    return new Set(prints).size === 1
  })
}
