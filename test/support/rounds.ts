/** How often clients have to move among relays that do not talk to one another until all of these hold the same. */
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
  const chance = createChance(seed).fork('rounds')
  try {
    for (const { name } of world.replicas) {
      for (const relay of world.relays) world.network.path(name, relay.name).loss = loss
    }
    for (let at = 500; at < TYPING_MS; at += 250) {
      await world.clock.run(at)
      const { tabs } = chance.one(world.replicas)
      const note = tabs[0]?.notes.get(chance.one(world.documents))
      if (note !== undefined) tabs[0]?.process.run(() => note.editor.edit('edit', chance))
    }
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

function isEqual(world: World): boolean {
  const holders = [...world.relays, ...world.replicas].map(({ name }) => name)
  return world.documents.every((document) => {
    const prints = holders.map((name) => fingerprint(world.checkers.vector(name, document)))
    return new Set(prints).size === 1
  })
}
