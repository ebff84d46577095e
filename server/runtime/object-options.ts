/** What the relay of a Worker script is told once, by `createRelayWorker`, for all its objects: they live in the same script. */
import { RejoinError } from '../../shared/errors.ts'
import type { Authenticate, Credentials } from '../auth/gate.ts'
import { createTokenCheck, LIFETIME_MS_MAX, type TokenOptions } from '../auth/tokens.ts'
import { RELAY_LIMITS, type RelayLimits } from '../relay/limits.ts'
import { isRegion, type Region } from './regions.ts'

export interface ObjectOptions {
  /** The binding of `RelayObject` in `wrangler.toml`; by default `RELAY`. */
  binding?: string
  /** Where objects are placed; what is written in one is in all of them that are in use. By default one region, `weur`. */
  regions?: readonly Region[]
  /**
   * Asks everybody for a token, and says how it is checked: of what the script's environment holds, as a secret. `undefined`: nobody
   * is asked, and only requests to loopback names are served.
   */
  auth?: TokenOptions | ((environment: Readonly<Record<string, unknown>>) => TokenOptions | undefined)
  /** Your own way to tell who somebody is, in place of `auth`. */
  onAuthenticate?: (
    credentials: Credentials,
    environment: Readonly<Record<string, unknown>>,
  ) => ReturnType<Authenticate>
  /** Origins of pages that may connect beside the Worker's own, as `https://app.example.com`. */
  allowedOrigins?: readonly string[]
  /** Bounds to change; see `OBJECT_LIMITS` for the others. */
  limits?: Partial<RelayLimits>
  /**
   * Deletes documents that nobody has written for so long, in milliseconds: for all, or by workspace and document id, where
   * `undefined` keeps it. They are looked at hourly.
   */
  ttlMs?: number | ((workspace: string, document: string) => number | undefined)
}

const MIB = 1024 * 1024

/** Bounds of a relay in a Durable Object, which has 128 MB of memory and takes messages of 32 MiB. */
export const OBJECT_LIMITS: RelayLimits = {
  ...RELAY_LIMITS,
  // To be split and sealed it is in memory twice.
  yMessageBytesMax: 16 * MIB,
  yUnfinishedBytesMax: 16 * MIB,
  memoryBytesMax: 16 * MIB,
  memoryTotalBytesMax: 16 * MIB,
  joinedLogBytesMax: 16 * MIB,
  // What the platform lets one object have, less some for those who come while others leave.
  connectionsMax: 32_000,
}

let current: ObjectOptions = {}

export function setObjectOptions(options: ObjectOptions): void {
  current = options
}

export const objectOptions = (): ObjectOptions => current

/** Raises `bad-option`. */
export function regionsOf({ regions = ['weur'] }: ObjectOptions): readonly Region[] {
  if (regions.length === 0 || !regions.every(isRegion)) throw new RejoinError('bad-option', `the regions ${regions}`)
  return regions
}

/** The namespace of the relay objects. Raises `bad-option` where nothing is bound under that name. */
export function namespaceOf<Namespace>(environment: unknown, { binding = 'RELAY' }: ObjectOptions): Namespace {
  const namespace = (environment as Record<string, unknown>)[binding]
  if (namespace !== undefined) return namespace as Namespace
  throw new RejoinError('bad-option', `wrangler.toml binds no Durable Object named ${binding}`)
}

/** How somebody is let in, and for how long at most; `undefined` where nobody is asked. Raises `bad-option`. */
export function authenticateOf(
  { auth, onAuthenticate }: ObjectOptions,
  environment: Readonly<Record<string, unknown>>,
  now: () => number,
): { authenticate: Authenticate; lifetimeMsMax: number } | undefined {
  const tokens = typeof auth === 'function' ? auth(environment) : auth
  if (tokens !== undefined && onAuthenticate !== undefined) {
    throw new RejoinError('bad-option', 'give either auth or onAuthenticate')
  }
  const lifetimeMsMax = tokens?.lifetimeMsMax ?? LIFETIME_MS_MAX
  if (onAuthenticate !== undefined) {
    return { authenticate: (credentials) => onAuthenticate(credentials, environment), lifetimeMsMax }
  }
  if (tokens === undefined) return undefined
  const check = createTokenCheck(tokens, now)
  return { authenticate: ({ token, workspace }) => check(token, workspace), lifetimeMsMax }
}
