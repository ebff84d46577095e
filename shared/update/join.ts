/**
 * Many updates as one that holds the same (P3), in time linear in their bytes: taken apart and written again in batches,
 * then the results in batches, until one is left. `Y.mergeUpdates` is quadratic in the number of updates and joins no
 * runs: 20 keystrokes are 303 bytes there and 51 here.
 */
import { inspectUpdate } from './inspect.ts'
import { UPDATE_LIMITS } from './limits.ts'
import { type Log, readLog } from './log.ts'
import { finish, type Steps } from './steps.ts'
import { NO_LIMITS } from './walk.ts'
import { writeLog } from './write.ts'

/** Updates in one batch. The pieces of a batch are in memory at once, about 200 bytes each; more a batch saves nothing. */
const BATCH_UPDATES = 512

/** Bytes in one batch, and how they grow from level to level: what is large is seldom written again. */
const BATCH_BYTES = 256 * 1024
const BATCH_BYTES_GROWTH = 4

/** The update that says nothing. */
export const EMPTY_UPDATE: Uint8Array = new Uint8Array([0, 0])

/**
 * Joins updates into one; a single one comes back as it is. Nothing is dropped but repetition. Raises `invalid-update` or
 * `too-big` for the first update that `inspectUpdate` refuses.
 */
export function joinUpdates(updates: readonly Uint8Array[]): Uint8Array {
  const [only] = updates
  if (only !== undefined && updates.length === 1) {
    inspectUpdate(only)
    return only
  }
  return finish(joinSteps(updates, (log) => log))
}

/**
 * Joins in steps. `shape` may change the log of a batch before it is written; it must be as indifferent to batches as
 * joining is.
 */
export function* joinSteps(updates: readonly Uint8Array[], shape: (log: Log) => Log): Steps<Uint8Array> {
  let level = updates
  let limits = UPDATE_LIMITS
  let batchBytes = BATCH_BYTES
  do {
    const joined: Uint8Array[] = []
    for (const batch of batches(level, batchBytes)) {
      if (limits === NO_LIMITS && batch.length === 1) joined.push(...batch)
      else {
        const log = yield* readLog(batch, limits)
        yield
        const shaped = shape(log)
        yield
        joined.push(yield* writeLog(shaped))
        yield
      }
    }
    level = joined
    limits = NO_LIMITS
    batchBytes *= BATCH_BYTES_GROWTH
  } while (level.length > 1)
  return level[0] ?? EMPTY_UPDATE.slice()
}

function* batches(updates: readonly Uint8Array[], batchBytes: number): Generator<Uint8Array[]> {
  let batch: Uint8Array[] = []
  let bytes = 0
  for (const update of updates) {
    if (batch.length === BATCH_UPDATES || (batch.length > 0 && bytes + update.length > batchBytes)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(update)
    bytes += update.length
  }
  if (batch.length > 0) yield batch
}
