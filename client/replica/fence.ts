/**
 * The fence around what only one tab may do: sealing, what a relay answers, folding and places. A tab that leads has a term; the
 * first thing that it does in it writes the term down, and from then on whoever led before is refused (P4). A tab whose lock was
 * taken while it was frozen goes on running for a moment: here it finds out, in the transaction itself.
 */
import { RejoinError } from '../../shared/errors.ts'
import { readSelf } from './rows.ts'
import type { ReplicaStore, WriteTransaction } from './store.ts'

export interface Fence {
  /** This tab has a term that was not fenced off yet, as far as is known. */
  readonly leads: boolean
  /** Begins a term, after the newest that was written down. */
  lead(): Promise<void>
  /** The term is over. */
  resign(): void
  /** Raises `fenced` where another tab leads by now. Tabs that never led are let through: where there are no locks, each acts. */
  check(transaction: WriteTransaction): Promise<void>
}

export function createFence(store: ReplicaStore, tab: string): Fence {
  let term: number | undefined
  let resigned = false

  return {
    get leads() {
      return term !== undefined
    },
    async lead() {
      const self = await store.read(['meta'], readSelf)
      term = (self.term?.number ?? 0) + 1
      resigned = false
    },
    resign() {
      resigned ||= term !== undefined
      term = undefined
    },
    async check(transaction) {
      if (resigned) throw fenced()
      if (term === undefined) return
      const self = await readSelf(transaction)
      const newest = self.term
      if (newest !== undefined && newest.number >= term && !(newest.number === term && newest.tab === tab)) {
        term = undefined
        resigned = true
        throw fenced()
      }
      if (newest?.number !== term) transaction.put('meta', ['replica'], { ...self, term: { number: term, tab } })
    },
  }
}

const fenced = (): RejoinError => new RejoinError('fenced', 'another tab of this replica leads now')
