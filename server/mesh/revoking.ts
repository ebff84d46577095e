/**
 * Who was turned out at one relay is turned out at all: with each heartbeat travels a hash of the revocations that are known, and
 * these where the other knows others. The later moment of two counts for a subject, so it does not matter in which order they come.
 */
import { type Hash64, hash64 } from '../../shared/hash.ts'
import { REVOKED_PER_MESSAGE_MAX } from '../../shared/limits.ts'
import type { Message, RevokedMessage } from '../../shared/wire/messages.ts'
import { REVOKED_TOLD_MAX } from './bounds.ts'

/** What a gate knows, and learns. */
export interface RevocationStore {
  /** When each subject was revoked, in milliseconds since 1970. */
  all(): ReadonlyMap<string, number>
  /** Other relays know of these. Raises `storage-failed`. */
  learn(told: ReadonlyMap<string, number>): void
}

export interface Revoking {
  /** What is told to somebody who knows as much as this hash says, if that is known. */
  tell(theirs: Hash64 | undefined): RevokedMessage[]
  /** Takes what was told; returns the hash of what the other knows, where it said so. Raises `storage-failed`. */
  take(messages: readonly Message[]): Hash64 | undefined
}

const encoder = new TextEncoder()

export function createRevoking(store: RevocationStore | undefined): Revoking {
  return {
    tell(theirs) {
      if (store === undefined) return []
      const entries = newest(store.all())
      const known = hash64(encoder.encode(JSON.stringify(entries)))
      if (known === theirs) return [{ type: 'revoked', known, entries: [] }]
      const told: RevokedMessage[] = []
      for (let at = 0; at === 0 || at < entries.length; at += REVOKED_PER_MESSAGE_MAX) {
        told.push({ type: 'revoked', known, entries: entries.slice(at, at + REVOKED_PER_MESSAGE_MAX) })
      }
      return told
    },
    take(messages) {
      const told = messages.filter((message) => message.type === 'revoked')
      const entries = told.flatMap((each) => each.entries)
      if (entries.length > 0) store?.learn(new Map(entries.map(({ subject, at }) => [subject, at])))
      return told.at(-1)?.known
    },
  }
}

/** In an order that is the same everywhere. */
const newest = (revoked: ReadonlyMap<string, number>): { subject: string; at: number }[] =>
  [...revoked]
    .map(([subject, at]) => ({ subject, at }))
    .sort((a, b) => b.at - a.at || (a.subject < b.subject ? -1 : 1))
    .slice(0, REVOKED_TOLD_MAX)
