/**
 * Which clocks of which Yjs client ids a log holds, and which of them are deleted: what a relay needs to know of a
 * document to tell news from repetition and to see what is missing, without its content. Joining is commutative and
 * idempotent (P3). It does not know content: two contents of one clock look the same here.
 */
import type { Held } from './held.ts'
import type { StructRange, UpdateSummary } from './inspect.ts'
import { addToSet, type RangeSet, setEnd, setHas, setSize, toRangeList } from './range-set.ts'
import type { RangeList } from './ranges.ts'

/** A clock of a client id: all below it is meant. */
export interface ClientClock {
  readonly client: number
  readonly clock: number
}

export interface IntervalIndex {
  /** Whether the update holds structs or deletions that are not known yet. */
  adds(held: Held): boolean
  /**
   * The first dependency of the update that neither the index nor the update itself meets; `clock` is the exclusive bound
   * that is needed. Deletions of unknown clocks are not missing: Yjs keeps them until the structs come.
   */
  missing(summary: UpdateSummary): ClientClock | undefined
  /** Whether these clocks are deleted. */
  deletes(client: number, clock: number, length: number): boolean
  /** Joins the update in; again changes nothing. */
  add(held: Held): void
  /** The clock below which everything of `client` is known; 0 for an unknown client. */
  clock(client: number): number
  /** Client ids that something is known of. */
  readonly clients: number
  /** Them, the lowest first. */
  ids(): number[]
  /** What is held and what is deleted of a client id, as ranges in order and apart. */
  ranges(client: number): { structs: RangeList; deletes: RangeList }
  /** Number of intervals: 16 bytes of memory each, and about 100 a client. */
  readonly size: number
}

/** What an index knows of a client id. */
export interface Intervals {
  readonly structs: RangeSet
  readonly deletes: RangeSet
}

/** An index of nothing, or of what is known of these client ids. */
export function createIntervalIndex(clients: Map<number, Intervals> = new Map()): IntervalIndex {
  /** Until something is added. */
  let size: number | undefined
  return {
    adds: ({ structs, deletes }) => addsAny(clients, 'structs', structs) || addsAny(clients, 'deletes', deletes),
    deletes(client, clock, length) {
      const known = clients.get(client)
      return known !== undefined && setHas(known.deletes, clock, clock + length)
    },
    missing: (summary) => firstMissing(clients, summary),
    add({ structs, deletes }) {
      size = undefined
      join(clients, 'structs', structs)
      join(clients, 'deletes', deletes)
    },
    clock: (client) => knownBelow(clients, client),
    get clients() {
      return clients.size
    },
    ids: () => [...clients.keys()].sort((a, b) => a - b),
    ranges(client) {
      const { structs = [], deletes = [] } = clients.get(client) ?? {}
      return { structs: toRangeList(structs), deletes: toRangeList(deletes) }
    },
    get size() {
      size ??= countIntervals(clients)
      return size
    },
  }
}

type Side = keyof Intervals

function addsAny(clients: Map<number, Intervals>, side: Side, ranges: readonly StructRange[]): boolean {
  for (const { client, clock, length } of ranges) {
    const known = clients.get(client)
    if (known === undefined || !setHas(known[side], clock, clock + length)) return true
  }
  return false
}

function join(clients: Map<number, Intervals>, side: Side, ranges: readonly StructRange[]): void {
  for (const { client, clock, length } of ranges) addToSet(intervalsOf(clients, client)[side], clock, clock + length)
}

function intervalsOf(clients: Map<number, Intervals>, client: number): Intervals {
  let intervals = clients.get(client)
  if (intervals === undefined) {
    intervals = { structs: [], deletes: [] }
    clients.set(client, intervals)
  }
  return intervals
}

function knownBelow(clients: Map<number, Intervals>, client: number): number {
  const known = clients.get(client)
  return known === undefined ? 0 : setEnd(known.structs, 0)
}

function firstMissing(clients: Map<number, Intervals>, summary: UpdateSummary): ClientClock | undefined {
  let places: ReadonlyMap<number, number> | undefined
  for (const [client, clock] of summary.dependencies) {
    if (knownBelow(clients, client) >= clock) continue
    places ??= firstPlaces(summary.structs)
    const own = places.get(client)
    if (own === undefined || reach(clients, client, summary.structs, own) < clock) return { client, clock }
  }
  return undefined
}

/** client id -> index of its first range; the ranges of a client stand together. */
function firstPlaces(ranges: readonly StructRange[]): ReadonlyMap<number, number> {
  const places = new Map<number, number>()
  ranges.forEach(({ client }, at) => {
    if (!places.has(client)) places.set(client, at)
  })
  return places
}

/** The clock below which everything of `client` is known or in the update, whose ranges of it start at `own`. */
function reach(clients: Map<number, Intervals>, client: number, ranges: readonly StructRange[], own: number): number {
  const known = clients.get(client)?.structs ?? []
  let end = setEnd(known, 0)
  for (let at = own; ranges[at]?.client === client; at++) {
    const { clock, length } = ranges[at] as StructRange
    if (clock > end) break
    end = setEnd(known, Math.max(end, clock + length))
  }
  return end
}

function countIntervals(clients: Map<number, Intervals>): number {
  let count = 0
  for (const { structs, deletes } of clients.values()) count += setSize(structs) + setSize(deletes)
  return count
}
