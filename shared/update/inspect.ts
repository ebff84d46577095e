/**
 * What an update holds and rests on, found in one pass over its bytes without a Y.Doc and without trusting any count in
 * them (P7, P9). It accepts what Yjs writes, and what it accepts Yjs decodes without an error. It does not know what
 * any replica holds: clocks beyond what is known, and parents that are no types, are not seen here.
 */
import { RejoinError } from '../errors.ts'
import { type Cursor, readVarUint } from './cursor.ts'
import { type Holding, hold } from './held.ts'
import { ROOTS_PER_UPDATE_MAX, UPDATE_LIMITS, type UpdateLimits } from './limits.ts'
import { GC, HAS_RIGHT_ORIGIN, KIND_BITS, NONE, SKIP, TYPE } from './struct.ts'
import { type UpdateVisitor, walkUpdate } from './walk.ts'

/** `length` clocks of one Yjs client id, from `clock` on. */
export interface StructRange {
  readonly client: number
  readonly clock: number
  readonly length: number
}

/** A range of clocks that the update says are deleted. */
export type DeleteRange = StructRange

export interface UpdateSummary {
  /** What the update holds, in its order; adjacent structs joined, gaps (Skips) left out. */
  readonly structs: readonly StructRange[]
  /**
   * client id -> exclusive clock below which everything must be known (or be in the update) before Yjs can integrate it:
   * from origins, right origins and parents, and where structs do not start at clock 0 or follow a gap.
   */
  readonly dependencies: ReadonlyMap<number, number>
  /** The delete set in its order, and before it the clocks of structs that have no content any more. May overlap. */
  readonly deletes: readonly DeleteRange[]
  /** How many of the structs are types. */
  readonly types: number
  /** Names of root types, as hashes of 32 bits. */
  readonly roots: ReadonlySet<number>
  /** Neither structs nor deletes. */
  readonly empty: boolean
}

const NO_ROOTS: ReadonlySet<number> = new Set()
const NO_DEPENDENCIES: ReadonlyMap<number, number> = new Map()

/**
 * Checks a Yjs v1 update and says what it holds. Raises `invalid-update`, or `too-big` where only a bound is broken.
 * It takes time in proportion to the bytes and memory in proportion to the ranges found.
 */
export function inspectUpdate(bytes: Uint8Array, limits: UpdateLimits = UPDATE_LIMITS): UpdateSummary {
  const found: Found = { bytes, structs: [], deletes: [], references: undefined, types: 0, roots: undefined }
  walkUpdate(bytes, limits, summarise, found)
  const { structs, deletes, types, roots = NO_ROOTS } = found
  if (roots.size > ROOTS_PER_UPDATE_MAX) throw new RejoinError('too-big', 'The update has too many root types')
  const empty = structs.length === 0 && deletes.length === 0
  return { structs, dependencies: dependencies(found), deletes, types, roots, empty }
}

interface Found extends Holding {
  readonly bytes: Uint8Array
  /** client id -> highest clock that a struct of another client refers to. */
  references: Map<number, number> | undefined
  types: number
  roots: Set<number> | undefined
}

const summarise: UpdateVisitor<Found> = {
  struct(found, client, clock, head) {
    const kind = head.info & KIND_BITS
    if (kind === SKIP) return
    hold.struct(found, client, clock, head)
    refer(found, client, head.originClient, head.originClock)
    refer(found, client, head.rightClient, head.rightClock)
    refer(found, client, head.parentClient, head.parentClock)
    if (kind === TYPE) found.types++
    if (head.info < HAS_RIGHT_ORIGIN && kind !== GC && head.parentClient === NONE) addRoot(found, head.parentAt)
  },
  deletion: hold.deletion,
}

/** Own clocks come in order, so only references to other clients can be unknown. */
function refer(found: Found, client: number, toClient: number, toClock: number): void {
  if (toClient === NONE || toClient === client) return
  found.references ??= new Map()
  const highest = found.references.get(toClient)
  if (highest === undefined || highest < toClock) found.references.set(toClient, toClock)
}

/** The name behind the byte that says it is one (FNV-1a). */
function addRoot(found: Found, at: number): void {
  const cursor: Cursor = { bytes: found.bytes, at: at + 1 }
  const length = readVarUint(cursor)
  let hash = 0x811c9dc5
  for (let end = cursor.at + length; cursor.at < end; cursor.at++) {
    hash = Math.imul(hash ^ (found.bytes[cursor.at] as number), 0x01000193)
  }
  found.roots ??= new Set()
  found.roots.add(hash)
}

/**
 * The last joined range of a client decides: what lies below its start must be known, what others refer to beyond its end
 * too, and everything between is in the update.
 */
function dependencies({ structs, references }: Found): ReadonlyMap<number, number> {
  const first = structs[0]
  if (references === undefined && (first === undefined || (structs.length === 1 && first.clock === 0))) {
    return NO_DEPENDENCIES
  }
  const bounds = new Map<number, number>()
  for (let i = 0; i < structs.length; i++) {
    const { client, clock, length } = structs[i] as StructRange
    if (structs[i + 1]?.client === client) continue
    const referred = references?.get(client) ?? NONE
    references?.delete(client)
    if (referred >= clock + length) bounds.set(client, referred + 1)
    else if (clock > 0) bounds.set(client, clock)
  }
  if (references !== undefined) for (const [client, clock] of references) bounds.set(client, clock + 1)
  return bounds
}
