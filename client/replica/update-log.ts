/**
 * The update log of a client's replica: edits come in, are sealed into records, are acknowledged, and what others sent is
 * imported. Every function is one transaction of the store, so that tabs may call them side by side, and what is told
 * afterwards is durable (P2). It knows no Y.Doc and no socket.
 *
 * An edit (what one tab typed in a few milliseconds) becomes part of a record when a relay is there to take it: the next
 * dot, sealed, with a note which edits it holds. A replica without durable storage seals nothing: it submits, and the relay
 * names the record.
 */
import { headOf, lacking, type VersionVector } from '../../shared/causality/version-vector.ts'
import type { Environment } from '../../shared/environment.ts'
import { RejoinError, toRejoinError } from '../../shared/errors.ts'
import { type DocumentId, type OriginId, type ReplicaId, randomId } from '../../shared/ids.ts'
import { connect, fromRun } from '../../shared/sync/runs.ts'
import { joinUpdates } from '../../shared/update/join.ts'
import { type DocumentRef, recordChecksum, seal, type UpdateRecord, verify } from '../../shared/update/record.ts'
import type { Ack, Entries, Place, Run, Stamped } from '../../shared/wire/messages.ts'
import type {
  BranchRow,
  DocumentRow,
  EditRow,
  Key,
  LogRow,
  PeerRow,
  ReadTransaction,
  RecordRow,
  ReplicaRow,
  ReplicaStore,
  Row,
  TableName,
  Waiting,
  WriteTransaction,
} from './store.ts'

/** An edit as its tab hands it over. */
export interface Edit {
  where: DocumentRef
  n: number
  bytes: Uint8Array
  /** Yjs transactions in it. */
  count: number
}

/** What a replica holds of a document. */
export interface HeldDocument {
  ref: DocumentRef
  vector: VersionVector
  /** Yjs transactions that no relay has acknowledged. */
  unacknowledged: number
}

/** How much of a document a Y.Doc has been given. */
export interface Seen {
  vector: ReadonlyMap<OriginId, number>
  /** Highest number of each tab's edits. */
  edits: ReadonlyMap<string, number>
}

/** What a Y.Doc is to be given. */
export interface LoadedDocument extends HeldDocument {
  updates: Uint8Array[]
  /** What it has seen then. */
  seen: Seen
}

/** A record as it is offered to a relay. */
export interface Offered {
  offset: number
  where: DocumentRef
  record: UpdateRecord
  /** Sealed by another tab, which has its own connection. */
  foreign: boolean
}

/** What came from a relay, to be taken in one transaction. */
export type Incoming =
  | { type: 'entries'; entries: Entries }
  | { type: 'ack'; ack: Ack }
  /** What the relay says it holds of a document: what others have brought there is acknowledged too. */
  | { type: 'held'; where: DocumentRef; vector: VersionVector }
  | { type: 'stamped'; stamped: Stamped; edits: readonly Row<'edits'>[]; bytes: Uint8Array }

/** A record that has become part of this replica. */
export interface Arrived {
  origin: OriginId
  seq: number
  bytes: Uint8Array
  /** It was made of edits of this replica. */
  own: boolean
}

export interface Taken {
  /** Records new to this replica, by document. */
  arrived: Map<DocumentId, Arrived[]>
  /** Documents that changed in any way, as they are now. */
  documents: HeldDocument[]
  /** Runs that do not connect: records are missing before them, or they rest on another history. */
  unfit: { where: DocumentRef; origin: OriginId; code: 'gap' | 'fork' }[]
}

/** What is to be noted of a relay in the same transaction. */
export interface PeerNote {
  replica: ReplicaId
  url: string
  round: number
  place?: Place
  watermark?: number
  /** A comparison has ended: the note begins a new round, whatever was there. */
  begin?: boolean
}

/** What was not acknowledged at one moment; see `isAcknowledged`. */
export interface Outstanding {
  edits: { tab: string; n: number }[]
  records: { origin: OriginId; seq: number }[]
  /** Branches of the document that were there already. */
  branches: ReadonlySet<string>
}

