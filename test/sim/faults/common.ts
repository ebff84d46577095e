/** What faults have in common. */
import type { ErrorCode } from '../../../shared/errors.ts'
import type { Direction, Link } from '../network/types.ts'
import type { DiskWrite } from '../storage/client-disk.ts'
import type { Chance } from '../time/chance.ts'
import type { SimRelay, SimReplica, SimTab, World } from '../world/types.ts'

/** Does it; says whether there was a victim. */
export type Fault = (world: World, chance: Chance) => boolean | Promise<boolean>

export const direction = (chance: Chance): Direction => chance.one(['up', 'down'])

export function onLink(world: World, chance: Chance, act: (link: Link) => boolean | undefined): boolean {
  const links = world.network.links()
  if (links.length === 0) return false
  return act(chance.one(links)) ?? true
}

/** Errors with these codes are no breach from now on. */
export function explain(world: World, ...codes: readonly ErrorCode[]): void {
  for (const code of codes) world.explained.add(code)
}

export function anyTab(world: World, chance: Chance): { replica: SimReplica; tab: SimTab } | undefined {
  const tabs = world.replicas.flatMap((replica) => replica.tabs.map((tab) => ({ replica, tab })))
  return tabs.length === 0 ? undefined : chance.one(tabs)
}

/** A relay is started again after up to this long. */
const BACK_WITHIN_MS = 15_000

export function comeBack(world: World, relay: SimRelay, chance: Chance): true {
  world.clock.after(chance.below(BACK_WITHIN_MS), () => world.startRelay(relay))
  return true
}

/** Tabs of one replica. */
export const TABS_MAX = 3

export function killAll(world: World, replica: SimReplica): void {
  for (const tab of [...replica.tabs]) world.killTab(replica, tab)
}

/** A person opens the app again, if no tab of it is open. */
export function openAgain(world: World, replica: SimReplica): void {
  if (replica.tabs.length === 0) world.openTab(replica)
}

/** Dots may have two contents until they meet, and a side may lack what nobody near it has, or what only its owner may bring. */
export function identitiesAreCopied(world: World): void {
  explain(world, 'dependency', 'gap', 'fork', 'foreign')
  world.checkers.allowed.forks = true
  world.checkers.allowed.regress = true
}

export const toWrites = (
  rows: readonly { table: DiskWrite['table']; key: DiskWrite['key']; value: unknown }[],
): DiskWrite[] => rows.map(({ table, key, value }) => ({ table, key, after: value }))

/** What no disk holds any more is nobody's fault but this one's; so with what was `spoilt` and is yet to be told to be stored, as the disk had said. */
export function excuseTheLost(world: World, spoilt?: Uint8Array): void {
  const disks = world.replicas.map(({ disk }) => disk)
  world.clock.after(
    0,
    () => void world.checkers.excuse(disks, spoilt).catch((error: unknown) => world.fail(String(error))),
  )
}
