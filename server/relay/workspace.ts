/**
 * One workspace at a relay, put together: what comes in is judged (`intake`), made durable in groups and told in the order of
 * the log (`commits`), kept small (`maintenance`, `retention`, `expiry`) and summarised (`digests`). It works on bytes: no
 * Y.Doc, no socket.
 */

import type { Chain } from '../../shared/causality/chain.ts'
import type { Dot, DotRange, VersionVector } from '../../shared/causality/version-vector.ts'
import type { DigestElement } from '../../shared/digest/element.ts'
import type { Environment } from '../../shared/environment.ts'
import { RejoinError } from '../../shared/errors.ts'
import type { DocumentId, LogEpoch, OriginId } from '../../shared/ids.ts'
import { encodeKnownClocks } from '../../shared/update/interval-bytes.ts'
import type { PieceBytes } from '../../shared/update/piece-bytes.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { Claim, Piece, Place, Run, Vector } from '../../shared/wire/messages.ts'
import type { AnyEntry, Checkpoint, LogEntry, RelayStore, StoredDocument } from '../storage/store.ts'
import type { Background } from './background.ts'
import { type CommitWatch, createCommits, type Subscriber } from './commits.ts'
import { type ContentChecks, createContentChecks } from './contents.ts'
import { createWorkspaceDigest, type Scoped, type VersionWatcher, type WorkspaceDigest } from './digests.ts'
import { createLiveDocuments } from './documents.ts'
import { createExpiry } from './expiry.ts'
import { contentOf } from './folding.ts'
import { createIdentity } from './identity.ts'
import { createIntake } from './intake.ts'
import { createJudge, type UpdateBytes } from './judge.ts'
import { CATALOG_MAX, type RelayLimits } from './limits.ts'
import { createMaintenance } from './maintenance.ts'
import { createOwnership } from './ownership.ts'
import { createPace } from './pace.ts'
import { createQuarantine } from './quarantine.ts'
import { createRetention } from './retention.ts'
import { createSalvaging } from './salvaging.ts'
import { createShapes } from './shape.ts'
import { createYielding, type Yielding } from './yielding.ts'

/** The state vector of a document that holds nothing. */
const NOTHING = new Uint8Array([0])

/** Entries after which the digest's summary is stored again: what a crash makes a relay read anew is bounded by nothing else. */
const SUMMARY_EVERY = 1_000
/** Ticks with failures after which a store is opened anew: one may be a moment's. */
const FAILING_TICKS = 2
/** Who writes when the relay itself does. */
const NOBODY: Subscriber = { committed() {}, refused() {} }

