/**
 * The content check: now and then a document that is in sync is held against the relay's, by a hash of its joined log (P1). Equal
 * versions promise equal content; where it is another, something was lost that no checksum shows, here or there, and each
 * side sends the other all it has. It runs while there is nothing else to do, one document at a time, each in its turn; first those of
 * which the relay does not know any more what it continued here, as two histories may have been joined there (P8).
 */
import { documentVersion } from '../../shared/digest/version.ts'
import { pauseFor } from '../../shared/environment.ts'
import type { Hash64 } from '../../shared/hash.ts'
import type { DocumentId } from '../../shared/ids.ts'
import { CONTENT_CHECK_BYTES_MAX } from '../../shared/limits.ts'
import { compactToPieces } from '../../shared/update/fold.ts'
import { inflatePiece } from '../../shared/update/inflate-piece.ts'
import { hashJoinedLogSteps } from '../../shared/update/joined-log.ts'
import type { Steps } from '../../shared/update/steps.ts'
import type { Content } from '../../shared/wire/messages.ts'
import type { Forking } from './forking.ts'
import { refOf, type Talk } from './host.ts'
import type { Sending } from './sending.ts'

export interface Checking {
  /** These are asked about soon, until the relay holds the same. */
  doubt(documents: readonly DocumentId[]): void
  /** Time has passed: asks about the next document, if it is time for one. */
  tick(): void
  /** What the relay has, by its word. */
  answered(content: Content): Promise<void>
  /** Gives the relay all that is here of a document, under no names; false where that is more than is worth it, or not allowed. */
  offer(document: DocumentId): Promise<boolean>
  /** Nothing is asked any more. */
  close(): void
}

/** Who has just come has better things to do; and a relay that has just started. */
const FIRST_AFTER_MS = 180_000
/** Between two documents: a thousand are checked in a working day, with some kilobytes. */
const CHECK_EVERY_MS = 30_000
/** A document is not checked again before this has passed. */
const CHECK_AGAIN_MS = 3_600_000
/** What is in doubt is asked about again after this, as the relay says nothing where it has another version. */
const ANSWERED_WITHIN_MS = 5_000
/** Documents in doubt that are looked at in one go. */
const LOOKED_AT_MAX = 16
/** Work between two pauses: well below what a person notices. */
const STEP_MS_MAX = 5

/** A document that is in doubt. */
interface Doubted {
  /** It is left alone for so long since then. */
  since: number
  waitMs: number
  /** As it was then. */
  version?: Hash64
}