export interface UpdateLog {
  readonly replica: ReplicaId
  readonly durable: boolean
  /** This tab, as its edits are keyed. */
  readonly tab: string
  documents(): Promise<HeldDocument[]>
  /** Documents with edits that are not sealed, or submitted, yet. */
  unsealed(): Promise<DocumentId[]>
  /** Makes the document known here. Raises `wrong-epoch`. */
  ensure(where: DocumentRef): Promise<DocumentRef>
  /** The document, or what of it is not `seen` yet. Damaged records are taken out, so that they are fetched again. */
  load(document: DocumentId, seen?: Seen): Promise<LoadedDocument>
  held(document: DocumentId): Promise<HeldDocument | undefined>
  /** Resolves when the edits are as durable as the store is. */
  append(edits: readonly Edit[]): Promise<void>
  /** Joins a document's edits into records and seals them. Only for durable stores. */
  seal(document: DocumentId): Promise<Waiting[]>
  /** A document's edits joined, for `submit`. Only for stores that are not durable. */
  unsent(document: DocumentId): Promise<{ where: DocumentRef; edits: Row<'edits'>[]; bytes: Uint8Array } | undefined>
  take(incoming: readonly Incoming[], peer: PeerNote): Promise<Taken>
  note(peer: PeerNote): Promise<void>
  /** The relay that was last met under this address. */
  peer(url: string): Promise<PeerRow | undefined>
  head(): Promise<number>
  /** Records behind `offset` that did not come from this relay, at most `limit` rows of the log, and where that ends. */
  outbox(offset: number, relay: ReplicaId, limit: number): Promise<{ offered: Offered[]; through: number }>
  /** What a version vector lacks of a document, in the order of the log. */
  lacking(document: DocumentId, theirs: VersionVector): Promise<UpdateRecord[]>
  /** The records of an origin that has forked become one edit again, so that nothing of them is lost (P8). */
  unseal(document: DocumentId, origin: OriginId): Promise<HeldDocument | undefined>
  /** Ends what a relay refused for good: all that is unacknowledged of the document becomes a branch. */
  refuse(document: DocumentId, code: RejoinError['code'], detail: string): Promise<BranchRow | undefined>
  branches(): Promise<BranchRow[]>
  outstanding(document: DocumentId): Promise<Outstanding>
  /** Rejects with the code of a refusal where a branch was made since: what is gone then was not acknowledged. */
  isAcknowledged(document: DocumentId, outstanding: Outstanding): Promise<boolean>
  close(): void
}

/** Bytes of edits that go into one record: well below what every relay accepts, so that joining cannot pass it. */
const RECORD_BYTES_TARGET = 512 * 1024

/**
 * Opens the log of a store. `damaged` is told of rows that do not match their checksums: records are taken out and are to be
 * fetched again, what no relay has becomes a branch as far as it is sound (P5).
 */