export interface RelayWorkspace {
  readonly replica: string
  /** Offset of the newest durable entry. */
  head(): number
  /** The highest offset that was trimmed. */
  low(): number
  epoch(): LogEpoch
  /** Something was taken that is not committed yet. */
  waits(): boolean
  /** The log ended behind what its store shows, before something was given up: nobody can go on from the store alone. */
  isAhead(): boolean
  /** The one that was opened since this started. */
  ownEpoch(): LogEpoch | undefined
  isPlaceValid(place: Place): boolean
  subscribe(subscriber: Subscriber): () => void
  /** Records of another replica. Answers come to `from`. */
  accept(from: Subscriber, where: DocumentRef, run: Run): void
  /**
   * An update without a dot: sealed here if it adds anything, or `mends` what is lost of known dots. Answers come to `from`;
   * request 0 wants none.
   */
  submit(from: Subscriber, where: DocumentRef, update: UpdateBytes, request: number, mends?: boolean): void
  /** Whether an update holds anything that its document does not. Raises `too-big` and `invalid-update`. */
  adds(where: DocumentRef, update: UpdateBytes): boolean
  /** Holds content against that of others. */
  readonly contents: ContentChecks
  /** Begins a greater epoch of a document. Whoever is in that one already, or in an older one, is refused with `wrong-epoch`. */
  bury(from: Subscriber, where: DocumentRef): void
  /** A digest session with somebody, about all that is durable here, or some of it. */
  digest(scope?: Scoped): ReturnType<WorkspaceDigest['respond']>
  /** Whether a catalog of all documents, or of some, takes fewer bytes than a digest. */
  isFew(scope?: Scoped): boolean
  /** Every document that is durable here with its version, as digests compare them. */
  versions(): Iterable<DigestElement>
  /** Tells of every change of a version; the returned function ends that. */
  watchVersions(watcher: VersionWatcher): () => void
  /** Commits what waits, now. False where that failed: its senders were told. */
  flush(): boolean
  /** A piece of a checkpoint, or of joined records. Answers come to `from`, which likes to be told of the origin `peer`. */
  restore(from: Subscriber, piece: Piece, peer: OriginId): void
  /**
   * Another replica's view of a document: shows whether this relay's origin was used beyond its log. Raises `storage-full` or
   * `storage-failed`.
   */
  seen(where: DocumentRef, vector: VersionVector): void
  /** Dots of `vector` that are held here of a document with another history, as far as that is known. Raises `storage-failed`. */
  forks(where: DocumentRef, vector: VersionVector): Dot[]
  /** Takes another replica's branch of a document where names in it are the greater ones of two; see `Yielding`. */
  yieldTo: Yielding['yieldTo']
  /** Whether the history under a name was given up for another one, since this started. */
  hasYielded: Yielding['hasYielded']
  /** Two histories were met in this document, here or at a peer. */
  suspect(document: DocumentId): void
  isSuspect(document: DocumentId): boolean
  /** Names of a document that were noted to be somebody's since then; see `Ownership`. */
  claims(id: DocumentId, since: number): Claim[]
  /** Another relay knows of these. Raises `storage-failed`. */
  learn(where: DocumentRef, claims: readonly Claim[]): void
  /** What is durable here of a document. */
  document(id: DocumentId): StoredDocument | undefined
  documents(): Iterable<StoredDocument>
  locate(where: DocumentRef, ranges: readonly DotRange[]): number[]
  /** The chain at a record that is durable here, as far as it is known. */
  chain(where: DocumentRef, origin: OriginId, seq: number): Chain | undefined
  entry(offset: number): LogEntry
  /** Records of a document behind an offset, in the order of the log. */
  history(where: DocumentRef, after: number): Iterable<LogEntry>
  read(offset: number): Iterable<AnyEntry>
  /** Something of a document that should be there was not found. */
  miss(document: DocumentId): void
  /** How often entries were trimmed: then offsets that were located before may be gone. */
  trims(): number
  checkpoint(where: DocumentRef): Checkpoint | undefined
  pieces(where: DocumentRef, from: number): Iterable<PieceBytes>
  /** Updates that say all that is durable here of a document, each resting on none but those before it. */
  content(where: DocumentRef): Iterable<Uint8Array>
  /** The Yjs state vector of what is durable here of a document. */
  stateVector(where: DocumentRef): Uint8Array
  /** What has come of a transfer of a document. */
  partial(where: DocumentRef): Vector['partial']
  /** Something of so many bytes is written into a document; milliseconds for which its sender is to be read no more. */
  spend(document: DocumentId, bytes: number): number
  /** Rough bytes of memory of the state of documents in use. */
  memory(): number
  /** Forgets of that what was not used for longest, down to so many bytes. */
  shrink(bytesMax: number): void
  /** Its store has failed again and again, and taken nothing in between: it may be of use when it is opened anew. */
  readonly isFailing: boolean
  /** Time has passed; call it every few seconds. */
  tick(): void
  /** Does at once what is done from time to time. */
  maintain(): void
  /** When that is needed next, in milliseconds; `undefined`: not before somebody writes. */
  dueAt(): number | undefined
  /** Commits what waits, tells, and closes the store. */
  close(): void
}

export interface WorkspaceOptions {
  store: RelayStore
  environment: Environment
  limits: RelayLimits
  /** The epoch of the log that this start has opened already: it goes on where a runtime forgot it. */
  continued?: LogEpoch
  /** Milliseconds after its last edit at which a document is deleted; `undefined`: never. */
  ttlMs?: (document: DocumentId) => number | undefined
  /** Runs a commit soon, when the current turn of the event loop has taken all it brings. */
  soon: (commit: () => void) => void
  /** Runs what nobody waits for. */
  background: Background
  /** What went wrong without a peer to tell. */
  report: (error: unknown) => void
  /** Is told of every group of updates that was to become durable. */
  watch?: CommitWatch
}

