/**
 * What is heard from the relay and from the other tabs of this replica, brought to whom it concerns: open documents, the
 * workspace's status, its app, and the other tabs.
 */
import { type ErrorCode, RejoinError, withoutRemedy } from '../shared/errors.ts'
import type { DocumentId, OriginId } from '../shared/ids.ts'
import type { DocumentRef } from '../shared/update/record.ts'
import type { ConversationHost } from './connection/host.ts'
import type { Documents } from './documents.ts'
import type { Events } from './events.ts'
import { refuseEdits, toBranch } from './refusing.ts'
import type { BranchRow } from './replica/store.ts'
import type { HeldDocument, UpdateLog } from './replica/update-log.ts'
import type { Standing } from './standing.ts'
import { toTrouble } from './status.ts'
import type { TabNews } from './tabs/channel.ts'
import type { Team } from './team.ts'

export interface HearingOptions {
  log: UpdateLog
  documents: Documents
  standing: Standing
  events: Events
  team(): Team
  /** The log has news of this document, from the relay. */
  touched(document: DocumentId): void
}

/** What a conversation tells, but for its end. */
export function createHearing({ log, documents, standing, events, team, touched }: HearingOptions) {
  const { emit, report } = events
  const tell: Team['tell'] = (message) => team().tell(message)

  function changed(held: readonly HeldDocument[]): void {
    for (const { ref } of held) touched(ref.document)
    if (held.length > 0) tell({ type: 'changed', documents: held.map(({ ref }) => ref.document), held })
    showHeld(held)
  }

  function showHeld(held: readonly HeldDocument[]): void {
    for (const each of held) {
      // A tombstone is no document to the app, until somebody writes or opens it anew.
      if (each.deleted) standing.forget(each.ref.document, each.untold)
      else standing.count(each.ref.document, each.unacknowledged)
      documents.get(each.ref.document)?.changed(each)
    }
    standing.show()
  }

  function fetched(id: DocumentId | undefined): void {
    if (id === undefined) standing.catchUp()
    const those = id === undefined ? documents.all() : [documents.get(id)]
    for (const document of those) document?.fetched().then(standing.show, report)
    standing.show()
    team().fetched(id)
    if (id === undefined) team().stands()
  }

  async function refused(id: DocumentId, code: ErrorCode, message: string): Promise<void> {
    const detail = withoutRemedy(code, message)
    await endDocument(id, code, detail)
    tell({ type: 'refused', document: id, code, detail })
  }

  async function endDocument(id: DocumentId, code: ErrorCode, detail: string): Promise<void> {
    const branches = await refuseEdits(log, id, documents.get(id), code, detail)
    documents.cutOff(id)
    standing.count(id, 0)
    standing.show()
    for (const branch of branches) emit('refused', branch)
  }

  function storing(error: RejoinError | undefined): void {
    if (!standing.storing(error && toTrouble(error))) return
    team().stands()
    if (error === undefined) return
    report(
      new RejoinError(
        error.code,
        `what others write cannot be stored here: ${error.detail}; it is shown, and fetched again`,
      ),
    )
  }

  function forked(document: DocumentId, origin: OriginId): void {
    documents.get(document)?.forked(origin)
    emit('forked', { document, origin })
  }

  /** What of the document is open has no content any more to be an edit of. */
  function ended(document: DocumentId): void {
    const open = documents.get(document)
    if (open === undefined) return
    documents.cutOff(document)
    open.refuse(new RejoinError('deleted', `${JSON.stringify(document)} was deleted`))
  }

  function deleted(where: DocumentRef, empty: boolean, branch: BranchRow | undefined): void {
    const { document } = where
    const open = documents.get(document)
    if (empty && open !== undefined) return open.move(where)
    if (empty) return standing.forget(document)
    ended(document)
    standing.forget(document)
    emit('deleted', { document, branch: branch && toBranch(branch) })
    tell({ type: 'deleted', document })
    standing.show()
  }

  async function lookAgain(id: DocumentId): Promise<void> {
    const held = await log.held(id)
    if (held === undefined) return
    void documents.get(id)?.catchUp()
    showHeld([held])
  }

  /** Another tab has written to the log. */
  async function fromTab(news: TabNews): Promise<void> {
    switch (news.type) {
      case 'changed':
        if (news.held !== undefined) return showHeld(news.held)
        await Promise.all(news.documents.map(lookAgain))
        return
      case 'edited':
        documents.get(news.document)?.edited(news.tab, news.n, news.count, news.bytes)
        if (team().role !== 'following') touched(news.document)
        standing.add(news.document, news.count)
        return standing.show()
      case 'arrived':
        // What was handed over for this replica by another tab, this one may not have seen.
        return documents.get(news.document)?.arrived(news.records.map((record) => ({ ...record, own: false })))
      case 'sealed':
        return documents.get(news.document)?.sealed(news.records)
      case 'unstored':
        return documents.get(news.document)?.passed(news.relay, news.updates)
      case 'forked':
        forked(news.document, news.origin)
        return lookAgain(news.document)
      case 'deleted':
        ended(news.document)
        standing.forget(news.document)
        emit('deleted', { document: news.document })
        return standing.show()
      case 'refused':
        // The tab that was told has made a branch; what was typed here since, on top of it, becomes one as well.
        if (documents.get(news.document) !== undefined) await endDocument(news.document, news.code, news.detail)
    }
  }

  const host: Omit<ConversationHost, 'ended' | 'recount' | 'spread'> = {
    heard: () => standing.heard(),
    greeted(relay) {
      standing.greet(relay)
      team().stands()
    },
    permitted: (role) => standing.permit(role),
    opened: () => team().documents(),
    entered(id) {
      documents.get(id)?.connected()
      tell({ type: 'entered', document: id })
    },
    arrived(id, records) {
      documents.get(id)?.arrived(records)
      tell({ type: 'arrived', document: id, records })
    },
    differs: (id) => report(new RejoinError('corrupt', `the relay has another content of ${JSON.stringify(id)}`)),
    arrivedPieces: (id, pieces) => documents.get(id)?.arrivedPieces(pieces),
    progress(id, pieces, count) {
      documents.get(id)?.status.set({ progress: { pieces, count } })
      tell({ type: 'progress', document: id, pieces, count })
    },
    deleted,
    unstored: (id, relay) => team().unstored(id, relay),
    storing,
    passed(id, relay, updates) {
      documents.get(id)?.passed(relay, updates)
      tell({ type: 'unstored', document: id, relay, updates })
    },
    sealed(id, records) {
      documents.get(id)?.sealed(records)
      tell({ type: 'sealed', document: id, records })
    },
    changed,
    fetched,
    awareness: (id, bytes) => team().people(id, bytes),
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
      forked(document, origin)
      tell({ type: 'forked', document, origin })
    },
    hopeless: (document, code, detail) =>
      report(
        new RejoinError(code, `edits of ${JSON.stringify(document)} cannot be sent: ${withoutRemedy(code, detail)}`),
      ),
  }

  /** This tab deletes a document: nobody here is to be told but the other tabs. */
  function deletedHere(document: DocumentId): void {
    ended(document)
    standing.forget(document, true)
    tell({ type: 'deleted', document })
    standing.show()
  }

  return { host, deletedHere, fromTab: (news: TabNews) => void fromTab(news).catch(reportUnlessClosed) }

  /** A tab that closes has no use for news. */
  function reportUnlessClosed(error: unknown): void {
    if (!(error instanceof RejoinError && error.code === 'closed')) report(error)
  }
}
