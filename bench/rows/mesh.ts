/**
 * Row `mesh`: what relays cost each other. Requests, bytes and rounds are counted in virtual time; the handover and latencies are
 * measured, on real disks and loopback, beside the least that they could take.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as Y from 'yjs'
import { openWorkspace } from '../../client/index.ts'
import { createRelay } from '../../server/index.ts'
import { HEARTBEAT_MS, PUSH_AFTER_MS } from '../../server/mesh/bounds.ts'
import { createMesh, type Mesh } from '../../server/mesh/mesh.ts'
import { createMemoryRootStore } from '../../server/mesh/roots.ts'
import { createWorkspaceMesh } from '../../server/mesh/workspace-mesh.ts'
import { createBackground } from '../../server/relay/background.ts'
import { RELAY_LIMITS } from '../../server/relay/limits.ts'
import { createRelayWorkspace } from '../../server/relay/workspace.ts'
import { openSqliteStore } from '../../server/storage/sqlite-file.ts'
import type { LogEntry } from '../../server/storage/store.ts'
import { systemEnvironment } from '../../shared/environment.ts'
import { FIRST_EPOCH, randomId } from '../../shared/ids.ts'
import { createChance } from '../../test/sim/time/chance.ts'
import { createClock } from '../../test/sim/time/clock.ts'
import { createWorld } from '../../test/sim/world/world.ts'
import { createRing } from '../../test/unit/mesh/support.ts'
import { atMost, type Figure, printFigures } from '../table.ts'

const MISSED = 100_000
const WORKSPACES = 10_000

export async function printMesh(): Promise<void> {
  printFigures('relays of a mesh', 'the least that it could take', [
    ...(await payloads()),
    ...(await roundsAfterLoss()),
    ...(await heartbeats()),
    ...(await handover()),
    ...(await latency()),
  ])
}

/** 5 relays, nothing goes wrong. */
async function payloads(): Promise<Figure[]> {
  const ring = createRing(5)
  const updates = 200
  const doc = new Y.Doc()
  for (let i = 0; i < updates; i++) {
    ring.write(ring.node(0), 'note', 'x', doc)
    await ring.run(100)
  }
  await ring.run(1_000)
  const requests = ring.nodes.reduce((sum, node) => sum + node.requests, 0)
  const bytes = ring.nodes.reduce((sum, node) => sum + node.bytes, 0)
  ring.close()
  const work = '5 relays, a keystroke at a time'
  return [
    { work, what: 'payloads an update and other relay', rejoin: requests / updates / 4, peer: 1, goal: atMost(1) },
    { work, what: 'bytes of one', rejoin: bytes / requests },
  ]
}

/** 4 relays, people at each of them type for a minute while 5 % of requests and answers are lost. */
async function roundsAfterLoss(): Promise<Figure[]> {
  const seeds = 20
  let rounds = 0
  for (let seed = 1; seed <= seeds; seed++) {
    const world = createWorld({ seed, replicas: 4, relays: 4, documents: 2, mesh: true })
    const ways = world.relays.flatMap(({ name: a }) => world.relays.map(({ name: b }) => world.network.path(a, b)))
    const chance = createChance(seed)
    for (const way of ways) way.loss = 0.05
    for (let at = 0; at < 60_000; at += 500) {
      await world.clock.run(at)
      const tab = chance.one(world.replicas).tabs[0]
      const note = tab?.notes.get(chance.one(world.documents))
      if (note !== undefined) tab?.process.run(() => note.editor.edit('type', chance))
    }
    for (const way of ways) way.loss = 0
    const isEqual = (): boolean => new Set(world.relays.map(({ mesh }) => mesh?.view().root)).size === 1
    const total = (): number => world.relays.reduce((sum, { mesh }) => sum + (mesh?.counters.rounds ?? 0), 0)
    const before = total()
    await world.clock.run(61_000)
    await world.clock.run(600_000, isEqual)
    if (!isEqual()) throw new Error(`seed ${seed}: the relays do not agree`)
    rounds += total() - before
    world.close()
  }
  const work = '4 relays after 5 % loss, 20 seeds'
  return [
    { work, what: 'comparisons until all is mended, of all relays', rejoin: rounds / seeds },
    { work, what: 'rounds of anti-entropy, one a relay', rejoin: rounds / seeds / 4, goal: atMost(1.1) },
  ]
}