export async function openUpdateLog(
  store: ReplicaStore,
  environment: Environment,
  damaged: (document: DocumentId, rows: number) => void = () => {},
): Promise<UpdateLog> {
  const tab = randomId(environment)
  const self = await store.write(['meta'], async (transaction) => {
    const known = await transaction.get('meta', ['replica'])
    if (known !== undefined) return known
    const replica = randomId(environment)
    const fresh: ReplicaRow = { replica, origin: replica, head: 0 }
    transaction.put('meta', ['replica'], fresh)
    return fresh
  })
  const known = new Set<DocumentId>()

  async function ensure(where: DocumentRef): Promise<DocumentRef> {
    const ref = await store.write(['documents'], async (transaction) => {
      const row = await transaction.get('documents', [where.document])
      if (row !== undefined) return refOf(row)
      transaction.put('documents', [where.document], newDocument(where))
      return refOf(where)
    })
    if (ref.epoch !== where.epoch) throw new RejoinError('wrong-epoch', `${where.document} is in epoch ${ref.epoch}`)
    known.add(where.document)
    return ref
  }

  async function drop(bad: readonly Bad[]): Promise<void> {
    for (const [document, those] of Map.groupBy(bad, (each) => each.document)) {
      await dropDamaged(store, document, those, environment)
      damaged(document, those.length)
    }
  }

  return {
    replica: self.replica,
    durable: store.durable,
    tab,
    ensure,
    documents: () =>
      store.read(['documents', 'edits'], async (transaction) => {
        const rows = await transaction.range('documents', [])
        const edits = new Map<string, number>()
        for (const { key, value } of await transaction.range('edits', [])) {
          const id = String(key[0])
          edits.set(id, (edits.get(id) ?? 0) + value.count)
        }
        return rows.map(({ value }) => toHeld(value, edits.get(value.document) ?? 0))
      }),
    unsealed: () =>
      store.read(['edits'], async (transaction) => [
        ...new Set((await transaction.range('edits', [])).map(({ key }) => String(key[0]))),
      ]),
    async load(document, seen) {
      const { loaded, bad, lost } = await load(store, document, seen ?? NOTHING_SEEN)
      if (lost > 0) damaged(document, lost)
      if (bad.length === 0) return loaded
      await drop(bad)
      const kept =
        (await store.read(['documents', 'edits'], (transaction) => readHeld(transaction, document))) ?? loaded
      return { ...loaded, ...kept, seen: { ...loaded.seen, vector: seqsOf(kept.vector) } }
    },
    held: (document) => store.read(['documents', 'edits'], (transaction) => readHeld(transaction, document)),
    append: (edits) =>
      store.write(['edits', 'documents'], async (transaction) => {
        for (const { where, n, bytes, count } of edits) {
          if (!known.has(where.document) && (await transaction.get('documents', [where.document])) === undefined) {
            transaction.put('documents', [where.document], newDocument(where))
          }
          known.add(where.document)
          const checksum = editChecksum(where, bytes)
          transaction.put('edits', [where.document, tab, n], { bytes, count, checksum })
        }
      }),
    seal: (document) => store.write(WRITTEN, (transaction) => sealEdits(transaction, document, tab)),
    unsent: (document) =>
      store.read(['documents', 'edits'], async (transaction) => {
        const row = await transaction.get('documents', [document])
        const edits = await transaction.range('edits', [document])
        const group = row && pack(edits)[0]
        return group && { where: refOf(row), edits: group, bytes: joinUpdates(group.map(({ value }) => value.bytes)) }
      }),
    take: (incoming, peer) => store.write(WRITTEN, (transaction) => takeAll(transaction, incoming, peer, environment)),
    note: (peer) => store.write(['peers'], (transaction) => writePeer(transaction, peer, environment)),
    peer: (url) =>
      store.read(['peers'], async (transaction) => {
        const rows = (await transaction.range('peers', [])).map(({ value }) => value)
        return rows.filter((row) => row.url === url).sort((a, b) => b.usedAt - a.usedAt)[0]
      }),
    head: () => store.read(['meta'], async (transaction) => (await transaction.get('meta', ['replica']))?.head ?? 0),
    async outbox(offset, relay, limit) {
      const bad: Bad[] = []
      const found = await store.read(['log', 'records', 'documents'], (transaction) =>
        readOutbox(transaction, offset, relay, limit, tab, bad),
      )
      await drop(bad)
      return found
    },
    async lacking(document, theirs) {
      const bad: Bad[] = []
      const found = await store.read(['documents', 'records'], (transaction) =>
        readLacking(transaction, document, theirs, bad),
      )
      await drop(bad)
      return found
    },
    unseal: (document, origin) =>
      store.write(WRITTEN, (transaction) => unsealOrigin(transaction, document, origin, tab, environment)),
    refuse: (document, code, detail) =>
      store.write([...WRITTEN, 'branches'], (transaction) =>
        toBranch(transaction, document, code, detail, environment),
      ),
    branches: () =>
      store.read(['branches'], async (transaction) =>
        (await transaction.range('branches', [])).map(({ value }) => value),
      ),
    outstanding: (document) =>
      store.read(['documents', 'edits', 'branches'], (transaction) => readOutstanding(transaction, document)),
    isAcknowledged: (document, outstanding) =>
      store.read(['documents', 'edits', 'branches'], async (transaction) => {
        const made = (await transaction.range('branches', [document])).find(
          ({ value }) => !outstanding.branches.has(value.id),
        )
        if (made !== undefined) throw new RejoinError(made.value.code, `edits were refused: ${made.value.detail}`)
        const now = await readOutstanding(transaction, document)
        const edits = new Set(now.edits.map(({ tab: of, n }) => `${of}/${n}`))
        const records = new Set(now.records.map(({ origin, seq }) => `${origin}/${seq}`))
        const row = await transaction.get('documents', [document])
        const sealed = (of: string, n: number) =>
          (row?.waiting ?? []).some(({ edits: held }) =>
            held.some((range) => range.tab === of && range.from <= n && n <= range.to),
          )
        return (
          !outstanding.edits.some(({ tab: of, n }) => edits.has(`${of}/${n}`) || sealed(of, n)) &&
          !outstanding.records.some(({ origin, seq }) => records.has(`${origin}/${seq}`))
        )
      }),
    close: () => store.close(),
  }
}

