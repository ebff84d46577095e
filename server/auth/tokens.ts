/**
 * Tokens: JSON Web Tokens whose algorithm the relay chooses, not the token (package jose). A shared secret signs with HS256;
 * of public keys only asymmetric algorithms are taken, so that a public key is never taken for a secret.
 */
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
  SignJWT,
} from 'jose'
import { RejoinError } from '../../shared/errors.ts'
import { isRole } from '../../shared/roles.ts'
import { checkPrincipal, type Principal } from './principal.ts'

/** How tokens are checked: by a secret, or by public keys. */
export interface TokenOptions {
  /** At least 32 bytes that only the relay and whoever mints tokens know; a text counts as UTF-8. */
  secret?: string | Uint8Array
  /** Public keys (JWKS), or where they are fetched from and, when a key is not known, fetched again. */
  publicKeys?: JSONWebKeySet | URL
  /** Whom a token has to be for: its `aud`. `rejoin` by default. */
  audience?: string
  /** A token that would live longer than this is refused; milliseconds, a day by default. */
  lifetimeMsMax?: number
}

/** Checks a token for a workspace. Raises `unauthenticated` and `token-expired`. */
export type CheckToken = (token: string, workspace: string) => Promise<Principal>

export interface TokenClaims {
  subject: string
  /** Ids of workspaces; `*` is every one. */
  workspaces: readonly string[]
  role: Principal['role']
  documents?: readonly string[]
  lifetimeMs: number
}

const AUDIENCE = 'rejoin'
export const LIFETIME_MS_MAX = 24 * 60 * 60_000

const SECRET_ALGORITHM = 'HS256'
/** Shorter ones can be guessed: as long as the hash that they key. */
const SECRET_BYTES_MIN = 32
const PUBLIC_ALGORITHMS = ['EdDSA', 'Ed25519', 'ES256', 'ES384', 'PS256', 'RS256']
/** How far the clocks of whoever mints and whoever checks may be apart. */
const CLOCKS_APART_MS_MAX = 10_000
/** Workspaces that a token names. */
const WORKSPACES_MAX = 256

/** Raises `bad-option`. */
export function createTokenCheck(options: TokenOptions, now: () => number): CheckToken {
  const { audience = AUDIENCE, lifetimeMsMax = LIFETIME_MS_MAX } = options
  const verify = createVerify(options)
  return async (token, workspace) => {
    if (token === '') throw new RejoinError('unauthenticated', 'this relay asks for a token')
    const { payload } = await verified(verify, token, {
      audience,
      requiredClaims: ['exp', 'sub', 'workspace', 'role'],
      clockTolerance: CLOCKS_APART_MS_MAX / 1000,
      currentDate: new Date(now()),
    })
    const expiresAt = Number(payload.exp) * 1000
    if (expiresAt - now() > lifetimeMsMax + CLOCKS_APART_MS_MAX) {
      throw new RejoinError('unauthenticated', `the token lives longer than ${lifetimeMsMax} ms`)
    }
    return toPrincipal(payload, workspace, expiresAt)
  }
}

type Verify = (token: string, options: JWTVerifyOptions) => Promise<{ payload: JWTPayload }>

function createVerify({ secret, publicKeys }: TokenOptions): Verify {
  if ((secret === undefined) === (publicKeys === undefined)) {
    throw new RejoinError('bad-option', 'give either a secret or public keys')
  }
  if (secret !== undefined) {
    const key = toKey(secret)
    return (token, options) => jwtVerify(token, key, { ...options, algorithms: [SECRET_ALGORITHM] })
  }
  const keys = keysOf(publicKeys)
  return (token, options) => jwtVerify(token, keys, { ...options, algorithms: PUBLIC_ALGORITHMS })
}

function keysOf(publicKeys: TokenOptions['publicKeys']): JWTVerifyGetKey {
  if (publicKeys instanceof URL) return createRemoteJWKSet(publicKeys)
  try {
    return createLocalJWKSet(publicKeys ?? { keys: [] })
  } catch (error) {
    throw new RejoinError('bad-option', 'the public keys are no JSON Web Key Set: {"keys": [...]}', { cause: error })
  }
}

async function verified(verify: Verify, token: string, options: JWTVerifyOptions): ReturnType<Verify> {
  try {
    return await verify(token, options)
  } catch (error) {
    // The reason is for whoever made the token; its bytes are nobody's to see.
    if (error instanceof errors.JWTExpired) throw new RejoinError('token-expired', 'the token has expired')
    if (error instanceof errors.JWTClaimValidationFailed) {
      throw new RejoinError('unauthenticated', `the claim ${error.claim} of the token is missing or wrong`)
    }
    if (error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout)) {
      throw new RejoinError('unauthenticated', 'the token is not signed as this relay demands')
    }
    throw new RejoinError('overloaded', 'the keys that tokens are checked with cannot be had', { cause: error })
  }
}

function toPrincipal(payload: JWTPayload, workspace: string, expiresAt: number): Principal {
  const { sub = '', role, documents, iat = 0 } = payload
  const workspaces = typeof payload.workspace === 'string' ? [payload.workspace] : payload.workspace
  const isList = Array.isArray(workspaces) && workspaces.length <= WORKSPACES_MAX
  // One answer for workspaces that exist and that do not.
  if (!isList || !(workspaces.includes(workspace) || workspaces.includes('*'))) {
    throw new RejoinError('unauthenticated', 'the token is for another workspace')
  }
  if (!isRole(role)) throw new RejoinError('unauthenticated', 'the role of the token is none')
  if (documents !== undefined && !isTexts(documents)) {
    throw new RejoinError('unauthenticated', 'the documents of the token are no list of texts')
  }
  return checkPrincipal({ subject: sub, role, documents, expiresAt, issuedAt: iat * 1000 })
}

/** Makes a token that this secret's relay takes. Raises `bad-option`. */
export async function mintToken(
  secret: string | Uint8Array,
  { subject, workspaces, role, documents, lifetimeMs }: TokenClaims,
  { audience = AUDIENCE, now = Date.now() }: { audience?: string; now?: number } = {},
): Promise<string> {
  const seconds = Math.floor(now / 1000)
  return new SignJWT({ workspace: [...workspaces], role, ...(documents && { documents: [...documents] }) })
    .setProtectedHeader({ alg: SECRET_ALGORITHM })
    .setSubject(subject)
    .setAudience(audience)
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + Math.ceil(lifetimeMs / 1000))
    .sign(toKey(secret))
}

function toKey(secret: string | Uint8Array): Uint8Array {
  const key = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret
  if (key.length < SECRET_BYTES_MIN) {
    throw new RejoinError('bad-option', `the secret has ${key.length} bytes; the least is ${SECRET_BYTES_MIN}`)
  }
  return key
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')
