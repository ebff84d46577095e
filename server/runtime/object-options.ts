/** What the relay of a Worker script is told once, by `createRelayWorker`, for all its objects: they live in the same script. */
import { RELAY_LIMITS, type RelayLimits } from '../relay/limits.ts'

export interface ObjectOptions {
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
  joinedLogBytesMax: 16 * MIB,
  // What the platform lets one object have, less some for those who come while others leave.
  connectionsMax: 32_000,
}

let current: ObjectOptions = {}

export function setObjectOptions(options: ObjectOptions): void {
  current = options
}

export const objectOptions = (): ObjectOptions => current
