/**
 * The gate of a relay: turns what somebody shows (a token, or a ticket made for one) into a principal, and remembers who was
 * turned out. Nothing of a workspace is touched before.
 */
import { RejoinError, toRejoinError } from '../../shared/errors.ts'
import { type Access, checkPrincipal, createAccess, type Principal } from './principal.ts'
import { createTickets, TICKET_MS, TICKET_PREFIX, type TicketStore } from './tickets.ts'

/** What somebody shows who wants in. */
export interface Credentials {
  /** As it was given; not logged, not stored. */
  token: string
  workspace: string
  /** Where only one document is asked for, as by a y-websocket client. */
  document?: string
}

/** Your own way to tell who somebody is; `undefined` or an error turns them away. */
export type Authenticate = (credentials: Credentials) => Principal | undefined | Promise<Principal | undefined>

export interface Gate {
  /** Raises `unauthenticated`, `token-expired`, `forbidden` and `overloaded`. */
  admit(credentials: Credentials): Promise<Access>
  /** Whether it may still stay: not when its subject was revoked since its token was made. */
  isRevoked(access: Access): boolean
  /** Tokens of this subject that were made until now count no more; whoever came with one is cut. */
  revoke(subject: string): void
  /** Other relays know of these: the later moment counts. Whether any was news. Raises `storage-failed`. */
  learn(revocations: Revocations): boolean
  /** Stands for what a token permits, for one connection in the next minute: for clients that can only put it into a URL. */
  ticket(credentials: Credentials): Promise<{ ticket: string; expiresInMs: number }>
  /** Revocations that still matter, to be kept where the relay's data are. */
  readonly revocations: Revocations
}

/** When each subject was revoked, in milliseconds since 1970. */
export type Revocations = ReadonlyMap<string, number>

export interface GateOptions {
  authenticate: Authenticate
  now: () => number
  randomBytes: (length: number) => Uint8Array
  /** No token lives longer: older revocations say nothing any more. */
  lifetimeMsMax: number
  revoked?: Revocations
  /** A revocation is to be kept. Raises `storage-failed`. */
  keep?: (revocations: Revocations) => void
  /** Where tickets outlive what is in memory. */
  tickets?: TicketStore
}

/** Two seconds at most are lost of the moment at which a token was made. */
const ISSUED_STEP_MS = 1_000

/** A revocation further ahead than this comes from a clock that is wrong: it would keep its subject out for as long. */
const CLOCKS_APART_MS_MAX = 120_000

export function createGate(options: GateOptions): Gate {
  const { now, lifetimeMsMax } = options
  const revoked = new Map(options.revoked)
  const tickets = createTickets(now, options.randomBytes, options.tickets)

  async function admit(credentials: Credentials): Promise<Access> {
    if (credentials.token.startsWith(TICKET_PREFIX)) return redeem(credentials)
    const access = createAccess(await ask(credentials))
    if (isRevoked(access)) throw new RejoinError('unauthenticated', 'the permission was revoked')
    if (access.isOver(now())) throw new RejoinError('token-expired', 'the permission has expired')
    return access
  }

  async function ask(credentials: Credentials): Promise<Principal> {
    let principal: Principal | undefined
    try {
      principal = await options.authenticate(credentials)
    } catch (error) {
      throw toRejoinError(error, 'unauthenticated', 'not let in')
    }
    if (principal === undefined) throw new RejoinError('unauthenticated', 'not let in')
    return checkPrincipal(principal)
  }

  function redeem({ token, workspace, document }: Credentials): Access {
    const ticket = tickets.take(token)
    const isMeant = ticket?.workspace === workspace && (ticket.document ?? document) === document
    const access = ticket && createAccess(ticket.principal)
    if (access === undefined || !isMeant || isRevoked(access)) {
      throw new RejoinError('unauthenticated', 'there is no such ticket')
    }
    return access
  }

  function isRevoked({ principal }: Access): boolean {
    const at = revoked.get(principal.subject)
    return at !== undefined && (principal.issuedAt ?? 0) < at
  }

  return {
    admit,
    isRevoked,
    revoke(subject) {
      for (const [other, at] of revoked) if (now() - at > lifetimeMsMax + ISSUED_STEP_MS) revoked.delete(other)
      // Tokens say seconds: one made in this very second is from before.
      revoked.set(subject, Math.floor(now() / ISSUED_STEP_MS + 1) * ISSUED_STEP_MS)
      options.keep?.(revoked)
    },
    learn(told) {
      let isNews = false
      for (const [subject, at] of told) {
        const isOver = now() - at > lifetimeMsMax + ISSUED_STEP_MS
        if (isOver || at - now() > CLOCKS_APART_MS_MAX || at <= (revoked.get(subject) ?? 0)) continue
        revoked.set(subject, at)
        isNews = true
      }
      if (isNews) options.keep?.(revoked)
      return isNews
    },
    async ticket(credentials) {
      const { principal } = await admit(credentials)
      const { workspace, document } = credentials
      return { ticket: tickets.add({ principal, workspace, document }), expiresInMs: TICKET_MS }
    },
    revocations: revoked,
  }
}

/** The error that somebody is told who is not let in. */
export const toDenial = (error: unknown): RejoinError =>
  toRejoinError(error, 'storage-failed', 'the relay cannot let you in now')
