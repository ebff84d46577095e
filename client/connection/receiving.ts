/**
 * What comes from the relay on its way into the log: records of others, acknowledgements and refusals. What came in together is
 * stored in one transaction with the place it ends at, and only then shown; what does not fit is compared and mended.
 */
import { pauseFor } from '../../shared/environment.ts'
import { isFinal, RejoinError, toRejoinError } from '../../shared/errors.ts'
import type { DocumentId } from '../../shared/ids.ts'
import type { Action } from '../../shared/sync/session.ts'
import { inflatePiece } from '../../shared/update/inflate-piece.ts'
import { inspectUpdate } from '../../shared/update/inspect.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { Entries, Piece, Refused } from '../../shared/wire/messages.ts'
import { unreadable } from '../replica/content.ts'
import type { Incoming, Taken } from '../replica/update-log.ts'
import type { Checking } from './checking.ts'
import type { Comparing } from './comparing.ts'
import type { Forking } from './forking.ts'
import { refOf, type Talk } from './host.ts'
import { unlessBroken } from './progress.ts'
import type { Sending } from './sending.ts'

/** What is stored together with others of its kind. */
export type TakenAction = Extract<Action, { do: 'store' | 'piece' | 'deleted' | 'acknowledged' | 'stamped' }>

const TAKEN: ReadonlySet<Action['do']> = new Set<TakenAction['do']>([
  'store',
  'piece',
  'deleted',
  'acknowledged',
  'stamped',
])

/** How long relays may take to tell one another what somebody else wrote. */
const STRANGER_MS_MAX = 60_000

/** A document of which something of this replica's own is taken for somebody else's: told once it is refused again after that time. */
interface Stranger {
  is: 'waiting' | 'asked again' | 'told'
  since: number
}

const NOTHING: { document?: DocumentId } = {}

export const isTaken = (action: Action): action is TakenAction => TAKEN.has(action.do)

/** What comes together is waited for, so that a busy document is not compared with every keystroke. */
const REVIVED_AFTER_MS = 2_000

export interface Receiving {
  take(actions: readonly TakenAction[]): Promise<void>
  refused(message: Refused): Promise<void>
  /** Time has passed. */
  tick(): void
}

/** Together a second: then it is no mishap, and what came is shown without. */
const TRIES_MAX = 8
const TRY_AGAIN_MS = 40

