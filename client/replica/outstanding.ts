/** What waits for a relay, and whether it still does: receipts are read from the store, so they hold for every tab. */
import { RejoinError } from '../../shared/errors.ts'
import type { DocumentId } from '../../shared/ids.ts'
import type { Outstanding } from './log-types.ts'
import { dotOf, editCount } from './rows.ts'
import type { EditRange, ReadTransaction } from './store.ts'

export async function readOutstanding(transaction: ReadTransaction, document: DocumentId): Promise<Outstanding> {
  const row = await transaction.get('documents', [document])
  const edits = await transaction.range('edits', [document])
  return {
    edits: edits.map(({ key }) => ({ tab: String(key[1]), n: Number(key[2]) })),
    records: (row?.waiting ?? []).map(({ origin, seq }) => ({ origin, seq })),
    refused: row?.refused?.times ?? 0,
  }
}

/** Raises the code of what was given up since. */
export async function isAcknowledged(
  transaction: ReadTransaction,
  document: DocumentId,
  outstanding: Outstanding,
): Promise<boolean> {
  const row = await transaction.get('documents', [document])
  const refused = row?.refused
  if (refused !== undefined && refused.times !== outstanding.refused) {
    throw new RejoinError(refused.code, `edits were refused: ${refused.detail}`)
  }
  const waiting = row?.waiting ?? []
  const edits = await transaction.range('edits', [document])
  // What the store has lost is at no relay: whoever looks for it next tells of it.
  if (edits.length < (await editCount(transaction, document))) return false
  const names = new Set(edits.map(({ key }) => `${key[1]}/${key[2]}`))
  const ranges = [...waiting.map((each) => each.edits), ...edits.map(({ value }) => value.of ?? [])].flat()
  const dots = new Set(waiting.flatMap((each) => [each, ...(each.was ?? [])]).map(dotOf))
  return (
    !outstanding.edits.some(
      ({ tab, n }) => names.has(`${tab}/${n}`) || ranges.some((range) => covers(range, tab, n)),
    ) && !outstanding.records.some((dot) => dots.has(dotOf(dot)))
  )
}

const covers = (range: EditRange, tab: string, n: number): boolean =>
  range.tab === tab && range.from <= n && n <= range.to
