/** Every check can fail: each is shown a world in which it has to, where no planted bug comes to it first. */
import { spawnSync } from 'node:child_process'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as Y from 'yjs'
import { STORED } from '../../../client/document.ts'
import {
  FRAME_BYTES_MAX,
  FRAME_BYTES_TARGET,
  SEND_BUFFER_BYTES_HIGH,
  UNACKNOWLEDGED_BYTES_MAX,
} from '../../../shared/limits.ts'
import { inspectUpdate } from '../../../shared/update/inspect.ts'
import { createTerms } from '../../sim/checkers/terms.ts'
import { becomeQuiet, checkConverged, createBounds, createWorld, type World } from '../../sim/index.ts'
import type { DiskWrite } from '../../sim/storage/client-disk.ts'

const NOTE = 'note 0'

/** Two people who have written a bit, and nothing more to say. */
async function quietWorld(): Promise<World & { docs: Y.Doc[] }> {
  const world = createWorld({ seed: 1, replicas: 2, relays: 1, documents: 1 })
  onTestFinished(() => world.close())
  await world.clock.run(1_000)
  const tabs = world.replicas.flatMap((replica) => replica.tabs)
  const docs = tabs.flatMap(({ notes }) => notes.get(NOTE)?.handle.doc ?? [])
  for (const [i, tab] of tabs.entries()) tab.process.run(() => docs[i]?.getText('text').insert(0, 'hello '))
  await world.clock.run(10_000)
  return Object.assign(world, { docs })
}

/** What somebody else wrote: of both words, or only of the second one. */
function strange(words: 'both' | 'second'): Uint8Array {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  for (const word of ['one ', 'two']) doc.getText('text').insert(doc.getText('text').length, word)
  return words === 'both' ? Y.mergeUpdates(updates) : (updates[1] ?? new Uint8Array())
}

const FAULTY: [what: string, spoil: (world: World, docs: readonly Y.Doc[]) => void, found: RegExp][] = [
  [
    'a Y.Doc that shows what others do not',
    (_, [, doc]) => doc && Y.applyUpdate(doc, strange('both'), STORED),
    /\[P1\] note 0 reads otherwise/,
  ],
  [
    'a Y.Doc that waits for structs',
    (_, [doc]) => doc && Y.applyUpdate(doc, strange('second'), STORED),
    /\[P10\] note 0 at .* still waits for structs/,
  ],
  [
    'a Y.Doc that tells of no change any more',
    (_, [doc]) => (doc as unknown as { _transactionCleanups: unknown[] })._transactionCleanups.push({}),
    /\[P6\] the Y\.Doc of note 0 at .* is stuck/,
  ],
  [
    'content that nobody has written',
    (_, docs) => {
      for (const doc of docs) Y.applyUpdate(doc, strange('both'), STORED)
    },
    /\[P8\] .* but undefined was written/,
  ],
  [
    'an edit that is told to be safe and is nowhere',
    ({ checkers }) => {
      const summary = inspectUpdate(strange('both'))
      checkers.wrote({ replica: 'replica0', document: NOTE, summary, safety: 'device', excused: false })
    },
    /\[P2\] an edit of note 0 by replica0, safe at device, is lost/,
  ],
]

describe('when all is quiet', () => {
  test('nothing is found where nothing is wrong', async () => {
    const world = await quietWorld()
    await checkConverged(world)
    expect(world.failure).toBeUndefined()
  })

  test.each(FAULTY)('finds: %s', async (_what, spoil, found) => {
    const world = await quietWorld()
    spoil(world, world.docs)
    await checkConverged(world)
    expect(world.failure).toMatch(found)
  })

  test('finds: somebody who is not silent', async () => {
    const world = await quietWorld()
    const [tab] = world.replicas[0]?.tabs ?? []
    const type = (): void => {
      tab?.process.run(() => world.docs[0]?.getText('text').insert(0, 'a'))
      world.clock.after(10_000, type)
    }
    type()
    await becomeQuiet(world)
    expect(world.failure).toMatch(/\[P10\] \d+ frames were sent with nothing to say/)
  })
})