/** The tables that most writes touch. */
const WRITTEN: readonly TableName[] = ['meta', 'documents', 'edits', 'records', 'log', 'peers']

const refOf = (from: DocumentRef): DocumentRef => ({ document: from.document, epoch: from.epoch, gc: from.gc })

const newDocument = (where: DocumentRef): DocumentRow => ({ ...refOf(where), vector: [], waiting: [] })

const vectorOf = (row: DocumentRow): Map<OriginId, { seq: number; chain: string }> =>
  new Map(row.vector.map(({ origin, seq, chain }) => [origin, { seq, chain }]))

/** Edits have no dot yet; their checksum covers document, epoch and bytes. */
const editChecksum = (where: DocumentRef, bytes: Uint8Array): string =>
  recordChecksum(where, { origin: '0'.repeat(16), seq: 0, kind: 'yjs-v1', bytes })

const countOf = (row: DocumentRow): number => row.waiting.reduce((sum, waiting) => sum + waiting.count, 0)

const toHeld = (row: DocumentRow, edits: number): HeldDocument => ({
  ref: refOf(row),
  vector: vectorOf(row),
  unacknowledged: countOf(row) + edits,
})

async function readHeld(transaction: ReadTransaction, document: DocumentId): Promise<HeldDocument | undefined> {
  const row = await transaction.get('documents', [document])
  if (row === undefined) return undefined
  const edits = await transaction.range('edits', [document])
  return toHeld(
    row,
    edits.reduce((sum, { value }) => sum + value.count, 0),
  )
}

const NOTHING_SEEN: Seen = { vector: new Map(), edits: new Map() }

/** A record that is not what was sealed. */
interface Bad {
  document: DocumentId
  origin: OriginId
  seq: number
}

const seqsOf = (vector: VersionVector): Map<OriginId, number> =>
  new Map([...vector].map(([origin, { seq }]) => [origin, seq]))

async function load(
  store: ReplicaStore,
  document: DocumentId,
  seen: Seen,
): Promise<{ loaded: LoadedDocument; bad: Bad[]; lost: number }> {
  const { row, records, edits } = await store.read(['documents', 'records', 'edits'], async (transaction) => {
    const held = await transaction.get('documents', [document])
    if (held === undefined) throw new RejoinError('closed', `there is no document ${JSON.stringify(document)} here`)
    const found: Row<'records'>[] = []
    if (seen.vector.size === 0) {
      found.push(...(await transaction.range('records', [document])))
    } else {
      for (const { origin, seq } of held.vector) {
        const from = (seen.vector.get(origin) ?? 0) + 1
        if (from <= seq) found.push(...(await transaction.range('records', [document, origin], { from })))
      }
    }
    return { row: held, records: found, edits: await transaction.range('edits', [document]) }
  })
  const updates: Uint8Array[] = []
  const bad: Bad[] = []
  for (const { key, value } of records.sort((a, b) => a.value.offset - b.value.offset)) {
    const record = { origin: String(key[1]), seq: Number(key[2]), ...value }
    if (isSound(row, record)) updates.push(value.bytes)
    else bad.push({ document, origin: record.origin, seq: record.seq })
  }
  const seenEdits = new Map(seen.edits)
  let lost = 0
  for (const { key, value } of edits) {
    const tab = String(key[1])
    const n = Number(key[2])
    if (n <= (seen.edits.get(tab) ?? -1)) continue
    if (editChecksum(row, value.bytes) === value.checksum) updates.push(value.bytes)
    else lost++
    seenEdits.set(tab, Math.max(n, seenEdits.get(tab) ?? 0))
  }
  const held = toHeld(
    row,
    edits.reduce((sum, { value }) => sum + value.count, 0),
  )
  return { loaded: { ...held, updates, seen: { vector: seqsOf(held.vector), edits: seenEdits } }, bad, lost }
}

function isSound(where: DocumentRef, record: UpdateRecord): boolean {
  try {
    verify(where, record)
    return true
  } catch {
    return false
  }
}

/**
 * Takes each origin back to before its first damaged record; a relay has the rest, and is to be compared with. What waited
 * for a relay and is sound becomes a branch: without what came before it, no relay would take it.
 */
