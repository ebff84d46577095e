/**
 * Keeps this replica small without anybody waiting: a document that has been left alone for a moment is folded, if that pays,
 * one at a time and in short steps. Where tabs have a leader it does this; the log sees to it that only one fold counts.
 */
import type { Environment } from '../../shared/environment.ts'
import { type ErrorCode, RejoinError } from '../../shared/errors.ts'
import type { DocumentId } from '../../shared/ids.ts'
import type { UpdateLog } from './log-types.ts'

export interface Compacting {
  /** The log has news of this document. */
  touch(document: DocumentId): void
  /** Nothing more is begun. Idempotent. */
  close(): void
}

/** How long a document is left alone before it is folded: what is being typed is worth more. */
const QUIET_MS = 1_000
/** Documents that wait to be looked at; what is beyond is looked at when it is next touched. */
const WAITING_MAX = 10_000

/** A tab that closes, or leads no more, has no use for it; what cannot be loaded is told where it is missed. */
const WAITS: ReadonlySet<ErrorCode> = new Set(['closed', 'fenced', 'not-loaded'])

export function createCompacting(
  log: Pick<UpdateLog, 'wantsCompaction' | 'compact'>,
  environment: Environment,
  report: (error: unknown) => void,
): Compacting {
  /** When each was last touched, in that order. */
  const waiting = new Map<DocumentId, number>()
  let cancel: (() => void) | undefined
  let running = false
  let closed = false

  function plan(): void {
    if (closed || running || cancel !== undefined || waiting.size === 0) return
    cancel = environment.setTimer(() => {
      cancel = undefined
      void next()
    }, QUIET_MS)
  }

  async function next(): Promise<void> {
    const [longest] = waiting
    if (longest === undefined || closed) return
    const [document, touchedAt] = longest
    if (Math.abs(environment.now() - touchedAt) < QUIET_MS) return plan()
    waiting.delete(document)
    running = true
    try {
      if (await log.wantsCompaction(document)) await log.compact(document)
    } catch (error) {
      // It can wait: nothing is lost by not folding.
      if (!(error instanceof RejoinError && WAITS.has(error.code))) report(error)
    } finally {
      running = false
    }
    plan()
  }

  return {
    touch(document) {
      waiting.delete(document)
      if (waiting.size < WAITING_MAX) waiting.set(document, environment.now())
      plan()
    },
    close() {
      closed = true
      waiting.clear()
      cancel?.()
    },
  }
}
