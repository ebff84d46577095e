/**
 * A world of replicas and relays: the real client and relay code over simulated storage, network and time. Replicas have tabs,
 * relays have disks; everything can be started, stopped and killed at any moment. Relays do not talk to one another:
 * clients move among them and carry what they hold from one to the next.
 */
import type * as Y from 'yjs'
import type { Dial } from '../../client/connection/socket.ts'
import { type DocumentHandle, STORED } from '../../client/document.ts'
import type { ReplicaStore } from '../../client/replica/store.ts'
import { openWorkspace, type Workspace } from '../../client/workspace.ts'
import { RELAY_LIMITS, TICK_EVERY_MS } from '../../server/relay/limits.ts'
import { createRelayCore, type RelayCore } from '../../server/relay/relay.ts'
import type { RelayStore } from '../../server/storage/store.ts'
import { type ErrorCode, RejoinError } from '../../shared/errors.ts'
import { inspectUpdate } from '../../shared/update/inspect.ts'
import { decodeFrame } from '../../shared/wire/codec.ts'
import type { Message } from '../../shared/wire/messages.ts'
import { type Chance, createChance, hashText } from './chance.ts'
import { installChannels } from './channel.ts'
import { type Checkers, createCheckers, type WrittenEdit } from './checkers.ts'
import { type ClientDisk, createClientDisk } from './client-storage.ts'
import { type Clock, createClock } from './clock.ts'
import { type ContentOracle, createContentOracle } from './content-oracle.ts'
import { createEditor, type Editor } from './edits.ts'
import { createNetwork, type Network } from './network.ts'
import { createProcess, type Process, type Running } from './process.ts'
import { createRelayDisk, type RelayDisk } from './relay-storage.ts'

export interface WorldOptions {
  seed: number
  replicas: number
  relays: number
  documents: number
  /** Replicas among them that keep nothing on their device. */
  memoryReplicas?: number
  /** Bends the ports of the real code, to plant a bug. */
  bend?: Bend
  /** Is told everything that happens, a line each. */
  trace?(line: string): void
}

/** Wrappers around the ports of the real code. */
export interface Bend {
  relayStore?(store: RelayStore, clock: Clock): RelayStore
  replicaStore?(store: ReplicaStore): ReplicaStore
  dial?(dial: Dial, chance: Chance): Dial
  clientId?(chance: Chance): number
}

export interface SimNote {
  readonly handle: DocumentHandle
  readonly editor: Editor
  readonly edits: WrittenEdit[]
}

export interface SimTab {
  readonly process: Process
  workspace: Workspace | undefined
  readonly notes: Map<string, SimNote>
}

export interface SimReplica {
  readonly name: string
  readonly disk: ClientDisk
  readonly tabs: SimTab[]
}

export interface SimRelay {
  readonly name: string
  readonly disk: RelayDisk
  process: Process | undefined
  core: RelayCore | undefined
}

export interface World {
  readonly clock: Clock
  readonly network: Network
  readonly checkers: Checkers
  readonly oracle: ContentOracle
  readonly documents: readonly string[]
  readonly replicas: SimReplica[]
  readonly relays: readonly SimRelay[]
  /** The first breach; nothing runs after it. */
  readonly failure: string | undefined
  /** 64 bits over everything that happened. */
  hash(): string
  note(what: string): void
  fail(what: string): void
  /** Frames that reached an end, so far; signs of life are none. */
  framesDelivered(): number
  /** Codes of errors that faults explain; any other is a breach. */
  readonly explained: Set<ErrorCode>
  addReplica(durable: boolean): SimReplica
  openTab(replica: SimReplica): SimTab
  openNote(tab: SimTab, document: string): SimNote | undefined
  /** Lets it store what is typed and go. */
  closeTab(replica: SimReplica, tab: SimTab): void
  killTab(replica: SimReplica, tab: SimTab): void
  startRelay(relay: SimRelay): void
  stopRelay(relay: SimRelay): void
  killRelay(relay: SimRelay): void
  /** Asks to be told when what was written in this note is safe. */
  askSaved(tab: SimTab, note: SimNote, level: 'device' | 'relay'): void
  close(): void
}

