/** Workspaces of some relays in virtual time, joined by links that can be cut, lose and damage what they carry. */
import * as Y from 'yjs'
import type { HintLimits } from '../../../server/mesh/bounds.ts'
import { createWorkspaceMesh, type WorkspaceMesh } from '../../../server/mesh/workspace-mesh.ts'
import { createBackground } from '../../../server/relay/background.ts'
import type { Refusal, Subscriber } from '../../../server/relay/commits.ts'
import { RELAY_LIMITS, type RelayLimits } from '../../../server/relay/limits.ts'
import { createRelayWorkspace, type RelayWorkspace } from '../../../server/relay/workspace.ts'
import { createMemoryStore } from '../../../server/storage/memory.ts'
import type { RelayStore } from '../../../server/storage/store.ts'
import { documentVersion } from '../../../shared/digest/version.ts'
import type { Environment } from '../../../shared/environment.ts'
import { RejoinError } from '../../../shared/errors.ts'
import { FIRST_EPOCH, randomId } from '../../../shared/ids.ts'
import { hashJoinedLog } from '../../../shared/update/joined-log.ts'
import { createChance } from '../../sim/time/chance.ts'
import { createClock } from '../../sim/time/clock.ts'

export interface MeshNode {
  readonly name: string
  workspace: RelayWorkspace
  mesh: WorkspaceMesh
  store: RelayStore
  /** Nothing reaches it. */
  down: boolean
  /** What its clock is ahead by. */
  skewMs: number
  readonly errors: unknown[]
  readonly refusals: Refusal[]
  /** Bytes and numbers of requests that it was sent. */
  requests: number
  bytes: number
  /** Starts it again over this store. */
  restart(store?: RelayStore): void
}

export interface Ring {
  readonly nodes: MeshNode[]
  /** The nth of them. */
  node(n: number): MeshNode
  readonly environment: Environment
  /** Share of requests, and of answers, that are lost. */
  loss: number
  /** Links that are cut, as 'from to'. */
  readonly cut: Set<string>
  /** Changes what travels. */
  bend: ((bytes: Uint8Array, from: string, to: string) => Uint8Array) | undefined
  run(ms: number): Promise<void>
  /** Runs until it is so; fails after some minutes of virtual time. */
  until(what: string, condition: () => boolean, withinMs?: number): Promise<void>
  write(node: MeshNode, document: string, text: string, doc?: Y.Doc): void
  close(): void
}

const REFERENCE_MS = 5