function dropDamaged(
  store: ReplicaStore,
  document: DocumentId,
  bad: readonly Bad[],
  environment: Environment,
): Promise<void> {
  return store.write([...WRITTEN, 'branches'], async (transaction) => {
    const row = await transaction.get('documents', [document])
    if (row === undefined) return
    const vector = vectorOf(row)
    const sound: Uint8Array[] = []
    let waiting = row.waiting
    for (const { origin, seq } of bad) {
      const last = headOf(vector, origin).seq
      if (seq > last) continue
      for (const { key, value } of await transaction.range('records', [document, origin], { from: seq })) {
        const waits = waiting.some((each) => each.origin === origin && each.seq === key[2])
        if (waits && isSound(row, { origin, seq: Number(key[2]), ...value })) sound.push(value.bytes)
        transaction.delete('records', key)
      }
      waiting = waiting.filter((each) => each.origin !== origin || each.seq < seq)
      const before = seq > 1 ? await transaction.get('records', [document, origin, seq - 1]) : undefined
      if (before === undefined) vector.delete(origin)
      else vector.set(origin, { seq: seq - 1, chain: before.chain })
    }
    transaction.put('documents', [document], { ...row, vector: rowsOf(vector), waiting })
    for (const { key } of await transaction.range('peers', [])) transaction.delete('peers', key)
    if (waiting.length === row.waiting.length) return
    // Dots that waited may have reached a relay: they are never given to anything else.
    const self = (await transaction.get('meta', ['replica'])) as ReplicaRow
    transaction.put('meta', ['replica'], { ...self, origin: randomId(environment) })
    if (sound.length === 0) return
    const id = randomId(environment)
    const detail = 'a record before it was damaged on this device'
    transaction.put('branches', [document, id], {
      ...refOf(row),
      id,
      code: 'corrupt',
      detail,
      bytes: joinUpdates(sound),
    })
  })
}

const rowsOf = (vector: VersionVector): DocumentRow['vector'] =>
  [...vector].map(([origin, { seq, chain }]) => ({ origin, seq, chain }))

/** Edits in groups that fit a record each. */
function pack(edits: readonly Row<'edits'>[]): Row<'edits'>[][] {
  const groups: Row<'edits'>[][] = []
  let bytes = Infinity
  for (const edit of edits) {
    if (bytes + edit.value.bytes.length > RECORD_BYTES_TARGET) {
      groups.push([])
      bytes = 0
    }
    groups.at(-1)?.push(edit)
    bytes += edit.value.bytes.length
  }
  return groups
}

async function sealEdits(transaction: WriteTransaction, document: DocumentId, tab: string): Promise<Waiting[]> {
  const self = (await transaction.get('meta', ['replica'])) as ReplicaRow
  const row = await transaction.get('documents', [document])
  const edits = await transaction.range('edits', [document])
  if (row === undefined || edits.length === 0) return []
  const vector = vectorOf(row)
  const sealed: Waiting[] = []
  const { origin } = self
  let { head } = self
  for (const group of pack(edits)) {
    const previous = headOf(vector, origin)
    const bytes = joinUpdates(group.map(({ value }) => value.bytes))
    const record = seal(row, { origin, seq: previous.seq + 1, kind: 'yjs-v1', bytes }, previous.chain)
    putRecord(transaction, document, record, ++head, { tab })
    vector.set(origin, { seq: record.seq, chain: record.chain })
    const count = group.reduce((sum, { value }) => sum + value.count, 0)
    sealed.push({ origin, seq: record.seq, count, edits: rangesOf(group) })
    for (const { key } of group) transaction.delete('edits', key)
  }
  transaction.put('documents', [document], { ...row, vector: rowsOf(vector), waiting: [...row.waiting, ...sealed] })
  transaction.put('meta', ['replica'], { ...self, head })
  return sealed
}

function rangesOf(edits: readonly Row<'edits'>[]): { tab: string; from: number; to: number }[] {
  const ranges = new Map<string, { tab: string; from: number; to: number }>()
  for (const { key } of edits) {
    const [, tab, n] = [key[0], String(key[1]), Number(key[2])]
    const range = ranges.get(tab)
    if (range === undefined) ranges.set(tab, { tab, from: n, to: n })
    else range.to = Math.max(range.to, n)
  }
  return [...ranges.values()]
}

