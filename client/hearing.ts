/**
 * What is heard from the other tabs of this replica, brought to whom it concerns: open documents, the workspace's status and its
 * app. What a relay tells is brought there by `hosting.ts`.
 */
import { type ErrorCode, RejoinError } from '../shared/errors.ts'
import type { DocumentId, OriginId } from '../shared/ids.ts'
import type { Acting } from './acting.ts'
import type { Documents } from './documents.ts'
import type { Events } from './events.ts'
import type { DeviceLog, HeldDocument } from './replica/log-types.ts'
import type { Standing } from './standing.ts'
import { keptOf } from './status.ts'
import type { TabNews } from './tabs/channel.ts'
import type { Team } from './team.ts'

export interface HearingOptions {
  log: Pick<DeviceLog, 'held' | 'moment'>
  /** A relay refused edits of this document for good: what is unacknowledged becomes branches. */
  end: Acting['end']
  documents: Documents
  standing: Standing
  events: Events
  team(): Team
  /** The log has news of this document. */
  touched(document: DocumentId): void
}

export interface Hearing {
  fromTab(news: TabNews): void
  /** The replica's view of these documents is this now. */
  changed(held: readonly HeldDocument[]): void
  /** What the relay sends of this document cannot be read; says whether that is news. */
  setAside(document: DocumentId, code: ErrorCode, detail: string): boolean
  /** Under this origin the log holds other records than before. */
  forked(document: DocumentId, origin: OriginId): void
  /** The document was deleted. */
  ended(document: DocumentId): void
}

export function createHearing(options: HearingOptions): Hearing {
  const { log, documents, standing, events, team, touched } = options
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
      else {
        standing.count(each.ref.document, each.unacknowledged, each.at)
        standing.keep(each.ref.document, keptOf(each))
      }
      documents.get(each.ref.document)?.changed(each)
    }
    standing.show()
  }

  function setAside(document: DocumentId, code: ErrorCode, detail: string): boolean {
    documents.get(document)?.status.set({ unreadable: { code, detail } })
    const isNews = standing.setAside(document, code)
    standing.show()
    return isNews
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

  /** As another tab has it, but for what was typed here: that tab may have counted before the last edit of this one. */
  async function showOthers(held: readonly HeldDocument[]): Promise<void> {
    const isWritten = ({ ref }: HeldDocument): boolean => documents.get(ref.document)?.isWritten === true
    showHeld(held.filter((each) => !isWritten(each)).map((each) => ({ ...each, at: undefined })))
    const own = await Promise.all(held.filter(isWritten).map(({ ref }) => log.held(ref.document)))
    if (own.length > 0) showHeld(own.filter((each) => each !== undefined))
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
        if (news.held === undefined) await Promise.all(news.documents.map(lookAgain))
        else await showOthers(news.held)
        return
      case 'edited':
        documents.get(news.document)?.edited(news.tab, news.n, news.bytes)
        if (team().role !== 'following') touched(news.document)
        standing.add(news.document, news.count, log.moment())
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
      case 'unreadable':
        return void setAside(news.document, news.code, news.detail)
      case 'deleted':
        ended(news.document)
        standing.forget(news.document)
        emit('deleted', { document: news.document })
        return standing.show()
      case 'refused':
        // The tab that was told has made a branch; what was typed here since, on top of it, becomes one as well.
        if (documents.get(news.document) !== undefined) await options.end(news.document, news.code, news.detail)
    }
  }

  return {
    fromTab: (news) => void fromTab(news).catch(reportUnlessClosed),
    changed,
    setAside,
    forked,
    ended,
  }

  /** A tab that closes has no use for news. */
  function reportUnlessClosed(error: unknown): void {
    if (!(error instanceof RejoinError && error.code === 'closed')) report(error)
  }
}
