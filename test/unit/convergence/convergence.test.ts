/** Random edits under random faults, from seeds: whatever happened, healed replicas agree and nothing acknowledged is lost. */
import { describe, expect, test } from 'vitest'
import { runSeed, type SimulateOptions, simulate } from '../../sim/simulate.ts'

const WORLDS: [name: string, options: Omit<SimulateOptions, 'seeds'>][] = [
  ['4 replicas, 1 relay', { replicas: 4, relays: 1 }],
  ['4 replicas, 3 relays', { replicas: 4, relays: 3, durationMs: 40_000 }],
  ['2 replicas, 2 relays, one document', { replicas: 2, relays: 2, documents: 1 }],
]

describe('convergence', () => {
  test.each(WORLDS)('[P1][P2][P4][P8][P10] %s: 50 seeds', async (_name, options) => {
    const { failures, runs } = await simulate({ ...options, seeds: 50, shrinkRunsMax: 0 })
    expect(failures.map(({ seed, failure }) => `seed ${seed}: ${failure}`)).toEqual([])
    expect(runs).toBe(50)
  })

  test.each(['clone', 'profile restore', 'relay restore', 'evict'] as const)(
    '[P8] %s: 15 seeds with one relay',
    async (kind) => {
      const { failures, injected } = await simulate({
        seeds: 15,
        relays: 1,
        faults: [kind, 'break', 'abort'],
        shrinkRunsMax: 0,
      })
      expect(failures.map(({ seed, failure }) => `seed ${seed}: ${failure}`)).toEqual([])
      expect(injected[kind]).toBeGreaterThan(5)
    },
  )

  test('the same seed twice is the same run', async () => {
    for (const seed of [1, 2, 3]) {
      const [once, again] = [await runSeed(seed, { seeds: 1 }), await runSeed(seed, { seeds: 1 })]
      expect(again.hash).toBe(once.hash)
      expect(again.injected).toEqual(once.injected)
    }
    expect((await runSeed(4, { seeds: 1 })).hash).not.toBe((await runSeed(5, { seeds: 1 })).hash)
  })

  test('faults do happen, and a virtual minute takes less than a real second', async () => {
    const { injected, speed, edits } = await simulate({ seeds: 10, firstSeed: 500 })
    expect(Object.keys(injected).length).toBeGreaterThan(15)
    expect(edits).toBeGreaterThan(1000)
    expect(speed).toBeGreaterThan(60)
  })
})

describe('an app of its own', () => {
  const seats: Omit<SimulateOptions, 'seeds'> = {
    replicas: 3,
    relays: 1,
    documents: 1,
    faults: ['partition', 'break'],
    actions: {
      book({ doc }, chance) {
        const seat = `seat ${chance.below(3)}`
        const bookings = doc.getArray<{ seat: string; by: number }>('bookings')
        if (!bookings.toArray().some((booking) => booking.seat === seat)) bookings.push([{ seat, by: doc.clientID }])
      },
    },
  }

  test('finds the over-booking that partitions allow, and the fewest steps to it', async () => {
    const { failures } = await simulate({
      ...seats,
      seeds: 20,
      shrinkRunsMax: 30,
      invariant({ doc }) {
        const booked = doc.getArray<{ seat: string }>('bookings').map(({ seat }) => seat)
        if (new Set(booked).size < booked.length) throw new Error(`over-booked: ${booked}`)
      },
    })
    expect(failures.length).toBeGreaterThan(0)
    for (const { failure, steps, shrunk } of failures) {
      expect(failure).toContain('over-booked')
      expect(shrunk.length).toBeLessThan(steps.length)
    }
  })

  test('an apology that only depends on the merged document is the same everywhere', async () => {
    const { failures } = await simulate({
      ...seats,
      seeds: 20,
      content: ({ doc }) => {
        const first = new Map<string, number>()
        const apologies: string[] = []
        for (const { seat, by } of doc.getArray<{ seat: string; by: number }>('bookings')) {
          if (first.has(seat)) apologies.push(`${by} does not get ${seat}`)
          else first.set(seat, by)
        }
        return JSON.stringify(apologies)
      },
    })
    expect(failures).toEqual([])
  })
})
