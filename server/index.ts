/** `rejoin/server`: a relay inside of a Node program. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Server } from 'node:http'
import type * as Y from 'yjs'
import { systemEnvironment } from '../shared/environment.ts'
import { assert, RejoinError } from '../shared/errors.ts'
import { UPDATE_BYTES_MAX } from '../shared/limits.ts'
import { checkOrigin } from './access.ts'
import { createApp } from './app.ts'
import { type Authenticate, type Credentials, createGate, type Gate } from './auth/gate.ts'
import { createTokenCheck, LIFETIME_MS_MAX, type TokenOptions } from './auth/tokens.ts'
import { atMostOften, createLog, errorFields, type Log } from './log.ts'
import type { MeshView } from './mesh/mesh.ts'
import type { RevocationStore } from './mesh/revoking.ts'
import { createPolling } from './polling.ts'
import { RELAY_LIMITS, type RelayLimits } from './relay/limits.ts'
import { createRelayCore, type RelayCore } from './relay/relay.ts'
import { openAssets } from './runtime/assets.ts'
import { type DataFolder, openDataFolder } from './runtime/data-folder.ts'
import { createDocuments } from './runtime/documents.ts'
import { createNodeMesh, type NodeMesh } from './runtime/mesh.ts'
import { createMetrics } from './runtime/metrics.ts'
import { createNodeHost } from './runtime/node.ts'
import { findPackageRoot } from './runtime/package-root.ts'
import { createMemoryStore } from './storage/memory.ts'
import type { RelayStore } from './storage/store.ts'

export { type ErrorCode, RejoinError } from '../shared/errors.ts'
export type { Role } from '../shared/roles.ts'
export type { Authenticate, Credentials } from './auth/gate.ts'
export type { Principal } from './auth/principal.ts'
export { mintToken, type TokenClaims, type TokenOptions } from './auth/tokens.ts'
export type { Log, LogLevel } from './log.ts'
export type { MeshView } from './mesh/mesh.ts'
export { RELAY_LIMITS, type RelayLimits } from './relay/limits.ts'

export interface RelayOptions {
  /**
   * The folder for all that is stored, one SQLite file per workspace; it is created, and one relay at a time uses it.
   * Without it everything is kept in memory and gone when the process ends.
   */
  data?: string
  /** Bounds to change; see `RELAY_LIMITS` for the others. */
  limits?: Partial<RelayLimits>
  /**
   * Deletes documents that nobody has written for so long, in milliseconds: for all, or by workspace and document id, where
   * `undefined` keeps it. They are looked at hourly while their workspace is in use.
   */
  ttlMs?: number | ((workspace: string, document: string) => number | undefined)
  /** Asks everybody for a token, and says how it is checked. Then the relay may listen anywhere. */
  auth?: TokenOptions
  /** Your own way to tell who somebody is, in place of `auth`. */
  onAuthenticate?: Authenticate
  /**
   * An older copy of the data was put back: whose names are is forgotten, so that anybody may bring again what is missing in it. Say
   * so at the first start after that, and then no more.
   */
  restored?: boolean
  /**
   * A proxy in front of the relay says in `X-Forwarded-For` where connections come from; nobody else may reach the relay then. Bounds per
   * address count by that.
   */
  trustProxy?: boolean
  /** A folder to serve at `/`: the build of the demo, or of a page of your own. */
  demo?: string
  /** Origins of pages that may connect beside the relay's own, as `https://app.example.com`. */
  allowedOrigins?: readonly string[]
  /**
   * Relays to share all workspaces with: their addresses, as `http://10.0.0.2:8787`, or with a secret of their own. Any member
   * of a mesh suffices, it introduces the rest. An empty list waits for others to come.
   */
  peers?: readonly (string | { url: string; secret: string })[]
  /** What all relays of the mesh know and nobody else: at least 20 characters. Without it they talk on loopback only. */
  peerSecret?: string
  /** The address under which peers reach this relay; by default the one it listens on. */
  advertise?: string
  /**
   * What operators send as `Authorization: Bearer`, to read `/metrics` and `/mesh` of a relay that asks for tokens; without it those
   * are not there. Other relays show them to this machine.
   */
  operatorToken?: string
  /** Is told of what happens; by default errors go to stderr, a line of JSON each. */
  log?: Log
}