function putRecord(
  transaction: WriteTransaction,
  document: DocumentId,
  record: UpdateRecord,
  offset: number,
  from: LogRow['from'],
): void {
  const { origin, seq, kind, bytes, checksum, chain } = record
  transaction.put('records', [document, origin, seq], { offset, kind, bytes, checksum, chain })
  transaction.put('log', [offset], { document, origin, seq, from })
}

async function readRecord(
  transaction: ReadTransaction,
  where: DocumentRef,
  origin: OriginId,
  seq: number,
): Promise<UpdateRecord | undefined> {
  const key = [where.document, origin, seq]
  const row = await transaction.get('records', key)
  return row && toRecord(key, row)
}

async function readOutbox(
  transaction: ReadTransaction,
  offset: number,
  relay: ReplicaId,
  limit: number,
  tab: string,
  bad: Bad[],
): Promise<{ offered: Offered[]; through: number }> {
  const rows = await transaction.range('log', [], { from: offset + 1, limit })
  const offered: Offered[] = []
  for (const { key, value } of rows) {
    if ('relay' in value.from && value.from.relay === relay) continue
    const where = await transaction.get('documents', [value.document])
    const record = where && (await readRecord(transaction, where, value.origin, value.seq))
    // A record that was taken out (damaged, forked, refused) is nothing to offer.
    if (where === undefined || record === undefined || !isFit(where, record, bad)) continue
    const foreign = 'tab' in value.from && value.from.tab !== tab
    offered.push({ offset: Number(key[0]), where: refOf(where), record, foreign })
  }
  return { offered, through: Number(rows.at(-1)?.key[0] ?? offset) }
}

async function readLacking(
  transaction: ReadTransaction,
  document: DocumentId,
  theirs: VersionVector,
  bad: Bad[],
): Promise<UpdateRecord[]> {
  const where = await transaction.get('documents', [document])
  if (where === undefined) return []
  const found: Row<'records'>[] = []
  for (const { origin, from } of lacking(theirs, vectorOf(where))) {
    found.push(...(await transaction.range('records', [document, origin], { from })))
  }
  found.sort((a, b) => a.value.offset - b.value.offset)
  return found.map(({ key, value }) => toRecord(key, value)).filter((record) => isFit(where, record, bad))
}

function toRecord(key: Key, { kind, bytes, checksum, chain }: RecordRow): UpdateRecord {
  return { origin: String(key[1]), seq: Number(key[2]), kind, bytes, checksum, chain }
}

/** Whether a record may be sent: it is sound, and does not follow one of its origin that is not. Notes those that are not. */
function isFit(where: DocumentRef, record: UpdateRecord, bad: Bad[]): boolean {
  const { document } = where
  const { origin, seq } = record
  if (bad.some((each) => each.document === document && each.origin === origin && each.seq < seq)) return false
  if (isSound(where, record)) return true
  bad.push({ document, origin, seq })
  return false
}

/** The work of one `take`: rows are read once, changed in memory and written at the end. */
interface Work {
  transaction: WriteTransaction
  self: ReplicaRow
  rows: Map<DocumentId, { row: DocumentRow; vector: Map<OriginId, { seq: number; chain: string }> }>
  taken: Taken
  from: ReplicaId
}

async function takeAll(
  transaction: WriteTransaction,
  incoming: readonly Incoming[],
  peer: PeerNote,
  environment: Environment,
): Promise<Taken> {
  const self = (await transaction.get('meta', ['replica'])) as ReplicaRow
  const taken: Taken = { arrived: new Map(), documents: [], unfit: [] }
  const work: Work = { transaction, self: { ...self }, rows: new Map(), taken, from: peer.replica }
  for (const each of incoming) {
    if (each.type === 'entries') for (const run of each.entries.runs) await takeRun(work, each.entries, run)
    else if (each.type === 'ack') await takeAck(work, each.ack)
    else if (each.type === 'held') await takeHeld(work, each.where, each.vector)
    else await takeStamped(work, each)
  }
  for (const { row, vector } of work.rows.values()) {
    transaction.put('documents', [row.document], { ...row, vector: rowsOf(vector) })
    taken.documents.push((await readHeld(transaction, row.document)) as HeldDocument)
  }
  if (work.self.head !== self.head) transaction.put('meta', ['replica'], work.self)
  // The place must not pass what did not fit: if mending is cut short, the next conversation starts before it.
  const held = taken.unfit.length > 0 ? { ...peer, place: undefined, begin: false } : peer
  await writePeer(transaction, held, environment)
  return taken
}

