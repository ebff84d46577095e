/**
 * The mesh that serves this page, as `npm run demo:mesh` runs it, for the lab: its relays, whoever is connected, and this device
 * among them. What relays and other devices hold is told by the mesh; what this one holds is here.
 */
import * as Y from 'yjs'
import type { DocumentHandle, Workspace } from '../../client/index.ts'
import { isAway } from '../notebook/whole.ts'
import { readMarks, writeMark } from './marks.ts'
import { countTabs } from './tabs.ts'
import type { Command, Passed as PassedBytes, ToldDevice, ToldRelay, ToldWorld } from './told.ts'
import type { Device, LabWorld, Passed, Relay } from './types.ts'

const WATCH = './lab/watch'
const DO = './lab/do'
const COUNTED_EVERY_MS = 2_000
/** The first word of a mesh comes at once; who hears none is served by something else. */
const FOUND_WITHIN_MS = 3_000

/** Resolves to `undefined` where no mesh tells of itself. */
export async function openMeshWorld(workspace: Workspace, passed: Passed): Promise<LabWorld | undefined> {
  const source = new EventSource(WATCH)
  const first = await firstWorld(source)
  if (first !== undefined) return watchMesh(workspace, source, first, passed)
  source.close()
  return undefined
}

function firstWorld(source: EventSource): Promise<ToldWorld | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), FOUND_WITHIN_MS)
    const settle = (world: ToldWorld | undefined): void => {
      clearTimeout(timer)
      resolve(world)
    }
    source.addEventListener('world', ({ data }) => settle(JSON.parse(data)), { once: true })
    source.addEventListener('error', () => settle(undefined), { once: true })
  })
}

function watchMesh(workspace: Workspace, source: EventSource, first: ToldWorld, passed: Passed): LabWorld {
  const held = new Map<string, Y.Doc>()
  const story = workspace.open(first.story)
  const own = createOwn(workspace, story)
  let world = first
  let devices: readonly Device[] = []
  let relays: readonly Relay[] = []

  const docOf = (name: string): Y.Doc => {
    const doc = held.get(name) ?? new Y.Doc()
    held.set(name, doc)
    return doc
  }
  const isCut = (a: string, b: string): boolean => world.cut.includes(`${a} ${b}`) || world.cut.includes(`${b} ${a}`)

  function tell(next: ToldWorld): void {
    world = next
    relays = world.relays.map((relay) => createRelay(relay, docOf(relay.name)))
    devices = world.devices.map((device) => {
      const off = relays.every(({ name }) => isCut(device.name, name))
      if (device.name === world.own) return own.device(device, off)
      return createOther(device, off, device.told ? docOf(device.name) : undefined, own.documents)
    })
  }

  tell(first)
  source.addEventListener('world', ({ data }) => {
    const next: ToldWorld = JSON.parse(data)
    // Another run of the mesh writes into another document.
    if (next.story === world.story) tell(next)
    else source.close()
  })
  source.addEventListener('held', ({ data }) => {
    const { node, update }: { node: string; update: string } = JSON.parse(data)
    Y.applyUpdate(
      docOf(node),
      Uint8Array.from(atob(update), (char) => char.charCodeAt(0)),
    )
  })
  source.addEventListener('passed', ({ data }) => {
    for (const { from, to, bytes } of JSON.parse(data) as PassedBytes[]) passed(from, to, bytes)
  })

  return {
    get devices() {
      return devices
    },
    get relays() {
      return relays
    },
    isThere: () => source.readyState === EventSource.OPEN,
    isCut,
    isSlow: (a, b) => world.slow.includes(`${a} ${b}`) || world.slow.includes(`${b} ${a}`),
    cut(a, b, on) {
      act({ do: 'cut', a, b, on }).then(() => {
        if (!on && a === world.own) workspace.connect()
      }, tellTrouble)
    },
    slow: (a, b, on) => void act({ do: 'slow', a, b, on }).catch(tellTrouble),
    close() {
      source.close()
      own.close()
      story.close()
      for (const doc of held.values()) doc.destroy()
    },
  }
}

/** This device; of its other documents it has copies, to reckon what stock Yjs would send for them. */
function createOwn(workspace: Workspace, story: DocumentHandle) {
  const documents: Y.Doc[] = [story.doc]
  let closed = false
  let tabs = 1

  async function copyAll(): Promise<void> {
    for (const id of workspace.documents.get()) {
      if (closed) return
      // To open one that left this device would bring it back.
      if (id === story.id || isAway(workspace, id)) continue
      const handle = workspace.open(id)
      await handle.whenLoaded
      const copy = new Y.Doc()
      Y.applyUpdate(copy, Y.encodeStateAsUpdate(handle.doc))
      handle.close()
      documents.push(copy)
    }
  }
  copyAll().catch(tellTrouble)
  const count = async (): Promise<void> => {
    tabs = await countTabs()
  }
  count().catch(tellTrouble)
  const timer = setInterval(() => void count().catch(tellTrouble), COUNTED_EVERY_MS)

  return {
    documents,
    device: ({ name, relay }: ToldDevice, off: boolean): Device => ({
      name,
      kind: 'device',
      told: true,
      isOwn: true,
      get tabs() {
        return tabs
      },
      documents,
      off,
      marks: () => readMarks(story.doc),
      waiting: () => workspace.status.get().unacknowledged,
      synced: () => workspace.status.get().connection === 'synced',
      relay: () => relay,
      write: () => writeMark(story.doc, name),
    }),
    close() {
      closed = true
      clearInterval(timer)
      for (const copy of documents.slice(1)) copy.destroy()
    },
  }
}

/** Those that run in the mesh keep the same notes as this one. */
function createOther(told: ToldDevice, off: boolean, doc: Y.Doc | undefined, documents: readonly Y.Doc[]): Device {
  const { name } = told
  return {
    name,
    kind: 'device',
    told: doc !== undefined,
    isOwn: false,
    tabs: 1,
    off,
    get documents() {
      return doc === undefined ? [] : [doc, ...documents.slice(1)]
    },
    marks: () => (doc === undefined ? [] : readMarks(doc)),
    waiting: () => told.waiting,
    synced: () => told.synced,
    relay: () => told.relay,
    write: () => void (doc !== undefined && act({ do: 'write', device: name }).catch(tellTrouble)),
  }
}

function createRelay({ name, off, digest, owed }: ToldRelay, held: Y.Doc): Relay {
  return {
    name,
    kind: 'relay',
    told: true,
    off,
    held,
    digest: () => digest,
    marks: () => readMarks(held),
    waiting: () => 0,
    owed: (to) => owed[to] ?? 0,
    toggle: () => void act({ do: off ? 'start' : 'stop', relay: name }).catch(tellTrouble),
  }
}

async function act(command: Command): Promise<void> {
  const answer = await fetch(DO, { method: 'POST', body: JSON.stringify(command) })
  if (!answer.ok) throw new Error(`the mesh answers with ${answer.status}`)
}

const tellTrouble = (error: unknown): void => console.warn('Fieldnotes lab:', error)
