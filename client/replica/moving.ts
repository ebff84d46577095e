/** Records under other names: sealed again under a new origin, as their old names are spoilt. */
import { type Head, headOf } from '../../shared/causality/version-vector.ts'
import type { Environment } from '../../shared/environment.ts'
import type { OriginId } from '../../shared/ids.ts'
import { seal } from '../../shared/update/seal.ts'
import { leaveOrigin, putRecord } from './record-rows.ts'
import { dotOf, inOrder, toRecord } from './rows.ts'
import type { DocumentRow, Row, Waiting, WriteTransaction } from './store.ts'

/** Who moves records. */
export interface Mover {
  tab: string
  /** Whether anything is sealed here. */
  durable: boolean
  environment: Environment
}

/**
 * Seals records again, under an origin that nothing was sealed under before. Each keeps its place in the order of what builds on
 * what, so it is still offered before the records of others that rest on it.
 */
export async function sealAgain(
  transaction: WriteTransaction,
  row: DocumentRow,
  vector: Map<OriginId, Head>,
  rows: readonly Row<'records'>[],
  { tab, environment }: Mover,
): Promise<Waiting[]> {
  if (rows.length === 0) return []
  const self = await leaveOrigin(transaction, environment)
  const { origin } = self
  const waited = new Map(row.waiting.map((each) => [dotOf(each), each]))
  const sealed: Waiting[] = []
  for (const { key, value } of inOrder(rows)) {
    const { seq, chain } = headOf(vector, origin)
    const record = seal(row, { origin, seq: seq + 1, kind: value.kind, bytes: value.bytes }, chain)
    putRecord(transaction, row.document, record, self.head + record.seq, { tab }, value.offset)
    vector.set(origin, { seq: record.seq, chain: record.chain })
    const before = waited.get(dotOf(toRecord(key, value)))
    sealed.push({ ...movedFrom(before), origin, seq: record.seq })
  }
  transaction.put('meta', ['replica'], { ...self, head: self.head + sealed.length })
  return sealed
}

/** A record that was acknowledged under its old name waits under the new one, without edits that were not acknowledged. */
const movedFrom = (before: Waiting | undefined): Pick<Waiting, 'count' | 'edits' | 'was'> =>
  before === undefined
    ? { count: 0, edits: [] }
    : {
        count: before.count,
        edits: before.edits,
        was: [...(before.was ?? []), { origin: before.origin, seq: before.seq }],
      }