export function createReceiving(
  talk: Talk,
  sending: Sending,
  comparing: Comparing,
  forking: Forking,
  checking: Pick<Checking, 'offer'>,
): Receiving {
  const { log, host, session, offers, progress, perform } = talk
  /** What was refused as it lacks something, by document. */
  const refusals = new Map<DocumentId, Map<string, number>>()
  /** Those of which something stays refused. */
  const hopeless = new Set<DocumentId>()
  /** Where own records are taken for somebody else's. */
  const strangers = new Map<DocumentId, Stranger>()
  /** Documents of which something is left to others: what rests on it waits until the relay has news of them. */
  const left = new Map<DocumentId, DocumentRef>()

  async function take(actions: readonly TakenAction[]): Promise<void> {
    const incoming = actions.flatMap(toIncoming)
    let problem: RejoinError | undefined
    const noted = (error: RejoinError): void => {
      problem = error
    }
    const taken = await unlessBroken(store(incoming), noted)
    host.storing(problem)
    if (taken === undefined) return passOn(incoming)
    for (const { where, error } of taken.unreadable) talk.setAside(where.document, error)
    // What follows something that cannot be read does not fit either, and nothing mends that now.
    const unfit = taken.unfit.filter(({ where }) => !talk.isSetAside(where.document))
    if (unfit.length > 0) talk.leavePlace()
    passOver(taken)
    show(taken)
    if (taken.doubted.length > 0) talk.doubt(taken.doubted)
    for (const document of [...taken.arrived.keys(), ...taken.pieces.keys()]) refusals.delete(document)
    for (const each of incoming) {
      if (each.type === 'entries') reviveLater(each.entries)
      else if (each.type === 'ack') reviveLater(each.ack)
    }
    for (const ref of taken.outdated) talk.put({ type: 'tombstone', ...ref, through: 0 })
    await mend(unfit)
    await goOn(incoming)
    // What was stamped beyond what is here is told again when that is fetched.
    for (const { where } of unfit) sending.want(where.document)
    comparing.reached()
    if (progress.sending) await sending.send(unfit.length > 0 ? undefined : taken.added?.head)
  }

  /** What the relay sent is not offered to it. */
  function passOver({ added }: Taken): void {
    if (progress.sending && progress.cursor === added?.before) progress.cursor = added.head
  }

  /** A transaction that is aborted once mostly works the next time; what is not stored has to be fetched again, in its order. */
  async function store(incoming: readonly Incoming[]): Promise<Taken> {
    for (let tries = 1; ; tries++) {
      try {
        return await log.take(incoming, progress.note())
      } catch (error) {
        if (!(error instanceof RejoinError && error.code === 'storage-failed') || tries === TRIES_MAX) throw error
        await pauseFor(talk.environment, tries * TRY_AGAIN_MS)
      }
    }
  }

  /** What waited for others is held against what the relay has now. */
  async function goOn(incoming: readonly Incoming[]): Promise<void> {
    for (const each of incoming) {
      const { document } = each.type === 'entries' ? each.entries : each.type === 'piece' ? each.piece : NOTHING
      const ref = document === undefined ? undefined : left.get(document)
      if (ref === undefined) continue
      left.delete(ref.document)
      refusals.delete(ref.document)
      await talk.differAgain(ref)
    }
  }

  function show({ arrived, pieces, progress: transfers, deleted, documents }: Taken): void {
    for (const { ref, empty, branch } of deleted) {
      offers.forget(ref.document)
      sending.forget(ref.document)
      host.deleted(ref, empty, branch)
    }
    for (const [document, records] of arrived) host.arrived(document, records)
    for (const [document, those] of pieces) for (const each of those) host.arrivedPieces(document, each)
    for (const each of transfers) host.progress(each.document, each.pieces, each.count)
    host.changed(documents)
  }

  /** There is no room to store it: shown now, and fetched again by a later conversation, as the place stays before it. */
  async function passOn(incoming: readonly Incoming[]): Promise<void> {
    progress.lose(talk.environment.now())
    progress.isOwed = true
    for (const each of incoming) {
      if (each.type === 'piece') passPiece(each.piece)
      if (each.type === 'entries') passEntries(each.entries)
    }
    if (progress.sending) await sending.send()
  }

  function passEntries({ document, runs }: Entries): void {
    const updates: Uint8Array[] = []
    for (const run of runs) {
      for (const { bytes } of run.updates) {
        const error = unreadable(bytes)
        if (error !== undefined) {
          talk.setAside(document, error)
          break
        }
        updates.push(bytes)
      }
    }
    host.passed(document, progress.relay, updates)
  }

  function passPiece(piece: Piece): void {
    try {
      const update = inflatePiece(piece)
      inspectUpdate(update)
      host.passed(piece.document, progress.relay, [update])
    } catch (error) {
      talk.setAside(piece.document, toRejoinError(error, 'invalid-update', 'a piece'))
    }
  }

  function toIncoming(action: TakenAction): Incoming[] {
    if (action.place !== undefined) progress.place = action.place
    switch (action.do) {
      case 'store':
        // What the relay sends it has.
        for (const { origin, first, updates } of action.entries.runs) {
          offers.held(action.entries.document, origin, first + updates.length - 1)
        }
        return [{ type: 'entries', entries: action.entries }]
      case 'piece':
        for (const [origin, { seq }] of action.piece.vector ?? []) offers.held(action.piece.document, origin, seq)
        return [{ type: 'piece', piece: action.piece }]
      case 'deleted':
        offers.settleTombstone(action.ref.document)
        return [{ type: 'deleted', ref: action.ref }]
      case 'acknowledged':
        offers.settle(action.ack.document, action.ack.origin, action.ack.seq)
        return [{ type: 'ack', ack: action.ack }]
      case 'stamped': {
        const submit = sending.answered(action.stamped.request)
        if (submit === undefined) return []
        submit.relayed?.()
        return [{ type: 'stamped', stamped: action.stamped, edits: submit.edits, bytes: submit.bytes }]
      }
    }
  }

  async function mend(unfit: Taken['unfit']): Promise<void> {
    for (const { where, origin, code } of unfit) {
      if (code === 'fork') await forking.forked(where, origin)
      await talk.differAgain(where)
    }
  }

  async function refused(message: Refused): Promise<void> {
    const submit = sending.answered(message.request)
    const { document, origin, code } = message
    switch (code) {
      case 'gap':
      case 'dependency':
        return lacking(message, submit !== undefined)
      case 'fork':
      case 'unproven':
        return mend([{ where: message, origin, code: 'fork' }])
      case 'foreign':
        return leaveToOthers(message)
      default:
        if (!isFinal(code)) return void perform(session.end(code, message.detail))
        return sending.refuse(document, code, message.detail)
    }
  }

  /**
   * What is somebody else's the relay gets from that one or from another relay, and is offered again until it has it: no watermark
   * passes it. Where something of its own stays so, it is told.
   */
  function leaveToOthers(message: Refused): void {
    const { document, origin, request, code, detail } = message
    left.set(document, refOf(message))
    offers.leave(document)
    const isOwn = origin === log.replica || request > 0
    const stranger = strangers.get(document)
    if (isOwn && stranger?.is === 'asked again') {
      stranger.is = 'told'
      host.hopeless(document, code, detail)
    } else if (isOwn && stranger === undefined) {
      strangers.set(document, { is: 'waiting', since: talk.environment.now() })
    }
  }

  function tick(): void {
    for (const [document, stranger] of strangers) {
      const ref = left.get(document)
      const isLong = Math.abs(talk.environment.now() - stranger.since) > STRANGER_MS_MAX
      if (ref === undefined) strangers.delete(document)
      else if (stranger.is === 'waiting' && isLong) {
        // The relay may have it since, from a third, and with nothing new to say of it here.
        stranger.is = 'asked again'
        talk.later(() => talk.differAgain(ref))
      }
    }
  }

  /** The relay has more than it had when it refused something, by way of other relays maybe: it is offered again. */
  function reviveLater({ document, epoch, gc }: DocumentRef): void {
    if (!hopeless.delete(document)) return
    talk.environment.setTimer(
      () =>
        talk.later(async () => {
          refusals.delete(document)
          await talk.differAgain({ document, epoch, gc })
        }),
      REVIVED_AFTER_MS,
    )
  }

  /** Refused again as it was, although all that is here has been offered, it waits until something new is known (P7). */
  async function lacking(message: Refused, wasSubmitted: boolean): Promise<void> {
    const { document, origin, seq, code, held: theirs, detail } = message
    // It went by what the relay held before; what follows it is refused for that alone.
    if (code === 'gap' && theirs >= seq) refusals.delete(document)
    const key = `${origin}/${seq}/${code}`
    const known = refusals.get(document) ?? new Map<string, number>()
    refusals.set(document, known)
    const times = (known.get(key) ?? 0) + 1
    known.set(key, times)
    if (times === 1) {
      if (wasSubmitted) sending.want(document)
      return talk.differAgain(message)
    }
    hopeless.add(document)
    // It is told once, whatever is still on its way.
    if (times > 3 || left.has(document)) return
    if (times === 3) return host.hopeless(document, code, detail)
    // What it rests on was named here as something else is there.
    const doubted = (await log.doubted(progress.relay)).get(document)
    if (doubted !== undefined) return forking.separate(message, doubted)
    const held = await unlessBroken(log.giveUp(document))
    if (held === undefined) {
      // Where records of two names each rest on one of the other, all that they hold comes first, under no name.
      const isOffered = !talk.permission.isOwned && (await checking.offer(document))
      return isOffered ? talk.differAgain(message) : host.hopeless(document, code, detail)
    }
    offers.forget(document)
    host.changed([held])
    await talk.differAgain(message)
  }

  return { take, refused, tick }
}
