/**
 * State vectors of Yjs (client id -> clock below which everything is known) from outside, and what of an update they lack.
 * A state vector does not cover deletions, so these always go along.
 */
import { RejoinError } from '../errors.ts'
import { type Cursor, invalid, readCount, readVarUint } from './cursor.ts'
import { CLOCK_MAX, STATE_VECTOR_BYTES_MAX, STATE_VECTOR_ENTRIES_MAX, UPDATE_LIMITS } from './limits.ts'
import { readLog } from './log.ts'
import { cut } from './piece.ts'
import { finish, type Steps } from './steps.ts'
import { writeLog } from './write.ts'

/** An entry takes two bytes: client id and clock. */
const ENTRY_BYTES = 2

/** Decodes a Yjs v1 state vector. Raises `invalid-update`, or `too-big` above 64 KiB or 4,096 entries. */
export function inspectStateVector(bytes: Uint8Array): ReadonlyMap<number, number> {
  if (bytes.length > STATE_VECTOR_BYTES_MAX) tooBig()
  const cursor: Cursor = { bytes, at: 0 }
  const count = readCount(cursor, ENTRY_BYTES)
  if (count > STATE_VECTOR_ENTRIES_MAX) tooBig()
  const clocks = new Map<number, number>()
  for (let left = count; left > 0; left--) {
    const client = readVarUint(cursor)
    const clock = readVarUint(cursor)
    if (clocks.has(client)) invalid('a client id comes twice')
    if (clock > CLOCK_MAX) invalid('a clock is too high')
    clocks.set(client, clock)
  }
  if (cursor.at !== bytes.length) invalid('bytes follow its end')
  return clocks
}

function tooBig(): never {
  throw new RejoinError('too-big', 'The state vector has too many entries')
}

/**
 * What of `update` a holder of `stateVector` lacks, cut inside a struct where need be, and all its deletions, as
 * `Y.diffUpdate` does. Raises what `inspectUpdate` and `inspectStateVector` raise.
 */
export function cutUpdate(update: Uint8Array, stateVector: Uint8Array): Uint8Array {
  return finish(cutSteps(update, stateVector))
}

/** `cutUpdate` in steps, to let others run between them. */
function* cutSteps(update: Uint8Array, stateVector: Uint8Array): Steps<Uint8Array> {
  const clocks = inspectStateVector(stateVector)
  const log = yield* readLog([update], UPDATE_LIMITS, clocks)
  for (const [client, pieces] of log.structs) {
    const known = clocks.get(client) ?? 0
    const first = pieces[0]
    if (first !== undefined && first.clock < known) pieces[0] = cut(first, client, known - first.clock)
  }
  return yield* writeLog(log)
}
