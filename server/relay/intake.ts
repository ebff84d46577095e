/**
 * What comes into a workspace, by whom and from where it may: document and epoch -> gap and chain -> bounded validation and
 * dependencies (`judge`) -> the queue of the next commit. Whatever is refused is told to its sender, with a code (P5, P8).
 */

import { CHAIN_UNKNOWN, type Chain } from '../../shared/causality/chain.ts'
import { CHAIN_START, type Dot, headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import type { Environment } from '../../shared/environment.ts'
import { epochCounter } from '../../shared/epochs.ts'
import { type ErrorCode, RejoinError, toRejoinError } from '../../shared/errors.ts'
import { FIRST_EPOCH, type OriginId } from '../../shared/ids.ts'
import { jointsOf } from '../../shared/sync/joint.ts'
import { connect, fromRun } from '../../shared/sync/runs.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import { seal } from '../../shared/update/seal.ts'
import type { Piece, Run } from '../../shared/wire/messages.ts'
import type { RelayStore } from '../storage/store.ts'
import type { Accepted, Commits, Subscriber } from './commits.ts'
import { type LiveDocument, type LiveDocuments, UnreadableDocument } from './documents.ts'
import type { WorkspaceIdentity } from './identity.ts'
import type { Judge, Permit, UpdateBytes } from './judge.ts'
import type { Author, Ownership } from './ownership.ts'
import type { Quarantine } from './quarantine.ts'
import { bringerOf, type Shapes } from './shape.ts'
import { createTransfers, type Transfers } from './transfers.ts'

export interface Intake {
  /** How often documents were deleted. */
  readonly burials: number
  readonly transfers: Transfers
  accept(from: Subscriber, where: DocumentRef, run: Run): void
  submit(from: Subscriber, where: DocumentRef, update: UpdateBytes, request: number, mends?: boolean): void
  restore(from: Subscriber, piece: Piece, peer: OriginId): void
  bury(from: Subscriber, where: DocumentRef): void
  /** The document begins this epoch, which is greater than its own. Raises `overloaded`. */
  beginEpoch(from: Subscriber, where: DocumentRef): void
  seen(where: DocumentRef, vector: VersionVector): void
  /** Dots of `theirs` that are held with another history, as far as that is known, of a document that holds `mine`. */
  forksIn(where: DocumentRef, mine: VersionVector, theirs: VersionVector): Dot[]
  /** The chain at a record that is durable, as far as it is known. */
  chainAt(where: DocumentRef, origin: OriginId, seq: number): Chain | undefined
  /** Commits what waits. Raises `storage-failed`. */
  commitFirst(): void
  /** The commit of these failed: memory goes back to the store, and every sender hears of it. */
  withdraw(group: readonly Accepted[], error: unknown): void
  /** Nothing is taken any more. */
  close(): void
}

export interface IntakeOptions {
  store: RelayStore
  live: LiveDocuments
  judge: Judge
  identity: WorkspaceIdentity
  commits: Commits
  ownership: Ownership
  shapes: Shapes
  quarantine: Quarantine
  environment: Environment
  report: (error: unknown) => void
  /** Something was not taken. */
  refused: (code: ErrorCode) => void
}

/** An origin of which the sender of a transfer does not know any more what it continues here. */
function firstUnproven({ vector }: LiveDocument, base: Piece['base']): Dot | undefined {
  for (const [origin, { seq, chain }] of base ?? []) {
    if (chain === CHAIN_UNKNOWN && headOf(vector, origin).seq > 0) return { origin, seq }
  }
  return undefined
}

/** Deletions of one document that a relay may have missed. */
const EPOCHS_AHEAD_MAX = 100_000
/** Documents that are remembered as having had names given twice. */
const NAMED_AGAIN_MAX = 10_000
const NO_BYTES = new Uint8Array()
const NOBODY: Subscriber = { committed() {}, refused() {} }

export function createIntake(options: IntakeOptions): Intake {
  const { store, live, judge, identity, commits, ownership, shapes, quarantine, environment, report } = options
  const transfers = createTransfers({ store, judge, commits, ownership, shapes, environment, commitFirst, report })
  /** The only one under which an older store may have sealed what is gone; and documents in which what it stands for got other names. */
  const firstOrigin = identity.origin
  const named = new Set<string>()
  let closed = false
  let burials = 0

  function accept(from: Subscriber, where: DocumentRef, run: Run): void {
    let seq = run.first
    let bytes: Uint8Array | undefined
    try {
      const { author } = from
      const own = run.origin === author?.replica
      const document = enter(from, where)
      const records = fromRun(document.ref, run)
      const last = records.at(-1)
      if (last !== undefined && isOwn(run.origin)) seen(document.ref, new Map([[run.origin, last]]))
      const head = headOf(document.vector, run.origin)
      const known =
        last !== undefined && last.seq < head.seq ? storedChain(document.ref, run.origin, last.seq) : undefined
      // Of what lies deep in a checkpoint the chain is not known: the sender is told of the head, to compare that itself.
      const isDeep = last !== undefined && last.seq < head.seq && known === undefined
      const fresh = isDeep ? [] : connect(head, records, () => known)
      if (fresh.length > 0) shapes.checkOrigins(document, [run.origin], bringerOf(from))
      if (fresh.length > 0 && author !== undefined) ownership.checkOrigin(document, author, run.origin)
      for (const record of fresh) {
        seq = record.seq
        bytes = record.bytes
        quarantine.check(document.ref, bytes)
        judge.take(document, record, permit(document, author, record, own))
        commits.queue({ from, where: document.ref, dot: record, request: 0 }, { record })
      }
      if (fresh.length > 0) return
      const held = headOf(document.vector, run.origin)
      commits.queue({ from, where: document.ref, dot: { origin: run.origin, ...held }, request: 0 })
    } catch (error) {
      refuse(from, where, { origin: run.origin, seq }, 0, error, bytes)
    }
  }

  function submit(from: Subscriber, where: DocumentRef, update: UpdateBytes, request: number, mends = false): void {
    const { origin } = identity
    try {
      const document = enter(from, where)
      quarantine.check(document.ref, update.bytes)
      const previous = headOf(document.vector, origin)
      // What mends is known by its clocks, and not there.
      if (!mends && !judge.adds(document, update)) {
        judge.discardIfEmpty(document)
        commits.queue({ from, where: document.ref, dot: { origin, seq: 0, chain: CHAIN_START }, request })
        return
      }
      const record = seal(document.ref, { origin, seq: previous.seq + 1, ...update }, previous.chain)
      const { author } = from
      // The origin is the relay's own, and there are few of those.
      shapes.checkOrigins(document, [origin], 'relays')
      judge.take(document, record, permit(document, author, update, !mends))
      commits.queue({ from, where: document.ref, dot: record, request }, { record })
    } catch (error) {
      refuse(from, where, { origin, seq: 0 }, request, error, update.bytes)
    }
  }

  function permit(document: LiveDocument, author: Author | undefined, { bytes }: UpdateBytes, own: boolean): Permit {
    return (summary) => {
      shapes.check(document, summary, () => [bytes])
      if (author !== undefined) ownership.checkUpdate(document, author, summary, bytes, own)
    }
  }

  function restore(from: Subscriber, piece: Piece, peer: OriginId): void {
    let dot: Dot = { origin: peer, seq: piece.index }
    try {
      const document = enter(from, piece)
      quarantine.check(document.ref, piece.bytes)
      if (piece.vector !== undefined) {
        seen(document.ref, piece.vector)
        shapes.checkOrigins(document, piece.vector.keys(), bringerOf(from))
        const misfit = findMisfit(document, piece.vector, piece.base ?? new Map())
        if (misfit !== undefined) {
          dot = misfit
          const what = misfit.code === 'fork' ? 'two contents' : 'records are missing'
          throw new RejoinError(misfit.code, `${what} under ${dot.origin}, at or before ${dot.seq}`)
        }
        dot = firstUnproven(document, piece.base) ?? dot
      }
      transfers.take(from, document, piece, peer)
    } catch (error) {
      refuse(from, piece, dot, 0, error, piece.bytes)
    }
  }

  /** An origin of which a transfer does not continue what is held. */
  function findMisfit(document: LiveDocument, vector: VersionVector, base: VersionVector) {
    const { ref, vector: mine } = document
    const { joints, gaps } = jointsOf(mine, vector, base)
    // Of an origin that the sender was told nothing of some may have come since, mostly from itself: that is in its pieces too.
    const gap = gaps.find((origin) => headOf(base, origin).seq > 0)
    if (gap !== undefined) return { origin: gap, seq: headOf(mine, gap).seq, code: 'gap' as const }
    for (const { origin, seq, chain, continues } of joints) {
      const held = headOf(mine, origin)
      if (chain === CHAIN_UNKNOWN && held.seq === seq) continue
      // It goes by what was held before.
      if (chain === CHAIN_UNKNOWN) return { origin, seq, code: 'gap' as const }
      const here = held.seq === seq ? held.chain : storedChain(ref, origin, seq)
      if (here === undefined ? continues : here !== chain) {
        return { origin, seq, code: here === undefined ? ('gap' as const) : ('fork' as const) }
      }
    }
    return undefined
  }

  function forksIn(where: DocumentRef, mine: VersionVector, theirs: VersionVector): Dot[] {
    const forks: Dot[] = []
    for (const [origin, { seq, chain }] of theirs) {
      const held = headOf(mine, origin)
      if (held.seq < seq) continue
      const here = held.seq === seq ? held.chain : storedChain(where, origin, seq)
      if (here !== undefined && here !== chain) forks.push({ origin, seq })
    }
    return forks
  }

  /** Whoever comes in a greater epoch brings it: what was there before is gone for all. */
  function enter(from: Subscriber, where: DocumentRef): LiveDocument {
    if (closed) throw new RejoinError('stopping', 'the workspace is closed')
    const known = live.get(where.document)
    if (known !== undefined && known.ref.epoch < where.epoch) beginEpoch(from, where)
    return judge.enter(where)
  }

  function bury(from: Subscriber, where: DocumentRef): void {
    const dot = { origin: identity.origin, seq: 0 }
    try {
      if (closed) throw new RejoinError('stopping', 'the workspace is closed')
      const epoch = live.get(where.document)?.ref.epoch ?? FIRST_EPOCH
      if (where.epoch <= epoch) throw new RejoinError('wrong-epoch', `the document is in epoch ${epoch}`)
      beginEpoch(from, where)
    } catch (error) {
      refuse(from, where, dot, 0, error)
    }
  }

  function beginEpoch(from: Subscriber, where: DocumentRef): void {
    const { document, epoch, gc } = where
    const ahead = epochCounter(epoch) - epochCounter(live.get(document)?.ref.epoch ?? FIRST_EPOCH)
    // At the end of the range nobody could delete it again.
    if (ahead > EPOCHS_AHEAD_MAX) throw new RejoinError('invalid-update', `a document that was deleted ${ahead} times`)
    const buried = judge.bury({ document, epoch, gc })
    burials++
    const dot = { origin: identity.origin, seq: 0, chain: CHAIN_START }
    commits.queue({ from, where: buried.ref, dot, request: 0 }, { tombstone: true })
  }

  function storedChain(where: DocumentRef, of: OriginId, seq: number): Chain | undefined {
    commitFirst()
    return chainAt(where, of, seq)
  }

  function chainAt(where: DocumentRef, of: OriginId, seq: number): Chain | undefined {
    const known = store.chain(where, of, seq)
    if (known !== undefined) return known
    // Its record is trimmed: of those the checkpoint knows the last.
    const covered = headOf(store.checkpoint(where)?.vector ?? new Map(), of)
    return covered.seq === seq ? covered.chain : undefined
  }

  const isOwn = (origin: OriginId): boolean => origin === identity.origin || origin === firstOrigin

  /** Somebody holds other or more records under this relay's origin than its log: an older store was put back. */
  function seen(where: DocumentRef, vector: VersionVector): void {
    for (const origin of new Set([identity.origin, firstOrigin])) {
      const claimed = vector.get(origin)
      if (claimed === undefined) continue
      const held = headOf(live.get(where.document)?.vector ?? new Map(), origin)
      if (claimed.seq < held.seq || (claimed.seq === held.seq && claimed.chain === held.chain)) continue
      commitFirst()
      if (origin === identity.origin) identity.renewOrigin()
      if (origin === firstOrigin) nameAgain(where, held.seq)
    }
  }

  /** What was sealed here since the start may have got names that were another's before: whoever has that is to get this too. */
  function nameAgain(where: DocumentRef, to: number): void {
    const name = `${where.epoch}/${where.document}`
    const start = identity.ownStart()
    if (to === 0 || start === undefined || named.has(name)) return
    if (named.size >= NAMED_AGAIN_MAX) named.clear()
    named.add(name)
    const offsets = store.locate(where, [{ origin: firstOrigin, from: 1, to }]).filter((offset) => offset > start)
    for (const offset of offsets) {
      const { kind, bytes } = store.entry(offset).record
      submit(NOBODY, where, { kind, bytes }, 0, true)
    }
  }

  /**
   * The store is to have all that was taken. Where that fails, whoever is being served goes by what was withdrawn, and must begin
   * anew. Receipts alone wait for one another: who offers what is held already gets them in one frame.
   */
  function commitFirst(): void {
    if (commits.stores && !commits.commit())
      throw new RejoinError('storage-failed', 'the commit of what came before failed')
  }

  function withdraw(group: readonly Accepted[], error: unknown): void {
    judge.forget()
    const failure = toRejoinError(error, 'storage-failed', 'the commit failed')
    for (const { from, where, dot, request } of group) refuse(from, where, dot, request, failure)
  }

  /**
   * What nobody thought of is a fault here, on this input: its sender keeps it apart, instead of sending it for ever. Memory may have
   * taken half of it: it goes back to the store, with what came before.
   */
  function poison(from: Subscriber, where: DocumentRef, bytes: Uint8Array | undefined, cause: unknown): RejoinError {
    if (commits.commit()) live.drop(where.document)
    ownership.forget()
    return quarantine.update(where, bytes ?? NO_BYTES, from.source ?? {}, cause)
  }

  /** What refuses something may be that nothing can be read. */
  function readable({ document }: DocumentRef): LiveDocument | undefined {
    try {
      return live.get(document)
    } catch {
      return undefined
    }
  }

  function refuse(
    from: Subscriber,
    where: DocumentRef,
    dot: Dot,
    request: number,
    error: unknown,
    bytes?: Uint8Array,
  ): void {
    const { code, detail } = error instanceof RejoinError ? error : poison(from, where, bytes, error)
    if (error instanceof UnreadableDocument) quarantine.document(where.document, 'read', error.cause)
    const document = readable(where)
    if (code === 'wrong-epoch' && document !== undefined) {
      // The answer names the epoch that it is in, and that has to be durable.
      if (!commits.commit())
        return refuse(from, where, dot, request, new RejoinError('storage-failed', 'the commit failed'))
      options.refused(code)
      return from.refused({ where: document.ref, ...dot, request, code, held: 0, detail })
    }
    if (document !== undefined) judge.discardIfEmpty(document)
    const held = document?.vector.get(dot.origin)?.seq ?? 0
    options.refused(code)
    from.refused({ where, origin: dot.origin, seq: dot.seq, request, code, held, detail })
  }

  return {
    get burials() {
      return burials
    },
    transfers,
    accept,
    submit,
    restore,
    bury,
    beginEpoch,
    seen,
    forksIn,
    chainAt,
    commitFirst,
    withdraw,
    close() {
      closed = true
    },
  }
}
