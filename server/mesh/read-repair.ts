/**
 * Read repair: when somebody opens a document it is shown at once, and held against the other relays meanwhile (scatter-gather
 * with a deadline). How many of them answered in time is the harvest of the read.
 */
import type { Environment } from '../../shared/environment.ts'
import type { DocumentId } from '../../shared/ids.ts'
import { READ_REPAIR_EVERY_MS, READ_REPAIR_MS, READ_REPAIRS_MAX } from './bounds.ts'
import type { MeshCounters } from './counters.ts'
import type { Link } from './link.ts'

/** How many of all relays, this one included, a read rests on. */
export interface Harvest {
  answered: number
  all: number
}

export interface ReadRepair {
  /** Asks all peers; resolves when they have answered, or their time is over. */
  read(document: DocumentId): Promise<Harvest>
  /** As `read`, unless that was done just now. */
  opened(document: DocumentId, told: (answered: number, all: number) => void): () => void
  /** As `read`, without a harvest. */
  ask(document: DocumentId): void
}

export function createReadRepair(options: {
  links: ReadonlyMap<string, Link>
  counters: MeshCounters
  environment: Environment
}): ReadRepair {
  const { links, counters, environment } = options
  const readAt = new Map<DocumentId, number>()

  function read(document: DocumentId): Promise<Harvest> {
    const asked = [...links.values()]
    const { promise, resolve } = Promise.withResolvers<Harvest>()
    const harvest = { answered: 1, all: asked.length + 1 }
    let left = asked.length
    const finish = (): void => {
      cancel()
      resolve(harvest)
    }
    const cancel = environment.setTimer(finish, READ_REPAIR_MS)
    for (const link of asked) {
      void link.mend(document).then((answered) => {
        if (answered) harvest.answered++
        if (--left === 0) finish()
      })
    }
    if (left === 0) finish()
    return promise.then((found) => {
      counters.reads++
      counters.readAnswers += found.answered
      counters.readAsked += found.all
      return { ...found }
    })
  }

  function isFresh(document: DocumentId): boolean {
    const now = environment.now()
    const at = readAt.get(document)
    if (at !== undefined && Math.abs(now - at) < READ_REPAIR_EVERY_MS) return true
    readAt.delete(document)
    readAt.set(document, now)
    const [oldest] = readAt.keys()
    if (readAt.size > READ_REPAIRS_MAX && oldest !== undefined) readAt.delete(oldest)
    return false
  }

  return {
    read,
    opened(document, told) {
      let wanted = true
      if (links.size > 0 && !isFresh(document)) {
        void read(document).then(({ answered, all }) => {
          if (wanted) told(answered, all)
        })
      }
      return () => {
        wanted = false
      }
    },
    ask(document) {
      for (const link of links.values()) if (link.peer.reachable) void link.mend(document)
    },
  }
}
