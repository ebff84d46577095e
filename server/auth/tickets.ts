/** Tickets that nobody has used yet: each stands for what a token permits, for one connection. */
import { RejoinError } from '../../shared/errors.ts'
import { toHex } from '../../shared/hash.ts'
import type { Principal } from './principal.ts'

export interface Ticket {
  principal: Principal
  workspace: string
  /** The only one that it is for, if any. */
  document?: string | undefined
  /** Milliseconds since 1970. */
  until: number
}

/** Where tickets are kept in a runtime that forgets what is in memory. */
export interface TicketStore {
  all(): Iterable<readonly [name: string, ticket: Ticket]>
  put(name: string, ticket: Ticket): void
  delete(name: string): void
}

export interface Tickets {
  /** Its name, which is a secret. Raises `overloaded`. */
  add(ticket: Omit<Ticket, 'until'>): string
  /** It is there no more. */
  take(name: string): Ticket | undefined
}

/** A page needs it at once. */
export const TICKET_MS = 60_000
/** Tickets that nobody has used yet; each is about 300 bytes. */
const TICKETS_MAX = 10_000
/** Of one subject: those of a page with many documents. */
export const TICKETS_PER_SUBJECT_MAX = 256
/** What a ticket begins with: no token does. */
export const TICKET_PREFIX = 'ticket:'

export function createTickets(
  now: () => number,
  randomBytes: (length: number) => Uint8Array,
  store?: TicketStore,
): Tickets {
  let known: Map<string, Ticket> | undefined

  function all(): Map<string, Ticket> {
    known ??= new Map(store?.all())
    return known
  }

  function remove(name: string): void {
    if (all().delete(name)) store?.delete(name)
  }

  return {
    add(ticket) {
      for (const [name, { until }] of all()) if (until < now()) remove(name)
      if (all().size >= TICKETS_MAX) throw new RejoinError('overloaded', `${all().size} tickets are not used yet`)
      const { subject } = ticket.principal
      let own = 0
      for (const other of all().values()) if (other.principal.subject === subject) own++
      if (own >= TICKETS_PER_SUBJECT_MAX) {
        throw new RejoinError('overloaded', `${own} tickets of yours are not used yet`)
      }
      const name = TICKET_PREFIX + toHex(randomBytes(16))
      const added = { ...ticket, until: now() + TICKET_MS }
      store?.put(name, added)
      all().set(name, added)
      return name
    },
    take(name) {
      const ticket = all().get(name)
      remove(name)
      return ticket === undefined || ticket.until < now() ? undefined : ticket
    },
  }
}
