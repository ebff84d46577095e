/** The permission of one connection: what it may do now, until when, and how it is renewed without a new connection. */
import { RejoinError } from '../../shared/errors.ts'
import type { Credentials, Gate } from '../auth/gate.ts'
import { type Access, OPEN_ACCESS } from '../auth/principal.ts'
import type { Author } from './ownership.ts'

export interface Permission {
  readonly access: Access
  /** Whether tokens are asked for. */
  readonly isAsked: boolean
  /** Raises `token-expired` and `unauthenticated` where it has ended. */
  check(): void
  /** Takes the place of the one there is. Raises what `Gate.admit` raises, and where it is not for the same one. */
  renew(token: string): Promise<void>
  /** Milliseconds until it ends, at least 1; 0: it does not. */
  expiresInMs(): number
}

/** What there is where no permissions are asked for. */
export const OPEN_PERMISSION: Permission = {
  access: OPEN_ACCESS,
  isAsked: false,
  check() {},
  renew: async () => {},
  expiresInMs: () => 0,
}

/** On whose behalf a connection writes; nobody's where it speaks for others, as relays and admins do. */
export function authorOf({ access }: Permission, how: Omit<Author, 'owner'>): Author | undefined {
  return access.may('admin') ? undefined : { owner: access.owner, ...how }
}

/** Who it is, where that is known. */
export const subjectOf = ({ access, isAsked }: Permission): string | undefined =>
  isAsked ? access.principal.subject : undefined

export function createPermission(
  gate: Gate,
  first: Access,
  now: () => number,
  where: Omit<Credentials, 'token'>,
): Permission {
  let access = first
  return {
    get access() {
      return access
    },
    isAsked: true,
    check() {
      if (gate.isRevoked(access)) throw new RejoinError('unauthenticated', 'the permission was revoked')
      if (access.isOver(now())) throw new RejoinError('token-expired', 'the permission has expired')
    },
    async renew(token) {
      const renewed = await gate.admit({ token, ...where })
      if (renewed.owner !== access.owner) throw new RejoinError('unauthenticated', 'the token is of somebody else')
      // What it has read and what it has not would not be told apart: a new conversation compares.
      if (renewed.masked(NAME) !== access.masked(NAME)) {
        throw new RejoinError('token-expired', 'the token is for other documents: come again with it')
      }
      access = renewed
    },
    expiresInMs() {
      const { expiresAt } = access.principal
      return expiresAt === undefined ? 0 : Math.max(1, Math.ceil(expiresAt - now()))
    },
  }
}

const NAME = '0'.repeat(16)
