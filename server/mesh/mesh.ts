/**
 * A relay among its peers, across workspaces: who they are, which of them are there, and whether they hold the same. Every few
 * seconds, jittered, each pair exchanges a heartbeat of some sixty bytes with a root over everything; where the roots differ the
 * workspaces are compared by digest, and those that differ document by document. It knows peers by their addresses, and reaches
 * them through a transport that it is given.
 */
import { type Environment, randomFraction } from '../../shared/environment.ts'
import { RejoinError, toRejoinError } from '../../shared/errors.ts'
import { type HashKey, hash64 } from '../../shared/hash.ts'
import type { RelayId } from '../../shared/ids.ts'
import type { DigestPart, Heartbeat, Message } from '../../shared/wire/messages.ts'
import type { RelayWorkspace } from '../relay/workspace.ts'
import { type Body, createBody, decodeBody, encodeFailure } from './body.ts'
import * as bounds from './bounds.ts'
import { compare } from './comparing.ts'
import { createCounters, type MeshCounters } from './counters.ts'
import { createDigestSessions } from './digest-sessions.ts'
import { createMembers, type Member, type MemberView } from './members.ts'
import type { Peer } from './port.ts'
import { createRevoking, type RevocationStore } from './revoking.ts'
import { createRoots, type RootStore } from './roots.ts'
import { createThrottle } from './throttle.ts'
import { createWorkspaceMesh, type WorkspaceMesh } from './workspace-mesh.ts'

/**
 * Hands a request to the relay at an address, about one workspace or across them, and resolves to the answer within
 * `EXCHANGE_MS_MAX`. Rejects with a `RejoinError`.
 */
export type MeshTransport = (address: string, workspace: string | undefined, request: Uint8Array) => Promise<Uint8Array>

/** What an operator may like to know. */
export type MeshEvent = 'peer joined' | 'peer up' | 'peer down' | 'peer left' | 'peer trouble' | 'workspaces differ'

export interface MeshOptions {
  /** Addresses of relays to begin with; any member introduces the rest. */
  peers: readonly string[]
  /** Where this relay takes exchanges, once that is known; empty where nobody can reach it. */
  address: () => string
  transport: MeshTransport
  /** Under which versions of workspaces are compared: the same at all relays, and best known to nobody else. */
  key: HashKey
  roots: RootStore
  environment: Environment
  hints?: Partial<bounds.HintLimits>
  /** Whose tokens count no more, where tokens are asked for. */
  revocations?: RevocationStore
  /**
   * Opens a workspace, which is attached then, and keeps it open until the returned function is called. Raises `overloaded`,
   * `stopping`, `storage-failed`, `invalid-id`.
   */
  enter(workspace: string): () => void
  /** Workspaces that are stored. */
  stored(): Iterable<string>
  report: (error: unknown) => void
  noted: (event: MeshEvent, fields: Readonly<Record<string, unknown>>) => void
}

/** How a mesh looks from one relay. */
export interface MeshView {
  relay: RelayId
  address: string
  root: string
  workspaces: number
  members: MemberView[]
  counters: MeshCounters
  /** What peers are owed, of workspaces in use. */
  hints: { workspace: string; peer: string; entries: number; bytes: number; sinceMs: number; mending: number }[]
}

export interface Mesh {
  readonly relay: RelayId
  readonly counters: MeshCounters
  /** A workspace was opened: it takes part until its mesh is closed. */
  attach(id: string, workspace: RelayWorkspace): WorkspaceMesh
  /**
   * The answer to another relay's request, across workspaces or about one. Never throws. `from`: the only address that may speak
   * so, where that is known.
   */
  answer(workspace: string | undefined, request: Uint8Array, from?: string): Uint8Array
  /** Begins to talk to its peers. */
  start(): void
  /** Peers are to hear of something now, and not with the next heartbeat. */
  hurry(): void
  view(): MeshView
  /** Idempotent. */
  close(): void
}

/** Heartbeats in a row that show a difference before it is looked for. */
const MISSES_BEFORE = 2
/** Within this time a relay tells the others of one that joins. */
const TOLD_WITHIN_MS = 500

