/**
 * A world of replicas and relays: the real client and relay code over simulated storage, network and time. Replicas have tabs,
 * relays have disks; everything can be started, stopped and killed at any moment. Relays gossip where they form a mesh;
 * otherwise clients move among them and carry what they hold from one to the next.
 */
import type * as Y from 'yjs'
import { type ErrorCode, RejoinError } from '../../../shared/errors.ts'
import { createCheckers } from '../checkers/checkers.ts'
import { createContentOracle } from '../checkers/content-oracle.ts'
import { installChannels } from '../network/channel.ts'
import { installLocks } from '../network/locks.ts'
import { createNetwork } from '../network/network.ts'
import type { Network } from '../network/types.ts'
import { createChance, hashText } from '../time/chance.ts'
import { createClock } from '../time/clock.ts'
import { createProcess, type Running } from '../time/process.ts'
import { createClients } from './clients.ts'
import { describeError, describeFrame } from './describe.ts'
import { createRelays } from './relays.ts'
import type { Ground, World, WorldOptions } from './types.ts'

/** Makes a world and starts its relays and a tab of every replica. Nothing happens in it until its clock runs. */
export function createWorld(options: WorldOptions): World {
  const { seed, trace } = options
  const chance = createChance(seed)
  const clock = createClock(chance.fork('clock'))
  const running: Running = { process: undefined }
  const restoreChannels = installChannels(clock, chance.fork('channels'), running)
  const locks = installLocks(clock, chance.fork('locks'), running)
  // Two who bring a relay the same document take turns.
  const explained = new Set<ErrorCode>(['overloaded'])
  const documents = Array.from({ length: options.documents }, (_, i) => `note ${i}`)
  const oracle = createContentOracle()
  let failure: string | undefined
  let high = 0
  let low = 0
  /** The moment of the last note, also as text: most share theirs with others. */
  let notedAt = 0
  let notedAtText = '0'
  let starts = 0
  let frames = 0

  function note(what: string): void {
    const now = clock.now()
    trace?.(`${now.toFixed(1)} ${what}`)
    if (now !== notedAt) {
      notedAt = now
      notedAtText = `${now}`
    }
    high = hashText(high, what)
    low = hashText(low ^ 0x5bd1e995 ^ high, notedAtText)
  }

  function fail(what: string): void {
    failure ??= `${what} (at ${Math.round(clock.now())} ms)`
  }

  function delivered(from: string, to: string, data: Uint8Array | string): void {
    if (typeof data === 'string') return note(`${from}>${to} ${data}`)
    if (!isCheck(data)) frames++
    trace?.(`  ${describeFrame(data)}`)
    note(`${from}>${to} ${data.length} ${data[0]} ${data[1]} ${data[2]} ${data[3]}`)
  }

  const checkers = createCheckers({
    now: () => clock.now(),
    relayOf: (id) => relays.relays.find(({ disk }) => disk.replica === id)?.name,
    updatesAt: (name, document) => relays.relays.find((relay) => relay.name === name)?.disk.updates(document) ?? [],
    isRelay: (name) => relays.relays.some((relay) => relay.name === name),
    fail,
  })
  const network: Network = createNetwork({
    clock,
    chance: chance.fork('network'),
    dialled: (process, open) => checkers.bounds.dialled(process.name, open),
    sent: checkers.bounds.sent,
    delivered,
    exchanged: (from, to, request) => note(`${from}>${to} ${request.length}`),
  })
  const ground: Ground = {
    options,
    bend: options.bend ?? {},
    chance,
    clock,
    checkers,
    oracle,
    explained,
    spawn: (name) => createProcess(name, clock, chance.fork(name), running),
    nextStart: () => starts++,
    note,
    fail,
    gaveUp() {
      checkers.allowed.regress = true
      const disks = clients.replicas.map(({ disk }) => disk)
      clock.after(0, () => void checkers.excuse(disks).catch((error: unknown) => fail(String(error))))
    },
    blame(who, error) {
      note(`${who} reports ${String(error)}`)
      if (error instanceof RejoinError && explained.has(error.code)) return
      fail(`[P5] ${who} reports: ${describeError(error)}`)
    },
  }
  const relays = createRelays(ground, () => network)
  const clients = createClients({
    ground,
    documents,
    network: () => network,
    entered: ({ process }) => {
      running.process = process
    },
  })

  for (const relay of relays.relays) relays.start(relay)
  const memoryReplicas = options.memoryReplicas ?? 0
  // What one relay had acknowledged and another has not heard of yet, such a replica does not carry there.
  if (memoryReplicas > 0 && options.relays > 1) explained.add('dependency')
  for (let i = 0; i < options.replicas; i++) clients.openTab(clients.add(i >= memoryReplicas))

  return {
    gated: options.bend?.authenticate !== undefined,
    mesh: options.mesh === true,
    clock,
    network,
    checkers,
    oracle,
    documents,
    replicas: clients.replicas,
    relays: relays.relays,
    explained,
    get failure() {
      return failure
    },
    framesDelivered: () => frames,
    hash: () => high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0'),
    note,
    fail,
    addReplica: clients.add,
    openTab: clients.openTab,
    addNewcomer: (relay) => void clients.openTab(clients.add(true), relays.relays.indexOf(relay)),
    closeTab: clients.closeTab,
    killTab: clients.killTab,
    openNote: clients.openNote,
    closeNote: clients.closeNote,
    startRelay: relays.start,
    stopRelay: relays.stop,
    killRelay: (relay) => relay.process?.kill(),
    askSaved: clients.askSaved,
    stealLead: ({ name }, lateMs) => locks.steal(leadOf(name), lateMs),
    close() {
      restoreChannels()
      locks.restore()
      for (const { tabs } of clients.replicas) for (const tab of tabs) tab.process.kill()
      for (const { process } of relays.relays) process?.kill()
    },
  }
}

/** The lock of the tab that leads, by the names that worlds give: of the workspace, and a replica's as its user's. */
const leadOf = (replica: string): string => `rejoin:${replica}:world`

/** All Y.Docs of a document that are open. */
export function docsOf(world: World, document: string): { name: string; doc: Y.Doc }[] {
  return world.replicas.flatMap(({ tabs }) =>
    tabs.flatMap(({ process, notes }) => {
      const note = notes.get(document)
      return note === undefined ? [] : [{ name: process.name, doc: note.handle.doc }]
    }),
  )
}

/** A frame with a content check, a token or the answer to one, and nothing else: those go on when all is quiet. */
const isCheck = (data: Uint8Array): boolean =>
  data.length < CHECK_BYTES_MAX && CHECK_NUMBERS.has(data[CHECKSUM_BYTES] ?? 0)
const CHECK_BYTES_MAX = 64
const CHECKSUM_BYTES = 4
const CHECK_NUMBERS: ReadonlySet<number> = new Set([19, 25, 26])