/** Two relays with the same 10,000 workspaces and nothing to do. */
async function heartbeats(): Promise<Figure[]> {
  const chance = createChance(1)
  const clock = createClock(chance.fork('clock'))
  const meshes = new Map<string, Mesh>()
  let requests = 0
  let bytes = 0
  const stored = Array.from({ length: WORKSPACES }, (_, i) => {
    const root = new Uint32Array([i, i, i, i])
    return [`workspace ${i}`, { root, documents: 1, head: 1 }] as const
  })
  for (const name of ['a', 'b', 'c']) {
    const own = chance.fork(name)
    const mesh = createMesh({
      peers: name === 'a' ? [] : ['a'],
      address: () => name,
      key: [1, 2, 3, 4],
      roots: { ...createMemoryRootStore(), load: () => stored },
      environment: {
        now: clock.now,
        randomBytes: (length) => own.bytes(length),
        setTimer: (callback, delayMs) => clock.after(delayMs, callback),
      },
      async transport(to, workspace, request) {
        const answer = meshes.get(to)?.answer(workspace, request) ?? new Uint8Array()
        requests++
        bytes += request.length + answer.length
        return answer
      },
      enter() {
        throw new Error('no workspace differs')
      },
      stored: () => [],
      report(error) {
        throw error
      },
      noted() {},
    })
    meshes.set(name, mesh)
    mesh.start()
  }
  await clock.run(60_000)
  requests = 0
  bytes = 0
  await clock.run(60_000 + 600_000)
  for (const mesh of meshes.values()) mesh.close()
  const intervals = 600_000 / HEARTBEAT_MS
  const work = `3 relays, ${WORKSPACES.toLocaleString('en-US')} unchanged workspaces`
  return [
    { work, what: 'bytes a round and peer, both ways', rejoin: bytes / requests, goal: atMost(1024) },
    { work, what: 'messages a peer and heartbeat', rejoin: requests / 6 / intervals, goal: atMost(1.05) },
  ]
}

