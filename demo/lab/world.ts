/**
 * A world in the page: real clients and real relays, with the simulator's network between them in real time. Nothing of it
 * is a drawing: what the lab shows is what these report and what passes between them.
 */
import * as Y from 'yjs'
import { createMemoryReplicaStore, type DocumentHandle, openWorkspace, type Workspace } from '../../client/index.ts'
import { createMesh, type Mesh } from '../../server/mesh/mesh.ts'
import { createMemoryRootStore } from '../../server/mesh/roots.ts'
import { RELAY_LIMITS, TICK_EVERY_MS } from '../../server/relay/limits.ts'
import { createRelayCore, type RelayCore } from '../../server/relay/relay.ts'
import { createMemoryStore } from '../../server/storage/memory.ts'
import type { CommitBatch, RelayStore } from '../../server/storage/store.ts'
import { inflatePiece } from '../../shared/update/inflate-piece.ts'
import { createNetwork } from '../../test/sim/network/network.ts'
import type { Network } from '../../test/sim/network/types.ts'
import { createChance } from '../../test/sim/time/chance.ts'
import type { Clock } from '../../test/sim/time/clock.ts'
import { createProcess, type Process } from '../../test/sim/time/process.ts'
import { makeLibrary } from './library.ts'
import { readMarks, writeMark } from './marks.ts'
import type { Device, LabWorld, Passed, Relay } from './types.ts'

export interface LabOptions {
  devices: readonly string[]
  relays: readonly string[]
  passed: Passed
  changed(): void
}

/** The document that everybody writes into. Others lie beside it, as in any notebook. */
const STORY = 'story'
const WORKSPACE = 'lab'
/** Which relay each device prefers: the one that is drawn next to it. */
const HOMES = [0, 1, 2, 2, 0]
/** One way, in milliseconds: slow enough to be seen. */
const DELAY_MS = 90
const DELAY_MS_SLOW = 1_500

export function openLab(options: LabOptions): LabWorld {
  const chance = createChance(crypto.getRandomValues(new Uint32Array(1))[0] ?? 1)
  const clock = createRealClock()
  const running = { process: undefined as Process | undefined }
  const spawn = (name: string): Process => createProcess(name, clock, chance.fork(name), running)
  /** The lab of another tab is another world. */
  const world = `${WORKSPACE}-${crypto.randomUUID().slice(0, 8)}`
  const slow = new Set<string>()
  const network = createNetwork({
    clock,
    chance: chance.fork('network'),
    delivered: (from, to, data) => options.passed(from, to, data.length),
    exchanged: (from, to, data) => options.passed(from, to, data.length),
  })
  for (const a of [...options.devices, ...options.relays]) for (const b of options.relays) setDelay(a, b, DELAY_MS)

  function setDelay(a: string, b: string, ms: number): void {
    for (const path of [network.path(a, b), network.path(b, a)]) Object.assign(path, { delayMs: ms, bandwidth: 1_000 })
  }

  const context: Context = { ...options, library: makeLibrary(chance.fork('library')), clock, network, spawn, world }
  const relays = options.relays.map((name) => createRelay(name, context))
  const devices = options.devices.map((name, nth) => createDevice(name, nth, context))

  return {
    devices,
    relays,
    isThere: () => true,
    isCut: (a, b) => network.path(a, b).cut.size > 0,
    isSlow: (a, b) => slow.has(keyOf(a, b)),
    cut(a, b, cut) {
      for (const path of [network.path(a, b), network.path(b, a)]) {
        path.cut.clear()
        if (cut) for (const direction of ['up', 'down'] as const) path.cut.add(direction)
      }
      if (cut) for (const link of [...network.links(a, b), ...network.links(b, a)]) link.cut()
      else for (const device of devices) device.hurry()
      options.changed()
    },
    slow(a, b, to) {
      if (to) slow.add(keyOf(a, b))
      else slow.delete(keyOf(a, b))
      setDelay(a, b, to ? DELAY_MS_SLOW : DELAY_MS)
      options.changed()
    },
    close() {
      for (const device of devices) device.close()
      for (const relay of relays) relay.close()
      clock.close()
    },
  }
}

interface Context extends LabOptions {
  library: readonly Y.Doc[]
  clock: Clock
  network: Network
  spawn(name: string): Process
  world: string
}

/** What lies beside is brought by the first device. */
async function shelve(workspace: Workspace, library: readonly Y.Doc[]): Promise<void> {
  for (const [i, doc] of library.entries()) {
    const handle = workspace.open(`beside ${i}`)
    await handle.whenLoaded
    Y.applyUpdate(handle.doc, Y.encodeStateAsUpdate(doc))
    handle.close()
  }
}

const keyOf = (a: string, b: string): string => [a, b].sort().join(' ')

