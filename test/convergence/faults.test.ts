/** Random edits under random faults, from seeds: whatever happened, healed replicas agree and nothing acknowledged is lost. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createWorld, FAULT_KINDS, runSeed, type SimulateOptions, simulate, UNSETTLED } from '../sim/index.ts'
import { openTrace, replay } from '../support/traces.ts'

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

  // What was said to be stored on a device is: nothing else here would take it, or excuse that.
  test.each([1, 2, 3])('[P2][P4][P8] devices lose power, %i relays: 12 seeds', async (relays) => {
    const { failures, injected } = await simulate({
      ...{ seeds: 12, firstSeed: 3000, shrinkRunsMax: 0, relays },
      faults: ['client power', 'client power', 'break', 'tab open', 'delay', 'relay crash'],
    })
    expect(failures.map(({ seed, failure }) => `seed ${seed}: ${failure}`)).toEqual([])
    expect(injected['client power']).toBeGreaterThan(8)
  })

  test.each(['clone', 'profile restore', 'client power unheeded', 'relay restore', 'evict'] as const)(
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
      const [once, again] = [await runSeed(seed), await runSeed(seed)]
      expect(again.hash).toBe(once.hash)
      expect(again.injected).toEqual(once.injected)
    }
    expect((await runSeed(4)).hash).not.toBe((await runSeed(5)).hash)
  })

  test('all kinds of faults do happen, and a virtual minute takes less than a second of CPU time', async () => {
    const { injected, cpuSpeed, edits, failures } = await simulate({ seeds: 20, firstSeed: 500, shrinkRunsMax: 0 })
    expect(failures.map(({ seed, failure }) => `seed ${seed}: ${failure}`)).toEqual([])
    // Those between relays are asked for in test/unit/mesh.
    const kinds = FAULT_KINDS.filter((kind) => !UNSETTLED.has(kind) && !kind.startsWith('mesh '))
    expect(kinds.filter((kind) => injected[kind] === undefined)).toEqual([])
    expect(edits).toBeGreaterThan(1000)
    expect(cpuSpeed).toBeGreaterThan(60)
  })
})

test('[P1] a recorded session, typed while its network fails, reads everywhere as it was recorded', async () => {
  const { startContent, txns } = openTrace('sveltecomponent', 3, 1500)
  const typed = txns.slice(0, 1500)
  const alone = new Y.Doc().getText('text')
  const world = createWorld({ seed: 3, replicas: 2, relays: 1, documents: 1 })
  try {
    const textOf = (replica: number): Y.Text | undefined =>
      world.replicas[replica]?.tabs[0]?.notes.get('note 0')?.handle.doc.getText('text')
    await world.clock.run(500)
    alone.insert(0, startContent)
    textOf(0)?.insert(0, startContent)
    for (const [at, txn] of typed.entries()) {
      if (at % 97 === 0) for (const link of world.network.links()) link.cut()
      if (at % 211 === 0) for (const link of world.network.links()) link.lose(['up'])
      await world.clock.run(world.clock.now() + 40)
      replay(alone, txn)
      const text = textOf(0)
      if (text !== undefined) world.replicas[0]?.tabs[0]?.process.run(() => replay(text, txn))
    }
    await world.clock.run(world.clock.now() + 120_000)
    expect(world.failure).toBeUndefined()
    expect(textOf(0)?.toString()).toBe(alone.toString())
    expect(textOf(1)?.toString()).toBe(alone.toString())
  } finally {
    world.close()
  }
})
