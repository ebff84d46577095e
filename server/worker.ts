/** `rejoin/worker`: a relay on Cloudflare. Export `RelayObject` from your Worker, and serve with `createRelayWorker`. */

export { type ErrorCode, RejoinError } from '../shared/errors.ts'
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
