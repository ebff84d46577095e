/**
 * What a conversation with a relay tells, brought to whom it concerns: open documents, the workspace's status, its app, and the
 * other tabs.
 */
import { type ErrorCode, RejoinError, withoutRemedy } from '../shared/errors.ts'
import type { DocumentId } from '../shared/ids.ts'
import type { DocumentRef } from '../shared/update/record.ts'
import type { Acting } from './acting.ts'
import type { ConversationHost } from './connection/host.ts'
import type { OpenDocument } from './document.ts'
import type { Documents } from './documents.ts'
import type { Events } from './events.ts'
import { toBranch } from './events.ts'
import type { Hearing } from './hearing.ts'
import type { Leading } from './leading.ts'
import type { BranchRow } from './replica/store.ts'
import type { Standing } from './standing.ts'
import { toTrouble } from './status.ts'
import type { Team } from './team.ts'

export interface HostingOptions {
  hearing: Hearing
  documents: Documents
  standing: Standing
  events: Events
  team: Team
  leading: Leading
  /** A relay refused edits of this document for good. */
  end: Acting['end']
}

/** What a conversation tells, but for its end. */
export function createHost(options: HostingOptions): Omit<ConversationHost, 'ended' | 'recount' | 'spread'> {
  const { hearing, documents, standing, events, team, leading } = options
  const { emit, report } = events
  const { tell } = team

  function fetched(id: DocumentId | undefined): void {
    if (id === undefined) standing.catchUp()
    else standing.fetched(id)
    const those = id === undefined ? documents.all().filter(isWhole) : [documents.get(id)]
    for (const document of those) document?.fetched().then(standing.show, report)
    standing.show()
    leading.fetched(id)
    if (id === undefined) team.stands()
  }

  const isWhole = ({ where }: OpenDocument): boolean => !standing.isSetAside(where.document)

  async function refused(id: DocumentId, code: ErrorCode, message: string): Promise<void> {
    const detail = withoutRemedy(code, message)
    await options.end(id, code, detail)
    tell({ type: 'refused', document: id, code, detail })
  }

  function setAside(document: DocumentId, { code, detail }: RejoinError): void {
    tell({ type: 'unreadable', document, code, detail })
    if (!hearing.setAside(document, code, detail)) return
    const what = `what the relay sends of ${JSON.stringify(document)} cannot be read: the next connection asks again`
    report(new RejoinError(code, `${what}: ${detail}`))
  }

  function storing(error: RejoinError | undefined): void {
    if (!standing.storing(error && toTrouble(error))) return
    team.stands()
    if (error === undefined) return
    report(
      new RejoinError(
        error.code,
        `what others write cannot be stored here: ${error.detail}; it is shown, and fetched again`,
      ),
    )
  }

  function deleted(where: DocumentRef, empty: boolean, branch: BranchRow | undefined): void {
    const { document } = where
    const open = documents.get(document)
    if (empty && open !== undefined) return open.move(where)
    if (empty) return standing.forget(document)
    hearing.ended(document)
    standing.forget(document)
    emit('deleted', { document, branch: branch && toBranch(branch) })
    tell({ type: 'deleted', document })
    standing.show()
  }

  return {
    heard: () => standing.heard(),
    greeted(relay) {
      standing.greet(relay)
      team.stands()
    },
    permitted: (role) => standing.permit(role),
    opened: leading.documents,
    entered(id) {
      documents.get(id)?.connected()
      tell({ type: 'entered', document: id })
    },
    arrived(id, records) {
      documents.get(id)?.arrived(records)
      tell({ type: 'arrived', document: id, records })
    },
    setAside,
    differs: (id) => report(new RejoinError('corrupt', `the relay has another content of ${JSON.stringify(id)}`)),
    arrivedPieces: (id, pieces) => documents.get(id)?.arrivedPieces(pieces),
    progress(id, pieces, count) {
      documents.get(id)?.status.set({ progress: { pieces, count } })
      tell({ type: 'progress', document: id, pieces, count })
    },
    deleted,
    unstored: leading.unstored,
    storing,
    passed(id, relay, updates) {
      documents.get(id)?.passed(relay, updates)
      tell({ type: 'unstored', document: id, relay, updates })
    },
    sealed(id, records) {
      documents.get(id)?.sealed(records)
      tell({ type: 'sealed', document: id, records })
    },
    changed: hearing.changed,
    fetched,
    awareness: leading.people,
    confirmed({ vector, relays, ...where }) {
      documents.get(where.document)?.confirmed({ where, vector, relays })
      tell({ type: 'confirmed', confirmation: { where, vector, relays } })
    },
    harvested(id, { answered, all }) {
      documents.get(id)?.status.set({ harvest: { answered, all } })
      tell({ type: 'harvest', document: id, harvest: { answered, all } })
    },
    refused,
    forked(document, origin) {
      hearing.forked(document, origin)
      tell({ type: 'forked', document, origin })
    },
    hopeless: (document, code, detail) =>
      report(
        new RejoinError(code, `edits of ${JSON.stringify(document)} cannot be sent: ${withoutRemedy(code, detail)}`),
      ),
  }
}
