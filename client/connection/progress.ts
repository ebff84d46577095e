/**
 * How far a conversation has come, in both logs: the place up to which everything of the relay is here, and how far this
 * replica's log has been offered there. From them follows what may be kept of the relay for the next conversation (P4).
 */
import { isOfStorage, RejoinError } from '../../shared/errors.ts'
import type { ReplicaId } from '../../shared/ids.ts'
import type { Place, Scope, Welcome } from '../../shared/wire/messages.ts'
import type { PeerRow } from '../replica/store.ts'
import type { PeerNote, UpdateLog } from '../replica/update-log.ts'
import type { Offers } from './offers.ts'

export interface Progress {
  readonly welcome: Welcome | undefined
  readonly relay: ReplicaId
  /** `undefined`: there is none to go on from, now. */
  place: Place | undefined
  /** Offset of this replica's log up to which everything was offered. */
  cursor: number
  /** The outbox may be sent. */
  sending: boolean
  /** Finds where the last conversation with this relay ended. */
  recall(): Promise<Place | undefined>
  greeted(welcome: Welcome): Promise<void>
  /** The device is full: nothing is kept from here on, so that the next conversation begins where this one still kept. */
  lose(now: number): void
  /** A document is left out: the next conversation begins where this one was before that, as its place is to hold it too. */
  leaveOut(): void
  /** Since when nothing is kept. */
  readonly lostAt: number | undefined
  /** Something of this relay could not be stored: others may not have it. */
  isOwed: boolean
  /** What is to be kept: only once everything before the place is here and everything served is there. */
  note(): PeerNote
  save(): Promise<void>
}

export function createProgress(log: UpdateLog, offers: Offers, url: string, scope: Scope): Progress {
  let known: PeerRow | undefined
  let welcome: Welcome | undefined
  let relay: ReplicaId = ''
  let round = 0
  let begun = false
  let lostAt: number | undefined
  let isPartial = false

  const progress: Progress = {
    get welcome() {
      return welcome
    },
    get relay() {
      return relay
    },
    place: undefined,
    cursor: 0,
    lose(now) {
      lostAt ??= now
    },
    leaveOut() {
      isPartial = true
    },
    get lostAt() {
      return lostAt
    },
    isOwed: false,
    sending: false,
    async recall() {
      known = scope === 'all' ? await log.peer(url) : undefined
      return known?.place
    },
    async greeted(message) {
      welcome = message
      relay = message.replica
      begun = message.resumed
      const resumed = message.resumed ? known : undefined
      round = resumed?.round ?? (known?.round ?? 0) + 1
      progress.place = resumed?.place
      progress.cursor = resumed?.watermark ?? (await log.head())
    },
    note() {
      const { place } = progress
      const watermark = offers.watermark(progress.cursor)
      const base = { replica: relay, url, round }
      if (lostAt !== undefined) return { ...base, lost: true }
      if (isPartial || place === undefined || watermark === undefined || scope === 'opened') return base
      if (begun) return { ...base, place, watermark }
      if (!progress.sending) return base
      begun = true
      return { ...base, place, watermark, begin: true }
    },
    async save() {
      const note = progress.note()
      if (note.place !== undefined) await unlessBroken(log.note(note))
    },
  }
  return progress
}

/** What the storage gave back, or `undefined` where it is full: that may last, and syncing goes on without. */
export async function unlessFull<R>(work: Promise<R>): Promise<R | undefined> {
  return unlessBroken(work, (error) => {
    if (error.code !== 'storage-full') throw error
  })
}

/** The same where it fails in any way: for what is done again by itself when it works. */
export async function unlessBroken<R>(
  work: Promise<R>,
  failed: (error: RejoinError) => void = () => {},
): Promise<R | undefined> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof RejoinError && isOfStorage(error))) throw error
    failed(error)
    return undefined
  }
}
