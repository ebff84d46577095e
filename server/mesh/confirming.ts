/**
 * Receipts `relays(k)`: somebody waits until the records up to some heads are durable at k relays. Mostly pushes have been
 * acknowledged by then; what is not known is asked for. Only an equal chain counts: seq alone could be another history (P2, P8).
 */
import { headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import type { Environment } from '../../shared/environment.ts'
import { RejoinError } from '../../shared/errors.ts'
import type { DocumentId } from '../../shared/ids.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { Accepted } from '../relay/commits.ts'
import type { Heads } from '../relay/replicas.ts'
import type { RelayWorkspace } from '../relay/workspace.ts'
import { CONFIRM_ASK_MS, CONFIRMS_MAX } from './bounds.ts'
import type { Known } from './known.ts'

export interface Confirming {
  /** Raises `overloaded`. */
  confirm(where: DocumentRef, heads: Heads, relays: number, answer: () => void): () => void
  committed(accepted: readonly Accepted[]): void
  close(): void
}

export interface ConfirmingOptions {
  workspace: RelayWorkspace
  known: Known
  environment: Environment
  /** Holds the document against the other relays. */
  ask(document: DocumentId): void
}

interface Waiting {
  where: DocumentRef
  heads: Heads
  relays: number
  answer: () => void
}

export function createConfirming({ workspace, known, environment, ask }: ConfirmingOptions): Confirming {
  const waiting = new Map<DocumentId, Set<Waiting>>()
  let count = 0
  let cancelTimer: (() => void) | undefined
  let pauseMs = CONFIRM_ASK_MS
  const unwatch = known.watch(look)

  function look(document: DocumentId): void {
    for (const each of waiting.get(document) ?? []) {
      if (holders(each) < each.relays) continue
      remove(each)
      each.answer()
    }
  }

  function holders({ where, heads }: Waiting): number {
    const stored = workspace.document(where.document)
    const isHere = stored?.epoch === where.epoch && holds(where, stored.vector, heads)
    let relays = isHere ? 1 : 0
    for (const vector of known.of(where).values()) if (holds(where, vector, heads)) relays++
    return relays
  }

  function holds(where: DocumentRef, vector: VersionVector, heads: Heads): boolean {
    for (const [origin, { seq, chain }] of heads) {
      const held = headOf(vector, origin)
      if (held.seq < seq) return false
      // What was given up here is sealed again, and confirmed as that.
      if (workspace.hasYielded(where, origin) && chainAt(where, origin, seq) !== chain) return false
      if (held.seq === seq) {
        if (held.chain !== chain) return false
        continue
      }
      // It is ahead: its history is this one if it has the chain that is here, and that goes through the head asked for.
      if (chainAt(where, origin, held.seq) !== held.chain) return false
      const here = chainAt(where, origin, seq)
      if (here !== undefined && here !== chain) return false
    }
    return true
  }

  function chainAt(where: DocumentRef, origin: string, seq: number): string | undefined {
    const head = headOf(workspace.document(where.document)?.vector ?? new Map(), origin)
    return head.seq === seq ? head.chain : workspace.chain(where, origin, seq)
  }

  function askLater(): void {
    if (count === 0) return
    cancelTimer ??= environment.setTimer(() => {
      cancelTimer = undefined
      // Who is away may be away for long: asking grows rarer.
      pauseMs = Math.min(2 * pauseMs, 64 * CONFIRM_ASK_MS)
      for (const document of waiting.keys()) ask(document)
      askLater()
    }, pauseMs)
  }

  function remove(each: Waiting): void {
    const those = waiting.get(each.where.document)
    if (!those?.delete(each)) return
    count--
    if (those.size === 0) waiting.delete(each.where.document)
  }

  return {
    confirm(where, heads, relays, answer) {
      if (count >= CONFIRMS_MAX) throw new RejoinError('overloaded', `${count} wait to hear of other relays`)
      const each = { where, heads, relays, answer }
      const those = waiting.get(where.document) ?? new Set()
      waiting.set(where.document, those)
      those.add(each)
      count++
      pauseMs = CONFIRM_ASK_MS
      look(where.document)
      askLater()
      return () => remove(each)
    },
    committed(accepted) {
      for (const { where } of accepted) if (waiting.has(where.document)) look(where.document)
    },
    close() {
      unwatch()
      cancelTimer?.()
      waiting.clear()
      count = 0
    },
  }
}