export function createRelayWorkspace(options: WorkspaceOptions): RelayWorkspace {
  const { store, environment, limits, soon, background, report } = options
  const live = createLiveDocuments(store, limits.memoryBytesMax)
  const identity = createIdentity(store, environment, options.continued)
  const judge = createJudge(store, live, limits)
  const retention = createRetention(store, limits)
  const digest = createWorkspaceDigest(store, environment.randomBytes, report)
  const ownership = createOwnership({ store, now: environment.now, commitFirst: () => intake.commitFirst() })
  const shapes = createShapes({ store, limits, now: environment.now, commitFirst: () => intake.commitFirst() })
  const commits = createCommits({
    store,
    ownership,
    live,
    identity,
    retention,
    digest,
    environment,
    soon,
    report,
    watch: options.watch,
    settle: judge.settle,
    withdraw: (group, error) => intake.withdraw(group, error),
  })
  const setAside = () => options.watch?.setAside()
  const quarantine = createQuarantine({ store, environment, report, setAside })
  const intake = createIntake({
    store,
    live,
    judge,
    identity,
    commits,
    ownership,
    shapes,
    quarantine,
    environment,
    report,
    refused: (code) => options.watch?.refused(code),
  })
  const { updateBytesMax, unfoldedRecordsMax } = limits
  const yielding = createYielding({ store, live, judge, commits, shapes, intake, environment, updateBytesMax })
  const maintenance = createMaintenance({
    store,
    live,
    judge,
    commits,
    retention,
    background,
    environment,
    quarantine,
    unfoldedRecordsMax,
    report,
  })
  const expiry = createExpiry({
    store,
    live,
    digest,
    environment,
    background,
    ttlMs: options.ttlMs,
    beginEpoch: (where) => intake.beginEpoch(NOBODY, where),
    commitFirst: intake.commitFirst,
    report,
  })
  const salvaging = createSalvaging({ store, live, judge, commits, identity, digest, ownership, intake, report })
  const pace = createPace(limits, environment.now)
  const contents = createContentChecks({ store, background, environment, report })
  let closed = false
  /** Failures of the store that were seen, and ticks that have seen some since it took something. */
  let failures = 0
  let failing = 0

  /** All of them at once, as floods of one kind of event are cut. */
  function tellTroubles(): void {
    const troubles = store.troubles()
    if (troubles.length > 0) report(new RejoinError('corrupt', troubles.join('; ')))
  }

  commits.subscribe({
    committed({ accepted }) {
      if (accepted.some(({ entries }) => entries.length > 0)) failing = 0
      maintenance.committed(new Set(accepted.map(({ where }) => where.document)))
    },
    refused() {},
  })

  return {
    replica: identity.replica,
    head: () => commits.head,
    low: () => store.low(),
    epoch: () => identity.epoch(),
    waits: () => commits.waits,
    isAhead: () => commits.isAhead,
    ownEpoch: () => identity.own(),
    // What was trimmed after it would be missing.
    isPlaceValid: (place) => place.offset >= store.low() && identity.isPlaceValid(place, commits.head),
    subscribe(subscriber) {
      // Somebody who was cut off by what is damaged comes again at once: then that is over.
      if (salvaging.needed) soon(salvaging.tick)
      return commits.subscribe(subscriber)
    },
    accept: intake.accept,
    submit: intake.submit,
    adds(where, update) {
      const document = live.get(where.document)
      return document === undefined || judge.adds(document, update)
    },
    contents,
    restore: intake.restore,
    seen: intake.seen,
    yieldTo: yielding.yieldTo,
    claims(id, since) {
      const document = live.get(id)
      return document === undefined ? [] : ownership.claims(document, since)
    },
    learn(where, claims) {
      // Names of a document are stored beside it: it has to be there, in this epoch.
      intake.commitFirst()
      const document = live.get(where.document)
      if (document?.ref.epoch === where.epoch && document.stored) ownership.learn(document, claims)
    },
    hasYielded: yielding.hasYielded,
    suspect: yielding.suspect,
    isSuspect: yielding.isSuspect,
    forks: (where, vector) => intake.forksIn(where, store.document(where.document)?.vector ?? new Map(), vector),
    document: (id) => store.document(id),
    documents: () => store.documents(),
    locate: (where, ranges) => store.locate(where, ranges),
    chain: intake.chainAt,
    entry: (offset) => store.entry(offset),
    history: (where, after) => store.history(where, after),
    read: (offset) => store.read(offset),
    miss: (document) => store.miss(document),
    trims: () => maintenance.trims + intake.burials + yielding.count + salvaging.count,
    bury: intake.bury,
    digest: (scope) => digest.respond(scope),
    isFew(scope) {
      if (scope === undefined || judge.documents <= CATALOG_MAX) return judge.documents <= CATALOG_MAX
      let count = 0
      for (const { document } of store.documents()) if (scope(document) && ++count > CATALOG_MAX) return false
      return true
    },
    versions: () => digest.elements(),
    watchVersions: (watcher) => digest.watch(watcher),
    flush: () => commits.commit(),
    checkpoint: (where) => store.checkpoint(where),
    pieces: (where, from) => store.pieces(where, from),
    content: (where) => contentOf(store, where),
    stateVector(where) {
      // Somebody may leave out what this says is here: it has to be durable.
      commits.commit()
      const document = live.get(where.document)
      return document === undefined ? NOTHING : encodeKnownClocks(document.index())
    },
    partial(where) {
      return intake.transfers.progress(where)
    },
    spend: pace.spend,
    memory: live.bytes,
    shrink(bytesMax) {
      if (commits.commit()) live.shrink(bytesMax)
    },
    get isFailing() {
      return failing >= FAILING_TICKS
    },
    tick() {
      if (store.failures() > failures) failing++
      failures = store.failures()
      pace.tick()
      tellTroubles()
      salvaging.tick()
      maintenance.tick()
      ownership.tick()
      digest.keep(SUMMARY_EVERY)
      expiry.tick()
    },
    maintain() {
      maintenance.maintain()
      digest.keep(0)
      expiry.maintain()
    },
    dueAt() {
      const due = [retention.dueAt(environment.now()), expiry.dueAt()].filter((at) => at !== undefined)
      return due.length === 0 ? undefined : Math.min(...due)
    },
    close() {
      if (closed) return
      if (commits.commit()) digest.keep(0)
      closed = true
      intake.close()
      contents.close()
      maintenance.close()
      expiry.close()
      tellTroubles()
      store.close()
    },
  }
}