export function createWorld(options: WorldOptions): World {
  const { seed, bend = {} } = options
  const chance = createChance(seed)
  const clock = createClock(chance.fork('clock'))
  const running: Running = { process: undefined }
  const restoreChannels = installChannels(clock, chance.fork('channels'), running)
  const oracle = createContentOracle()
  const explained = new Set<ErrorCode>()
  const documents = Array.from({ length: options.documents }, (_, i) => `note ${i}`)
  const replicas: SimReplica[] = []
  let failure: string | undefined
  let high = 0
  let low = 0
  let starts = 0
  let frames = 0

  function note(what: string): void {
    options.trace?.(`${clock.now().toFixed(1)} ${what}`)
    high = hashText(high, what)
    low = hashText(low ^ 0x5bd1e995 ^ high, `${clock.now()}`)
  }

  function fail(what: string): void {
    failure ??= `${what} (at ${Math.round(clock.now())} ms)`
  }

  const checkers = createCheckers((id) => relays.find(({ disk }) => disk.replica === id)?.name, fail)

  const network = createNetwork({
    clock,
    chance: chance.fork('network'),
    delivered(from, to, data) {
      if (typeof data !== 'string') frames++
      if (options.trace && typeof data !== 'string') options.trace(`  ${describeFrame(data)}`)
      if (typeof data === 'string') note(`${from}>${to} ${data}`)
      else note(`${from}>${to} ${data.length} ${data[0]} ${data[1]} ${data[2]} ${data[3]}`)
    },
  })

  const relays: SimRelay[] = Array.from({ length: options.relays }, (_, i) => {
    const name = `relay${i}`
    const { environment } = createProcess(`disk of ${name}`, clock, chance.fork(`disk of ${name}`), running)
    const disk = createRelayDisk({
      environment,
      committed: (batch) => {
        note(`${name} commits ${batch.entries.length} at ${batch.entries[0]?.offset}`)
        checkers.relayCommitted(name, batch)
      },
    })
    return { name, disk, process: undefined, core: undefined }
  })

  function blame(who: string, error: unknown): void {
    note(`${who} reports ${String(error)}`)
    if (error instanceof RejoinError && explained.has(error.code)) return
    fail(`[P5] ${who} reports: ${describeError(error)}`)
  }

  function startRelay(relay: SimRelay): void {
    if (relay.process?.alive) return
    const process = createProcess(relay.name, clock, chance.fork(`${relay.name} ${starts++}`), running)
    const store = relay.disk.open(() => process.kill())
    relay.process = process
    const core = createRelayCore({
      openStore: () => (bend.relayStore ? bend.relayStore(store, clock) : store),
      environment: process.environment,
      limits: RELAY_LIMITS,
      soon: (commit) => void process.environment.setTimer(commit, 0),
      report: (error) => {
        if (process.alive) blame(relay.name, error)
      },
      noted: () => {},
    })
    relay.core = core
    network.listen(relay.name, { process, accept: (workspace, connection) => core.sync(workspace, connection) })
    const tick = (): void => {
      core.tick()
      process.environment.setTimer(tick, TICK_EVERY_MS)
    }
    process.environment.setTimer(tick, TICK_EVERY_MS)
  }

  function addReplica(durable: boolean): SimReplica {
    const name = `replica${replicas.length}`
    const disk = createClientDisk({
      clock,
      chance: chance.fork(`disk of ${name}`),
      durable,
      committed(writes) {
        note(`${name} commits ${writes.length} ${writes[0]?.table}`)
        if (durable) checkers.clientCommitted(name, writes)
      },
    })
    const replica: SimReplica = { name, disk, tabs: [] }
    replicas.push(replica)
    return replica
  }

  function openTab(replica: SimReplica): SimTab {
    const name = `${replica.name}.${starts++}`
    const process = createProcess(name, clock, chance.fork(name), running)
    const tab: SimTab = { process, workspace: undefined, notes: new Map() }
    replica.tabs.push(tab)
    const order = relays.map((_, i) => `ws://${(relays[(i + starts) % relays.length] as SimRelay).name}`)
    // What a replica without durable storage holds goes with its tab.
    if (!replica.disk.durable) replica.disk.evict()
    const plainDial = network.dialOf(replica.name, process)
    const start = (): void => {
      running.process = process
      const store = replica.disk.open(process)
      openWorkspace({
        id: 'world',
        user: replica.name,
        relays: order,
        storage: bend.replicaStore ? bend.replicaStore(store) : store,
        environment: process.environment,
        dial: bend.dial ? bend.dial(plainDial, chance.fork(`bend ${name}`)) : plainDial,
      }).then(
        (workspace) => opened(replica, tab, workspace),
        (error: unknown) => {
          blame(name, error)
          process.environment.setTimer(start, 1000)
        },
      )
    }
    start()
    return tab
  }

  function opened(replica: SimReplica, tab: SimTab, workspace: Workspace): void {
    tab.workspace = workspace
    workspace.on('error', (error) => blame(tab.process.name, error))
    workspace.on('refused', ({ document, code, detail }) => {
      // What became a branch is the app's to export; no log has it.
      for (const { edits } of tab.notes.values()) {
        for (const edit of edits) if (edit.document === document && edit.safety !== 'relay') edit.excused = true
      }
      if (!explained.has(code)) fail(`[P5] edits of ${document} by ${replica.name} were refused: ${code} ${detail}`)
    })
    workspace.on('forked', ({ document, origin }) => {
      note(`fork of ${document}/${origin} at ${replica.name}`)
      if (!checkers.allowed.forks) fail(`[P8] ${replica.name} found ${document}/${origin} forked`)
    })
    for (const document of documents) openNote(tab, document)
  }

  function openNote(tab: SimTab, document: string): SimNote | undefined {
    const { workspace, process } = tab
    if (workspace === undefined || !process.alive) return undefined
    const known = tab.notes.get(document)
    if (known !== undefined) return known
    const handle = workspace.open(document)
    handle.doc.clientID = bend.clientId?.(chance) ?? 1 + chance.below(2 ** 31)
    const edits: WrittenEdit[] = []
    const replica = replicas.find(({ tabs }) => tabs.includes(tab))?.name ?? ''
    handle.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== STORED) wrote(replica, document, update, edits)
    })
    const made: SimNote = { handle, editor: createEditor(handle.doc), edits }
    handle.whenLoaded.catch((error: unknown) => blame(`${process.name} ${document}`, error))
    tab.notes.set(document, made)
    return made
  }

  function wrote(replica: string, document: string, update: Uint8Array, edits: WrittenEdit[]): void {
    try {
      oracle.wrote(document, update)
    } catch (error) {
      fail(`[P8] ${String(error)}`)
    }
    const edit: WrittenEdit = {
      replica,
      document,
      summary: inspectUpdate(update),
      safety: 'nowhere',
      excused: false,
    }
    edits.push(edit)
    checkers.wrote(edit)
  }

  function askSaved(tab: SimTab, { handle, edits }: SimNote, level: 'device' | 'relay'): void {
    const those = edits.filter((edit) => edit.safety !== level && edit.safety !== 'relay')
    handle.saved(level).then(
      () => {
        note(`${tab.process.name} saved ${those.length} of ${handle.id} at ${level}`)
        checkers.told(those, level)
      },
      (error: unknown) => {
        if (error instanceof RejoinError && error.code === 'closed') return
        if (error instanceof RejoinError && error.code === 'storage-unavailable' && level === 'device') return
        blame(`${tab.process.name} waiting for ${level}`, error)
      },
    )
  }

  function leave(replica: SimReplica, tab: SimTab): void {
    const at = replica.tabs.indexOf(tab)
    if (at >= 0) replica.tabs.splice(at, 1)
  }

  for (const relay of relays) startRelay(relay)
  const memoryReplicas = options.memoryReplicas ?? 0
  // What one relay had acknowledged and another has not heard of yet, such a replica does not carry there.
  if (memoryReplicas > 0 && options.relays > 1) explained.add('dependency')
  for (let i = 0; i < options.replicas; i++) openTab(addReplica(i >= memoryReplicas))

  return {
    clock,
    network,
    checkers,
    oracle,
    documents,
    replicas,
    relays,
    explained,
    get failure() {
      return failure
    },
    framesDelivered: () => frames,
    hash: () => high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0'),
    note,
    fail,
    addReplica,
    openTab,
    openNote,
    closeTab(replica, tab) {
      leave(replica, tab)
      const { workspace, process } = tab
      if (workspace === undefined) return process.kill()
      process.run(() => {
        workspace.close().then(
          () => process.kill(),
          (error: unknown) => blame(process.name, error),
        )
      })
    },
    killTab(replica, tab) {
      leave(replica, tab)
      tab.process.kill()
    },
    startRelay,
    stopRelay(relay) {
      const { process, core } = relay
      process?.run(() => core?.close())
      clock.after(100, () => process?.kill())
    },
    killRelay: (relay) => relay.process?.kill(),
    askSaved,
    close() {
      restoreChannels()
      for (const { tabs } of replicas) for (const tab of tabs) tab.process.kill()
      for (const { process } of relays) process?.kill()
    },
  }
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? (error.stack ?? error.message) : `${error.stack}\nas ${describeError(error.cause)}`
}

function describeFrame(data: Uint8Array): string {
  try {
    return decodeFrame(data).map(describeMessage).join(', ')
  } catch (error) {
    return String(error)
  }
}

function describeMessage(message: Message): string {
  const fields = Object.entries(message).filter(([name]) => !['type', 'epoch', 'gc', 'runs', 'token'].includes(name))
  const runs =
    message.type === 'entries' ? message.runs.map((run) => `${run.origin}/${run.first}+${run.updates.length}`) : []
  const texts = fields.map(
    ([name, value]) =>
      `${name}=${value instanceof Map ? [...value.keys()].map((key) => `${key}/${value.get(key).seq}`) : typeof value === 'object' ? JSON.stringify(value) : value}`,
  )
  return `${message.type} ${texts.join(' ')} ${runs.join(' ')}`
}

/** All Y.Docs of a document that are open. */
export function docsOf(world: World, document: string): { name: string; doc: Y.Doc }[] {
  return world.replicas.flatMap(({ tabs }) =>
    tabs.flatMap(({ process, notes }) => {
      const note = notes.get(document)
      return note === undefined ? [] : [{ name: process.name, doc: note.handle.doc }]
    }),
  )
}
