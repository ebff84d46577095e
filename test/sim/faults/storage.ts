/** What goes wrong with the storage of clients, and with what is kept there. */
import { type DiskMood, FLUSHED_WITHIN_MS } from '../storage/client-disk.ts'
import type { Spoiling } from '../storage/spoiling.ts'
import type { Chance } from '../time/chance.ts'
import type { SimReplica, World } from '../world/types.ts'
import {
  excuseTheLost,
  explain,
  type Fault,
  identitiesAreCopied,
  killAll,
  openAgain,
  TABS_MAX,
  toWrites,
} from './common.ts'

/** Clones are replicas like any other: more of them only make the world slow. */
const REPLICAS_MAX = 12

export const STORAGE_FAULTS = {
  quota: (world, chance) => mood(world, chance, 'full'),
  abort: (world, chance) => mood(world, chance, 'aborting'),
  'storage closed': (world, chance) => mood(world, chance, 'unavailable'),
  /** The database does not open for a while, in tabs that come; the browser has died, or a tab goes on that has it open. */
  'storage shut'(world, chance) {
    const replica = chance.one(world.replicas)
    if (!replica.disk.durable) return false
    explain(world, 'storage-failed')
    // What was typed in memory rests on what only one relay may have.
    if (world.relays.length > 1) explain(world, 'dependency', 'gap')
    if (replica.tabs.length >= TABS_MAX || chance.happens(0.5)) killAll(world, replica)
    replica.disk.mood = 'shut'
    world.openTab(replica)
    world.clock.after(500 + chance.below(40_000), () => {
      replica.disk.mood = 'well'
    })
    return true
  },
  /** The browser deletes everything while nobody looks. */
  async evict(world, chance) {
    const replica = chance.one(world.replicas)
    if (!replica.disk.durable) return false
    world.checkers.allowed.regress = true
    // A tab that is still closing finds its database gone.
    explain(world, 'storage-failed')
    killAll(world, replica)
    replica.disk.evict()
    world.checkers.clientRestored(replica.name, [])
    excuseTheLost(world)
    world.clock.after(chance.below(10_000), () => openAgain(world, replica))
    return true
  },
  /** Nobody on a device has a document open for a while, and there is no room for it: it leaves when relays have it. */
  'put away'(world, chance) {
    const replica = chance.one(world.replicas)
    const document = chance.one(world.documents)
    for (const tab of replica.tabs) world.closeNote(tab, document)
    world.clock.after(1500 + chance.below(30_000), () => {
      for (const tab of replica.tabs) world.openNote(replica, tab, document)
    })
    return replica.tabs.length > 0
  },
  /** A backup of a profile is put back. */
  async 'profile restore'(world, chance) {
    const replica = chance.one(world.replicas)
    if (!replica.disk.durable) return false
    const copy = await replica.disk.copy()
    world.clock.after(2000 + chance.below(20_000), () => {
      identitiesAreCopied(world)
      explain(world, 'storage-failed')
      killAll(world, replica)
      replica.disk.restore(copy)
      world.checkers.clientRestored(replica.name, toWrites(copy))
      excuseTheLost(world)
      world.clock.after(chance.below(5000), () => openAgain(world, replica))
    })
    return true
  },
  /** A profile is copied, and both go on. */
  async clone(world, chance) {
    const replica = chance.one(world.replicas)
    if (!replica.disk.durable || world.replicas.length >= REPLICAS_MAX) return false
    identitiesAreCopied(world)
    const copy = await replica.disk.copy()
    const clone = world.addReplica(true)
    clone.person = replica.person
    clone.disk.restore(copy)
    world.checkers.clientRestored(clone.name, toWrites(copy))
    world.openTab(clone)
    return true
  },
  /** The machine loses power. What was said to be stored is: everything is written with `strict` durability, and the browser heeds that. */
  'client power': (world, chance) => losePower(world, chance, 0),
  /** The same in a browser that takes `strict` for a hint (Firefox before 126): its last commits go, over all tables and in their order. */
  'client power unheeded': (world, chance) => losePower(world, chance, chance.below(FLUSHED_WITHIN_MS)),
  /** A bit of a stored row flips. */
  'client rot': (world, chance) => spoil(world, chance, 'flip'),
  /** A row was not written to its end. */
  'client torn write': (world, chance) => spoil(world, chance, 'tear'),
  /** A row was written in the place of another. */
  'client misdirected write': (world, chance) => spoil(world, chance, 'misdirect'),
  /** A row that was said to be written is not there. */
  'client lost write': (world, chance) => spoil(world, chance, 'lose'),
} as const satisfies Record<string, Fault>

function mood(world: World, chance: Chance, which: DiskMood): boolean {
  explain(world, 'storage-full', 'storage-failed')
  // What could not be kept of one relay is missing at the next, until the first is met again.
  if (world.relays.length > 1) explain(world, 'dependency', 'gap')
  const { disk } = chance.one(world.replicas)
  disk.mood = which
  world.clock.after(500 + chance.below(20_000), () => {
    disk.mood = 'well'
  })
  return true
}

/** If nothing is written within this time, power goes anyway. */
const WRITTEN_WITHIN_MS = 5000

/** It goes while something is written: that is when it matters. */
function losePower(world: World, chance: Chance, unheededMs: number): boolean {
  const replica = chance.one(world.replicas)
  if (!replica.disk.durable) return false
  const openAfterMs = chance.below(20_000)
  let isGone = false
  const lose = (): void => {
    if (isGone) return
    isGone = true
    goDark(world, replica, unheededMs).then(
      () => world.clock.after(openAfterMs, () => openAgain(world, replica)),
      (error: unknown) => world.fail(String(error)),
    )
  }
  replica.disk.whileWriting(lose)
  world.clock.after(WRITTEN_WITHIN_MS, lose)
  return true
}

async function goDark(world: World, replica: SimReplica, unheededMs: number): Promise<void> {
  const { disk, name } = replica
  // Nobody is told good-bye.
  for (const link of world.network.links(name)) link.lose(['up', 'down'])
  killAll(world, replica)
  await disk.losePower(unheededMs)
  if (unheededMs === 0) return
  identitiesAreCopied(world)
  world.checkers.clientRestored(name, toWrites(await disk.copy()))
  excuseTheLost(world)
}

async function spoil(world: World, chance: Chance, how: Spoiling): Promise<boolean> {
  const replica = chance.one(world.replicas)
  if (!replica.disk.durable) return false
  const lost = await replica.disk.spoil(chance, how)
  if (lost === undefined) return false
  explain(world, 'corrupt')
  identitiesAreCopied(world)
  excuseTheLost(world, lost)
  return true
}
