/**
 * What must hold of every checkpoint that a client writes: applied to an empty document its pieces yield all that it says, in their
 * order, each resting only on those before it; and its state vector names nothing that they do not hold.
 */
import type { Tables } from '../../../client/replica/store.ts'
import { decodeClocks, raiseClocks } from '../../../shared/update/fold.ts'
import type { UpdateSummary } from '../../../shared/update/inspect.ts'
import type { DiskWrite } from '../storage/client-disk.ts'
import { inflated } from '../storage/inflated.ts'
import { summaryOf } from './summaries.ts'

export interface Checkpoints {
  committed(replica: string, writes: readonly DiskWrite[]): void
  restored(replica: string, writes: readonly DiskWrite[]): void
}

export function createCheckpoints(fail: (what: string) => void): Checkpoints {
  const disks = new Map<string, Map<string, Tables['pieces']>>()

  function piecesOf(replica: string): Map<string, Tables['pieces']> {
    let found = disks.get(replica)
    if (found === undefined) {
      found = new Map()
      disks.set(replica, found)
    }
    return found
  }

  function keep(replica: string, writes: readonly DiskWrite[]): void {
    const pieces = piecesOf(replica)
    for (const { table, key, after } of writes) {
      if (table !== 'pieces') continue
      if (after === undefined) pieces.delete(key.join('/'))
      else pieces.set(key.join('/'), after as Tables['pieces'])
    }
  }

  function check(replica: string, document: string, { pieces, stateVector }: Tables['checkpoints']): void {
    const rows = piecesOf(replica)
    const clocks = new Map<number, number>()
    for (const { id, from, count } of pieces) {
      for (let index = from; index < from + count; index++) {
        const row = rows.get(`${document}/${id}/${index}`)
        if (row === undefined)
          return fail(`[P1] the checkpoint of ${document} at ${replica} lacks a piece: ${id}/${index}`)
        const summary = summaryOf(inflated(row))
        const need = groundless(summary, clocks)
        if (need !== undefined) {
          return fail(
            `[P1] piece ${id}/${index} of ${document} at ${replica} rests on ${need.client} up to ${need.clock}`,
          )
        }
        raiseClocks(clocks, summary.structs)
      }
    }
    for (const [client, clock] of decodeClocks(stateVector)) {
      const held = clocks.get(client) ?? 0
      if (held < clock)
        fail(`[P1] the checkpoint of ${document} at ${replica} tells ${client} up to ${clock}, and has ${held}`)
    }
  }

  return {
    committed(replica, writes) {
      keep(replica, writes)
      for (const { table, key, after } of writes) {
        if (table === 'checkpoints' && after !== undefined)
          check(replica, String(key[0]), after as Tables['checkpoints'])
      }
    },
    restored(replica, writes) {
      disks.delete(replica)
      keep(replica, writes)
    },
  }
}

/** What an update builds on, or deletes, and neither it nor what is before it holds. */
function groundless(
  { dependencies, structs, deletes }: UpdateSummary,
  clocks: ReadonlyMap<number, number>,
): { client: number; clock: number } | undefined {
  const known = (client: number): number => clocks.get(client) ?? 0
  for (const [client, clock] of dependencies) if (clock > known(client)) return { client, clock }
  const own = new Map<number, number>()
  for (const { client, clock, length } of structs) own.set(client, Math.max(clock + length, own.get(client) ?? 0))
  for (const { client, clock, length } of deletes) {
    const end = clock + length
    if (end > known(client) && end > (own.get(client) ?? 0)) return { client, clock: end }
  }
  return undefined
}
