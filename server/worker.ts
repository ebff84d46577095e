/** `rejoin/worker`: a relay on Cloudflare. Export `RelayObject` from your Worker, and serve with `createRelayWorker`. */

export { type ErrorCode, RejoinError } from '../shared/errors.ts'
export type { Role } from '../shared/roles.ts'
export type { Credentials } from './auth/gate.ts'
export type { Principal } from './auth/principal.ts'
export { mintToken, type TokenClaims, type TokenOptions } from './auth/tokens.ts'
export { RELAY_LIMITS, type RelayLimits } from './relay/limits.ts'
export { RelayObject } from './runtime/durable-object.ts'
export { OBJECT_LIMITS } from './runtime/object-options.ts'
export { isRegion, REGIONS, type Region } from './runtime/regions.ts'
export {
  createRelayWorker,
  type RelayEnvironment,
  type RelayWorker,
  type RelayWorkerOptions,
} from './runtime/worker.ts'
