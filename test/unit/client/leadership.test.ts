/** Tabs in virtual time: exactly one of them leads, whatever becomes of it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createLeadership, type Leadership, type Role } from '../../../client/tabs/leadership.ts'
import { platformLocks } from '../../../client/tabs/locks.ts'
import { installLocks, type SimulatedLocks } from '../../sim/network/locks.ts'
import { type Chance, createChance } from '../../sim/time/chance.ts'
import { type Clock, createClock } from '../../sim/time/clock.ts'
import { createProcess, type Process, type Running } from '../../sim/time/process.ts'

const TAKEN_OVER_WITHIN_MS = 2_000

interface Tab {
  process: Process
  leadership: Leadership
  roles: Role[]
}

let clock: Clock
let chance: Chance
let running: Running
let locks: SimulatedLocks
let tabs: Tab[]
let watched: boolean

beforeEach(() => {
  chance = createChance(7)
  clock = createClock(chance)
  running = { process: undefined }
  locks = installLocks(clock, chance, running)
  tabs = []
  watched = true
})
afterEach(() => {
  for (const { process } of tabs) process.kill()
  locks.restore()
})

const pass = (ms: number): Promise<void> => clock.run(clock.now() + ms)

const living = (): Tab[] => tabs.filter(({ process }) => process.alive)

const leaders = (): Tab[] => living().filter(({ leadership }) => leadership.role === 'leading')

function leader(): Tab {
  const [only, ...more] = leaders()
  if (only === undefined || more.length > 0) throw new Error(`${leaders().length} tabs lead`)
  return only
}

function open(): Tab {
  const process = createProcess(`tab ${tabs.length}`, clock, chance.fork(`tab ${tabs.length}`), running)
  const roles: Role[] = []
  const leadership = createLeadership({
    name: 'replica',
    locks: platformLocks(),
    environment: process.environment,
    // As over the channel: whoever leads answers all others.
    ask() {
      for (const asked of leaders()) {
        asked.process.run(() => {
          for (const other of living()) if (other !== asked) other.process.run(other.leadership.heard)
        })
      }
    },
    isWatched: () => watched,
    changed: (role) => roles.push(role),
  })
  const tab = { process, leadership, roles }
  tabs.push(tab)
  process.run(leadership.join)
  return tab
}

/** Runs until another tab than this one leads; how long that took. */
async function takenOver(from: Tab): Promise<number> {
  const begun = clock.now()
  await clock.run(begun + 60_000, () => leaders().some((tab) => tab !== from))
  return clock.now() - begun
}

describe('the tabs of a replica', () => {
  test('[P6] have one leader, and it stays while it lives', async () => {
    for (let i = 0; i < 5; i++) open()
    await pass(60_000)
    expect(leader().roles).toEqual(['following', 'leading'])
    for (const { roles } of tabs.filter((tab) => tab !== leader())) expect(roles).toEqual(['following'])
  })

  test('[P6] have another one at once when it is killed, steps down or closes', async () => {
    for (let i = 0; i < 4; i++) open()
    await pass(1_000)
    const killed = leader()
    killed.process.kill()
    expect(await takenOver(killed)).toBeLessThan(50)
    const gone = leader()
    gone.process.run(gone.leadership.leave)
    expect(await takenOver(gone)).toBeLessThan(50)
    expect(gone.leadership.role).toBe('away')
    gone.process.run(gone.leadership.join)
    await pass(5_000)
    expect(gone.leadership.role).toBe('following')
  })

  test(`[P6] take the lock from one that hangs within ${TAKEN_OVER_WITHIN_MS} ms, which follows when it wakes`, async () => {
    for (let i = 0; i < 5; i++) open()
    for (let round = 0; round < 20; round++) {
      await pass(1_000 + chance.below(5_000))
      const frozen = leader()
      frozen.process.freeze()
      expect(await takenOver(frozen)).toBeLessThan(TAKEN_OVER_WITHIN_MS)
      await pass(chance.below(30_000))
      frozen.process.thaw()
      await pass(1_000)
      expect(frozen.leadership.role).toBe('following')
      leader()
    }
  })

  test('[P7] that nobody looks at leave it alone, and one that slept does not take its own sleep for silence', async () => {
    const [first, second] = [open(), open()]
    await pass(1_000)
    watched = false
    first.process.freeze()
    await pass(60_000)
    expect(second.roles).toEqual(['following'])
    first.process.thaw()
    watched = true
    await pass(5_000)
    second.process.freeze()
    await pass(60_000)
    second.process.thaw()
    await pass(10_000)
    expect(second.roles).toEqual(['following'])
    expect(first.roles).toEqual(['following', 'leading'])
  })

  test('[P4] one whose term was taken by a mistake of another stands again', async () => {
    const [first] = [open(), open()]
    await pass(1_000)
    first?.process.run(first.leadership.fenced)
    await pass(1_000)
    leader()
    expect(first?.roles).toEqual(['following', 'leading', 'following'])
  })

  test('[P4] one whose lock is stolen leads beside another one until it hears of it, and follows then', async () => {
    const [first, second] = [open(), open()]
    await pass(1_000)
    expect(locks.steal('replica', 2_000)).toBe(true)
    await pass(1_000)
    expect(leaders()).toEqual([first, second])
    await pass(2_000)
    expect([first, second].map(({ roles }) => roles)).toEqual([
      ['following', 'leading', 'following'],
      ['following', 'leading'],
    ])
    second.process.run(second.leadership.leave)
    await pass(1_000)
    expect(leader()).toBe(first)
  })

  test('[P6] one whose lock is stolen, and who is alone, has it again', async () => {
    expect(locks.steal('replica', 0)).toBe(false)
    const only = open()
    await pass(1_000)
    expect(locks.steal('replica', 0)).toBe(true)
    await pass(1_000)
    expect(only.roles).toEqual(['following', 'leading', 'following', 'leading'])
  })

  test('[P6] where there are no locks, each leads', () => {
    const roles: Role[] = []
    const { environment } = createProcess('alone', clock, chance, running)
    const options = { name: 'replica', locks: undefined, environment, ask() {}, isWatched: () => true }
    const leadership = createLeadership({ ...options, changed: (role) => roles.push(role) })
    leadership.join()
    expect(roles).toEqual(['leading'])
  })
})
