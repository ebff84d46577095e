/**
 * One name with two contents at two relays (P8): seen when vectors meet or records do not fit, and told once for each document and
 * origin. Whose branch is the lesser one yields (see `link`); where that is to be found out all peers are asked.
 */
import type { Environment } from '../../shared/environment.ts'
import { RejoinError } from '../../shared/errors.ts'
import type { DocumentId } from '../../shared/ids.ts'
import type { Refused, Tombstone, Vector } from '../../shared/wire/messages.ts'
import type { RelayWorkspace } from '../relay/workspace.ts'
import { FORK_AGAIN_MS } from './bounds.ts'
import type { MeshCounters } from './counters.ts'

export interface Forks {
  /** A vector of another replica. */
  seen(theirs: Vector): void
  /** What of another relay was not taken here, or of this one there. */
  refused(answers: readonly (Refused | Tombstone)[]): void
}

/** Forks remembered as told, and documents as asked about. */
const TOLD_MAX = 10_000

export function createForks(options: {
  workspace: RelayWorkspace
  counters: MeshCounters
  environment: Environment
  /** Holds a document against all peers. */
  ask: (document: DocumentId) => void
  report: (error: unknown) => void
}): Forks {
  const { workspace, counters, environment, ask, report } = options
  const told = new Set<string>()
  const askedAt = new Map<DocumentId, number>()

  function tell({ document, epoch }: Vector | Refused, origin: string, seq: number): void {
    workspace.suspect(document)
    const name = `${document}\u0000${epoch}\u0000${origin}`
    if (!told.has(name)) {
      if (told.size >= TOLD_MAX) told.clear()
      told.add(name)
      counters.forks++
      report(new RejoinError('fork', `two contents of ${JSON.stringify(document)} under ${origin}, up to ${seq}`))
    }
    askSoon(document)
  }

  function askSoon(document: DocumentId): void {
    const at = askedAt.get(document)
    if (at !== undefined && Math.abs(environment.now() - at) < FORK_AGAIN_MS) return
    if (askedAt.size >= TOLD_MAX) askedAt.clear()
    askedAt.set(document, environment.now())
    ask(document)
  }

  return {
    seen(theirs) {
      if (workspace.document(theirs.document)?.epoch !== theirs.epoch) return
      for (const { origin, seq } of workspace.forks(theirs, theirs.vector)) tell(theirs, origin, seq)
    },
    refused(answers) {
      for (const each of answers) {
        if (each.type !== 'refused') continue
        if (each.code === 'fork') tell(each, each.origin, each.seq)
        else if (each.code === 'unproven') askSoon(each.document)
      }
    },
  }
}
