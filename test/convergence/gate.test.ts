/** Worlds in which relays ask who somebody is: nothing honest is refused, whatever fails, and tokens that end are renewed. */
import { describe, expect, test } from 'vitest'
import { FAULT_KINDS, type SimulateOptions, simulate, UNSETTLED } from '../sim/index.ts'

/** Everybody is somebody else, for some seconds at a time. */
const bend: SimulateOptions['bend'] = {
  authenticate: (person, now) => ({ subject: person, role: 'write', expiresAt: now + 7_000 }),
}

/** Disks that lie included: as with an older copy that is put back, whoever runs the relay says so (docs/decisions/0021). */
const faults = FAULT_KINDS.filter((kind) => !UNSETTLED.has(kind))

describe('relays that ask for tokens', () => {
  test.each([
    ['4 replicas, 1 relay', { replicas: 4, relays: 1 }],
    ['2 replicas, 1 relay, one document', { replicas: 2, relays: 1, documents: 1 }],
    ['4 replicas, 3 relays that talk', { replicas: 4, relays: 3, mesh: true }],
    ['3 replicas, 1 relay, 12 documents', { replicas: 3, relays: 1, documents: 12, durationMs: 30_000 }],
  ])('[P1][P2][P6][P8][P10] %s: 30 seeds', async (_name, options) => {
    const { failures, runs } = await simulate({
      ...options,
      seeds: 30,
      firstSeed: 20_000,
      shrinkRunsMax: 0,
      faults,
      bend,
    })
    expect(failures.map(({ seed, failure }) => `seed ${seed}: ${failure}`)).toEqual([])
    expect(runs).toBe(30)
  })
})