export function createRing(
  count: number,
  seed = 1,
  limits: Partial<RelayLimits> = {},
  hints: Partial<HintLimits> = {},
): Ring {
  const chance = createChance(seed)
  const clock = createClock(chance.fork('clock'))
  const link = chance.fork('link')
  const environmentOf = (name: string): Environment => {
    const own = chance.fork(name)
    return {
      now: () => 1_800_000_000_000 + clock.now(),
      randomBytes: (length) => own.bytes(length),
      setTimer: (callback, delayMs) => clock.after(delayMs, callback),
    }
  }
  const environment = environmentOf('world')
  const ring: Ring = {
    nodes: [],
    node(n) {
      const found = ring.nodes[n]
      if (found === undefined) throw new Error(`there is no relay ${n}`)
      return found
    },
    environment,
    loss: 0,
    cut: new Set(),
    bend: undefined,
    run: (ms) => clock.run(clock.now() + ms),
    async until(what, condition, withinMs = 300_000) {
      const end = clock.now() + withinMs
      while (!condition()) {
        if (clock.now() >= end) throw new Error(`seed ${seed}: it did not come to be that ${what}`)
        await clock.run(Math.min(end, clock.now() + 10), condition)
      }
    },
    write(node, document, text, doc = new Y.Doc()) {
      const before = Y.encodeStateVector(doc)
      doc.getText('text').insert(doc.getText('text').length, text)
      const bytes = Y.encodeStateAsUpdate(doc, before)
      const from: Subscriber = { committed() {}, refused: (refusal) => void node.refusals.push(refusal) }
      node.workspace.submit(from, { document, epoch: FIRST_EPOCH, gc: true }, { kind: 'yjs-v1', bytes }, 0)
    },
    close() {
      for (const { mesh, workspace } of ring.nodes) {
        mesh.close()
        workspace.close()
      }
    },
  }

  const lost = () => link.happens(ring.loss)
  const later = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve))

  async function exchange(from: MeshNode, to: MeshNode, request: Uint8Array): Promise<Uint8Array> {
    const isCut = (a: string, b: string) => ring.cut.has(`${a} ${b}`)
    await later(REFERENCE_MS)
    if (to.down || isCut(from.name, to.name) || lost()) {
      await later(1_000)
      throw new RejoinError('timeout', `${to.name} does not answer`)
    }
    to.requests++
    to.bytes += request.length
    const answer = to.mesh.answer(ring.bend?.(request, from.name, to.name) ?? request)
    await later(REFERENCE_MS)
    if (isCut(to.name, from.name) || lost()) {
      await later(1_000)
      throw new RejoinError('timeout', `the answer of ${to.name} is lost`)
    }
    return ring.bend?.(answer, to.name, from.name) ?? answer
  }

  function start(node: MeshNode, store: RelayStore): void {
    const right = environmentOf(`${node.name} ${clock.now()}`)
    const own: Environment = { ...right, now: () => right.now() + node.skewMs }
    const report = (error: unknown): void => void node.errors.push(error)
    node.store = store
    node.workspace = createRelayWorkspace({
      store,
      environment: own,
      limits: { ...RELAY_LIMITS, ...limits },
      soon: (commit) => void clock.after(0, commit),
      background: createBackground(own, report),
      report,
    })
    node.mesh = createWorkspaceMesh({
      workspace: node.workspace,
      relay: randomId(own),
      environment: own,
      hints,
      trouble: (_, error) => void node.errors.push(error),
      report,
    })
    for (const other of ring.nodes) if (other !== node) connect(node, other)
  }

  function connect(from: MeshNode, to: MeshNode): void {
    from.mesh.join({
      name: to.name,
      get reachable() {
        return !to.down && !ring.cut.has(`${from.name} ${to.name}`)
      },
      exchange: (request) => exchange(from, to, request),
    })
  }

  for (let i = 0; i < count; i++) {
    const name = `relay${i}`
    const node: MeshNode = {
      name,
      down: false,
      skewMs: 0,
      errors: [],
      refusals: [],
      requests: 0,
      bytes: 0,
      restart(store = node.store) {
        node.mesh.close()
        start(node, store)
      },
    } as Omit<MeshNode, 'workspace' | 'mesh' | 'store'> as MeshNode
    start(node, createMemoryStore(environmentOf(`store of ${name}`)))
    for (const other of ring.nodes) {
      connect(other, node)
      connect(node, other)
    }
    ring.nodes.push(node)
  }
  return ring
}

/** Lets every relay compare with every other. */
export async function compareAll(world: Ring): Promise<void> {
  const asked = world.nodes.flatMap(({ mesh }) => [...mesh.peers.keys()].map((name) => mesh.compare(name)))
  let done = false
  void Promise.all(asked).then(() => {
    done = true
  })
  await world.until('all is compared', () => done)
}

/** Whether all hold the same versions of the same documents. */
export function haveSameVersions(nodes: readonly MeshNode[]): boolean {
  const states = nodes.map(({ workspace }) => [...workspace.versions()].map(({ id, fingerprint }) => id + fingerprint))
  return states.every((state) => state.join() === states[0]?.join())
}

/** Whether all hold the same versions of the same documents, and the same content. */
export function areEqual(nodes: readonly MeshNode[]): boolean {
  const states = nodes.map(({ workspace }) =>
    [...workspace.documents()].map((stored) => {
      const version = documentVersion(stored.epoch, stored.vector)
      return `${stored.document} ${version} ${hashJoinedLog([...workspace.content(stored)])}`
    }),
  )
  return states.every((state) => state.join() === states[0]?.join())
}

export function textAt(node: MeshNode, document: string): string {
  const doc = new Y.Doc()
  const stored = node.workspace.document(document)
  if (stored !== undefined) for (const update of node.workspace.content(stored)) Y.applyUpdate(doc, update)
  return doc.getText('text').toString()
}