/** A relay comes back to what it missed, from one that remembers what it is owed; beside storing the same records and no more. */
async function handover(): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'rejoin-bench-'))
  const report = (error: unknown): void => {
    throw error
  }
  const open = (name: string) => {
    const store = openSqliteStore(join(folder, name))
    const environment = systemEnvironment
    const background = createBackground(environment, report)
    const workspace = createRelayWorkspace({
      store,
      environment,
      limits: RELAY_LIMITS,
      soon: setImmediate,
      background,
      report,
    })
    const mesh = createWorkspaceMesh({
      workspace,
      relay: randomId(environment),
      environment,
      report,
      trouble: (_, error) => report(error),
    })
    return { store, workspace, mesh, background }
  }
  try {
    const [a, b] = [open('a.sqlite'), open('b.sqlite')]
    let isThere = true
    const meet = (from: typeof a, to: typeof a, name: string): void =>
      from.mesh.join({
        name,
        get reachable() {
          return isThere
        },
        exchange: async (request) => to.mesh.answer(request),
      })
    meet(a, b, 'b')
    meet(b, a, 'a')
    let update: Uint8Array = new Uint8Array()
    const doc = new Y.Doc()
    doc.on('update', (bytes: Uint8Array) => {
      update = bytes
    })
    const from = { committed() {}, refused: ({ detail }: { detail: string }) => report(new Error(detail)) }
    const versionAt = (at: typeof a): string | undefined => [...at.workspace.versions()][0]?.fingerprint
    const areEqual = async (): Promise<void> => {
      while (versionAt(b) !== versionAt(a)) await new Promise((resolve) => setImmediate(resolve))
    }
    for (let i = 0; i <= MISSED; i++) {
      if (i === 1) {
        await areEqual()
        isThere = false
      }
      doc.getText('text').insert(Math.floor(i / 2), 'x')
      a.workspace.submit(from, { document: 'note', epoch: FIRST_EPOCH, gc: true }, { kind: 'yjs-v1', bytes: update }, 0)
      if (i % 500 === 0) a.workspace.flush()
    }
    const entries = [...a.store.read(1)].filter((entry): entry is LogEntry => 'record' in entry)
    // What a relay does between whiles it has done when the other one comes back.
    while (a.background.busy) await pause(5)
    const [tookMs, tookCpuMs] = await timed(async () => {
      isThere = true
      a.mesh.resume('b')
      await areEqual()
    })
    const [copyMs, copyCpuMs] = await timed(async () => copy(join(folder, 'copy.sqlite'), entries))
    for (const { mesh, workspace } of [a, b]) {
      mesh.close()
      workspace.close()
    }
    const work = `a relay back after ${MISSED.toLocaleString('en-US')} missed updates`
    const goal = {
      text: 'at most 2 x peer',
      isReached: (ms: number, least?: number) => least !== undefined && ms <= 2 * least,
    }
    return [
      { work, what: 'ms, beside storing them', rejoin: tookMs, peer: copyMs, goal },
      { work, what: 'ms of CPU of both relays, beside storing them', rejoin: tookCpuMs, peer: copyCpuMs, goal },
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** How long it takes, and how long the processor works for it. */
async function timed(work: () => Promise<void>): Promise<[ms: number, cpuMs: number]> {
  const [startedAt, cpu] = [performance.now(), process.cpuUsage()]
  await work()
  const { user, system } = process.cpuUsage(cpu)
  return [performance.now() - startedAt, (user + system) / 1000]
}

/** The same records in the same groups, each as durable as at a relay, and nothing judged. */
function copy(path: string, entries: readonly LogEntry[]): void {
  const store = openSqliteStore(path)
  for (let at = 0; at < entries.length; at += 2_048) {
    const some = entries.slice(at, at + 2_048)
    const last = some.at(-1)
    if (last === undefined) break
    const { origin, seq, chain } = last.record
    store.commit({
      documents: [{ ...last.where, vector: new Map([[origin, { seq, chain }]]), bytes: at }],
      entries: some,
    })
  }
  store.close()
}

/** From a keystroke at one relay to a Y.Doc at another, beside one at the same relay. */
async function latency(): Promise<Figure[]> {
  const relays = [createRelay({ peers: [] })]
  const addresses = [(await relays[0]?.listen(0))?.url ?? '']
  relays.push(createRelay({ peers: addresses }))
  addresses.push((await relays[1]?.listen(0))?.url ?? '')
  while (relays.some((relay) => relay.mesh()?.members[0]?.up !== true)) await pause(5)
  const people = await Promise.all(
    [0, 0, 1].map(async (relay) => {
      const workspace = await openWorkspace({ id: 'bench', storage: 'memory', relays: [addresses[relay] ?? ''] })
      const note = workspace.open('note')
      await note.whenSynced
      return { workspace, text: note.doc.getText('text') }
    }),
  )
  const [writer, near, far] = people
  const times: [near: number[], far: number[]] = [[], []]
  for (let i = 0; i < 220 && writer !== undefined; i++) {
    const at = performance.now()
    const seen = [near, far].map(
      (reader, which) =>
        new Promise<void>((resolve) => {
          const look = (): void => {
            if ((reader?.text.length ?? 0) < i + 1) return
            reader?.text.unobserve(look)
            if (i >= 20) times[which === 0 ? 0 : 1].push(performance.now() - at)
            resolve()
          }
          reader?.text.observe(look)
        }),
    )
    writer.text.insert(i, 'x')
    await Promise.all(seen)
    await pause(10)
  }
  for (const { workspace } of people) await workspace.close()
  for (const relay of relays) await relay.close()
  const [direct, across] = times.map((each) => each.sort((a, b) => a - b)[Math.floor(each.length / 2)] ?? 0)
  const bound = 3 * (direct ?? 0) + PUSH_AFTER_MS
  const goal = { text: `at most 3 x peer + ${PUSH_AFTER_MS} ms`, isReached: (ms: number) => ms <= bound }
  return [
    {
      work: 'a keystroke, loopback',
      what: 'ms p50 to another relay, beside the same one',
      rejoin: across,
      peer: direct,
      goal,
    },
  ]
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
