/** What becomes of edits that a relay refused for good, while more is typed on top of them. */
import type { ErrorCode } from '../../shared/errors.ts'
import type { DocumentId } from '../../shared/ids.ts'
import type { UpdateLog } from './log-types.ts'
import type { BranchRow } from './store.ts'

/** Resolves to the branches that were made. `flush` stores what is typed, and resolves to how much that is by then. */
export async function refuseAll(
  log: Pick<UpdateLog, 'refuse'>,
  document: DocumentId,
  code: ErrorCode,
  detail: string,
  flush: () => Promise<number | undefined>,
): Promise<BranchRow[]> {
  const branches = new Map<string, BranchRow>()
  // What is typed while a branch is made joins it.
  for (let edits: number | undefined = -1, now = await flush(); now !== edits; ) {
    edits = now
    const branch = await log.refuse(document, code, detail)
    if (branch !== undefined) branches.set(branch.id, branch)
    now = await flush()
  }
  return [...branches.values()]
}
