/**
 * The other tabs as the leader knows them: what they have open, who they show, and what they could not store. Each tab holds a
 * lock of its own for as long as it lives; the leader waits for it, and so learns that a tab is gone, however it went.
 */
import type { DocumentId } from '../../shared/ids.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { Locks } from './locks.ts'
import { encodeGone, type People } from './people.ts'
import { readPeople } from './read-people.ts'

export interface GuestsOptions {
  /** The lock of a tab. */
  lockOf(tab: string): string
  locks: Locks | undefined
  /** Nobody else among the guests has it open now. `people`: tells that those whom the tab showed have left. */
  left(where: DocumentRef, people: Uint8Array | undefined): void
}

/** Updates that a guest could not store. */
export interface Handed {
  tab: string
  number: number
  bytes: Uint8Array
}

export interface Guests {
  opened(tab: string, where: DocumentRef): void
  closed(tab: string, where: DocumentRef): void
  /** The tab has told of people. */
  showed(tab: string, where: DocumentRef, bytes: Uint8Array): void
  /** Takes the place of what the tab handed over of this document before. */
  handed(document: DocumentId, handed: Handed): void
  /** What was handed over of a document and is not at the relay. */
  handedOf(document: DocumentId): Handed[]
  /** It is at the relay. */
  relayed(document: DocumentId, handed: Handed): void
  has(document: DocumentId): boolean
  documents(): DocumentRef[]
  /** Forgets all of them, as this tab does not lead any more. */
  clear(): void
}

interface Guest {
  documents: Map<DocumentId, { where: DocumentRef; people: People }>
}

/** Documents for which something was handed over and not sent: as many as anybody has open. */
const HANDED_MAX = 1_000

export function createGuests({ lockOf, locks, left }: GuestsOptions): Guests {
  const guests = new Map<string, Guest>()
  const handed = new Map<DocumentId, Map<string, Handed>>()
  let over = new AbortController()

  function enter(tab: string): Guest {
    const known = guests.get(tab)
    if (known !== undefined) return known
    const guest: Guest = { documents: new Map() }
    guests.set(tab, guest)
    // Granted when the tab is gone; rejected when this one stops caring.
    locks?.request(lockOf(tab), { signal: over.signal }, async () => leave(tab)).catch(() => {})
    return guest
  }

  function leave(tab: string): void {
    for (const { where } of guests.get(tab)?.documents.values() ?? []) close(tab, where)
    guests.delete(tab)
  }

  function close(tab: string, where: DocumentRef): void {
    const open = guests.get(tab)?.documents
    const { people } = open?.get(where.document) ?? {}
    if (open === undefined || people === undefined) return
    open.delete(where.document)
    left(where, people.size > 0 ? encodeGone(people) : undefined)
  }

  const has = (document: DocumentId): boolean => [...guests.values()].some(({ documents }) => documents.has(document))

  return {
    opened(tab, where) {
      const { documents } = enter(tab)
      documents.set(where.document, { where, people: documents.get(where.document)?.people ?? new Map() })
    },
    closed: close,
    showed(tab, { document }, bytes) {
      const shown = guests.get(tab)?.documents.get(document)?.people
      for (const [client, clock] of readPeople(bytes)) shown?.set(client, clock)
    },
    handed(document, each) {
      const those = handed.get(document) ?? new Map<string, Handed>()
      if (handed.size < HANDED_MAX || handed.has(document)) handed.set(document, those.set(each.tab, each))
    },
    handedOf: (document) => [...(handed.get(document)?.values() ?? [])],
    relayed(document, { tab, number }) {
      const those = handed.get(document)
      if (those?.get(tab)?.number === number) those.delete(tab)
      if (those?.size === 0) handed.delete(document)
    },
    has,
    documents: () => [...guests.values()].flatMap(({ documents }) => [...documents.values()].map(({ where }) => where)),
    clear() {
      over.abort()
      over = new AbortController()
      guests.clear()
      handed.clear()
    },
  }
}
