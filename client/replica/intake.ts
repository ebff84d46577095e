/** What comes from a relay becomes part of the replica: records, pieces, acknowledgements, dots for what was submitted. */
import type { Chain } from '../../shared/causality/chain.ts'
import { headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import type { Environment } from '../../shared/environment.ts'
import { toRejoinError } from '../../shared/errors.ts'
import type { DocumentId } from '../../shared/ids.ts'
import { connect, fromRun } from '../../shared/sync/runs.ts'
import type { DocumentRef, UpdateRecord } from '../../shared/update/record.ts'
import { seal } from '../../shared/update/seal.ts'
import type { Ack, Piece, Run, Stamped } from '../../shared/wire/messages.ts'
import { chainAt } from './checkpoints.ts'
import { summariesOf, summaryOf, unreadable } from './content.ts'
import { inflateAll } from './inflating.ts'
import type { Incoming, PeerNote, Taken } from './log-types.ts'
import { writePeer } from './peers.ts'
import { readPieces } from './pieces.ts'
import { rowsOf } from './record-rows.ts'
import { sealedSeq } from './room.ts'
import { alive, coveredBy, editCount, heldOf, putEditCount, readSelf, refOf } from './rows.ts'
import type { Bad } from './soundness.ts'
import type { WriteTransaction } from './store.ts'
import type { Told } from './telling.ts'
import { type Looked, setAside, takePiece } from './transfers.ts'
import { checkpointOf, type Entered, enter, settle, takeRecord, type Work } from './work.ts'

export interface Intake {
  incoming: readonly Incoming[]
  /** Its pieces, looked into. */
  opened: ReadonlyMap<Piece, Looked>
  peer: PeerNote
  /** What relays were last told of a document, by this log. */
  told: ReadonlyMap<DocumentId, Told>
  environment: Environment
  /** The moment at which it is taken. */
  at: number
}

export async function takeAll(
  transaction: WriteTransaction,
  { incoming, opened, peer, told, environment, at }: Intake,
): Promise<{ taken: Taken; round: number | undefined; bad: Bad[]; noted: PeerNote }> {
  const self = await readSelf(transaction)
  const taken: Taken = {
    arrived: new Map(),
    pieces: new Map(),
    progress: [],
    deleted: [],
    outdated: [],
    documents: [],
    unfit: [],
    unreadable: [],
    doubted: [],
  }
  const work: Work = {
    transaction,
    environment,
    self: { ...self },
    rows: new Map(),
    taken,
    from: peer.replica,
    bad: [],
  }
  for (const each of incoming) {
    if (each.type === 'entries') for (const run of each.entries.runs) await takeRun(work, each.entries, run)
    else if (each.type === 'ack') await takeAck(work, each.ack)
    else if (each.type === 'held') await takeHeld(work, each.where, each.vector)
    else if (each.type === 'deleted') await takeDeleted(work, each.ref)
    else if (each.type === 'piece') {
      const piece = opened.get(each.piece)
      const entered = await enter(work, each.piece)
      if (piece && 'error' in piece) await setAside(work, each.piece, piece.error)
      else if (piece && entered) {
        await takePiece(work, entered, each.piece, piece, told.get(each.piece.document))
        entered.checkpoint = undefined
      }
    } else await takeStamped(work, each)
  }
  for (const { row, vector } of work.rows.values()) {
    const now = { ...(vector.size > 0 ? alive(row) : row), vector: rowsOf(vector) }
    transaction.put('documents', [row.document], now)
    taken.documents.push(await heldOf(transaction, now, at, vector))
  }
  const { head, origin } = work.self
  if (head !== self.head || origin !== self.origin) transaction.put('meta', ['replica'], work.self)
  if (isRelays(work, incoming)) taken.added = { before: self.head, head }
  const noted = noteOf(peer, taken)
  return { taken, round: await writePeer(transaction, noted, environment), bad: work.bad, noted }
}

/** Whether all that was added to the log is what this relay sent: what of pieces is another's too, it may lack. */
const isRelays = ({ taken, bad }: Work, incoming: readonly Incoming[]): boolean =>
  bad.length === 0 && taken.deleted.length === 0 && !incoming.some(({ type }) => type === 'piece')

/** What is to be noted of the relay beside what was taken from it. */
function noteOf(peer: PeerNote, { unfit, unreadable, added, arrived, pieces }: Taken): PeerNote {
  // The place must not pass what did not fit: if mending is cut short, the next conversation starts before it.
  const place = unfit.length + unreadable.length > 0 ? undefined : peer.place
  // Where it holds all that was here, it also holds what it sent.
  const watermark = added !== undefined && peer.watermark === added.before ? added.head : peer.watermark
  return { ...peer, place, watermark, brings: arrived.size + pieces.size > 0 }
}

async function takeRun(work: Work, where: DocumentRef, run: Run): Promise<void> {
  const entered = await enter(work, where)
  if (entered === undefined) return
  const records = fromRun(entered.row, run)
  const held = headOf(entered.vector, run.origin)
  const last = run.first + records.length - 1
  const known = await knownAt(work, entered, run.origin, last)
  // It lies in what was folded and trimmed, which is not to be compared any more.
  if (last < held.seq && known === undefined && last <= (await coveredSeq(work, entered, run.origin))) return
  let fresh: UpdateRecord[]
  try {
    fresh = connect(held, records, () => known)
  } catch (error) {
    const { code } = toRejoinError(error, 'corrupt', 'a run')
    if (code !== 'gap' && code !== 'fork') throw error
    work.taken.unfit.push({ where: refOf(where), origin: run.origin, code })
    return
  }
  for (const record of fresh) {
    const error = unreadable(record.bytes)
    if (error !== undefined) {
      work.taken.unreadable.push({ where: refOf(where), error })
      return settle(entered, run.origin, record.seq - 1)
    }
    takeRecord(work, entered, record, false)
  }
  // A relay that sends our own record holds it: its acknowledgement was lost on the way.
  settle(entered, run.origin, last)
}

/** The chain at a dot that is held, as far as it is known. Mostly it is the last one of its origin, and nothing is read for it. */
function knownAt(
  work: Work,
  entered: Entered,
  origin: string,
  seq: number,
): Promise<Chain | undefined> | Chain | undefined {
  const held = headOf(entered.vector, origin)
  if (held.seq > seq) return readChain(work, entered, origin, seq)
  return held.seq === seq ? held.chain : undefined
}

async function readChain(work: Work, entered: Entered, origin: string, seq: number): Promise<Chain | undefined> {
  const { row, vector } = entered
  return chainAt(work.transaction, row.document, vector, await checkpointOf(work, entered), origin, seq)
}

async function coveredSeq(work: Work, entered: Entered, origin: string): Promise<number> {
  return headOf(coveredBy(await checkpointOf(work, entered)), origin).seq
}

async function takeAck(work: Work, ack: Ack): Promise<void> {
  const entered = await enter(work, ack)
  if (entered === undefined) return
  const held = headOf(entered.vector, ack.origin)
  const chain = await knownAt(work, entered, ack.origin, ack.seq)
  // A receipt needs an equal chain: otherwise the relay holds something else under this name, or something gone here.
  if (chain === ack.chain) return settle(entered, ack.origin, ack.seq)
  const isGone = held.seq < ack.seq
  // Nor does what left this device.
  if (isGone && ack.seq <= sealedSeq({ vector: [], away: entered.row.away }, ack.origin)) return
  // What was folded waits for nothing.
  if (chain === undefined && ack.seq <= (await coveredSeq(work, entered, ack.origin))) return
  // What was damaged here is fetched. So is what is beyond the log under an origin that this replica has left: it is another's, or of
  // a branch.
  const isFetched = work.self.origin !== ack.origin || ack.seq <= sealedSeq(entered.row, ack.origin)
  work.taken.unfit.push({ where: refOf(ack), origin: ack.origin, code: isGone && isFetched ? 'gap' : 'fork' })
}

async function takeHeld(work: Work, where: DocumentRef, vector: VersionVector): Promise<void> {
  const entered = await enter(work, where)
  if (entered === undefined) return
  for (const origin of new Set(entered.row.waiting.map((waiting) => waiting.origin))) {
    const theirs = headOf(vector, origin)
    // Another chain is a fork, which the relay tells of by itself.
    if ((await knownAt(work, entered, origin, theirs.seq)) === theirs.chain) settle(entered, origin, theirs.seq)
  }
}

/** The relay has the document in this epoch: that is the receipt of a tombstone that was sent there. */
async function takeDeleted(work: Work, ref: DocumentRef): Promise<void> {
  const entered = await enter(work, ref)
  if (entered === undefined) return
  const { untold: _, ...told } = entered.row
  entered.row = told
}

async function takeStamped(work: Work, incoming: Extract<Incoming, { type: 'stamped' }>): Promise<void> {
  const { stamped, edits, bytes } = incoming
  const entered = await enter(work, stamped)
  if (entered === undefined) return
  const held = headOf(entered.vector, stamped.origin)
  if (stamped.seq > held.seq) {
    const record = seal(entered.row, { origin: stamped.origin, seq: stamped.seq, kind: 'yjs-v1', bytes }, held.chain)
    if (stamped.seq !== held.seq + 1 || record.chain !== stamped.chain) return fetchStamped(work, stamped)
    takeRecord(work, entered, record, true)
  } else if (edits.length > 0 && !(await isHere(work, entered, stamped, bytes))) {
    return fetchStamped(work, stamped)
  }
  for (const { key } of edits) work.transaction.delete('edits', key)
  const { document } = entered.row
  putEditCount(work.transaction, document, (await editCount(work.transaction, document)) - edits.length)
}

/** The relay has it, and not this replica: until it is fetched the edits stay, as the next ones rest on them at any relay. */
function fetchStamped(work: Work, stamped: Stamped): void {
  work.taken.unfit.push({ where: refOf(stamped), origin: stamped.origin, code: 'gap' })
}

/** Whether what was stamped is held: under its name, where a relay that was put back did not give that twice, or under others. */
async function isHere(work: Work, entered: Entered, { origin, seq, chain }: Stamped, bytes: Uint8Array) {
  return (seq > 0 && (await knownAt(work, entered, origin, seq)) === chain) || (await isHeld(work, entered, bytes))
}

/** Whether records and pieces that are here hold all of an update. */
async function isHeld(work: Work, entered: Entered, bytes: Uint8Array): Promise<boolean> {
  const { transaction } = work
  const { row } = entered
  const { document } = row
  const summary = summaryOf(bytes)
  const checkpoint = await checkpointOf(work, entered)
  const records = await transaction.range('records', [document])
  const pieces = inflateAll(await readPieces(transaction, row, checkpoint?.pieces ?? []))
  return summary === undefined || !summariesOf([...pieces, ...records.map(({ value }) => value.bytes)]).adds(summary)
}
