/** What happens when a relay that many are connected to goes away: they come back spread out, and all of them do. */
import { expect, test } from 'vitest'
import { createConnector } from '../../../client/connection/connector.ts'
import type { Conversation } from '../../../client/connection/conversation.ts'
import type { SocketHandlers } from '../../../client/connection/socket.ts'
import type { Environment } from '../../../shared/environment.ts'
import { seeded } from '../../support/random.ts'
import { seedOfTest } from '../../support/seed.ts'

const WINDOW_MS = 100
const STEP_MS = 10

/** Virtual time: what is to happen, in steps. */
function createTime(seed: number) {
  const random = seeded(seed)
  const due = new Map<number, Set<() => void>>()
  let now = 0
  const environment: Environment = {
    now: () => now,
    randomBytes: (length) => Uint8Array.from({ length }, () => random(256)),
    setTimer(act, ms) {
      const at = Math.max(now + STEP_MS, Math.ceil((now + ms) / STEP_MS) * STEP_MS)
      const those = due.get(at) ?? new Set()
      due.set(at, those.add(act))
      return () => those.delete(act)
    },
  }
  return {
    environment,
    async run(untilMs: number) {
      for (; now < untilMs; ) {
        now += STEP_MS
        for (const act of due.get(now) ?? []) act()
        due.delete(now)
        // What waits for a promise has its turn.
        for (let turns = 0; turns < 5; turns++) await Promise.resolve()
      }
    },
  }
}

const IDLE: Conversation = {
  isOwed: false,
  received() {},
  closed() {},
  tick() {},
  open() {},
  close() {},
  awareness() {},
  confirm() {},
  repair() {},
  edited() {},
  end() {},
}

/** What a relay of so many tells. */
test.each([
  [2_000, 6_200],
  [10_000, 7_000],
])(
  `[P7][P10] %i clients of a relay that is killed for 8 s come back, at most 5 %% of them in any ${WINDOW_MS} ms`,
  async (clients, spreadMs) => {
    const { environment, run } = createTime(seedOfTest())
    const attempts: number[] = []
    const connected = new Set<SocketHandlers>()
    let up = true
    for (let n = 0; n < clients; n++) {
      const connector = createConnector({
        urls: ['ws://relay'],
        environment,
        dial(_url, handlers) {
          attempts.push(environment.now())
          const answer = (): void => {
            if (!up) return handlers.closed(1006, '')
            connected.add(handlers)
            handlers.opened()
          }
          environment.setTimer(answer, STEP_MS)
          return { send() {}, buffered: () => 0, close: () => void connected.delete(handlers) }
        },
        converse: async () => {
          connector.spread(spreadMs)
          return IDLE
        },
        changed() {},
      })
      connector.connect()
    }
    await run(20_000)
    expect([attempts.length, connected.size]).toEqual([clients, clients])
    attempts.length = 0
    up = false
    for (const handlers of [...connected]) handlers.closed(1006, '')
    await run(28_000)
    up = true
    // Who has tried often waits for longer, half a minute at most.
    await run(28_000 + 31_000)
    expect(connected.size).toBe(clients)
    const windows = new Map<number, number>()
    for (const at of attempts)
      windows.set(Math.floor(at / WINDOW_MS), (windows.get(Math.floor(at / WINDOW_MS)) ?? 0) + 1)
    const most = Math.max(...windows.values())
    console.log(`${attempts.length} attempts of ${clients} clients, at most ${most} in ${WINDOW_MS} ms`)
    expect(most).toBeLessThanOrEqual(clients * 0.05)
  },
)
