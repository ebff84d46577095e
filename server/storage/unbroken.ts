/**
 * The records of a document behind its checkpoint, as its version vector promises them: of each origin one after the other, each on the
 * chain of the one before it, up to the head. A checksum shows that a row is not what was written; that one is not there, or that
 * another one stands in its place, shows only in what is around it (P5, P8).
 */
import { type Chain, isNextChain } from '../../shared/causality/chain.ts'
import { CHAIN_START, type Head, headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import { RejoinError } from '../../shared/errors.ts'
import type { DocumentRef, UpdateRecord } from '../../shared/update/record.ts'
import type { Checkpoint, LogEntry, RelayStore } from './store.ts'

export interface Unbroken {
  /** The next record in the order of the log. Raises `corrupt` where what it follows is missing, or is something else. */
  take(record: UpdateRecord): void
  /** All were taken. Raises `corrupt` where some are missing at the end. */
  end(vector: VersionVector): void
}

/** Whoever raises tells the store, so that the document is given up. */
export function createUnbroken(store: Pick<RelayStore, 'miss'>, where: DocumentRef, checkpoint?: Checkpoint): Unbroken {
  const covered = checkpoint?.vector ?? new Map()
  const heads = new Map<string, Head>(covered)

  function fail(origin: string, { seq }: Head): never {
    store.miss(where.document)
    const what = `what ${JSON.stringify(where.document)} holds of ${origin}`
    throw new RejoinError(
      'corrupt',
      `${what} goes on up to ${seq}, and then a row is missing, or another is in its place`,
    )
  }

  return {
    take(record) {
      const { origin, seq } = record
      if (seq <= headOf(covered, origin).seq) return
      const before = headOf(heads, origin)
      if (!follows(before, record)) fail(origin, before)
      heads.set(origin, record)
    },
    end(vector) {
      for (const [origin, { seq, chain }] of vector) {
        const last = headOf(heads, origin)
        if (last.seq < seq || (last.seq === seq && last.chain !== chain)) fail(origin, last)
      }
    },
  }
}

/** Records of a document behind its checkpoint, in the order of the log, lazily. Raises `corrupt`, at the end too. */
export function* readTail(
  store: Pick<RelayStore, 'history' | 'document' | 'miss'>,
  where: DocumentRef,
  checkpoint: Checkpoint | undefined,
): Generator<LogEntry, void> {
  const stored = store.document(where.document)
  const unbroken = createUnbroken(store, where, checkpoint)
  for (const entry of store.history(where, checkpoint?.through)) {
    unbroken.take(entry.record)
    yield entry
  }
  if (stored?.epoch === where.epoch) unbroken.end(stored.vector)
}

/**
 * How many of the records that a version vector stands for do not follow one another behind the checkpoint, and those that it does not
 * stand for; `records`: all that are there, in the order of the log.
 */
export function countMissing(
  vector: VersionVector,
  checkpoint: Pick<Checkpoint, 'vector'> | undefined,
  records: readonly UpdateRecord[],
): number {
  const heads = new Map<string, Head>(checkpoint?.vector)
  for (const record of records) {
    if (follows(headOf(heads, record.origin), record)) heads.set(record.origin, record)
  }
  let missing = 0
  for (const origin of new Set([...vector.keys(), ...heads.keys()])) {
    const [last, { seq, chain }] = [headOf(heads, origin), headOf(vector, origin)]
    missing += last.seq === seq && last.chain !== chain ? 1 : Math.abs(seq - last.seq)
  }
  return missing
}

/**
 * The chain of a record, which its checksum does not cover; `before`: that of the one before it, where that is held. Raises `corrupt` where
 * they do not follow one another: to believe it would be to see two histories where there is one.
 */
export function chainOf(where: DocumentRef, record: UpdateRecord, before: Chain | undefined): Chain {
  const { origin, seq, checksum, chain } = record
  const previous = seq === 1 ? CHAIN_START : before
  if (previous === undefined || isNextChain(previous, checksum, chain)) return chain
  throw new RejoinError(
    'corrupt',
    `${origin}/${seq} of ${JSON.stringify(where.document)} does not rest on the one before it`,
  )
}

/** Whether a record is the next of its origin. */
export const follows = (before: Head, { seq, checksum, chain }: UpdateRecord): boolean =>
  seq === before.seq + 1 && isNextChain(before.chain, checksum, chain)
