/**
 * Compaction of an update log without a Y.Doc: joined as `joinUpdates` does and, where the document collects garbage, the
 * content of deleted clocks dropped. Live content by (client, clock) and the deletions are the same before and after, and
 * updates that come late or twice have the same effect (P3). An item whose content is dropped keeps its place and parent,
 * unless the parent itself is deleted: items that come later may name it as neighbour, and learn their parent from it.
 */
import { collectGarbage } from './collect.ts'
import { joinSteps } from './join.ts'
import { type Log, withoutDeleted } from './log.ts'
import { finish, type Steps } from './steps.ts'

export interface CompactOptions {
  /** The `gc` setting of the document: whether the content of deleted clocks is dropped. */
  readonly gc: boolean
}

/**
 * Compacts updates into one; an empty list gives the update that says nothing. Raises `invalid-update` or `too-big` for an
 * update that `inspectUpdate` refuses.
 */
export function compactUpdates(updates: readonly Uint8Array[], options: CompactOptions): Uint8Array {
  return finish(compactSteps(updates, options))
}

/**
 * `compactUpdates` in steps, to let others run between them. A step takes up to 512 updates, 256 KiB or 16,384 structs, but for
 * the dropping itself, which takes a tenth of what reading and writing the result takes.
 */
export function compactSteps(updates: readonly Uint8Array[], options: CompactOptions): Steps<Uint8Array> {
  return joinSteps(updates, options.gc ? drop : (log) => log)
}

function drop(log: Log): Log {
  for (const [client, pieces] of log.structs) {
    const deletes = log.deletes.get(client)
    if (deletes !== undefined) log.structs.set(client, withoutDeleted(pieces, deletes, client))
  }
  collectGarbage(log)
  return log
}
