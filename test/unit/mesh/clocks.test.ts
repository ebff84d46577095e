/** Clocks of relays that are put back: what was to wait for seconds does not wait for as long as that. */
import { expect, test } from 'vitest'
import { HEARTBEAT_MS } from '../../../server/mesh/bounds.ts'
import { createBreaker } from '../../../server/mesh/breaker.ts'
import { createMesh, type Mesh } from '../../../server/mesh/mesh.ts'
import { createMemoryRootStore } from '../../../server/mesh/roots.ts'
import { emptyRoot } from '../../../shared/digest/element.ts'
import { RejoinError } from '../../../shared/errors.ts'
import { createChance } from '../../sim/time/chance.ts'
import { createClock } from '../../sim/time/clock.ts'
import { createProcess } from '../../sim/time/process.ts'

const HOUR_MS = 3_600_000

function createTime() {
  const chance = createChance(1)
  const clock = createClock(chance.fork('clock'))
  const running = { process: undefined }
  return { clock, start: (name: string) => createProcess(name, clock, chance.fork(name), running) }
}

test.each([-HOUR_MS, HOUR_MS])(
  '[P10] a peer that is left alone is tried after a clock jump of %i ms',
  async (jumpMs) => {
    const { clock, start } = createTime()
    const { environment, skew } = start('relay')
    const breaker = createBreaker(environment)
    for (let failure = 0; failure < 12; failure++) breaker.failed()
    expect(breaker.state).toBe('open')
    expect(breaker.mayProbe()).toBe(false)
    skew(jumpMs)
    expect(breaker.state).toBe('half-open')
    breaker.failed()
    await clock.run(30_000)
    expect(breaker.mayProbe()).toBe(true)
  },
)

test('[P10] relays that comparing does not make equal are compared on after a clock was put back', async () => {
  const { clock, start } = createTime()
  const meshes = new Map<string, Mesh>()
  const create = (name: string, documents: number) => {
    const process = start(name)
    const roots = createMemoryRootStore()
    roots.put('acme', { root: emptyRoot().fill(documents), documents, head: documents })
    const mesh = createMesh({
      peers: name === 'relay0' ? ['relay1'] : [],
      address: () => name,
      transport: async (to, workspace, request) =>
        meshes.get(to)?.answer(workspace, request) ?? Promise.reject(new RejoinError('timeout', 'it is not there')),
      key: [1, 2, 3, 4],
      roots,
      environment: process.environment,
      enter() {
        throw new RejoinError('storage-failed', 'its disk is broken')
      },
      stored: () => [],
      report() {},
      noted() {},
    })
    meshes.set(name, mesh)
    return { process, mesh }
  }
  create('relay1', 2)
  const { process, mesh } = create('relay0', 1)
  mesh.start()
  await clock.run(20 * 60_000)
  const { rounds } = mesh.counters
  expect(rounds).toBeGreaterThan(4)
  process.skew(-HOUR_MS)
  await clock.run(clock.now() + 2 * HEARTBEAT_MS)
  expect(mesh.counters.rounds).toBe(rounds + 1)
  for (const each of meshes.values()) each.close()
})
