/** All that a peer holds of one document, fetched without taking any of it: what it takes to yield to it (see `server/relay/yielding`). */
import { covers, type Head } from '../../shared/causality/version-vector.ts'
import { RejoinError } from '../../shared/errors.ts'
import type { Hash64 } from '../../shared/hash.ts'
import type { OriginId } from '../../shared/ids.ts'
import { fromRun } from '../../shared/sync/runs.ts'
import { inflatePiece } from '../../shared/update/inflate-piece.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { Entries, Message, Piece, Vector } from '../../shared/wire/messages.ts'
import type { Branch, BranchUpdate } from '../relay/yielding.ts'
import { BRANCH_BYTES_MAX, BRANCH_ROUNDS_MAX } from './bounds.ts'

/**
 * `ask` sends one vector and resolves to the messages of the answer. `undefined` where the document is not in that epoch there, or
 * changes faster than it is read. Raises `too-big`, and what the asking and the bytes raise.
 */
export async function fetchBranch(
  where: DocumentRef,
  ask: (vector: Vector) => Promise<readonly Message[]>,
): Promise<Branch | undefined> {
  const reading = createReading(where)
  for (let round = 0; round < BRANCH_ROUNDS_MAX; round++) {
    const bytes = reading.bytes
    for (const message of await ask(reading.asks())) {
      if (!('document' in message) || message.document !== where.document) continue
      if (message.type === 'piece') reading.piece(message)
      else if (message.type === 'entries') reading.entries(message)
      else if (message.type === 'tombstone') return undefined
      else if (message.type === 'vector' && message.epoch === where.epoch && covers(reading.vector, message.vector)) {
        return reading
      }
    }
    if (reading.bytes === bytes) return undefined
    if (reading.bytes > BRANCH_BYTES_MAX) {
      throw new RejoinError('too-big', `a branch of ${JSON.stringify(where.document)} is more than ${BRANCH_BYTES_MAX}`)
    }
  }
  return undefined
}

function createReading(where: DocumentRef) {
  const vector = new Map<OriginId, Head>()
  const updates: BranchUpdate[] = []
  const heads: (Head & { origin: OriginId })[] = []
  let transfer: Hash64 | undefined
  let pieces: BranchUpdate[] = []
  let bytes = 0

  function advance(origin: OriginId, { seq, chain }: Head): void {
    heads.push({ origin, seq, chain })
    if (seq > (vector.get(origin)?.seq ?? 0)) vector.set(origin, { seq, chain })
  }

  return {
    vector,
    updates,
    heads,
    get bytes() {
      return bytes
    },
    asks(): Vector {
      const partial = transfer === undefined ? undefined : { id: transfer, pieces: pieces.length }
      return { type: 'vector', ...where, vector: new Map(vector), partial, reply: true }
    },
    piece({ id, index, size, bytes: deflated, vector: end, base }: Piece): void {
      if (index === 0) {
        transfer = id
        pieces = []
      }
      if (transfer !== id || index !== pieces.length) return
      const piece = { size, bytes: new Uint8Array(deflated) }
      pieces.push({ bytes: inflatePiece(piece), piece })
      bytes += size
      if (end === undefined) return
      for (const [origin, head] of base ?? []) heads.push({ origin, ...head })
      for (const [origin, head] of end) advance(origin, head)
      updates.push(...pieces)
      transfer = undefined
      pieces = []
    },
    entries({ runs }: Entries): void {
      for (const run of runs) {
        for (const { origin, seq, chain, bytes: update } of fromRun(where, run)) {
          updates.push({ bytes: new Uint8Array(update), dot: { origin, seq, chain } })
          advance(origin, { seq, chain })
          bytes += update.length
        }
      }
    },
  }
}
