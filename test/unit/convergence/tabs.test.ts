/** Tabs of one replica in the simulator: the real client, whose leader is ended again and again. */
import { expect, test } from 'vitest'
import type { Dial } from '../../../client/connection/socket.ts'
import { createChance } from '../../sim/time/chance.ts'
import type { SimTab } from '../../sim/world/types.ts'
import { createWorld } from '../../sim/world/world.ts'

const TABS = 5
const TIMES = 60
const TAKEN_OVER_WITHIN_MS = 2_000

/** Counts the sockets that are open, or being opened, through this one. */
function counted(dial: Dial, count: { open: number }): Dial {
  return (url, handlers) => {
    let over = false
    const gone = (): void => {
      if (!over) count.open--
      over = true
    }
    count.open++
    const socket = dial(url, {
      ...handlers,
      closed(code, reason) {
        gone()
        handlers.closed(code, reason)
      },
    })
    return {
      ...socket,
      close() {
        gone()
        socket.close()
      },
    }
  }
}

test.each([1, 2, 3])('[P2][P6][P11] one of them dials within 2 s, and nothing is lost (seed %i)', async (seed) => {
  let last = { open: 0 }
  const world = createWorld({
    seed,
    replicas: 1,
    relays: 1,
    documents: 1,
    bend: {
      dial(dial) {
        last = { open: 0 }
        return counted(dial, last)
      },
    },
  })
  const chance = createChance(seed)
  const [replica] = world.replicas
  const [first] = replica?.tabs ?? []
  if (replica === undefined || first === undefined) throw new Error('there is no replica')
  const sockets = new Map([[first, last]])
  const isConnected = (tab: SimTab): boolean => (sockets.get(tab)?.open ?? 0) > 0
  const openTabs = (): void => {
    while (replica.tabs.length < TABS) sockets.set(world.openTab(replica), last)
  }
  const pass = (ms: number) => world.clock.run(world.clock.now() + ms)
  const tokensOf = (tab: SimTab): unknown[] => tab.notes.get('note 0')?.handle.doc.getArray('tokens').toArray() ?? []
  const told = new Set<number>()
  let written = 0
  const type = ({ notes, process }: SimTab): void => {
    const handle = notes.get('note 0')?.handle
    const token = written++
    process.run(() => {
      handle?.doc.getArray('tokens').push([token])
      handle?.saved('device').then(
        () => told.add(token),
        () => {},
      )
    })
  }
  openTabs()
  await pass(10_000)

  for (let time = 0; time < TIMES; time++) {
    const leaders = replica.tabs.filter(isConnected)
    expect(leaders).toHaveLength(1)
    const [leader] = leaders
    if (leader === undefined) throw new Error('nobody leads')
    for (const tab of replica.tabs) for (let n = chance.below(4); n > 0; n--) type(tab)
    await pass(chance.below(40))
    const begun = world.clock.now()
    const ending = chance.one(['kill', 'close', 'freeze'] as const)
    if (ending === 'kill') world.killTab(replica, leader)
    else if (ending === 'close') world.closeTab(replica, leader)
    else leader.process.freeze()
    const isTakenOver = () => replica.tabs.some((tab) => tab !== leader && isConnected(tab))
    await world.clock.run(begun + TAKEN_OVER_WITHIN_MS, isTakenOver)
    expect(isTakenOver(), `taken over after ${ending}`).toBe(true)
    for (const tab of replica.tabs) type(tab)
    await pass(chance.below(3_000))
    leader.process.thaw()
    openTabs()
    await pass(5_000)
  }

  await pass(60_000)
  expect(replica.tabs.map(({ workspace }) => workspace?.status.get().connection)).toEqual(Array(TABS).fill('synced'))
  const tokens = tokensOf(replica.tabs[0] as SimTab)
  for (const tab of replica.tabs) expect(tokensOf(tab)).toEqual(tokens)
  expect(told.size).toBeGreaterThan(TIMES * TABS)
  expect([...told].filter((token) => !tokens.includes(token))).toEqual([])
  expect(tokens.length).toBe(new Set(tokens).size)
  expect(world.network.links(replica.name)).toHaveLength(1)
  expect(world.failure).toBeUndefined()
  world.close()
})
