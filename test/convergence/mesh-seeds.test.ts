/** Relays that gossip in the simulator: real clients and relays under random faults of everything, links between relays included. */
import { describe, expect, test } from 'vitest'
import { createBody, decodeBody } from '../../server/mesh/body.ts'
import type { MeshTransport } from '../../server/mesh/mesh.ts'
import type { RelayStore } from '../../server/storage/store.ts'
import { type Chance, FAULT_KINDS, FAULTS, runSeed, type SimulateOptions, simulate } from '../sim/index.ts'

/** What makes two histories under one name, at two relays. */
const COPIES = ['clone', 'profile restore', 'relay restore', 'relay lost write', 'mesh partition'] as const

const WORLDS: [name: string, seeds: number, options: Omit<SimulateOptions, 'seeds'>][] = [
  ['3 relays', 40, { relays: 3 }],
  ['5 relays', 15, { relays: 5, durationMs: 40_000 }],
  ['12 relays', 3, { relays: 12, replicas: 6, durationMs: 30_000 }],
  ['3 relays, 12 documents', 8, { relays: 3, replicas: 3, documents: 12, durationMs: 40_000 }],
  [
    '3 relays that are restored and lose writes',
    20,
    { relays: 3, faults: ['relay restore', 'relay lost write', 'relay crash', 'mesh partition'] },
  ],
  ['4 relays with copies of everything', 20, { relays: 4, faults: [...COPIES], faultsPerMinute: 30 }],
]

const MESH_FAULTS = FAULT_KINDS.filter((kind) => kind.startsWith('mesh '))

describe('relays that gossip', () => {
  test.each(WORLDS)('[P1][P2][P4][P8][P10] %s: %i seeds', async (_name, seeds, options) => {
    const { failures, runs } = await simulate({ ...options, mesh: true, seeds, firstSeed: 3_000, shrinkRunsMax: 0 })
    expect(failures.map(({ seed, failure }) => `seed ${seed}: ${failure}`)).toEqual([])
    expect(runs).toBe(seeds)
  })

  test('[P3] every fault between relays does happen, and the same seed twice is the same run', async () => {
    const options = { mesh: true, relays: 4, faults: MESH_FAULTS, faultsPerMinute: 30, shrinkRunsMax: 0 }
    const { injected, failures } = await simulate({ ...options, seeds: 5, firstSeed: 4_000 })
    expect(failures).toEqual([])
    expect(Object.keys(injected).sort()).toEqual(
      Object.keys(FAULTS)
        .filter((kind) => kind.startsWith('mesh '))
        .sort(),
    )
    const [once, again] = [await runSeed(7, options), await runSeed(7, options)]
    expect(again.hash).toBe(once.hash)
  })

  test('finds: a relay that is told of equality where there is none', async () => {
    const options = { mesh: true, relays: 3, faults: ['mesh loss', 'mesh partition'] as const, durationMs: 30_000 }
    for (let seed = 1; seed <= 50; seed++) {
      const { failure } = await runSeed(seed, { ...options, bend: { transport: saysEqual } })
      if (failure === undefined) continue
      expect((await runSeed(seed, options)).failure).toBeUndefined()
      return
    }
    expect.fail('not found')
  })

  test('[P8] finds: a relay that takes the greater branch and forgets the one that it held', async () => {
    const options = { mesh: true, relays: 4, faults: COPIES, faultsPerMinute: 30, durationMs: 40_000 }
    for (let seed = 1; seed <= 40; seed++) {
      const { failure } = await runSeed(seed, { ...options, bend: { relayStore: forgetsItsBranch } })
      if (failure === undefined) continue
      expect((await runSeed(seed, options)).failure).toBeUndefined()
      return
    }
    expect.fail('not found')
  })
})

/** Of a checkpoint that two branches became only the last piece is written. */
function forgetsItsBranch(store: RelayStore): RelayStore {
  return {
    ...store,
    commit(batch) {
      const folds = batch.folds?.map((fold) => {
        const last = fold.pieces.slice(-1)
        return fold.alone ? { ...fold, keep: 0, pieces: last, checkpoint: { ...fold.checkpoint, pieces: 1 } } : fold
      })
      store.commit({ ...batch, folds })
    },
  }
}

/** Now and then a push gets lost that is said to have arrived, and every heartbeat is answered with the root of who asks. */
function saysEqual(transport: MeshTransport, chance: Chance): MeshTransport {
  const answers = new Map<string, Uint8Array>()
  return async (to, workspace, request) => {
    if (workspace !== undefined) {
      const before = answers.get(to)
      if (before !== undefined && chance.happens(0.2)) return before
      const answer = await transport(to, workspace, request)
      if (decodeBody(answer).messages.length === 0) answers.set(to, answer)
      return answer
    }
    const asked = decodeBody(request).messages.find((message) => message.type === 'heartbeat')
    const { head, messages } = decodeBody(await transport(to, workspace, request))
    const body = createBody()
    for (const message of messages) {
      body.put(message.type === 'heartbeat' && asked?.type === 'heartbeat' ? { ...message, root: asked.root } : message)
    }
    return body.encode(head)
  }
}