function createDevice(name: string, nth: number, context: Context): Device & { hurry(): void; close(): void } {
  const { network, spawn, world, relays, changed } = context
  const process = spawn(name)
  let workspace: Workspace | undefined
  let story: DocumentHandle | undefined
  const documents: Y.Doc[] = []
  let closed = false

  async function open(): Promise<void> {
    const opened = await openWorkspace({
      id: world,
      user: name,
      relays: relays.map((_, i) => `ws://${relays[(i + (HOMES[nth] ?? nth)) % relays.length]}`),
      storage: createMemoryReplicaStore({ durable: true }),
      environment: process.environment,
      dial: network.dialOf(name, process),
      sync: 'all',
    })
    if (closed) return opened.close()
    workspace = opened
    opened.on('error', () => {})
    opened.status.subscribe(changed)
    story = opened.open(STORY)
    story.doc.on('update', changed)
    documents.push(story.doc, ...context.library)
    if (nth === 0) await shelve(opened, context.library)
  }
  open().catch((error: unknown) => console.error('Fieldnotes lab:', error))

  return {
    name,
    kind: 'device',
    told: true,
    isOwn: false,
    tabs: 1,
    documents,
    marks: () => (story === undefined ? [] : readMarks(story.doc)),
    waiting: () => workspace?.status.get().unacknowledged ?? 0,
    synced: () => workspace?.status.get().connection === 'synced',
    get off() {
      return relays.every((relay) => network.path(name, relay).cut.size > 0)
    },
    relay: () => network.links(name).find(({ relay }) => network.path(name, relay).cut.size === 0)?.relay,
    write() {
      if (story !== undefined) writeMark(story.doc, name)
    },
    hurry: () => workspace?.connect(),
    close() {
      closed = true
      void workspace?.close().finally(() => process.kill())
    },
  }
}

function createRelay(name: string, context: Context): Relay & { close(): void } {
  const { network, spawn, relays, changed, world } = context
  /** What it has on its disk, read as it is written. */
  const held = new Y.Doc()
  const disk = watched(createMemoryStore(), (batch) => {
    for (const entry of batch.entries)
      if ('record' in entry && entry.where.document === STORY) Y.applyUpdate(held, entry.record.bytes)
    for (const { where, pieces } of batch.folds ?? [])
      if (where.document === STORY) for (const piece of pieces) Y.applyUpdate(held, inflatePiece(piece))
    for (const { where, piece } of batch.transfers ?? [])
      if (where.document === STORY) Y.applyUpdate(held, inflatePiece(piece))
    changed()
  })
  let process: Process | undefined
  let core: RelayCore | undefined
  let mesh: Mesh | undefined

  function start(): void {
    const mine = spawn(name)
    process = mine
    const report = (error: unknown): void => {
      if (mine.alive) console.warn(`Fieldnotes lab: ${name}:`, error)
    }
    const opened = createRelayCore({
      openStore: () => disk,
      environment: mine.environment,
      limits: RELAY_LIMITS,
      soon: (commit) => void mine.environment.setTimer(commit, 0),
      report,
      noted: () => {},
      attach: (workspace, attached) => joined.attach(workspace, attached),
    })
    const joined = createMesh({
      peers: relays.filter((other) => other !== name),
      address: () => name,
      transport: (to, workspace, request) => network.exchange(name, mine, to, workspace, request),
      key: [1, 2, 3, 4],
      roots: createMemoryRootStore(),
      environment: mine.environment,
      enter: opened.use,
      stored: () => (disk.head() > 0 ? [world] : []),
      report,
      noted: () => {},
    })
    core = opened
    mesh = joined
    network.listen(name, {
      process: mine,
      accept: (workspace, connection) => opened.sync(workspace, connection),
      answer: joined.answer,
    })
    joined.start()
    const tick = (): void => {
      opened.tick()
      mine.environment.setTimer(tick, TICK_EVERY_MS)
    }
    mine.environment.setTimer(tick, TICK_EVERY_MS)
  }

  /** As a crash does it: nobody is told, and what was not on its disk is gone. */
  function stop(): void {
    process?.kill()
    for (const link of network.links(undefined, name)) link.cut()
    process = undefined
    core = undefined
    mesh = undefined
  }

  start()
  return {
    name,
    kind: 'relay',
    told: true,
    held,
    digest: () => mesh?.view().root ?? '',
    marks: () => readMarks(held),
    waiting: () => 0,
    get off() {
      return process === undefined
    },
    owed(to) {
      const hints = mesh?.view().hints ?? []
      return hints.filter(({ peer }) => peer === to).reduce((sum, { entries }) => sum + entries, 0)
    },
    toggle() {
      if (process === undefined) start()
      else stop()
      changed()
    },
    close() {
      mesh?.close()
      core?.close()
      stop()
    },
  }
}

/** A store that outlives the runs of its relay, and tells what was committed. */
function watched(store: RelayStore, committed: (batch: CommitBatch) => void): RelayStore {
  return new Proxy(store, {
    get(target, key, receiver) {
      if (key === 'close') return () => {}
      const value = Reflect.get(target, key, receiver)
      if (key !== 'commit') return typeof value === 'function' ? value.bind(target) : value
      return (batch: CommitBatch) => {
        target.commit(batch)
        committed(batch)
      }
    },
  })
}

/** Virtual time that runs as time does. */
function createRealClock(): Clock & { close(): void } {
  const timers = new Set<ReturnType<typeof setTimeout>>()
  const begun = performance.now()
  return {
    now: () => performance.now() - begun,
    after(delayMs, callback) {
      const timer = setTimeout(() => {
        timers.delete(timer)
        callback()
      }, delayMs)
      timers.add(timer)
      return () => {
        clearTimeout(timer)
        timers.delete(timer)
      }
    },
    run: () => Promise.resolve(),
    events: 0,
    close() {
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
    },
  }
}
