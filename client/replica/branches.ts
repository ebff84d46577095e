/** Branches: edits that were given up, as a relay refused them for good or what they rest on is lost, kept to be exported. */
import type { Environment } from '../../shared/environment.ts'
import type { ErrorCode } from '../../shared/errors.ts'
import { type DocumentId, randomId } from '../../shared/ids.ts'
import { joinUpdates } from '../../shared/update/join.ts'
import { isNoUpdate } from '../../shared/update/no-update.ts'
import { shrunk } from './checkpoints.ts'
import { mergeUpdates } from './merging.ts'
import { cutOrigin, firstWaiting, leaveOrigin, rowsOf } from './record-rows.ts'
import { inOrder, putEditCount, refOf, vectorOf } from './rows.ts'
import { isSoundEdit, isSoundRow } from './soundness.ts'
import type { BranchRow, DocumentRow, Row, WriteTransaction } from './store.ts'

/** Why edits are given up. */
export interface Reason {
  code: ErrorCode
  detail: string
}

/** Makes a branch of all that no relay has acknowledged, or adds it to the branch `into` of the same reason. */
export async function toBranch(
  transaction: WriteTransaction,
  document: DocumentId,
  reason: Reason,
  into: string | undefined,
  environment: Environment,
): Promise<{ branch?: BranchRow; rows: number }> {
  const row = await transaction.get('documents', [document])
  if (row === undefined) return { rows: 0 }
  const edits = await transaction.range('edits', [document])
  const vector = vectorOf(row)
  const gone: Row<'records'>[] = []
  for (const [origin, seq] of firstWaiting(row.waiting)) {
    gone.push(...(await cutOrigin(transaction, document, vector, origin, seq)))
  }
  if (gone.length + edits.length === 0) return { rows: 0 }
  for (const { key } of edits) transaction.delete('edits', key)
  putEditCount(transaction, document, 0)
  // The dots of the branch may have reached another relay: they are never given to anything else.
  await leaveOrigin(transaction, environment)
  const left = gone.length > 0 ? await shrunk(transaction, row) : row
  transaction.put('documents', [document], givenUp({ ...left, vector: rowsOf(vector), waiting: [] }, reason))
  const updates = [
    ...inOrder(gone.filter((each) => isSoundRow(row, each))),
    ...edits.filter(({ value }) => isSoundEdit(row, value)),
  ].map(({ value }) => value.bytes)
  const rows = gone.length + edits.length - updates.length
  if (updates.length === 0) return { rows }
  return { branch: await putBranch(transaction, row, updates, reason, into, environment), rows }
}

export async function putBranch(
  transaction: WriteTransaction,
  row: DocumentRow,
  updates: readonly Uint8Array[],
  { code, detail }: Reason,
  into: string | undefined,
  environment: Environment,
): Promise<BranchRow> {
  const known = into === undefined ? undefined : await transaction.get('branches', [row.document, into])
  const same = known?.code === code && known.detail === detail ? known : undefined
  const bytes = joinAny(same === undefined ? updates : [same.bytes, ...updates])
  const branch = { ...refOf(row), id: same?.id ?? randomId(environment), code, detail, bytes }
  transaction.put('branches', [row.document, branch.id], branch)
  return branch
}

/** Also what a relay would not take: that may be why it was given up. */
function joinAny(updates: readonly Uint8Array[]): Uint8Array {
  try {
    return joinUpdates(updates)
  } catch (error) {
    if (!isNoUpdate(error)) throw error
    return mergeUpdates(updates)
  }
}

/** The document, with a note that edits of it were given up: whoever waits for a receipt of them is to be told. */
export const givenUp = (row: DocumentRow, { code, detail }: Reason): DocumentRow => ({
  ...row,
  refused: { times: (row.refused?.times ?? 0) + 1, code, detail },
})
