/**
 * What happens to a document whose edits a relay refused for good: all that is unacknowledged becomes branches, its Y.Doc is
 * cut off, and the app is told. Who opens it again gets what the relay accepted.
 */
import { type ErrorCode, RejoinError } from '../shared/errors.ts'
import type { DocumentId } from '../shared/ids.ts'
import type { OpenDocument } from './document.ts'
import { type Branch, toBranch } from './events.ts'
import type { UpdateLog } from './replica/log-types.ts'

/** Resolves to the branches that were made. */
export async function refuseEdits(
  log: Pick<UpdateLog, 'refuse'>,
  id: DocumentId,
  document: OpenDocument | undefined,
  code: ErrorCode,
  detail: string,
): Promise<Branch[]> {
  const branches = new Map<string, Branch>()
  // What is typed while a branch is made joins it.
  for (let edits: number | undefined = -1, now = await document?.flush(); now !== edits; ) {
    edits = now
    const branch = await log.refuse(id, code, detail)
    if (branch !== undefined) branches.set(branch.id, toBranch(branch))
    now = await document?.flush()
  }
  document?.refuse(new RejoinError(code, `a relay refused edits of ${JSON.stringify(id)}: ${detail}`))
  return [...branches.values()]
}