describe('after every step', () => {
  test.each<[string, RegExp, (bounds: ReturnType<typeof createBounds>) => void]>([
    ['a frame that is too long', /sends a frame of/, ({ sent }) => sent('a', FRAME_BYTES_MAX + 1, 'up', 0)],
    [
      'a relay that feeds who does not read',
      /bytes unsent in a socket/,
      ({ sent }) => sent('a', 1, 'down', SEND_BUFFER_BYTES_HIGH + 2 * FRAME_BYTES_MAX + 1),
    ],
    [
      'a client that sends more than was acknowledged',
      /bytes unsent in a socket/,
      ({ sent }) => sent('a', 1, 'up', UNACKNOWLEDGED_BYTES_MAX + FRAME_BYTES_MAX + FRAME_BYTES_TARGET + 1),
    ],
    ['a tab with many connections', /has 3 connections at once/, ({ dialled }) => dialled('a', 3)],
    [
      'a tab that dials without a pause',
      /dials 101 times within a minute/,
      ({ dialled }) => {
        for (let n = 0; n < 101; n++) dialled('a', 1)
      },
    ],
  ])('[P7] finds: %s', (_what, found, breach) => {
    const told: string[] = []
    breach(
      createBounds(
        () => 0,
        (what) => told.push(what),
      ),
    )
    expect(told).toEqual([expect.stringMatching(found)])
  })

  const self = (number: number): DiskWrite => ({
    table: 'meta',
    key: ['replica'],
    after: { replica: 'a', origin: 'a', head: 0, term: { number, tab: '' } },
  })
  const record: DiskWrite = { table: 'records', key: [NOTE, 'a', 1], after: {} }
  const fromRelay: DiskWrite = { table: 'log', key: [1], after: { from: { relay: 'r' } } }
  const fromTab: DiskWrite = { table: 'log', key: [1], after: { from: { tab: 't' } } }

  test('[P4] finds: a tab that writes as the leader while another one leads', () => {
    const told: string[] = []
    const terms = createTerms((what) => told.push(what))
    terms.committed('replica0', [record], 'first')
    terms.committed('replica0', [self(1), record], 'first')
    terms.committed('replica0', [self(2), fromRelay], 'second')
    terms.committed('replica0', [fromTab, { ...record, after: undefined }], 'first')
    terms.committed('replica0', [{ ...record, after: { logged: 2 } }], 'first')
    terms.restored('replica1')
    expect(told).toEqual([])
    for (const late of [record, fromRelay]) terms.committed('replica0', [late], 'first')
    terms.committed('replica0', [self(1)], 'first')
    expect(told).toEqual([
      expect.stringMatching(/first wrote records as the leader of replica0, and second leads/),
      expect.stringMatching(/first wrote log as the leader/),
      expect.stringMatching(/the term of replica0 went from 2 back to 1/),
    ])
    terms.restored('replica0')
    terms.committed('replica0', [self(1), record], 'third')
    expect(told).toHaveLength(3)
  })

  // In a process of its own: the test runner takes what nobody handles for a failure of the test.
  test('[P5] finds: an error that nobody handles', () => {
    const code = `
      const { runSeed } = await import(${JSON.stringify(new URL('../../sim/index.ts', import.meta.url).href)})
      const actions = { forget: () => void Promise.reject(new Error('nobody looks')) }
      const { failure } = await runSeed(1, { replicas: 1, relays: 1, durationMs: 10_000, faults: [], actions })
      console.log(failure)`
    const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '--eval', code], {
      encoding: 'utf8',
    })
    expect(stdout).toContain('[P5] nobody handles Error: nobody looks')
    expect(status).toBe(0)
  })
})
