/**
 * A name with two histories: what is held under it here is given other names, and what the relay has under it is fetched (P8). The
 * relay says so, or what came shows it, or it cannot be told any more that there is but one.
 */
import type { OriginId } from '../../shared/ids.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { Talk } from './host.ts'
import type { Sending } from './sending.ts'

export interface Forking {
  /** Takes an origin out of a document; the document is to be compared then. */
  forked(where: DocumentRef, origin: OriginId): Promise<void>
  /** The same, and compares it. */
  separate(where: DocumentRef, origin: OriginId): Promise<void>
}

export function createForking(talk: Talk, sending: Sending): Forking {
  const { log, host, offers } = talk
  /** Forks that were dealt with: answers that were on their way meanwhile tell of them again. */
  const forks = new Set<string>()

  async function forked({ document }: DocumentRef, origin: OriginId): Promise<void> {
    const name = `${document}\u0000${origin}`
    if (forks.has(name)) return
    forks.add(name)
    // What was held under that name goes, also of what lies before the place.
    talk.leavePlace()
    const held = await log.unseal(document, origin)
    offers.forget(document)
    host.forked(document, origin)
    if (held !== undefined) host.changed([held])
    sending.want(document)
  }

  return {
    forked,
    async separate(where, origin) {
      await forked(where, origin)
      await talk.differAgain(where)
    },
  }
}