async function enter(work: Work, where: DocumentRef) {
  const known = work.rows.get(where.document)
  if (known !== undefined) return known
  const row = (await work.transaction.get('documents', [where.document])) ?? newDocument(where)
  // Who wants deleted content kept wins; see the relay.
  const entered = { row: { ...row, gc: row.gc && where.gc }, vector: vectorOf(row) }
  work.rows.set(where.document, entered)
  return entered
}

async function takeRun(work: Work, where: DocumentRef, run: Run): Promise<void> {
  const entered = await enter(work, where)
  const records = fromRun(entered.row, run)
  const held = headOf(entered.vector, run.origin)
  const last = run.first + records.length - 1
  const older = last < held.seq ? await work.transaction.get('records', [where.document, run.origin, last]) : undefined
  let fresh: UpdateRecord[]
  try {
    if (entered.row.epoch !== where.epoch) return
    fresh = connect(held, records, () => older?.chain)
  } catch (error) {
    const { code } = toRejoinError(error, 'corrupt', 'a run')
    if (code !== 'gap' && code !== 'fork') throw error
    work.taken.unfit.push({ where: refOf(where), origin: run.origin, code })
    return
  }
  for (const record of fresh) takeRecord(work, entered, record, false)
  // A relay that sends our own record holds it: its acknowledgement was lost on the way.
  settle(entered, run.origin, last)
}

function takeRecord(work: Work, entered: Awaited<ReturnType<typeof enter>>, record: UpdateRecord, own: boolean): void {
  const { document } = entered.row
  const { origin, seq, bytes, chain } = record
  work.self.head++
  putRecord(work.transaction, document, record, work.self.head, { relay: work.from })
  entered.vector.set(origin, { seq, chain })
  const arrived = work.taken.arrived.get(document)
  if (arrived === undefined) work.taken.arrived.set(document, [{ origin, seq, bytes, own }])
  else arrived.push({ origin, seq, bytes, own })
}

/** Records of this origin up to `seq` are acknowledged. */
function settle(entered: Awaited<ReturnType<typeof enter>>, origin: OriginId, seq: number): void {
  const { row } = entered
  if (!row.waiting.some((waiting) => waiting.origin === origin && waiting.seq <= seq)) return
  entered.row = { ...row, waiting: row.waiting.filter((each) => each.origin !== origin || each.seq > seq) }
}

async function takeAck(work: Work, ack: Ack): Promise<void> {
  const entered = await enter(work, ack)
  const held = headOf(entered.vector, ack.origin)
  const chain =
    held.seq === ack.seq
      ? held.chain
      : (await work.transaction.get('records', [ack.document, ack.origin, ack.seq]))?.chain
  // A receipt needs an equal chain: otherwise the relay holds something else under this name, or something gone here.
  if (chain === ack.chain) return settle(entered, ack.origin, ack.seq)
  // Under an origin that this replica has left, what is beyond its log is another's, or of a branch: it is fetched.
  const left = held.seq < ack.seq && work.self.origin !== ack.origin
  work.taken.unfit.push({ where: refOf(ack), origin: ack.origin, code: left ? 'gap' : 'fork' })
}

async function takeHeld(work: Work, where: DocumentRef, vector: VersionVector): Promise<void> {
  const entered = await enter(work, where)
  for (const origin of new Set(entered.row.waiting.map((waiting) => waiting.origin))) {
    const theirs = headOf(vector, origin)
    const mine = headOf(entered.vector, origin)
    const chain =
      theirs.seq === mine.seq
        ? mine.chain
        : (await work.transaction.get('records', [where.document, origin, theirs.seq]))?.chain
    // Another chain is a fork, which the relay tells of by itself.
    if (chain === theirs.chain) settle(entered, origin, theirs.seq)
  }
}

async function takeStamped(work: Work, incoming: Extract<Incoming, { type: 'stamped' }>): Promise<void> {
  const { stamped, edits, bytes } = incoming
  const entered = await enter(work, stamped)
  for (const { key } of edits) work.transaction.delete('edits', key)
  if (stamped.seq === 0) return
  const held = headOf(entered.vector, stamped.origin)
  if (stamped.seq <= held.seq) return
  const record = seal(entered.row, { origin: stamped.origin, seq: stamped.seq, kind: 'yjs-v1', bytes }, held.chain)
  if (stamped.seq !== held.seq + 1 || record.chain !== stamped.chain) {
    work.taken.unfit.push({ where: refOf(stamped), origin: stamped.origin, code: 'gap' })
    return
  }
  takeRecord(work, entered, record, true)
}

