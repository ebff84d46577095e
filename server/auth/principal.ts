/** Who talks to a relay, and what that one may do: what a token says, and what the rest of the relay asks. */
import { type ErrorCode, RejoinError } from '../../shared/errors.ts'
import { fromHex, type Hash64, hash64, toHex } from '../../shared/hash.ts'
import { checkDocumentId, type DocumentId } from '../../shared/ids.ts'
import { isAtLeast, isRole, type Role } from '../../shared/roles.ts'

/** Somebody who was let into a workspace. */
export interface Principal {
  /** The same for one person or program whatever the device; 1 to 256 characters. */
  subject: string
  role: Role
  /**
   * Documents it reads and writes: ids, or beginnings of ids with `*` behind them. All by default. There is nothing else for
   * it: what it may not read it is not told of.
   */
  documents?: readonly string[]
  /** When the connection ends unless a newer token came; milliseconds since 1970. For as long as it lasts by default. */
  expiresAt?: number
  /** When the token was made, in milliseconds since 1970: one from before a revocation is none. 0 by default. */
  issuedAt?: number
}

/** What one connection may do. */
export interface Access {
  readonly principal: Principal
  /** Whether every document may be read. */
  readonly readsAll: boolean
  reads(document: DocumentId): boolean
  may(role: Role): boolean
  /** Raises `forbidden` where something that is for this role is not for this connection. */
  demand(role: Role, document: DocumentId): void
  /** Whether it has ended. */
  isOver(now: number): boolean
  /**
   * A name as those know it who read the same documents: an epoch of the log, that places of another view of it are not valid
   * here. Twice is the name itself.
   */
  masked(name: Hash64): Hash64
  /** The subject in 8 bytes, by which ownership is kept. */
  readonly owner: Hash64
}

const SUBJECT_CHARACTERS_MAX = 256
/** Patterns of one token: they are looked through for every document. */
const PATTERNS_MAX = 64

/** Where no permissions are asked for everybody is this one. */
const ANYBODY: Principal = { subject: '', role: 'admin' }

/** Raises `unauthenticated` for what is no principal, as a hook of one's own may return. */
export function checkPrincipal(principal: Principal): Principal {
  const { subject, role, documents } = principal
  const isSubject = typeof subject === 'string' && subject.length > 0 && subject.length <= SUBJECT_CHARACTERS_MAX
  if (!isSubject) throw new RejoinError('unauthenticated', `the subject is no text of 1 to ${SUBJECT_CHARACTERS_MAX}`)
  if (!isRole(role)) throw new RejoinError('unauthenticated', 'there is no such role')
  if (documents !== undefined && documents.length > PATTERNS_MAX) {
    throw new RejoinError('unauthenticated', `${documents.length} patterns of documents; the most is ${PATTERNS_MAX}`)
  }
  for (const pattern of documents ?? []) if (pattern !== '*') checkDocumentId(pattern)
  return principal
}

export function createAccess(principal: Principal): Access {
  const { role, documents, expiresAt } = principal
  const readsAll = documents === undefined || documents.includes('*')
  const mask = readsAll ? undefined : hash64(new TextEncoder().encode(JSON.stringify([...documents].sort())))
  const reads = (id: DocumentId): boolean => readsAll || documents.some((pattern) => fits(id, pattern))
  return {
    principal,
    readsAll,
    reads,
    may: (needed) => isAtLeast(role, needed),
    demand(needed, document) {
      if (!reads(document)) refuse('forbidden', 'this document is not for you')
      if (!isAtLeast(role, needed)) refuse('forbidden', `that is for ${needed}, and you may ${role}`)
    },
    isOver: (now) => expiresAt !== undefined && now >= expiresAt,
    masked: (name) => (mask === undefined ? name : xor(name, mask)),
    owner: hash64(new TextEncoder().encode(principal.subject)),
  }
}

/** What there is where no permissions are asked for. */
export const OPEN_ACCESS: Access = createAccess(ANYBODY)

function fits(id: DocumentId, pattern: string): boolean {
  return pattern.endsWith('*') ? id.startsWith(pattern.slice(0, -1)) : id === pattern
}

function refuse(code: ErrorCode, what: string): never {
  throw new RejoinError(code, what)
}

function xor(a: Hash64, b: Hash64): Hash64 {
  const other = fromHex(b)
  return toHex(fromHex(a).map((byte, i) => byte ^ (other[i] ?? 0)))
}
