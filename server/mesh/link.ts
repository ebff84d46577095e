/**
 * One workspace's way to one peer. Two lanes that do not wait for each other: `pushing` sends what is new in the log here, in its
 * order, past the offset up to which the peer has taken all (its watermark; what lies behind it is the hint); `mending` compares
 * documents by version vector, both ways, whatever made them differ. A lane that fails tries again later, and the log keeps what
 * it owes. It does not know how a peer is reached, nor whose turn it is to compare.
 */
import { conflicts } from '../../shared/causality/comparing.ts'
import { covers, headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import type { Environment } from '../../shared/environment.ts'
import { type ErrorCode, isFinal, RejoinError, toRejoinError } from '../../shared/errors.ts'
import type { DocumentId, RelayId, ReplicaId } from '../../shared/ids.ts'
import { EXCHANGE_BYTES_TARGET } from '../../shared/limits.ts'
import type { Exchange, Message, Refused, Vector } from '../../shared/wire/messages.ts'
import { refOf } from '../relay/documents.ts'
import type { RelayWorkspace } from '../relay/workspace.ts'
import { isGreater } from '../relay/yielding.ts'
import { placeOf } from './answering.ts'
import { type Body, createBody, decodeBody } from './body.ts'
import * as bounds from './bounds.ts'
import { fetchBranch } from './branch.ts'
import { compareDocuments } from './comparing.ts'
import type { MeshCounters } from './counters.ts'
import type { Forks } from './forks.ts'
import type { Inbox, Incoming } from './incoming.ts'
import type { Known } from './known.ts'
import { createLane } from './lane.ts'
import { answersFor, askFor, heldOf, isSame, ownersOf, suspicion } from './outgoing.ts'
import type { Peer, PeerTrouble } from './port.ts'
import { readNews } from './pushing.ts'

export interface Link {
  readonly peer: Peer
  readonly state: LinkState
  /** So many bytes of records are new in the log. */
  committed(bytes: number): void
  /** The peer is there again. */
  resume(): void
  /** Compares all documents; resolves when those that differ are mended, or it failed: then false. */
  compare(): Promise<boolean>
  /** Compares this document before others; resolves to whether the peer answered. */
  mend(document: DocumentId): Promise<boolean>
  /** Nothing is sent any more. Idempotent. */
  close(): void
}

export interface LinkState {
  /** Offset of the log here up to which the peer has taken all that was brought here. */
  watermark: number
  /** Bytes of records behind it, since when. */
  owedBytes: number
  owedSince: number | undefined
  /** Documents that are to be compared. */
  mending: number
  /** All of them are. */
  comparing: boolean
}

export interface LinkOptions {
  workspace: RelayWorkspace
  relay: RelayId
  peer: Peer
  inbox: Inbox
  known: Known
  counters: MeshCounters
  environment: Environment
  hints: bounds.HintLimits
  /** Entries of the log that relays brought: they are not sent on. */
  isForeign(offset: number): boolean
  /** Is told of what the peer holds, and of what was not taken, as it may show two histories under one name. */
  forks: Forks
  trouble: PeerTrouble
  report: (error: unknown) => void
}

/** What is to be compared: it lacks something there, or is another history. */
const COMPARED: ReadonlySet<ErrorCode> = new Set(['gap', 'dependency', 'fork', 'unproven', 'overloaded'])

/** Rounds in which something was refused for what it rests on: by then other peers and lanes have brought that, if it has a name. */
const NAMELESS_AFTER = 3

const mayBeFork = (code: ErrorCode | undefined): boolean => code === 'fork' || code === 'unproven'

export function createLink(options: LinkOptions): Link {
  const { workspace, relay, peer, inbox, known, counters, environment, hints, forks, trouble, report } = options
  const state: LinkState = {
    watermark: workspace.head(),
    owedBytes: 0,
    owedSince: undefined,
    mending: 0,
    comparing: false,
  }
  /** Documents to be compared, with the rounds that brought nothing. */
  const mending = new Map<DocumentId, number>()
  const urgent = new Set<DocumentId>()
  /** Of which something more was passed over while they were compared. */
  const again = new Set<DocumentId>()
  const waiters = new Map<DocumentId, ((answered: boolean) => void)[]>()
  const comparers: ((done: boolean) => void)[] = []
  const pushing = createLane({ environment, peer, work: push, isIdle: isPushed, failed })
  const repairing = createLane({ environment, peer, work: repair, isIdle: isRepaired, failed: repairFailed })
  /** Names that were somebody's before are known to the peer, or are told where documents are compared. */
  let claimed = environment.now()
  let closed = false

  function isPushed(): boolean {
    return state.watermark >= workspace.head()
  }

  function isRepaired(): boolean {
    return mending.size === 0 && !state.comparing
  }

  /** One request, and its answer as it is. Raises what the peer answers it with, or why it does not. */
  async function request(body: Body, session?: string) {
    const answer = await peer.exchange(body.encode({ relay, place: placeOf(workspace), session, more: false }))
    if (closed) throw new RejoinError('closed', 'the workspace was closed')
    const { head, messages } = decodeBody(answer)
    if (head.relay === relay || head.place === undefined || head.place.replica === workspace.replica) {
      throw new RejoinError('forbidden', 'the answer comes from this relay itself, or from a copy of its folder')
    }
    return { head, messages, from: head.place.replica }
  }

  /** One request, of whose answer is taken what fits. */
  async function ask(body: Body, session?: string): Promise<{ head: Exchange; incoming: Incoming; from: ReplicaId }> {
    const { head, messages, from } = await request(body, session)
    const incoming = inbox.take(messages, from, head.relay)
    forks.refused(incoming.answers)
    return { head, incoming, from }
  }

  async function push(): Promise<void> {
    // Records that are many are joined where they are compared, which costs both sides a part of what they do one by one.
    const backlog = workspace.head() - state.watermark
    if (state.watermark < workspace.low() || backlog > bounds.PUSH_BACKLOG_MAX) return leaveToComparing()
    const { entries, messages, dots, documents, through } = news()
    for (const document of documents) mendLater(document)
    if (messages.length > 0) {
      const body = createBody()
      for (const message of messages) body.put(message)
      const claimedAt = environment.now()
      // What was noted since the clock was put back looks older than what was told.
      const since = claimedAt < claimed ? 0 : claimed
      for (const { where } of dots) for (const owners of ownersOf(workspace, where.document, since)) body.put(owners)
      const { incoming, from } = await ask(body)
      claimed = claimedAt - bounds.CLAIMS_AGAIN_MS
      counters.pushes++
      counters.pushedRecords += entries
      const refused = takeRefusals(incoming.refused)
      for (const [document, code] of refused) if (!isFinal(code)) mendLater(document)
      for (const { where, vector } of dots) if (!refused.has(where.document)) known.holds(where, from, vector)
    }
    state.watermark = Math.max(state.watermark, through)
    if (!isPushed()) return
    state.owedBytes = 0
    state.owedSince = undefined
  }

  function news() {
    try {
      return readNews(workspace, state.watermark, {
        isForeign: options.isForeign,
        isCompared(document) {
          if (!mending.has(document)) return false
          again.add(document)
          return true
        },
      })
    } catch (error) {
      // What is damaged here is in the way of what is not: documents go on one by one (P9).
      report(error)
      leaveToComparing()
      return { entries: 0, messages: [], dots: [], documents: [], through: state.watermark }
    }
  }

  function leaveToComparing(): void {
    state.watermark = workspace.head()
    state.owedBytes = 0
    state.owedSince = undefined
    state.comparing = true
    repairing.run()
  }

  /** What the peer did not take, and why; raises where it can take nothing now. What is not final is to be compared. */
  function takeRefusals(refusals: readonly Refused[]): Map<DocumentId, ErrorCode> {
    const documents = new Map<DocumentId, ErrorCode>()
    for (const { document, code, detail } of refusals) {
      documents.set(document, code)
      if (COMPARED.has(code)) continue
      if (isFinal(code)) trouble(peer.name, new RejoinError(code, `${JSON.stringify(document)}: ${detail}`))
      else throw new RejoinError(code, detail)
    }
    return documents
  }

  function mendLater(document: DocumentId): void {
    again.add(document)
    if (!mending.has(document)) mending.set(document, 0)
    state.mending = mending.size
    repairing.run()
  }

  async function repair(): Promise<void> {
    if (urgent.size === 0 && mending.size === 0 && state.comparing) return compareAll()
    const ids = [...new Set([...urgent, ...mending.keys()])].slice(0, bounds.MEND_DOCUMENTS_MAX)
    for (const id of ids) again.delete(id)
    urgent.clear()
    const body = createBody()
    for (const id of ids) {
      const asked = askFor(workspace, id)
      // Who answers is to believe nothing there either.
      if (workspace.isSuspect(id)) body.put(suspicion(asked))
      body.put(asked)
    }
    const { head, incoming, from } = await ask(body)
    const refusedHere = new Set(incoming.answers.map(({ document }) => document))
    const unfit = [...incoming.answers, ...incoming.refused].filter((each) => each.type === 'refused')
    const forkedHere = new Set(unfit.filter(({ code }) => mayBeFork(code)).map(({ document }) => document))
    const resting = new Set(unfit.filter(({ code }) => code === 'dependency').map(({ document }) => document))
    const yielded = new Set<DocumentId>()
    for (const theirs of incoming.vectors) {
      const { document } = theirs
      // What rests on something that the peer holds under no name comes with all that it holds.
      const nameless = resting.has(document) && (mending.get(document) ?? 0) >= NAMELESS_AFTER
      if (!nameless && !isLesser(theirs, forkedHere.has(document))) continue
      if (await yieldTo(theirs, nameless)) yielded.add(document)
    }
    const refusedThere = await sendLacking(incoming.vectors, from)
    const vectors = new Map(incoming.vectors.map((vector) => [vector.document, vector]))
    for (const id of ids) {
      const theirs = vectors.get(id)
      const isTaken = theirs !== undefined && !refusedHere.has(id) && !yielded.has(id) && isCovered(theirs)
      const isWhole = isTaken && (!refusedThere.has(id) || (mayBeFork(refusedThere.get(id)) && isGreaterHere(theirs)))
      settle(id, isWhole, head.more && incoming.taken > 0)
    }
    state.mending = mending.size
    if (isRepaired()) for (const done of comparers.splice(0)) done(true)
  }

  /** Whether the branch of a document that is here is the lesser one of two, as far as vectors and what did not fit show it. */
  function isLesser(theirs: Vector, forked: boolean): boolean {
    const mine = heldOf(workspace, theirs)
    if (forked)
      return [...theirs.vector].some(([origin, head]) => mine.has(origin) && isGreater(head, headOf(mine, origin)))
    return conflicts(mine, theirs.vector).some((origin) =>
      isGreater(headOf(theirs.vector, origin), headOf(mine, origin)),
    )
  }

  /** Then the peer yields, when it comes to it. */
  function isGreaterHere(theirs: Vector): boolean {
    const mine = heldOf(workspace, theirs)
    return [...mine].some(
      ([origin, head]) => theirs.vector.has(origin) && isGreater(head, headOf(theirs.vector, origin)),
    )
  }

  /** Resolves to whether the branch of the peer took the place of the one here. */
  async function yieldTo(theirs: Vector, nameless: boolean): Promise<boolean> {
    const stored = workspace.document(theirs.document)
    if (stored === undefined || stored.epoch !== theirs.epoch) return false
    const branch = await fetchBranch(refOf(stored), async (vector) => {
      const body = createBody()
      body.put(vector)
      return (await request(body)).messages
    })
    try {
      if (branch === undefined || !workspace.yieldTo(refOf(stored), branch, nameless)) return false
      counters.yields++
      return true
    } catch (error) {
      // One document's trouble is not the others' (P9); it stays as it is, and is counted as stuck.
      report(error)
      return false
    }
  }

  /** Sends what these vectors lack; resolves to the documents of which something was refused. */
  async function sendLacking(vectors: readonly Vector[], from: ReplicaId): Promise<Map<DocumentId, ErrorCode>> {
    const refused = new Map<DocumentId, ErrorCode>()
    let body = createBody()
    const flush = async (): Promise<void> => {
      if (body.messages === 0) return
      const full = body
      body = createBody()
      for (const [document, code] of takeRefusals((await ask(full)).incoming.refused)) refused.set(document, code)
    }
    /** What they hold when all of it has arrived; what is committed here meanwhile is not in it. */
    const sent: { theirs: Vector; held: VersionVector }[] = []
    for (const theirs of vectors) {
      forks.seen(theirs)
      if (isSame(workspace, theirs)) continue
      counters.repairs++
      for (const message of lackingOf(theirs, refused)) {
        body.put(message)
        if (body.bytes >= EXCHANGE_BYTES_TARGET) await flush()
      }
      for (const owners of ownersOf(workspace, theirs.document)) body.put(owners)
      sent.push({ theirs, held: heldOf(workspace, theirs) })
    }
    await flush()
    for (const { theirs, held } of sent) if (!refused.has(theirs.document)) known.holds(theirs, from, held)
    return refused
  }

  function* lackingOf(theirs: Vector, refused: Map<DocumentId, ErrorCode>): Generator<Message, void> {
    try {
      yield* answersFor(workspace, { ...theirs, reply: false })
    } catch (error) {
      refused.set(theirs.document, 'corrupt')
      report(error)
    }
  }

  /** All that the peer has is here, and on the history that stays. */
  function isCovered(theirs: Vector): boolean {
    const stored = workspace.document(theirs.document)
    if (stored === undefined) return theirs.vector.size === 0
    if (stored.epoch !== theirs.epoch) return stored.epoch > theirs.epoch
    return covers(stored.vector, theirs.vector) && !isLesser(theirs, false)
  }

  function settle(id: DocumentId, isWhole: boolean, moves: boolean): void {
    const rounds = (mending.get(id) ?? 0) + (moves ? 0 : 1)
    if (isWhole ? again.has(id) : rounds < bounds.MEND_ROUNDS_MAX) {
      mending.delete(id)
      mending.set(id, isWhole ? 0 : rounds)
      if (!isWhole) return
    } else {
      if (!isWhole) counters.stuck++
      mending.delete(id)
    }
    for (const answered of waiters.get(id) ?? []) answered(true)
    waiters.delete(id)
  }

  async function compareAll(): Promise<void> {
    counters.rounds++
    const differing = await compareDocuments(workspace, environment, async (parts, session) => {
      const body = createBody()
      for (const part of parts) body.put(part)
      return (await ask(body, session)).incoming.digests
    })
    state.comparing = false
    for (const document of differing) if (!mending.has(document)) mending.set(document, 0)
    state.mending = mending.size
    if (isRepaired()) for (const done of comparers.splice(0)) done(true)
  }

  function failed(error: unknown): void {
    if (!closed) trouble(peer.name, toRejoinError(error, 'timeout', 'the peer does not answer'))
  }

  function repairFailed(error: unknown): void {
    failed(error)
    for (const done of comparers.splice(0)) done(false)
    for (const those of waiters.values()) for (const answered of those) answered(false)
    waiters.clear()
    urgent.clear()
  }

  return {
    peer,
    state,
    committed(bytes) {
      if (isPushed()) return
      state.owedBytes += bytes
      state.owedSince ??= environment.now()
      const isOld = Math.abs(environment.now() - state.owedSince) > hints.hintMsMax
      if (isOld || state.owedBytes > hints.hintBytesMax) {
        counters.hintsPurged++
        leaveToComparing()
      } else pushing.runAfter(bounds.PUSH_AFTER_MS)
    },
    resume() {
      pushing.run()
      repairing.run()
    },
    compare() {
      state.comparing = true
      return new Promise((resolve) => {
        comparers.push(resolve)
        if (!peer.reachable) repairFailed(new RejoinError('timeout', 'the peer is not reachable'))
        else repairing.run()
      })
    },
    mend(document) {
      urgent.add(document)
      if (!mending.has(document)) mending.set(document, 0)
      return new Promise((resolve) => {
        waiters.set(document, [...(waiters.get(document) ?? []), resolve])
        if (!peer.reachable) repairFailed(new RejoinError('timeout', 'the peer is not reachable'))
        else repairing.run()
      })
    },
    close() {
      if (closed) return
      closed = true
      pushing.close()
      repairing.close()
      repairFailed(undefined)
    },
  }
}