async function writePeer(transaction: WriteTransaction, note: PeerNote, environment: Environment): Promise<void> {
  const row = await transaction.get('peers', [note.replica])
  const current = row !== undefined && row.round === note.round
  if (!note.begin && !current) return
  const before = current ? row : undefined
  const place = note.place ?? before?.place
  if (place === undefined) return
  transaction.put('peers', [note.replica], {
    replica: note.replica,
    url: note.url,
    place: before && !note.begin && before.place.offset > place.offset ? before.place : place,
    watermark: note.begin ? (note.watermark ?? 0) : Math.max(note.watermark ?? 0, before?.watermark ?? 0),
    round: note.round,
    usedAt: environment.now(),
  })
}

async function unsealOrigin(
  transaction: WriteTransaction,
  document: DocumentId,
  origin: OriginId,
  tab: string,
  environment: Environment,
): Promise<HeldDocument | undefined> {
  const self = (await transaction.get('meta', ['replica'])) as ReplicaRow
  const row = await transaction.get('documents', [document])
  if (row === undefined) return undefined
  if (self.origin === origin) transaction.put('meta', ['replica'], { ...self, origin: randomId(environment) })
  const records = await transaction.range('records', [document, origin])
  const vector = vectorOf(row)
  vector.delete(origin)
  if (records.length > 0) {
    const bytes = joinUpdates(records.map(({ value }) => value.bytes))
    const count = row.waiting.filter((each) => each.origin === origin).reduce((sum, each) => sum + each.count, 0)
    // Its number comes before every edit that a tab counts, so it never takes the place of one.
    const edit: EditRow = { bytes, count, checksum: editChecksum(row, bytes) }
    transaction.put('edits', [document, `${tab}-${origin}`, 0], edit)
    for (const { key } of records) transaction.delete('records', key)
  }
  const waiting = row.waiting.filter((each) => each.origin !== origin)
  transaction.put('documents', [document], { ...row, vector: rowsOf(vector), waiting })
  return readHeld(transaction, document)
}

async function toBranch(
  transaction: WriteTransaction,
  document: DocumentId,
  code: RejoinError['code'],
  detail: string,
  environment: Environment,
): Promise<BranchRow | undefined> {
  const self = (await transaction.get('meta', ['replica'])) as ReplicaRow
  const row = await transaction.get('documents', [document])
  if (row === undefined) return undefined
  const edits = await transaction.range('edits', [document])
  const vector = vectorOf(row)
  const updates = edits.map(({ value }) => value.bytes)
  for (const { origin, seq } of row.waiting) {
    const record = await transaction.get('records', [document, origin, seq])
    if (record !== undefined) updates.push(record.bytes)
    transaction.delete('records', [document, origin, seq])
    const before = seq > 1 ? await transaction.get('records', [document, origin, seq - 1]) : undefined
    if (headOf(vector, origin).seq < seq) continue
    if (before === undefined) vector.delete(origin)
    else vector.set(origin, { seq: seq - 1, chain: before.chain })
  }
  if (updates.length === 0) return undefined
  for (const { key } of edits) transaction.delete('edits', key)
  // The dots of the branch may have reached another relay: they are never given to anything else.
  transaction.put('meta', ['replica'], { ...self, origin: randomId(environment) })
  transaction.put('documents', [document], { ...row, vector: rowsOf(vector), waiting: [] })
  const branch = { ...refOf(row), id: randomId(environment), code, detail, bytes: joinUpdates(updates) }
  transaction.put('branches', [document, branch.id], branch)
  return branch
}

async function readOutstanding(transaction: ReadTransaction, document: DocumentId): Promise<Outstanding> {
  const row = await transaction.get('documents', [document])
  const edits = await transaction.range('edits', [document])
  return {
    edits: edits.map(({ key }) => ({ tab: String(key[1]), n: Number(key[2]) })),
    records: (row?.waiting ?? []).map(({ origin, seq }) => ({ origin, seq })),
    branches: new Set((await transaction.range('branches', [document])).map(({ value }) => value.id)),
  }
}
