/**
 * The joined log of a document: live content by (client, clock), which clocks are held without content, and deletions as
 * intervals. It is what replicas that hold the same dots have in common (P1), so its hash is the content check. It does
 * not depend on order, repetition, joining or compaction; the content of deleted clocks does not count, since replicas
 * may or may not have dropped it.
 */
import { type Hash64, hash64 } from '../hash.ts'
import { turnIntoGc } from './collect.ts'
import { compactSteps } from './compact.ts'
import { UPDATE_LIMITS } from './limits.ts'
import { readLog, withoutDeleted } from './log.ts'
import type { Piece } from './piece.ts'
import { finish, type Steps } from './steps.ts'
import { DELETED, GC } from './struct.ts'
import { NO_LIMITS } from './walk.ts'
import { writeLog } from './write.ts'

/**
 * The joined log as canonical bytes: a Yjs v1 update in which deleted structs are GC, whatever lies between them. (Not one
 * to apply: what comes later may need to know their parents.) Raises what `compactUpdates` raises.
 */
export function joinedLog(updates: readonly Uint8Array[]): Uint8Array {
  return finish(joinedLogSteps(updates))
}

/** The hash of the joined log: equal logs, equal hash. */
export function hashJoinedLog(updates: readonly Uint8Array[]): Hash64 {
  return hash64(joinedLog(updates))
}

/** `hashJoinedLog` in steps, to let others run between them. */
export function* hashJoinedLogSteps(updates: readonly Uint8Array[]): Steps<Hash64> {
  return hash64(yield* joinedLogSteps(updates))
}

function* joinedLogSteps(updates: readonly Uint8Array[]): Steps<Uint8Array> {
  const [only] = updates
  const isOne = only !== undefined && updates.length === 1
  const joined = isOne ? only : yield* compactSteps(updates, { gc: true })
  const log = yield* readLog([joined], isOne ? UPDATE_LIMITS : NO_LIMITS)
  for (const [client, pieces] of log.structs) {
    log.structs.set(client, canonical(withoutDeleted(pieces, log.deletes.get(client) ?? [], client)))
  }
  return yield* writeLog(log)
}

function canonical(pieces: readonly Piece[]): Piece[] {
  const kept: Piece[] = []
  for (const piece of pieces) {
    const last = kept[kept.length - 1]
    if (piece.kind === DELETED) turnIntoGc(piece)
    if (piece.kind === GC && last?.kind === GC && last.clock + last.length === piece.clock) last.length += piece.length
    else kept.push(withoutKeyMark(piece))
  }
  return kept
}

/** Only with a parent does the mark say that a key follows; elsewhere it is left over, and merging loses it. */
function withoutKeyMark(piece: Piece): Piece {
  if (piece.parentTo === piece.parentFrom) piece.key = 0
  return piece
}
