/**
 * One workspace among equal relays: what is accepted here goes to every peer, what a peer lacks or has is found by comparing, and
 * who asks is told how many relays hold something. It is a state machine under the environment's clock and chance: peers are
 * functions from bytes to bytes (`port`), so it runs the same over HTTP, between Durable Objects and in the simulator. Workspaces
 * do not wait for one another (P9).
 */
import { type Environment, randomFraction } from '../../shared/environment.ts'
import type { RejoinError } from '../../shared/errors.ts'
import type { DocumentId, RelayId } from '../../shared/ids.ts'
import { addToSet, type RangeSet, setHas } from '../../shared/update/range-set.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { CommitGroup } from '../relay/commits.ts'
import type { Heads, Replicas } from '../relay/replicas.ts'
import type { RelayWorkspace } from '../relay/workspace.ts'
import { createAnswering } from './answering.ts'
import { HINT_LIMITS, type HintLimits } from './bounds.ts'
import { createConfirming } from './confirming.ts'
import { createCounters, type MeshCounters } from './counters.ts'
import { createForks } from './forks.ts'
import { createInbox } from './incoming.ts'
import { createKnown } from './known.ts'
import { createLink, type Link, type LinkState } from './link.ts'
import type { Peer, PeerTrouble } from './port.ts'
import { createReadRepair, type Harvest } from './read-repair.ts'

export interface WorkspaceMeshOptions {
  workspace: RelayWorkspace
  /** Who this relay is; another id with every start. */
  relay: RelayId
  environment: Environment
  /** Where it is counted what happens; its own by default. */
  counters?: MeshCounters
  /** How much of what an absent peer is owed is remembered; see `HINT_LIMITS`. */
  hints?: Partial<HintLimits>
  /** What goes wrong with a peer. */
  trouble: PeerTrouble
  /** What goes wrong here. */
  report: (error: unknown) => void
}

export interface WorkspaceMesh extends Replicas {
  readonly counters: MeshCounters
  /** The answer to another relay's request. Never throws. */
  answer(request: Uint8Array): Uint8Array
  /** A peer joins. What it has is compared when `compare` says so; what is accepted from here on goes to it. */
  join(peer: Peer): void
  /** It is a peer no more. */
  leave(name: string): void
  /** The peer is reachable again: what it is owed is sent. */
  resume(name: string): void
  /** Compares everything with this peer, or with one by chance, and mends both; resolves to whether that was done. */
  compare(name?: string): Promise<boolean>
  /** Holds a document against all peers within a deadline: what this relay lacks comes, what they lack goes. */
  readRepair(document: DocumentId): Promise<Harvest>
  /** Whether something is on its way to this peer, or owed to it. */
  isSending(name: string): boolean
  /** How far each peer is. */
  readonly peers: ReadonlyMap<string, LinkState>
  /** What peers are owed, those that are owed something. */
  owed(): { peer: string; entries: number; bytes: number; sinceMs: number; mending: number }[]
  close(): void
}

export function createWorkspaceMesh(options: WorkspaceMeshOptions): WorkspaceMesh {
  const { workspace, relay, environment, trouble, report, counters = createCounters() } = options
  const links = new Map<string, Link>()
  const hints = { ...HINT_LIMITS, ...options.hints }
  const known = createKnown()
  const inbox = createInbox(workspace, known)
  const forks = createForks({ workspace, counters, environment, report, ask: (document) => void reading.ask(document) })
  /** Offsets of this log that relays brought, since this was opened: what came before is compared, not sent. */
  const foreign: RangeSet = []
  const answering = createAnswering({
    workspace,
    relay,
    inbox,
    environment,
    report,
    forks,
    refused(error: RejoinError) {
      counters.refused++
      trouble('a peer', error)
    },
  })
  const reading = createReadRepair({ links, counters, environment })
  const confirming = createConfirming({ workspace, known, environment, ask: (document) => void reading.ask(document) })
  const unsubscribe = workspace.subscribe({ committed, refused() {} })
  let closed = false

  function committed({ accepted }: CommitGroup): void {
    let bytes = 0
    for (const { from, entries } of accepted) {
      const isForeign = inbox.isOwn(from)
      for (const entry of entries) {
        if (isForeign) addToSet(foreign, entry.offset, entry.offset + 1)
        else if ('record' in entry) bytes += entry.record.bytes.length
      }
    }
    for (const link of links.values()) link.committed(bytes)
    confirming.committed(accepted)
  }

  return {
    counters,
    answer(request) {
      counters.requests++
      return answering.answer(request)
    },
    join(peer) {
      if (closed || links.has(peer.name)) return
      const isForeign = (offset: number) => setHas(foreign, offset, offset + 1)
      const shared = { workspace, relay, peer, inbox, known, counters, environment, hints, trouble, report }
      links.set(peer.name, createLink({ ...shared, isForeign, forks }))
    },
    leave(name) {
      links.get(name)?.close()
      links.delete(name)
    },
    resume: (name) => links.get(name)?.resume(),
    async compare(name) {
      const link = name === undefined ? anyOf([...links.values()], environment) : links.get(name)
      return link === undefined ? false : link.compare()
    },
    readRepair: (document) => reading.read(document),
    opened: (where: DocumentRef, told) => reading.opened(where.document, told),
    read: ({ document }) => reading.read(document),
    wanted: (where: DocumentRef) => void reading.ask(where.document),
    confirm: (where: DocumentRef, heads: Heads, relays: number, answer: () => void) =>
      confirming.confirm(where, heads, relays, answer),
    get busy() {
      return [...links.values()].some(({ peer, state }) => peer.reachable && isOwing(state, workspace.head()))
    },
    isSending(name) {
      const link = links.get(name)
      return link !== undefined && isOwing(link.state, workspace.head())
    },
    owed: () =>
      [...links]
        .filter(([, { state }]) => isOwing(state, workspace.head()))
        .map(([peer, { state }]) => ({
          peer,
          entries: Math.max(0, workspace.head() - state.watermark),
          bytes: state.owedBytes,
          sinceMs: state.owedSince === undefined ? 0 : Math.max(0, environment.now() - state.owedSince),
          mending: state.mending,
        })),
    get peers() {
      return new Map([...links].map(([name, { state }]) => [name, { ...state }]))
    },
    close() {
      if (closed) return
      closed = true
      unsubscribe()
      confirming.close()
      answering.close()
      for (const link of links.values()) link.close()
      links.clear()
    },
  }
}

const isOwing = ({ watermark, mending, comparing }: LinkState, head: number): boolean =>
  watermark < head || mending > 0 || comparing

function anyOf(links: readonly Link[], environment: Environment): Link | undefined {
  const reachable = links.filter(({ peer }) => peer.reachable)
  return reachable[Math.floor(randomFraction(environment) * reachable.length)]
}