export function createChecking(talk: Talk, sending: Sending, forking: Forking): Checking {
  const { log, host, offers, progress, environment, put, later } = talk
  const checked = new Map<DocumentId, number>()
  const doubted = new Map<DocumentId, Doubted>()
  let queue: DocumentId[] = []
  let asked: Content | undefined
  let askedAt = environment.now()
  let isBegun = false
  let since = environment.now()
  let waitMs = FIRST_AFTER_MS
  let isBusy = false
  let over = false

  function tick(): void {
    if (isBusy || !progress.sending || !offers.isEmpty()) return
    isBusy = true
    askNext().then(
      () => {
        isBusy = false
      },
      (error: unknown) =>
        later(async () => {
          throw error
        }),
    )
  }

  function doubt(documents: Iterable<DocumentId>): void {
    for (const document of documents) doubted.set(document, { since: environment.now(), waitMs: 0 })
  }

  async function askNext(): Promise<void> {
    const now = environment.now()
    if (!isBegun) doubt((await log.doubted(progress.relay)).keys())
    isBegun = true
    if (asked !== undefined && Math.abs(now - askedAt) < ANSWERED_WITHIN_MS) return
    const doubtful = await nextDoubted(now)
    if (doubtful !== undefined) return ask(doubtful)
    if (Math.abs(now - since) < waitMs) return
    since = now
    waitMs = CHECK_EVERY_MS
    if (queue.length === 0) queue = await nextRound()
    const next = queue.shift()
    if (next !== undefined) await ask(next)
  }

  /** Of what changes all the time the relay has another version whenever it is asked. */
  async function nextDoubted(now: number): Promise<DocumentId | undefined> {
    const due = [...doubted].filter(([, each]) => Math.abs(now - each.since) >= each.waitMs)
    for (const [document, before] of due.slice(0, LOOKED_AT_MAX)) {
      const held = await log.held(document)
      const version = held && held.unacknowledged === 0 ? documentVersion(held.ref.epoch, held.vector) : undefined
      const isQuiet = version !== undefined && version === before.version
      // Behind the others, for when it comes to no answer.
      doubted.delete(document)
      doubted.set(document, { since: now, waitMs: isQuiet ? ANSWERED_WITHIN_MS : 0, version })
      if (isQuiet) return document
    }
    return undefined
  }

  async function ask(document: DocumentId): Promise<void> {
    askedAt = environment.now()
    checked.set(document, askedAt)
    const { ref, vector, unacknowledged, updates } = await log.load(document)
    const bytes = updates.reduce((sum, update) => sum + update.length, 0)
    if (vector.size === 0 || bytes > CONTENT_CHECK_BYTES_MAX) doubted.delete(document)
    if (unacknowledged > 0 || vector.size === 0 || bytes > CONTENT_CHECK_BYTES_MAX) return
    const hash = await inSteps(hashJoinedLogSteps(updates))
    if (over) return
    asked = { type: 'content', ...refOf(ref), version: documentVersion(ref.epoch, vector), hash }
    put(asked)
  }

  /** All that were not checked of late, from any one on: so that all have their turn also where conversations are short. */
  async function nextRound(): Promise<DocumentId[]> {
    const now = environment.now()
    for (const [document, at] of checked) if (Math.abs(now - at) >= CHECK_AGAIN_MS) checked.delete(document)
    const ids = (await log.documents()).map(({ ref }) => ref.document).filter((document) => !checked.has(document))
    const [high = 0, low = 0] = environment.randomBytes(2)
    const first = Math.floor(((high * 256 + low) / 65_536) * ids.length)
    return [...ids.slice(first), ...ids.slice(0, first)]
  }

  async function answered(content: Content): Promise<void> {
    const { document, version, hash } = content
    const mine = asked
    asked = undefined
    if (mine?.document !== document || mine.version !== version) return
    const isSame = mine.hash === hash
    if (doubted.has(document) && (isSame || !talk.permission.canWrite)) await settle(document)
    if (isSame) return
    // Two contents under one name; else it was lost, here or there.
    const origin = doubted.has(document) ? (await log.doubted(progress.relay)).get(document) : undefined
    if (origin !== undefined) return forking.separate(content, origin)
    doubted.delete(document)
    host.differs(document)
    // What the relay sends next is taken, although its dots are held.
    await log.compared(document, progress.relay, true)
    const { unacknowledged } = await log.load(document)
    // What is not acknowledged is on its way, or may be refused: it is looked at again without that.
    if (unacknowledged > 0) return void checked.delete(document)
    await offer(document)
  }

  async function offer(document: DocumentId): Promise<boolean> {
    if (!talk.permission.canWrite) return false
    const { ref, updates } = await log.load(document)
    const bytes = updates.reduce((sum, update) => sum + update.length, 0)
    if (updates.length === 0 || bytes > CONTENT_CHECK_BYTES_MAX) return false
    const pieces = await inSteps(compactToPieces(updates, { gc: ref.gc }))
    await sending.submitContent(ref, pieces.map(inflatePiece))
    return true
  }

  /** Who may only read can do no more where it differs. */
  async function settle(document: DocumentId): Promise<void> {
    doubted.delete(document)
    await log.trust(document, progress.relay)
  }

  async function inSteps<R>(steps: Steps<R>): Promise<R> {
    for (let began = environment.now(); ; ) {
      const step = steps.next()
      if (step.done === true) return step.value
      if (environment.now() - began < STEP_MS_MAX) continue
      await pauseFor(environment)
      began = environment.now()
    }
  }

  return {
    doubt,
    tick,
    answered,
    offer,
    close() {
      over = true
    },
  }
}
