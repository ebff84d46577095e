/**
 * What the tab that leads does for the others: it sends what they stored, shows the relay what they have open and who is there, and
 * hands on what they cannot store. Loaded with the connection; who leads without it yet says so as nobody, and the others tell it
 * again what they have open when it has a name.
 */
import type { DocumentId, ReplicaId } from '../shared/ids.ts'
import type { DocumentRef } from '../shared/update/record.ts'
import type { Documents } from './documents.ts'
import type { Link } from './link.ts'
import { mergeUpdates } from './replica/merging.ts'
import type { FollowerNews, PeopleNews, TabMessage, TabNews, TabRequest } from './tabs/channel.ts'
import { createGuests } from './tabs/guests.ts'
import type { Locks } from './tabs/locks.ts'
import type { Unstored } from './writing.ts'

export interface LeadingOptions {
  /** The lock that a tab holds for as long as it lives. */
  lockOf(tab: string): string
  locks: Locks | undefined
  documents: Documents
  link: Link
  tell(message: TabMessage): void
  /** Whether timers may be late here. */
  isHidden(): boolean
}

export interface Leading {
  heard(message: Exclude<FollowerNews, { type: 'ask' | 'connect' }>): void
  /** A guest has told of people. */
  showed(news: PeopleNews): void
  /** What another tab has put into the log is this one's to send. */
  send(news: TabNews | TabRequest): void
  /** A relay holds of this document, or of all, what is here. */
  fetched(document: DocumentId | undefined): void
  /** No relay is reached, and nothing known of what it holds. */
  disconnected(): void
  /** People as the relay knows them. */
  people(document: DocumentId, bytes: Uint8Array): void
  /** Whether a guest has it open. */
  has(document: DocumentId): boolean
  /** What is open in any tab. */
  documents(): DocumentRef[]
  /** What no tab can store of a document and this relay does not have. */
  unstored(document: DocumentId, relay: ReplicaId): Unstored | undefined
  /** This tab does not lead any more. */
  clear(): void
}

export function createLeading(options: LeadingOptions): Leading {
  const { documents, link, tell, isHidden } = options
  /** Since the connection began. */
  const fetched = new Set<DocumentId>()
  const guests = createGuests({ lockOf: options.lockOf, locks: options.locks, left })

  /** A guest has left a document, and whoever it showed there. */
  function left(where: DocumentRef, people: Uint8Array | undefined): void {
    const { conversation } = link
    if (people !== undefined) {
      conversation?.awareness(where, people)
      documents.get(where.document)?.receiveAwareness(people)
      tell({ type: 'people', document: where.document, bytes: people })
    }
    if (!guests.has(where.document) && documents.get(where.document) === undefined) conversation?.close(where)
  }

  return {
    heard(message) {
      const { conversation } = link
      switch (message.type) {
        case 'opened':
          guests.opened(message.tab, message.where)
          conversation?.open(message.where)
          if (fetched.has(message.where.document)) tell({ type: 'fetched', document: message.where.document })
          break
        case 'closed':
          guests.closed(message.tab, message.where)
          break
        case 'confirm': {
          const { where, vector, relays } = message.confirmation
          conversation?.confirm({ ...where, vector, relays })
          break
        }
        case 'submit':
          guests.handed(message.document, message)
          conversation?.edited(message.document, isHidden())
      }
    },
    showed({ bytes, from }) {
      if (from === undefined) return
      guests.showed(from.tab, from.where, bytes)
      link.conversation?.awareness(from.where, bytes)
    },
    send(news) {
      const those = news.type === 'edited' ? [news.document] : news.type === 'changed' ? news.documents : []
      for (const document of those) link.conversation?.edited(document, isHidden())
    },
    fetched(document) {
      if (document !== undefined) fetched.add(document)
      tell({ type: 'fetched', document })
    },
    disconnected: () => fetched.clear(),
    people(document, bytes) {
      documents.get(document)?.receiveAwareness(bytes)
      if (guests.has(document)) tell({ type: 'people', document, bytes })
    },
    has: guests.has,
    documents() {
      const all = [...documents.all().map(({ where }) => where), ...guests.documents()]
      return [...new Map(all.map((where) => [where.document, where])).values()]
    },
    unstored(document, relay) {
      const own = documents.unstored(document, relay)
      const others = guests.handedOf(document)
      if (own === undefined && others.length === 0) return undefined
      return {
        bytes: mergeUpdates([...(own === undefined ? [] : [own.bytes]), ...others.map(({ bytes }) => bytes)]),
        relayed() {
          own?.relayed()
          for (const each of others) {
            guests.relayed(document, each)
            tell({ type: 'relayed', tab: each.tab, number: each.number })
          }
        },
      }
    },
    clear: guests.clear,
  }
}
