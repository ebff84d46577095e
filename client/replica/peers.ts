/**
 * What is noted of a relay: where its log was read up to, and how much of this one it holds. Both rest on one comparison, a
 * round; only the session that made the newest one moves them, so neither goes back within it (P4).
 */
import type { Environment } from '../../shared/environment.ts'
import type { PeerNote } from './log-types.ts'
import { readSelf } from './rows.ts'
import type { PeerRow, ReadTransaction, WriteTransaction } from './store.ts'

/** `usedAt` is as old as this before it is written for its own sake: it only tells which of two relays was met last. */
const USED_AT_COARSE_MS = 3_600_000

/**
 * The numbers of the rounds that this tab has begun, by those that its sessions wished for: two tabs may wish for the same one.
 */
export interface Rounds {
  /** The note as the log takes it; what it is to begin is owed until it has begun. */
  named(note: PeerNote): PeerNote
  /** The round of this note has begun; `undefined`: it may not begin yet, and the next note with a place begins it. */
  begun(note: PeerNote, round: number | undefined): void
}

export function createRounds(): Rounds {
  const given = new Map<string, number>()
  const owed = new Set<string>()
  const keyOf = ({ replica, round }: PeerNote): string => `${replica}/${round}`
  return {
    named(note) {
      const key = keyOf(note)
      // A transaction that fails has begun nothing.
      if (note.begin) owed.add(key)
      if (owed.has(key) && note.place !== undefined) return { ...note, begin: true }
      return { ...note, round: given.get(key) ?? note.round }
    },
    begun(note, round) {
      const key = keyOf(note)
      if (round === undefined) owed.add(key)
      else {
        given.set(key, round)
        owed.delete(key)
      }
    },
  }
}

/** A note, and when it was taken. */
export interface Noted {
  readonly note: PeerNote
  readonly at: number
}

/** Whether the note before this one said all that it does. */
export function isSaid(note: PeerNote, now: number, { note: before, at }: Noted): boolean {
  if (note.begin || before.begin || Math.abs(now - at) >= USED_AT_COARSE_MS) return false
  return (
    note.replica === before.replica &&
    note.url === before.url &&
    note.round === before.round &&
    note.watermark === before.watermark &&
    note.place?.epoch === before.place?.epoch &&
    note.place?.offset === before.place?.offset
  )
}

/** Notes what is new of a relay; returns the number of the round that was begun. */
export async function writePeer(
  transaction: WriteTransaction,
  note: PeerNote,
  environment: Environment,
): Promise<number | undefined> {
  if (note.lost) transaction.delete('peers', [note.replica])
  const row = await nextPeer(transaction, note, environment)
  if (row === undefined) return undefined
  transaction.put('peers', [note.replica], row)
  if (!note.begin) return undefined
  transaction.put('meta', ['replica'], { ...(await readSelf(transaction)), rounds: row.round })
  return row.round
}

/** The places rest on something that is here no more: relays are to be compared with. */
export async function forgetPlaces(transaction: WriteTransaction): Promise<void> {
  for (const { key } of await transaction.range('peers', [])) transaction.delete('peers', key)
}

/** The row that the note makes; `undefined` where nothing that matters is new. */
export async function nextPeer(
  transaction: ReadTransaction,
  note: PeerNote,
  environment: Environment,
): Promise<PeerRow | undefined> {
  const { replica, url } = note
  const before = await transaction.get('peers', [replica])
  const usedAt = environment.now()
  if (note.begin) {
    if (note.place === undefined) return undefined
    const { rounds = 0 } = await readSelf(transaction)
    const round = Math.max(rounds, before?.round ?? 0) + 1
    return { replica, url, place: note.place, watermark: note.watermark ?? 0, round, usedAt }
  }
  if (before === undefined || before.round !== note.round) return undefined
  const place = note.place !== undefined && note.place.offset >= before.place.offset ? note.place : before.place
  const watermark = Math.max(note.watermark ?? 0, before.watermark)
  const isOn = place.epoch !== before.place.epoch || place.offset !== before.place.offset
  const beyond = isOn ? undefined : note.brings || before.beyond || undefined
  const moved = isOn || watermark !== before.watermark || beyond !== before.beyond
  const met = url !== before.url || Math.abs(usedAt - before.usedAt) >= USED_AT_COARSE_MS
  if (!moved && !met && (await isLast(transaction, before))) return undefined
  return { ...before, url, place, beyond, watermark, usedAt }
}

/** Of several relays that were met under an address, the last one is the one to go on with. */
async function isLast(transaction: ReadTransaction, row: PeerRow): Promise<boolean> {
  return (await readPeer(transaction, row.url))?.replica === row.replica
}

/**
 * The relay that was last met under this address, to go on with. `undefined` where records that it may lack were trimmed from the
 * log, or its place does not stand for all that is here of it: then it is compared.
 */
export async function readResumable(transaction: ReadTransaction, url: string): Promise<PeerRow | undefined> {
  const row = await readPeer(transaction, url)
  const { trimmed = 0 } = await readSelf(transaction)
  return row === undefined || row.watermark < trimmed || row.beyond ? undefined : row
}

/** How long a relay that was not met counts: what it lacks is not trimmed from the log. */
const OWED_MS_MAX = 30 * 24 * 3_600_000

/** The offset up to which every relay that counts holds everything of this log. */
export async function readOwed(transaction: ReadTransaction, environment: Environment): Promise<number> {
  const rows = (await transaction.range('peers', [])).map(({ value }) => value)
  const now = environment.now()
  const owed = rows.filter(({ usedAt }) => now - usedAt <= OWED_MS_MAX).map(({ watermark }) => watermark)
  return Math.min((await readSelf(transaction)).head, ...owed)
}

/** The relay that was last met under this address. */
export async function readPeer(transaction: ReadTransaction, url: string): Promise<PeerRow | undefined> {
  const rows = (await transaction.range('peers', [])).map(({ value }) => value)
  return rows.filter((row) => row.url === url).sort((a, b) => b.usedAt - a.usedAt)[0]
}
