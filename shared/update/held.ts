/**
 * What an update holds, without what it rests on: of one that was inspected when it came, and lies in a store. There is less to look
 * for and to remember than in a summary (`inspect`).
 */
import type { UpdateSummary } from './inspect.ts'
import { UPDATE_LIMITS } from './limits.ts'
import { DELETED, GC, KIND_BITS, SKIP, type StructHead } from './struct.ts'
import { type UpdateVisitor, walkUpdate } from './walk.ts'

/** The structs and deletions of a summary. */
export type Held = Pick<UpdateSummary, 'structs' | 'deletes'>

/** Checks a Yjs v1 update and says what it holds. Raises `invalid-update`, or `too-big` where only a bound is broken. */
export function inspectHeld(bytes: Uint8Array): Held {
  const found: Holding = { structs: [], deletes: [] }
  walkUpdate(bytes, UPDATE_LIMITS, hold, found)
  return found
}

/** A range that grows while what follows it is read. */
interface Range {
  client: number
  clock: number
  length: number
}

/** What was found to be held so far. */
export interface Holding {
  readonly structs: Range[]
  readonly deletes: Range[]
}

/** What it takes of each struct and deletion. */
export const hold = {
  struct({ structs, deletes }: Holding, client: number, clock: number, head: StructHead): void {
    const kind = head.info & KIND_BITS
    if (kind === SKIP) return
    addRange(structs, client, clock, head.length)
    if (kind === GC || kind === DELETED) addRange(deletes, client, clock, head.length)
  },
  deletion({ deletes }: Holding, client: number, clock: number, length: number): void {
    deletes.push({ client, clock, length })
  },
} satisfies UpdateVisitor<Holding>

function addRange(ranges: Range[], client: number, clock: number, length: number): void {
  const last = ranges[ranges.length - 1]
  if (last !== undefined && last.client === client && last.clock + last.length === clock) last.length += length
  else ranges.push({ client, clock, length })
}
