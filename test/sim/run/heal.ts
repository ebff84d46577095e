/** Everything works again: whoever was away comes back, and nothing more goes wrong. */
import { killAll, openAgain } from '../faults/common.ts'
import type { World } from '../world/types.ts'

/** What faults still have in store, to mend or to break, happens within this time. */
const MENDED_WITHIN_MS = 45_000

export async function heal(world: World): Promise<void> {
  await world.clock.run(world.clock.now() + MENDED_WITHIN_MS, () => world.failure !== undefined)
  for (const relay of world.relays) {
    relay.disk.full = false
    relay.disk.fate = 'done'
    relay.disk.comeBack()
    world.startRelay(relay)
    for (const { name } of [...world.replicas, ...world.relays]) {
      const way = world.network.path(name, relay.name)
      way.cut.clear()
      way.tailMs = 0
      way.loss = 0
      way.damage = 0
      way.replays = 0
    }
  }
  for (const link of world.network.links()) link.mend()
  for (const replica of world.replicas) {
    replica.disk.mood = 'well'
    for (const tab of replica.tabs) tab.process.thaw()
    // A damaged row is found when it is read: when its document is opened.
    if (world.explained.has('corrupt')) killAll(world, replica)
    openAgain(world, replica)
  }
  await findRot(world)
}

/** A device that is told of damage tries another relay: for what else is rotten there it takes another device. */
const NEWCOMERS_MAX = 4
const FOUND_WITHIN_MS = 30_000

/** What is rotten at a relay is found by whoever needs it. */
async function findRot(world: World): Promise<void> {
  const rotten = () => world.relays.filter(({ disk }) => disk.isRotten)
  for (let n = 0; n < NEWCOMERS_MAX && rotten().length > 0; n++) {
    for (const relay of rotten()) world.addNewcomer(relay)
    const over = (): boolean => world.failure !== undefined || rotten().length === 0
    await world.clock.run(world.clock.now() + FOUND_WITHIN_MS, over)
  }
}