export interface Relay {
  /** Answers a request for anything but a WebSocket: `/healthz`, `/readyz`, the demo. */
  fetch(request: Request): Response | Promise<Response>
  /**
   * Takes WebSockets at `/sync/` and `/y/` of a server of your own, on loopback; others are left to other listeners.
   * Returns what undoes it; closing the server stays yours.
   */
  attach(server: Server): () => void
  /**
   * Changes a document here, in a Y.Doc that is there for that only; resolves when what `change` did is durable. Raises `too-big` for documents
   * above 16 MiB, `invalid-id`, and what an update is refused with.
   */
  edit(workspace: string, document: string, change: (doc: Y.Doc) => void): Promise<void>
  /** How the mesh looks from here; `undefined` without `peers`. */
  mesh(): MeshView | undefined
  /**
   * Starts a server. `port` 0 takes a free one; `host` is 127.0.0.1 by default, and a loopback name or address where nobody is
   * asked for a token. Raises `bad-option` where that address is taken or not allowed.
   */
  listen(port: number, host?: string): Promise<{ port: number; host: string; url: string }>
  /**
   * Tokens of this subject that were made until now count no more, also after a restart and at the other relays of the mesh, and
   * connections that came with one are cut. Raises `bad-option` where no permissions are asked for, `storage-failed` where it cannot be kept.
   */
  revoke(subject: string): void
  /** Refuses what is new, tells those who are connected, commits, and drains for some seconds at most. Idempotent. */
  close(): Promise<void>
}

/** Raises `bad-option` for options that cannot be used, as a data folder that another relay has. */
export function createRelay(options: RelayOptions = {}): Relay {
  const folder = options.data === undefined ? undefined : openDataFolder(options.data)
  try {
    return assemble(options, folder)
  } catch (error) {
    folder?.close()
    throw error
  }
}

function assemble(options: RelayOptions, folder: DataFolder | undefined): Relay {
  const limits = checkLimits(options.limits ?? {})
  const allowedOrigins = new Set(options.allowedOrigins?.map(checkOrigin))
  const log = options.log ?? errorsToStderr
  const flooding = atMostOften(log, systemEnvironment.now)
  const report = (error: unknown) => flooding('error', 'internal error', errorFields(error))
  const assets = options.demo === undefined ? undefined : openAssets(options.demo, systemEnvironment.now)
  const gate = openGate(options, folder)
  const { version } = findPackageRoot()
  const metrics = createMetrics({
    version,
    connections: () => core.connections,
    workspaces: () => core.workspaces,
    mesh: () => mesh?.view(),
    isMesh: options.peers !== undefined,
  })
  const openStore = folder?.openStore ?? memoryStores()
  const core: RelayCore = createRelayCore({
    gate,
    openStore: options.restored ? forgetting(openStore) : openStore,
    environment: systemEnvironment,
    limits,
    ttlMs: checkTtl(options.ttlMs),
    soon: setImmediate,
    report,
    noted: (event, workspace, fields) => flooding('info', event, { workspace, ...fields }),
    watch: metrics,
    attach: options.peers === undefined ? undefined : (id, workspace) => joined().attach(id, workspace),
  })
  const { peers, peerSecret } = options
  const isSigned = peerSecret !== undefined || (peers !== undefined && peers.length > 0 && peers.every(hasSecret))
  if (gate !== undefined && peers !== undefined && !isSigned) {
    throw new RejoinError('bad-option', 'a relay that asks for tokens asks its peers for a secret: give one')
  }
  const revocations: RevocationStore | undefined = gate && {
    all: () => gate.revocations,
    learn(told) {
      if (gate.learn(told)) core.tick()
    },
  }
  const mesh =
    options.peers &&
    createNodeMesh({ ...options, peers: options.peers, core, folder, revocations, report, log: flooding })
  function joined(): NodeMesh {
    assert(mesh !== undefined, 'a relay with peers has a mesh')
    return mesh
  }
  const polling = createPolling({ core, environment: systemEnvironment, admit: (address) => host.admit(address) })
  const documents = createDocuments({ core, gate, report })
  const app = createApp({
    documents: documents.answer,
    version,
    allowedOrigins,
    gate,
    assets,
    metrics,
    exchange: mesh?.exchange,
    polling,
    mesh: mesh?.view,
    isOperator: gate && isBearerOf(options.operatorToken),
    ready: () => host.ready,
    report,
  })
  const guarded = gate !== undefined
  const host = createNodeHost({
    core,
    limits,
    allowedOrigins,
    guarded,
    trustProxy: options.trustProxy ?? false,
    tick: polling.tick,
    fetch: (request, address) => app.fetch(request, { address }),
    now: systemEnvironment.now,
    log: flooding,
  })
  return {
    fetch: (request) => app.fetch(request),
    edit: documents.edit,
    attach: host.attach,
    mesh: () => mesh?.view(),
    async listen(port, address = '127.0.0.1') {
      const bound = await host.listen(port, address)
      const name = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address
      const url = `http://${name}:${bound.port}`
      mesh?.start(url)
      return { port: bound.port, host: bound.address, url }
    },
    revoke(subject) {
      if (gate === undefined) throw new RejoinError('bad-option', 'this relay asks nobody for a token')
      gate.revoke(subject)
      core.tick()
      mesh?.hurry()
    },
    async close() {
      await host.close()
      mesh?.close()
      folder?.close()
    },
  }
}

