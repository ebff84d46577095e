/**
 * Runs: records that follow one another, as they travel. A run names the chain after its first record; the receiver works
 * out the checksums and the chains of the others itself, so a record that was changed or rests on another history does not
 * connect (P8).
 */
import { type Chain, nextChain } from '../causality/chain.ts'
import type { Head } from '../causality/version-vector.ts'
import { RejoinError } from '../errors.ts'
import { type DocumentRef, recordChecksum, type UpdateRecord } from '../update/record.ts'
import type { Entries, Run } from '../wire/messages.ts'

interface OpenRun extends Run {
  updates: { kind: UpdateRecord['kind']; bytes: Uint8Array }[]
}

/** Records of one document as an `entries` message; `through` is the offset of the last one in the sender's log, or 0. */
export function toEntries(where: DocumentRef, records: readonly UpdateRecord[], through: number): Entries {
  const runs: OpenRun[] = []
  for (const record of records) {
    const run = runs.at(-1)
    const update = { kind: record.kind, bytes: record.bytes }
    if (run !== undefined && run.origin === record.origin && run.first + run.updates.length === record.seq) {
      run.updates.push(update)
    } else {
      runs.push({ origin: record.origin, first: record.seq, chain: record.chain, updates: [update] })
    }
  }
  return { type: 'entries', document: where.document, epoch: where.epoch, gc: where.gc, through, runs }
}

/** The records of a run, sealed as their sender says they are. */
export function fromRun(where: DocumentRef, run: Run): UpdateRecord[] {
  const { origin, first, updates } = run
  let { chain } = run
  return updates.map(({ kind, bytes }, index) => {
    const seq = first + index
    const checksum = recordChecksum(where, { origin, seq, kind, bytes })
    if (index > 0) chain = nextChain(chain, checksum)
    return { origin, seq, kind, bytes, checksum, chain }
  })
}

/**
 * Those of `records` (one run) that come after `held`. `chainAt` gives the chain of an older record that is held, or
 * `undefined` where it is gone. Raises `gap` where records are missing in between and `fork` where the chains part.
 */
export function connect(
  held: Head,
  records: readonly UpdateRecord[],
  chainAt: (seq: number) => Chain | undefined,
): UpdateRecord[] {
  const first = records[0]
  const last = records.at(-1)
  if (first === undefined || last === undefined) return []
  if (first.seq > held.seq + 1) throw new RejoinError('gap', `held up to ${held.seq}, offered from ${first.seq}`)
  const joins = Math.min(held.seq, last.seq)
  const agree =
    first.seq === held.seq + 1
      ? nextChain(held.chain, first.checksum) === first.chain
      : records[joins - first.seq]?.chain === (joins === held.seq ? held.chain : chainAt(joins))
  if (!agree) throw new RejoinError('fork', `two contents under ${first.origin}, at or before ${joins}`)
  return records.slice(held.seq - first.seq + 1)
}
