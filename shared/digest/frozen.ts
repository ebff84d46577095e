/**
 * A scope as it was at one offset, while its documents go on changing: costs memory only for what changes in the meantime. A
 * replica that has digest sessions open tells each frozen scope of every change, then drops it with its session.
 */
import type { Hash64 } from '../hash.ts'
import type { DigestElement } from './element.ts'
import { copySummary, type DigestSummary } from './summary.ts'

export interface FrozenScope {
  readonly summary: DigestSummary
  /** The elements at the time of freezing. */
  elements(): Iterable<DigestElement>
  /** A document changes, enters or leaves the scope; `before` is its fingerprint until now, if it was in the scope. */
  changed(id: string, before: Hash64 | undefined): void
}

/** Freezes the scope whose summary is given and whose elements `current` yields, at any later time as they are then. */
export function freezeScope(summary: DigestSummary, current: () => Iterable<DigestElement>): FrozenScope {
  /** Fingerprints at the time of freezing of what has changed since; `undefined` for what was not in the scope. */
  const was = new Map<string, Hash64 | undefined>()
  return {
    summary: copySummary(summary),
    *elements() {
      for (const element of current()) if (!was.has(element.id)) yield element
      for (const [id, fingerprint] of was) if (fingerprint !== undefined) yield { id, fingerprint }
    },
    changed(id, before) {
      if (!was.has(id)) was.set(id, before)
    },
  }
}