export function createMesh(options: MeshOptions): Mesh {
  const { environment, transport, report, noted } = options
  const relay = hash64(environment.randomBytes(16))
  const counters = createCounters()
  const attached = new Map<string, WorkspaceMesh>()
  const roots = createRoots({ key: options.key, store: options.roots, environment })
  const sessions = createDigestSessions(environment, () => roots.respond())
  const throttle = createThrottle(environment)
  const revoking = createRevoking(options.revocations)
  const members = createMembers({
    environment,
    own: options.address,
    relay,
    joined(member) {
      noted('peer joined', { peer: member.address })
      for (const [id, mesh] of attached) mesh.join(peerOf(member, id))
      beatSoon(member, 0)
      // The others hear of it soon.
      for (const other of members.all())
        if (other !== member) beatSoon(other, randomFraction(environment) * TOLD_WITHIN_MS)
    },
    left({ address }) {
      noted('peer left', { peer: address })
      for (const mesh of attached.values()) mesh.leave(address)
    },
  })
  let closed = false
  let started = false
  let cancelCount: (() => void) | undefined

  function peerOf(member: Member, workspace: string): Peer {
    return {
      name: member.address,
      get reachable() {
        return member.breaker.state === 'closed'
      },
      mayRetry: () => member.breaker.mayRetry(),
      exchange: (request) => exchange(member, workspace, request),
    }
  }

  async function exchange(member: Member, workspace: string | undefined, request: Uint8Array): Promise<Uint8Array> {
    counters.bytesOut += request.length
    const wasUp = member.breaker.state === 'closed'
    try {
      const answer = await transport(member.address, workspace, request)
      if (closed) throw new RejoinError('closed', 'the relay is closed')
      counters.exchanges++
      counters.bytesIn += answer.length
      member.breaker.succeeded()
      member.heardAt = environment.now()
      if (!member.up || !wasUp) isUp(member)
      return answer
    } catch (error) {
      if (closed) throw error
      counters.failures++
      member.breaker.failed()
      if (member.up && member.breaker.state !== 'closed') isDown(member, error)
      throw error
    }
  }

  function isUp(member: Member): void {
    member.up = true
    member.isBack = true
    noted('peer up', { peer: member.address })
    for (const mesh of attached.values()) mesh.resume(member.address)
  }

  function isDown(member: Member, error: unknown): void {
    member.up = false
    const { code, detail } = toRejoinError(error, 'timeout', 'the peer does not answer')
    noted('peer down', { peer: member.address, code, message: detail })
  }

  function beatSoon(member: Member, delayMs = bounds.HEARTBEAT_MS * (0.5 + randomFraction(environment))): void {
    if (!started || closed) return
    member.cancelBeat?.()
    member.cancelBeat = environment.setTimer(() => {
      member.cancelBeat = undefined
      void beat(member).catch((error) => told(member, error))
    }, delayMs)
  }

  async function beat(member: Member): Promise<void> {
    try {
      if (members.isGone(member) || !member.breaker.mayProbe()) return
      const body = createBody()
      body.put(heartbeat(member.known === members.known ? [] : members.addresses()))
      for (const message of revoking.tell(member.revoked)) body.put(message)
      const { head, messages } = decodeBody(await exchange(member, undefined, body.encode({ relay, more: false })))
      if (!members.met(member, head.relay)) return
      const theirs = messages.find((message): message is Heartbeat => message.type === 'heartbeat')
      if (theirs === undefined) throw new RejoinError('protocol', 'a heartbeat was not answered with one')
      member.known = theirs.known
      members.learn(theirs.members)
      member.revoked = revoking.take(messages)
      for (const mesh of attached.values()) mesh.resume(member.address)
      member.differs = theirs.root !== roots.root()
      member.misses = member.differs ? member.misses + 1 : 0
      if (!member.differs) {
        member.compares = 0
        member.isBack = false
      } else if (isComparisonDue(member)) await compareWith(member)
    } finally {
      // Somebody may have asked for another one meanwhile.
      if (member.cancelBeat === undefined) beatSoon(member)
    }
  }

  /** What is on its way makes roots differ, and ends that by itself; where comparing does not help it grows rarer. */
  function isComparisonDue(member: Member): boolean {
    if (member.comparing || Math.abs(environment.now() - member.comparedAt) < member.compareWaitMs) return false
    // What is tried again may yet arrive. Then one of the two compares, which mends both; where it does not the other does.
    const isFirst = member.relay === undefined || relay < member.relay
    if (!member.isBack && member.misses < (isFirst ? MISSES_BEFORE : MISSES_BEFORE + 1)) return false
    return ![...attached.values()].some((mesh) => mesh.isSending(member.address))
  }

  function heartbeat(addresses: readonly string[]): Heartbeat {
    const { known } = members
    return { type: 'heartbeat', address: options.address(), root: roots.root(), known, members: addresses }
  }

  async function compareWith(member: Member): Promise<void> {
    member.comparing = true
    member.isBack = false
    counters.rounds++
    member.comparedAt = environment.now()
    member.compareWaitMs = Math.min(bounds.COMPARE_AGAIN_MS_MAX, bounds.HEARTBEAT_MS * 2 ** member.compares++)
    try {
      const elements = roots.elements()
      const mine = { elements: () => elements, summaryFor: roots.summaryFor }
      const differing = await compare(mine, environment, async (parts, session) => {
        const body = createBody()
        for (const part of parts) body.put(part)
        return digestsOf(await exchange(member, undefined, body.encode({ relay, session, more: false })))
      })
      noted('workspaces differ', { peer: member.address, workspaces: differing.size })
      const queue = [...differing]
      const lane = async (): Promise<void> => {
        for (let id = queue.shift(); id !== undefined && !closed; id = queue.shift()) await compareWorkspace(id, member)
      }
      await Promise.all(Array.from({ length: bounds.COMPARED_AT_ONCE_MAX }, lane))
    } finally {
      member.comparing = false
    }
  }

  async function compareWorkspace(id: string, member: Member): Promise<void> {
    try {
      const leave = options.enter(id)
      try {
        await attached.get(id)?.compare(member.address)
      } finally {
        leave()
      }
    } catch (error) {
      report(error)
    }
  }

  function told(member: Member, thrown: unknown): void {
    if (closed) return
    trouble(member.address, toRejoinError(thrown, 'timeout', 'the peer does not answer'))
  }

  function trouble(peer: string, { code, detail }: RejoinError): void {
    if (!closed && code !== 'closed') noted('peer trouble', { peer, code, message: detail })
  }

  function respond(workspace: string | undefined, request: Uint8Array, from: string | undefined): Uint8Array {
    if (closed) throw new RejoinError('stopping', 'the relay stops')
    if (workspace !== undefined) {
      const leave = options.enter(workspace)
      try {
        const mesh = attached.get(workspace)
        if (mesh === undefined) throw new RejoinError('stopping', 'the relay stops')
        return mesh.answer(request)
      } finally {
        leave()
      }
    }
    counters.requests++
    const { head, messages } = decodeBody(request)
    if (head.relay === relay) throw new RejoinError('forbidden', 'somebody claims to be this relay')
    const body = createBody()
    const revoked = revoking.take(messages)
    for (const message of messages) hear(message, body, from)
    if (revoked !== undefined) for (const message of revoking.tell(revoked)) body.put(message)
    const digests = messages.filter((message): message is DigestPart => message.type === 'digest')
    if (head.session !== undefined) sessions.answer(head.session, digests, body.put)
    return body.encode({ relay, session: head.session, more: false })
  }

  function hear(message: Message, body: Body, from: string | undefined): void {
    if (message.type === 'digest' || message.type === 'revoked') return
    if (message.type !== 'heartbeat') throw new RejoinError('protocol', `${message.type} has no place here`)
    if (from !== undefined && message.address !== from) {
      throw new RejoinError('forbidden', `the relay ${from} claims to be ${message.address}`)
    }
    members.learn([message.address, ...message.members])
    const member = members.of(message.address)
    if (member !== undefined) {
      member.heardAt = environment.now()
      member.known = message.known
      if (!member.up) {
        member.breaker.hurry()
        beatSoon(member, 0)
      }
    }
    body.put(heartbeat(message.known === members.known ? [] : members.addresses()))
  }

  /** Versions that are not known are counted in the background, a workspace at a time. */
  function countNext(ids: Iterator<string>): void {
    for (let next = ids.next(); next.done !== true; next = ids.next()) {
      if (roots.knows(next.value) || attached.has(next.value)) continue
      try {
        options.enter(next.value)()
      } catch (error) {
        report(error)
      }
      cancelCount = environment.setTimer(() => countNext(ids), 0)
      return
    }
  }

  return {
    relay,
    counters,
    attach(id, workspace) {
      const unfollow = roots.follow(id, workspace)
      const { hints } = options
      const mesh = createWorkspaceMesh({ workspace, relay, environment, counters, hints, trouble, report })
      for (const member of members.all()) mesh.join(peerOf(member, id))
      attached.set(id, mesh)
      return {
        ...mesh,
        get busy() {
          return mesh.busy
        },
        get peers() {
          return mesh.peers
        },
        close() {
          if (attached.get(id) === mesh) attached.delete(id)
          unfollow()
          mesh.close()
        },
      }
    },
    answer(workspace, request, from) {
      try {
        throttle.take(request.length)
        return respond(workspace, request, from)
      } catch (thrown) {
        if (!(thrown instanceof RejoinError)) report(thrown)
        const error = toRejoinError(thrown, 'storage-failed', 'the relay failed')
        counters.refused++
        return encodeFailure(error)
      }
    },
    start() {
      if (started || closed) return
      started = true
      members.begin(options.peers)
      countNext(options.stored()[Symbol.iterator]())
    },
    hurry() {
      for (const member of members.all()) if (member.up) beatSoon(member, 0)
    },
    view() {
      const hints = [...attached].flatMap(([workspace, mesh]) =>
        [...mesh.owed()].map((owed) => ({ workspace, ...owed })),
      )
      const workspaces = roots.count
      const view = {
        relay,
        address: options.address(),
        root: roots.root(),
        workspaces,
        counters: { ...counters },
        hints,
      }
      return { ...view, members: members.view() }
    },
    close() {
      if (closed) return
      closed = true
      cancelCount?.()
      members.close()
      sessions.close()
      for (const mesh of attached.values()) mesh.close()
    },
  }
}

function digestsOf(answer: Uint8Array): DigestPart[] {
  return decodeBody(answer).messages.filter((message): message is DigestPart => message.type === 'digest')
}
