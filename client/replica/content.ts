/** What updates hold and what they rest on, by client and clock, without their content. */
import { type RejoinError, toRejoinError } from '../../shared/errors.ts'
import type { Clocks } from '../../shared/update/fold.ts'
import { inspectUpdate, type UpdateSummary } from '../../shared/update/inspect.ts'
import { createIntervalIndex, type IntervalIndex } from '../../shared/update/intervals.ts'

/** `undefined` for what is no update: a relay would not have it either. */
export function summaryOf(bytes: Uint8Array): UpdateSummary | undefined {
  try {
    return inspectUpdate(bytes)
  } catch {
    return undefined
  }
}

/** Why a record is not to be kept: a relay looks into all that it takes, but one that is broken may not (P9). */
export function unreadable(bytes: Uint8Array): RejoinError | undefined {
  try {
    inspectUpdate(bytes)
    return undefined
  } catch (error) {
    return toRejoinError(error, 'invalid-update', 'a record')
  }
}

/** Clocks below which everything is to be known before it: what it builds on, and what it deletes of others. */
export function needsOf({ structs, dependencies, deletes }: UpdateSummary): ReadonlyMap<number, number> {
  if (deletes.length === 0) return dependencies
  const needs: Clocks = new Map(dependencies)
  const ends: Clocks = new Map()
  for (const { client, clock, length } of structs) ends.set(client, Math.max(ends.get(client) ?? 0, clock + length))
  for (const { client, clock, length } of deletes) {
    const end = clock + length
    if (end > (ends.get(client) ?? 0) && end > (needs.get(client) ?? 0)) needs.set(client, end)
  }
  return needs
}

/** What updates hold together. */
export function summariesOf(updates: readonly Uint8Array[]): IntervalIndex {
  const index = createIntervalIndex()
  for (const bytes of updates) {
    const summary = summaryOf(bytes)
    if (summary !== undefined) index.add(summary)
  }
  return index
}

/** Those that do not rest on what `index` and the others hold: no relay takes them. */
export function withoutGround<T extends { value: { bytes: Uint8Array } }>(
  index: IntervalIndex,
  candidates: readonly T[],
): Set<T> {
  let left = candidates
  for (;;) {
    const next = left.filter(({ value }) => !rest(index, summaryOf(value.bytes)))
    // Whatever came to rest may be what another one waited for.
    if (next.length === left.length) return new Set(left)
    left = next
  }
}

/** Adds the update to the index if everything that it builds on or deletes is known then. */
function rest(index: IntervalIndex, summary: UpdateSummary | undefined): boolean {
  if (summary === undefined || index.missing(summary) !== undefined) return false
  const ends = new Map(summary.structs.map((each) => [each.client, each.clock + each.length]))
  const known = (client: number): number => Math.max(index.clock(client), ends.get(client) ?? 0)
  if (summary.deletes.some(({ client, clock, length }) => clock + length > known(client))) return false
  index.add(summary)
  return true
}
