/**
 * Who may write under which names, where somebody is known to be somebody: the dots of an origin are extended by its own
 * principal, and the clocks of a Yjs client id by the one who began it. Whatever else somebody brings of others' (a document that
 * this relay lost, structs that were split, joined or collected) is taken while nobody is known to own it, and where the relay
 * has it already it has to be the same (P8). Relays and admins speak for others. See docs/decisions/0021.
 */
import { headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import { RejoinError } from '../../shared/errors.ts'
import type { Hash64 } from '../../shared/hash.ts'
import type { OriginId } from '../../shared/ids.ts'
import { CONTENT_CHECK_BYTES_MAX, OWNERS_PER_MESSAGE_MAX } from '../../shared/limits.ts'
import { findContradiction } from '../../shared/update/agreement.ts'
import type { UpdateSummary } from '../../shared/update/inspect.ts'
import { UPDATE_LIMITS } from '../../shared/update/limits.ts'
import type { Claim } from '../../shared/wire/messages.ts'
import type { CommitBatch, OriginOwner, RelayStore, Writer } from '../storage/store.ts'
import type { LiveDocument } from './documents.ts'
import { contentOf } from './folding.ts'
import { CLAIMS_PER_UPDATE_MAX, COMPARED_BYTES_MAX, OWNED_MS, WRITERS_PER_OWNER_MAX } from './limits.ts'

/** On whose behalf something is written; nobody's where everybody may write everything. */
export interface Author {
  readonly owner: Hash64
  /** The origin under which it seals. */
  readonly replica?: OriginId
  /** Whether it begins this Yjs client id itself, and does not only hand it on. */
  begins(client: number): boolean
}

export interface Ownership {
  /**
   * Raises `fork` where the author's own origin is somebody else's, `foreign` where it brings what is somebody else's; not where the
   * document is lost here, and the author is bringing it back.
   */
  checkOrigin(document: LiveDocument, author: Author, origin: OriginId): void
  /**
   * Whether the author may write what an update holds that the document does not; `own`: it sealed it itself. Call it before the index
   * knows the update. Raises `foreign`, `invalid-update` where a clock is used for something else, and `overloaded`.
   */
  checkUpdate(document: LiveDocument, author: Author, summary: UpdateSummary, bytes: Uint8Array, own: boolean): void
  /** As `checkUpdate`, of a checkpoint from outside that is there as a whole. */
  checkPieces(document: LiveDocument, author: Author, vector: VersionVector, updates: readonly Uint8Array[]): void
  /** Of a piece of it. */
  checkPiece(document: LiveDocument, author: Author, summary: UpdateSummary): void
  /** Names of a document that were noted to be somebody's since then, the latest, for other relays. */
  claims(document: LiveDocument, since: number): Claim[]
  /** Another relay knows of these. Of two owners the one with the lesser hash stays, everywhere. Raises `storage-failed`. */
  learn(document: LiveDocument, claims: readonly Claim[]): void
  /** What is to be stored with the next commit. */
  pending(): Required<Pick<CommitBatch, 'writers' | 'owners'>>
  /** That is durable. */
  settle(): void
  /** It is not: memory goes back to the store. */
  forget(): void
  /** Time has passed. */
  tick(): void
}

export interface OwnershipOptions {
  store: RelayStore
  now: () => number
  /** Commits what waits. Raises `storage-failed`. */
  commitFirst: () => void
}

/** What is in use is noted once a day. */
const NOTED_EVERY_MS = 24 * 60 * 60_000
/** Owners of origins in memory. */
const OWNERS_KEPT_MAX = 10_000
/** How long it may take to bring a document back. */
const RESTORING_MS = 60_000
/** Names that have lapsed and are forgotten at a time. */
const FORGOTTEN_AT_ONCE = 1_000
const FORGOTTEN_EVERY_MS = 60 * 60_000

export function createOwnership({ store, now, commitFirst }: OwnershipOptions): Ownership {
  const origins = new Map<OriginId, OriginOwner>()
  const writersOf = new WeakMap<LiveDocument, Map<number, Writer>>()
  const restoring = new WeakMap<LiveDocument, { owner: Hash64; since: number }>()
  let newWriters: Writer[] = []
  let newOwners: OriginOwner[] = []
  let comparedBytes = 0
  let forgotAt = now()

  const isKept = ({ used }: { used: number }): boolean => Math.abs(now() - used) < OWNED_MS

  function ownerOf(origin: OriginId): OriginOwner | undefined {
    const known = origins.get(origin) ?? store.owner(origin)
    if (known === undefined || !isKept(known)) return undefined
    return known
  }

  /** Whether a claim of another relay says more than is known here. */
  function isStronger(claim: Omit<OriginOwner, 'origin'>, known: Omit<OriginOwner, 'origin'> | undefined): boolean {
    if (known === undefined || !isKept(known)) return true
    if (known.owner !== claim.owner) return claim.owner < known.owner
    return claim.used - known.used > NOTED_EVERY_MS
  }

  /** Whether the author brings a document of which nothing is here; it takes more than one message. */
  function isRestoring(document: LiveDocument, { owner }: Author): boolean {
    if (document.vector.size === 0) restoring.set(document, { owner, since: now() })
    const restorer = restoring.get(document)
    return restorer?.owner === owner && Math.abs(now() - restorer.since) < RESTORING_MS
  }

  function noteOwner(origin: OriginId, owner: Hash64): void {
    if (origins.size >= OWNERS_KEPT_MAX) origins.clear()
    const noted = { origin, owner, used: now() }
    origins.set(origin, noted)
    newOwners.push(noted)
  }

  function writers(document: LiveDocument): Map<number, Writer> {
    let found = writersOf.get(document)
    if (found === undefined) {
      found = new Map([...store.writers(document.ref)].map((writer) => [writer.client, writer]))
      writersOf.set(document, found)
    }
    return found
  }

  function noteWriter(document: LiveDocument, client: number, owner: Hash64): void {
    const writer = { where: document.ref, client, owner, used: now() }
    writers(document).set(client, writer)
    newWriters.push(writer)
  }

  /** New clocks of names that are somebody else's. Returns the clients of which some clocks are known. */
  function checkClients(document: LiveDocument, author: Author, summary: UpdateSummary): Set<number> {
    const index = document.index()
    const known = writers(document)
    const overlaps = new Set<number>()
    for (const { client, clock, length } of summary.structs) {
      const until = index.clock(client)
      if (clock < until) overlaps.add(client)
      if (clock + length <= until) continue
      const writer = known.get(client)
      if (writer === undefined || writer.owner === author.owner || !isKept(writer)) continue
      throw new RejoinError('foreign', `client ${client} is somebody else's from clock ${until} on`)
    }
    return overlaps
  }

  /** Raises `invalid-update` and `overloaded`. */
  function compare(document: LiveDocument, updates: readonly Uint8Array[]): void {
    // What nobody can read in a moment is left to the content check.
    if (document.bytes > CONTENT_CHECK_BYTES_MAX) return
    comparedBytes += document.bytes
    if (comparedBytes > COMPARED_BYTES_MAX) {
      throw new RejoinError('overloaded', 'too much is sent again that is here already')
    }
    commitFirst()
    const client = findContradiction([...contentOf(store, document.ref)], updates, UPDATE_LIMITS)
    if (client === undefined) return
    throw new RejoinError('invalid-update', `client ${client} has another content under clocks that are known`)
  }

  /** Client ids that the author begins here are its own from now on; those that it uses on stay so. */
  function claim(document: LiveDocument, author: Author, summary: UpdateSummary): void {
    const known = writers(document)
    const index = document.index()
    const begun = new Set<number>()
    for (const { client, clock } of summary.structs) {
      const writer = known.get(client)
      if (writer !== undefined && isKept(writer)) {
        if (writer.owner === author.owner && now() - writer.used > NOTED_EVERY_MS)
          noteWriter(document, client, author.owner)
      } else if (clock === 0 && index.clock(client) === 0 && author.begins(client)) begun.add(client)
    }
    // Many at once are an old document that is brought in: who began them is not known.
    if (begun.size === 0 || begun.size > CLAIMS_PER_UPDATE_MAX) return
    let own = 0
    for (const writer of known.values()) if (writer.owner === author.owner && isKept(writer)) own++
    if (own + begun.size > WRITERS_PER_OWNER_MAX) {
      throw new RejoinError('overloaded', `${own} sessions of one writer within a week`)
    }
    for (const client of begun) noteWriter(document, client, author.owner)
  }

  return {
    checkOrigin(document, author, origin) {
      const isOwn = origin === author.replica
      if (!isOwn && isRestoring(document, author)) return
      const known = ownerOf(origin)
      if (known !== undefined && known.owner !== author.owner) {
        throw new RejoinError(isOwn ? 'fork' : 'foreign', `${origin} is somebody else's`)
      }
      if (isOwn && (known === undefined || now() - known.used > NOTED_EVERY_MS)) noteOwner(origin, author.owner)
    },
    checkUpdate(document, author, summary, bytes, own) {
      // Somebody else is there now.
      if (restoring.get(document)?.owner !== author.owner) restoring.delete(document)
      if (checkClients(document, author, summary).size > 0) compare(document, [bytes])
      if (own) claim(document, author, summary)
    },
    checkPiece(document, author, summary) {
      checkClients(document, author, summary)
    },
    checkPieces(document, author, vector, updates) {
      const lost = isRestoring(document, author)
      for (const [origin, { seq }] of vector) {
        if (lost || seq <= headOf(document.vector, origin).seq) continue
        const known = ownerOf(origin)
        if (known !== undefined && known.owner !== author.owner) {
          throw new RejoinError('foreign', `${origin} is somebody else's from ${seq} on`)
        }
      }
      if (document.vector.size > 0) compare(document, updates)
    },
    claims(document, since) {
      const found: Claim[] = []
      for (const { client, owner, used } of writers(document).values()) {
        if (used >= since && isKept({ used })) found.push({ name: client, owner, used })
      }
      for (const origin of document.vector.keys()) {
        const known = ownerOf(origin)
        if (known !== undefined && known.used >= since)
          found.push({ name: origin, owner: known.owner, used: known.used })
      }
      return found.sort((a, b) => b.used - a.used).slice(0, OWNERS_PER_MESSAGE_MAX)
    },
    learn(document, claims) {
      const news = { writers: [] as Writer[], owners: [] as OriginOwner[] }
      for (const { name, owner, used } of claims) {
        const known = typeof name === 'number' ? writers(document).get(name) : ownerOf(name)
        // A clock that is ahead does not make a claim last longer.
        const claim = { owner, used: Math.min(used, now()) }
        if (!isKept(claim) || !isStronger(claim, known)) continue
        if (typeof name === 'number') news.writers.push({ where: document.ref, client: name, ...claim })
        else news.owners.push({ origin: name, ...claim })
      }
      if (news.writers.length + news.owners.length === 0 || document.vector.size === 0) return
      store.commit({ documents: [], entries: [], ...news })
      for (const writer of news.writers) writers(document).set(writer.client, writer)
      if (origins.size + news.owners.length > OWNERS_KEPT_MAX) origins.clear()
      for (const noted of news.owners) origins.set(noted.origin, noted)
    },
    pending: () => ({ writers: newWriters, owners: newOwners }),
    settle() {
      newWriters = []
      newOwners = []
    },
    forget() {
      newWriters = []
      newOwners = []
      origins.clear()
    },
    tick() {
      comparedBytes = 0
      if (Math.abs(now() - forgotAt) < FORGOTTEN_EVERY_MS) return
      forgotAt = now()
      store.forgetOwners(now() - OWNED_MS, FORGOTTEN_AT_ONCE)
    },
  }
}
