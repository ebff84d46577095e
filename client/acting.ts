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
import { refuseAll } from './replica/refusing.ts'
import type { UpdateLog } from './replica/update-log.ts'
import type { Standing } from './standing.ts'
import type { Team } from './team.ts'

export { completeLog, createCompacting, dropStale } from './replica/update-log.ts'

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
