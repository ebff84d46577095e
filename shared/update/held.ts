/**
 * What an update holds, without what it rests on: of one that was inspected when it came, and lies in a store. There is less to look
 * for and to remember than in a summary (`inspect`).
 */
import { addRange, type Range, type UpdateSummary } from './inspect.ts'
import { UPDATE_LIMITS } from './limits.ts'
import { DELETED, GC, KIND_BITS, SKIP } from './struct.ts'
import { type UpdateVisitor, walkUpdate } from './walk.ts'

/** The structs and deletions of a summary. */
export type Held = Pick<UpdateSummary, 'structs' | 'deletes'>

/** Checks a Yjs v1 update and says what it holds. Raises `invalid-update`, or `too-big` where only a bound is broken. */
export function inspectHeld(bytes: Uint8Array): Held {
  const found = { structs: [], deletes: [] }
  walkUpdate(bytes, UPDATE_LIMITS, hold, found)
  return found
}

const hold: UpdateVisitor<{ structs: Range[]; deletes: Range[] }> = {
  struct({ structs, deletes }, client, clock, head) {
    const kind = head.info & KIND_BITS
    if (kind === SKIP) return
    addRange(structs, client, clock, head.length)
    if (kind === GC || kind === DELETED) addRange(deletes, client, clock, head.length)
  },
  deletion({ deletes }, client, clock, length) {
    deletes.push({ client, clock, length })
  },
}
