/**
 * What only the tab that leads writes, no other tab has written since its term was written down: neither one that led before and
 * was not told yet that its lock was taken, nor one that never led.
 */
import type { ReplicaRow, Tables } from '../../../client/replica/store.ts'
import type { DiskWrite } from '../storage/client-disk.ts'

export interface Terms {
  committed(replica: string, writes: readonly DiskWrite[], by: string): void
  /** Another disk was put in the place of this one: who leads there has to write it down first. */
  restored(replica: string): void
}

export function createTerms(fail: (what: string) => void): Terms {
  const leaders = new Map<string, { number: number; by: string }>()

  function begin(replica: string, { term }: ReplicaRow, by: string): void {
    if (term === undefined) return
    const { number } = term
    const before = leaders.get(replica)
    if (before !== undefined && number < before.number) {
      fail(`[P4] the term of ${replica} went from ${before.number} back to ${number}`)
    }
    if (before === undefined || number > before.number) leaders.set(replica, { number, by })
  }

  return {
    committed(replica, writes, by) {
      for (const { table, key, after } of writes) {
        if (table === 'meta' && key[0] === 'replica' && after !== undefined) begin(replica, after as ReplicaRow, by)
      }
      const leader = leaders.get(replica)
      if (leader === undefined || leader.by === by) return
      const own = writes.find(isLeaders)
      if (own === undefined) return
      fail(
        `[P4] ${by} wrote ${own.table} as the leader of ${replica}, and ${leader.by} leads since its term ${leader.number}`,
      )
    },
    restored: (replica) => void leaders.delete(replica),
  }
}

/**
 * Records, what came from a relay, and how far both sides know each other. Whoever finds that a name is spoilt seals what is under it
 * again under one that nobody has used: such a record keeps its old place beside the one in the log.
 */
function isLeaders({ table, after }: DiskWrite): boolean {
  if (after === undefined) return false
  if (table === 'records') return (after as Tables['records']).logged === undefined
  return table === 'peers' || (table === 'log' && 'relay' in (after as Tables['log']).from)
}