/** Raises `bad-option`. */
function openGate({ auth, onAuthenticate }: RelayOptions, folder: DataFolder | undefined): Gate | undefined {
  if (auth !== undefined && onAuthenticate !== undefined) {
    throw new RejoinError('bad-option', 'give either auth or onAuthenticate')
  }
  const { now, randomBytes } = systemEnvironment
  const check = auth && createTokenCheck(auth, now)
  const authenticate = check ? ({ token, workspace }: Credentials) => check(token, workspace) : onAuthenticate
  if (authenticate === undefined) return undefined
  const lifetimeMsMax = auth?.lifetimeMsMax ?? LIFETIME_MS_MAX
  const revoked = folder?.revocations()
  return createGate({ authenticate, now, randomBytes, lifetimeMsMax, revoked, keep: folder?.keepRevocations })
}

/** Raises `bad-option`. */
function checkLimits(changed: Partial<RelayLimits>): RelayLimits {
  for (const [name, value] of Object.entries(changed)) {
    if (!(name in RELAY_LIMITS)) throw new RejoinError('bad-option', `there is no limit ${name}`)
    if (!Number.isSafeInteger(value) || value < 1) throw new RejoinError('bad-option', `the limit ${name} is ${value}`)
  }
  const limits = { ...RELAY_LIMITS, ...changed }
  if (limits.updateBytesMax > UPDATE_BYTES_MAX) {
    throw new RejoinError('bad-option', `updateBytesMax is more than fits a frame, ${UPDATE_BYTES_MAX} bytes`)
  }
  return limits
}

const hasSecret = (peer: string | { secret: string }): boolean => typeof peer !== 'string'

/** Both are hashed, so that the time it takes tells nothing. */
function isBearerOf(token: string | undefined): (authorization: string | undefined) => boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest()
  return (authorization) => token !== undefined && timingSafeEqual(hash(authorization ?? ''), hash(`Bearer ${token}`))
}

/** Raises `bad-option`. */
function checkTtl(
  ttlMs: RelayOptions['ttlMs'],
): ((workspace: string, document: string) => number | undefined) | undefined {
  if (typeof ttlMs !== 'number') return ttlMs
  if (!(ttlMs > 0)) throw new RejoinError('bad-option', `a time to live of ${ttlMs} ms`)
  return () => ttlMs
}

/** Stores in which no name is anybody's when they are opened first. */
function forgetting(openStore: (workspaceId: string) => RelayStore): (workspaceId: string) => RelayStore {
  const seen = new Set<string>()
  return (workspaceId) => {
    const store = openStore(workspaceId)
    if (!seen.has(workspaceId)) store.forgetOwners(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    seen.add(workspaceId)
    return store
  }
}

/** Stores that outlive the times in which nobody uses their workspace. */
function memoryStores(): (workspaceId: string) => RelayStore {
  const stores = new Map<string, RelayStore>()
  return (workspaceId) => {
    const store = stores.get(workspaceId) ?? createMemoryStore()
    stores.set(workspaceId, store)
    return store
  }
}

const toStderr = createLog({ write: (line) => console.error(line), human: false, now: systemEnvironment.now })

const errorsToStderr: Log = (level, event, fields) => {
  if (level === 'error') toStderr(level, event, fields)
}
