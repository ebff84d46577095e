/**
 * The content check: now and then a document that is in sync is held against the relay's, by a hash of its joined log (P1). Equal
 * versions promise equal content; where it is another, something was lost that no checksum shows, here or there, and each
 * side sends the other all it has. It runs while there is nothing else to do, one document at a time, each in its turn.
 */
import { documentVersion } from '../../shared/digest/version.ts'
import { pauseFor } from '../../shared/environment.ts'
import type { DocumentId } from '../../shared/ids.ts'
import { CONTENT_CHECK_BYTES_MAX } from '../../shared/limits.ts'
import { compactToPieces } from '../../shared/update/fold.ts'
import { inflatePiece } from '../../shared/update/inflate-piece.ts'
import { hashJoinedLogSteps } from '../../shared/update/joined-log.ts'
import type { Steps } from '../../shared/update/steps.ts'
import type { Content } from '../../shared/wire/messages.ts'
import { refOf, type Talk } from './host.ts'
import type { Sending } from './sending.ts'

export interface Checking {
  /** Time has passed: asks about the next document, if it is time for one. */
  tick(): void
  /** What the relay has, by its word. */
  answered(content: Content): Promise<void>
  /** Nothing is asked any more. */
  close(): void
}

/** Who has just come has better things to do; and a relay that has just started. */
const FIRST_AFTER_MS = 180_000
/** Between two documents: a thousand are checked in a working day, with some kilobytes. */
const CHECK_EVERY_MS = 30_000
/** A document is not checked again before this has passed. */
const CHECK_AGAIN_MS = 3_600_000
/** Work between two pauses: well below what a person notices. */
const STEP_MS_MAX = 5

export function createChecking(talk: Talk, sending: Sending): Checking {
  const { log, host, offers, progress, environment, put, later } = talk
  const checked = new Map<DocumentId, number>()
  let queue: DocumentId[] = []
  let asked: Content | undefined
  let since = environment.now()
  let waitMs = FIRST_AFTER_MS
  let isBusy = false
  let over = false

  function tick(): void {
    const now = environment.now()
    if (isBusy || Math.abs(now - since) < waitMs || !progress.sending || !offers.isEmpty()) return
    since = now
    waitMs = CHECK_EVERY_MS
    isBusy = true
    ask().then(
      () => {
        isBusy = false
      },
      (error: unknown) =>
        later(async () => {
          throw error
        }),
    )
  }

  async function ask(): Promise<void> {
    if (queue.length === 0) queue = await nextRound()
    const document = queue.shift()
    if (document === undefined) return
    checked.set(document, environment.now())
    const { ref, vector, unacknowledged, updates } = await log.load(document)
    const bytes = updates.reduce((sum, update) => sum + update.length, 0)
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
    if (mine?.document !== document || mine.version !== version || mine.hash === hash) return
    host.differs(document)
    // What the relay sends next is taken, although its dots are held.
    await log.compared(document, progress.relay, true)
    const { ref, unacknowledged, updates } = await log.load(document)
    // What is not acknowledged is on its way, or may be refused: it is looked at again without that.
    if (unacknowledged > 0) return void checked.delete(document)
    if (!talk.permission.canWrite) return
    const pieces = await inSteps(compactToPieces(updates, { gc: ref.gc }))
    await sending.submitContent(ref, pieces.map(inflatePiece))
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
    tick,
    answered,
    close() {
      over = true
    },
  }
}
