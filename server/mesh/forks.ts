/** One name with two contents at two relays (P8): seen when vectors meet, counted once for each document and origin. */
import { RejoinError } from '../../shared/errors.ts'
import type { Vector } from '../../shared/wire/messages.ts'
import type { RelayWorkspace } from '../relay/workspace.ts'
import type { MeshCounters } from './counters.ts'

export interface Forks {
  /** A vector of another replica. */
  seen(theirs: Vector): void
}

/** Forks remembered as told. */
const TOLD_MAX = 10_000

export function createForks(options: {
  workspace: RelayWorkspace
  counters: MeshCounters
  report: (error: unknown) => void
}): Forks {
  const { workspace, counters, report } = options
  const told = new Set<string>()
  return {
    seen(theirs) {
      if (workspace.document(theirs.document)?.epoch !== theirs.epoch) return
      for (const { origin, seq } of workspace.forks(theirs, theirs.vector)) {
        const name = `${theirs.document}\u0000${theirs.epoch}\u0000${origin}`
        if (told.has(name)) continue
        if (told.size >= TOLD_MAX) told.clear()
        told.add(name)
        counters.forks++
        report(
          new RejoinError('fork', `two contents of ${JSON.stringify(theirs.document)} under ${origin}, up to ${seq}`),
        )
      }
    },
  }
}
