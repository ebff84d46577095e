/** What goes wrong with tabs and browsers. */
import { anyTab, type Fault, killAll, openAgain, TABS_MAX } from './common.ts'

/** A tab that is busy, or hidden, hears of what became of its lock so late. */
const NOTICED_MS_MAX = 5_000

export const TAB_FAULTS = {
  /** A tab dies. */
  'tab crash'(world, chance) {
    const victim = anyTab(world, chance)
    if (victim === undefined) return false
    world.killTab(victim.replica, victim.tab)
    world.clock.after(chance.below(10_000), () => openAgain(world, victim.replica))
    return true
  },
  /** The browser dies with all its tabs. */
  'browser crash'(world, chance) {
    const replica = chance.one(world.replicas)
    killAll(world, replica)
    world.clock.after(chance.below(20_000), () => openAgain(world, replica))
    return true
  },
  'tab close'(world, chance) {
    const victim = anyTab(world, chance)
    if (victim === undefined) return false
    world.closeTab(victim.replica, victim.tab)
    world.clock.after(500 + chance.below(10_000), () => openAgain(world, victim.replica))
    return true
  },
  /** One more tab on the same replica. */
  'tab open'(world, chance) {
    const replica = chance.one(world.replicas)
    if (replica.tabs.length >= TABS_MAX) return false
    world.openTab(replica)
    return true
  },
  /** A tab in the background stops; its sockets stay open. */
  freeze(world, chance) {
    const victim = anyTab(world, chance)
    if (victim === undefined) return false
    victim.tab.process.freeze()
    world.clock.after(1000 + chance.below(90_000), () => victim.tab.process.thaw())
    return true
  },
  /** The lid is closed: all tabs stop, and their connections are dead when it opens. */
  sleep(world, chance) {
    const replica = chance.one(world.replicas)
    for (const link of world.network.links(replica.name)) link.lose(['up', 'down'])
    const tabs = [...replica.tabs]
    for (const { process } of tabs) process.freeze()
    world.clock.after(5000 + chance.below(60_000), () => {
      for (const { process } of tabs) process.thaw()
    })
    return tabs.length > 0
  },
  /** Somebody takes the lock of the tab that leads, which runs on: it hears of it at once, or only when another one leads. */
  steal(world, chance) {
    const lateMs = chance.happens(0.5) ? 0 : chance.below(NOTICED_MS_MAX)
    return world.stealLead(chance.one(world.replicas), lateMs)
  },
  'clock jump'(world, chance) {
    const victim = anyTab(world, chance)
    if (victim === undefined) return false
    victim.tab.process.skew(chance.one([-3_600_000, 3_600_000, 30_000, -30_000, 315_360_000_000]))
    return true
  },
} as const satisfies Record<string, Fault>
