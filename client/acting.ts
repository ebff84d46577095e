/**
 * What a workspace loads when the rest of its log is first needed: that, and what becomes of whole documents, which takes it.
 * `workspace.ts` says what an app may expect of it.
 */
import { type ErrorCode, RejoinError } from '../shared/errors.ts'
import { checkDocumentId, type DocumentId } from '../shared/ids.ts'
import type { Documents } from './documents.ts'
import { type Events, toBranch } from './events.ts'
import type { Hearing } from './hearing.ts'
import type { Link } from './link.ts'
import type { OpenedLog } from './replica/device-log.ts'
import { refuseAll } from './replica/refusing.ts'
import { completeLog, dropStale, type UpdateLog, type WholeLog } from './replica/update-log.ts'
import type { Standing } from './standing.ts'
import type { Team } from './team.ts'

export { createCompacting } from './replica/update-log.ts'

export interface WholeOptions {
  log: OpenedLog
  documents: Documents
  team: Team
  /** What is not here is fetched by whoever is connected. */
  askFor(document: DocumentId): void
  report(error: unknown): void
}

/** The whole log. What it finds damaged is fetched again; what of that was only here, open documents bring back. */
export function openWhole({ log, documents, team, askFor, report }: WholeOptions): WholeLog {
  dropStale(log).catch(report)
  return completeLog(
    log,
    (id, rows) => {
      report(new RejoinError('corrupt', `${rows} rows of ${JSON.stringify(id)} are damaged here, or rest on such`))
      askFor(id)
    },
    (id) => {
      void documents.get(id)?.rescue()
      team.tell({ type: 'rescue', document: id })
    },
  )
}

export interface ActingOptions {
  log: Pick<UpdateLog, 'delete' | 'export' | 'pin' | 'refuse'>
  documents: Documents
  standing: Standing
  events: Events
  hearing: Hearing
  team: Team
  link: Link
  /** What is not here is fetched by whoever is connected. */
  askFor(document: DocumentId): void
}

export interface Acting {
  export(id: DocumentId): Promise<Uint8Array>
  pin(id: DocumentId, pinned: boolean): Promise<void>
  delete(id: DocumentId): Promise<void>
  /** A relay refused edits of this document for good: what is unacknowledged becomes branches. */
  end(id: DocumentId, code: ErrorCode, detail: string): Promise<void>
}

export function createActing(options: ActingOptions): Acting {
  const { log, documents, standing, events, hearing, team, link, askFor } = options

  return {
    async export(id) {
      checkDocumentId(id)
      await documents.get(id)?.flush()
      return log.export(id)
    },
    async pin(id, pinned) {
      checkDocumentId(id)
      const held = await log.pin(id, pinned)
      hearing.changed([held])
      // Another tab may be the one that is connected.
      if (pinned) askFor(id)
      else if (!team.documents().some(({ document }) => document === id)) link.conversation?.close(held.ref)
    },
    /** Nobody here is told but the other tabs. */
    async delete(id) {
      checkDocumentId(id)
      hearing.ended(id)
      standing.forget(id, true)
      team.tell({ type: 'deleted', document: id })
      standing.show()
      await log.delete(id)
      link.conversation?.edited(id)
      team.tell({ type: 'changed', documents: [id] })
    },
    /** Its Y.Doc is cut off; who opens it again gets what the relay accepted. */
    async end(id, code, detail) {
      const document = documents.get(id)
      const branches = await refuseAll(log, id, code, detail, async () => document?.flush())
      document?.refuse(new RejoinError(code, `a relay refused edits of ${JSON.stringify(id)}: ${detail}`))
      documents.cutOff(id)
      standing.count(id, 0)
      standing.show()
      for (const branch of branches) events.emit('refused', toBranch(branch))
    },
  }
}
