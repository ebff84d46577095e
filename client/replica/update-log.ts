/**
 * The update log of a client's replica: edits come in, are sealed into records, are acknowledged, and what others sent is
 * imported. Every function is one transaction of the store, so that tabs may call them side by side, and what is told
 * afterwards is durable (P2). It knows no Y.Doc and no socket.
 *
 * An edit (what one tab typed in a few milliseconds) becomes part of a record when a relay is there to take it: the next
 * dot, sealed, with a note which edits it holds. A replica without durable storage seals nothing: it submits, and the relay
 * names the record.
 */
import { type Environment, pauseFor } from '../../shared/environment.ts'
import { RejoinError } from '../../shared/errors.ts'
import { type DocumentId, FIRST_EPOCH, type OriginId } from '../../shared/ids.ts'
import { joinUpdates } from '../../shared/update/join.ts'
import { isNoUpdate } from '../../shared/update/no-update.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import { answer } from './answering.ts'
import { type Reason, toBranch } from './branches.ts'
import { dropPartial } from './checkpoints.ts'
import { compact } from './compaction.ts'
import { type Damage, giveUpGroundless, stillLacks, takeOutDamaged } from './damage.ts'
import { branchEdit, deleteHere } from './deletion.ts'
import { type OpenedLog, openDeviceLog, putEdit, type Rest } from './device-log.ts'
import { cutEdits, inParts, nextUnsent, nothingSealed, sealEdits, tightenEdits, within } from './edits.ts'
import { unseal } from './forks.ts'
import { inflateInSteps, readPieces } from './inflating.ts'
import { takeAll } from './intake.ts'
import type { Incoming, PeerNote, Taken, Unsent, UpdateLog } from './log-types.ts'
import { createMeasuring } from './measuring.ts'
import type { Mover } from './moving.ts'
import { readLacking, readOutbox } from './outbox.ts'
import { createRounds, isSaid, type Noted, nextPeer, readResumable, writePeer } from './peers.ts'
import { ALL_WRITTEN } from './record-rows.ts'
import { createUsing, evict, home, pin, sizeOf, spare } from './room.ts'
import { editCount, findSelf, newDocument, readHeld, readSelf, refOf } from './rows.ts'
import { type Bad, isSoundEdit } from './soundness.ts'
import type { BranchRow, DocumentRow, PartialRow, ReplicaStore, WriteTransaction } from './store.ts'
import { readCompared, type Told } from './telling.ts'
import { openPieces } from './transfers.ts'
import { tombstoneRow } from './work.ts'

export { createCompacting } from './compacting.ts'
export type * from './log-types.ts'

/**
 * Opens the whole log of a store. `damaged` is told of rows that do not match their checksums, once: records are taken out and are
 * to be fetched again, edits that nobody else has are lost, and what rests on those becomes a branch (P5). `lost` is told where
 * there are such: a Y.Doc that is open may still have them.
 */
export async function openUpdateLog(
  store: ReplicaStore,
  environment: Environment,
  damaged?: (document: DocumentId, rows: number, branch?: BranchRow) => void,
  lost?: (document: DocumentId) => void,
): Promise<UpdateLog> {
  const device = await openDeviceLog(
    store,
    environment,
    async () => whole,
    async () => ({ inflateInSteps, readPieces }),
  )
  const whole: WholeLog = completeLog(device, damaged, lost)
  await dropStale(device)
  return whole
}

/** Some transactions, a slow one among them: what an open document holds of what was lost is stored again within this. */
const RESCUED_WITHIN_MS = 2_000

/** All that the log of a device can do. */
export interface WholeLog extends UpdateLog, Rest {}

/** Adds to the log of a device what it does not need to open documents; see `openUpdateLog`. */
export function completeLog(
  device: OpenedLog,
  damaged: (document: DocumentId, rows: number, branch?: BranchRow) => void = () => {},
  lost?: (document: DocumentId) => void,
): WholeLog {
  const { store, environment, fence, tab, moment } = device
  const pause = (): Promise<void> => pauseFor(environment)
  const mover: Mover = { tab, durable: store.durable, environment }
  const rounds = createRounds()
  const measuring = createMeasuring(store)
  /** Branches that are added to: until something more is sealed or submitted, what is refused is of the same refusal. */
  const refusals = new Map<DocumentId, string>()
  /** What relays were last told of documents. */
  const told = new Map<DocumentId, Told>()
  let lastNoted: Noted | undefined

  /** Runs a transaction that may come upon damage, and tells of it when it is durable. */
  async function mending<R>(
    document: DocumentId,
    body: (transaction: WriteTransaction, found: (damage: Damage) => void) => Promise<R>,
  ): Promise<R> {
    const all: Damage[] = []
    const result = await store.write(ALL_WRITTEN, (transaction) => body(transaction, (damage) => all.push(damage)))
    for (const { rows, branch } of all) if (rows > 0) damaged(document, rows, branch)
    if (all.some(({ isLost }) => isLost)) lost?.(document)
    return result
  }

  /**
   * What is typed may rest on what was lost, found by this tab or another: it is sealed with what open documents bring back of
   * that, not before.
   */
  async function isRescuing(transaction: WriteTransaction, document: DocumentId): Promise<boolean> {
    const at = (await transaction.get('documents', [document]))?.lostAt
    return lost !== undefined && at !== undefined && Math.abs(environment.now() - at) < RESCUED_WITHIN_MS
  }

  const mend = (document: DocumentId, bad: readonly Bad[]): Promise<void> =>
    mending(document, async (transaction, found) => found(await takeOutDamaged(transaction, document, bad, mover)))

  async function mendAll(bad: readonly Bad[]): Promise<void> {
    for (const [document, those] of Map.groupBy(bad, (each) => each.document)) await mend(document, those)
  }

  const appendOutdated: Rest['appendOutdated'] = (edit) =>
    store.write(['edits', 'documents', 'branches', 'meta'], async (transaction) => {
      const at = moment()
      const { where, bytes } = edit
      const row = await transaction.get('documents', [where.document])
      if (row !== undefined && where.epoch < row.epoch) {
        return { branch: await branchEdit(transaction, where, bytes, environment), at }
      }
      putEdit(transaction, edit, row, await editCount(transaction, where.document), tab)
      return { at }
    })

  /** What cannot be joined stays as it was typed: whoever sends it is told why. */
  async function tighten(document: DocumentId): Promise<void> {
    const tightened = store.write(['documents', 'edits'], (transaction) => tightenEdits(transaction, document, tab))
    await tightened.catch((error: unknown) => {
      if (!isNoUpdate(error)) throw error
    })
  }

  async function deleteDocument(document: DocumentId): Promise<DocumentRef> {
    const row = await store.write(ALL_WRITTEN, async (transaction): Promise<DocumentRow> => {
      const before = await transaction.get('documents', [document])
      const after = await deleteHere(
        transaction,
        before ?? newDocument({ document, epoch: FIRST_EPOCH, gc: true }),
        environment,
      )
      const now = await readSelf(transaction)
      transaction.put('log', [now.head + 1], tombstoneRow(after, { tab }))
      transaction.put('meta', ['replica'], { ...now, head: now.head + 1 })
      return after
    })
    refusals.delete(document)
    return refOf(row)
  }

  async function take(incoming: readonly Incoming[], peer: PeerNote): Promise<Taken> {
    const opened = await openPieces(incoming, pause)
    const named = rounds.named(peer)
    const now = environment.now()
    const { taken, round, bad, noted } = await store.write(ALL_WRITTEN, async (transaction) => {
      const at = moment()
      await fence.check(transaction)
      return takeAll(transaction, { incoming, opened, peer: named, told, environment, at })
    })
    if (named.begin) rounds.begun(peer, round)
    lastNoted = { note: noted, at: now }
    for (const [document, records] of taken.arrived) grew(document, records)
    for (const document of taken.pieces.keys()) measuring.grew(document, Number.POSITIVE_INFINITY, 0)
    for (const each of incoming)
      if (each.type === 'piece' && each.piece.vector !== undefined) mended(each.piece.document)
    await mendAll(bad)
    return taken
  }

  function grew(document: DocumentId, records: readonly { bytes: Uint8Array }[]): void {
    const bytes = records.reduce((sum, each) => sum + each.bytes.length, 0)
    measuring.grew(document, records.length, bytes)
  }

  /** What mends has come: what comes twice from now on is nothing new again. */
  function mended(document: DocumentId): void {
    const known = told.get(document)
    if (known?.mends) told.set(document, { ...known, mends: false })
  }

  /** What of a document is to be submitted. Only what has to be changed before it can be is written for. */
  async function unsent(document: DocumentId): Promise<Unsent | undefined> {
    const row = await store.read(['documents'], (transaction) => transaction.get('documents', [document]))
    if (row === undefined) return undefined
    const edits = await store.read(['edits'], (transaction) => transaction.range('edits', [document]))
    if (edits.length === 0) return undefined
    if (!edits.every(({ value }) => isSoundEdit(row, value))) {
      await mend(document, [])
      return unsent(document)
    }
    const next = nextUnsent(row, edits)
    if (next !== undefined) {
      refusals.delete(document)
      return next
    }
    await store.write(['edits', 'meta'], async (transaction) =>
      cutEdits(transaction, row, await transaction.range('edits', [document]), environment),
    )
    return unsent(document)
  }

  /** Most notes say nothing new: those do not begin a write, nor a read where the one before them said the same. */
  async function note(peer: PeerNote): Promise<void> {
    const named = rounds.named(peer)
    const now = environment.now()
    if (lastNoted !== undefined && isSaid(named, now, lastNoted)) return
    await noteNews(peer, named)
    lastNoted = { note: named, at: now }
  }

  async function noteNews(peer: PeerNote, named: PeerNote): Promise<void> {
    const news = await store.read(['peers', 'meta'], (transaction) => nextPeer(transaction, named, environment))
    if (news === undefined) return
    const round = await store.write(['peers', 'meta'], async (transaction) => {
      await fence.check(transaction)
      return writePeer(transaction, named, environment)
    })
    if (named.begin) rounds.begun(peer, round)
  }

  async function refuse(document: DocumentId, reason: Reason): Promise<BranchRow | undefined> {
    const { branch } = await mending(document, async (transaction, found) => {
      const made = await toBranch(transaction, document, reason, refusals.get(document), environment)
      found({ rows: made.rows })
      return made
    })
    if (branch !== undefined) refusals.set(document, branch.id)
    return branch
  }

  return {
    ...device,
    mend,
    appendOutdated,
    waiting: () =>
      store.read(['edits', 'meta'], async (transaction) => {
        const edits = await transaction.range('edits', [])
        // Also those of which all is lost: that is found when they are sealed.
        const counted = await transaction.range('meta', ['edits'])
        const unsealed = [...edits.map(({ key }) => key[0]), ...counted.map(({ key }) => key[1])].map(String)
        return { unsealed: [...new Set(unsealed)], head: (await findSelf(transaction))?.head ?? 0 }
      }),
    async seal(document) {
      const sealed = await mending(document, async (transaction, found) => {
        const at = moment()
        await fence.check(transaction)
        found(await takeOutDamaged(transaction, document, [], mover))
        const done = (await isRescuing(transaction, document))
          ? nothingSealed((await readSelf(transaction)).head)
          : await sealEdits(transaction, document, mover)
        return { ...done, held: await readHeld(transaction, document, at) }
      })
      if (sealed.records.length > 0) refusals.delete(document)
      grew(
        document,
        sealed.offered.map(({ record }) => record),
      )
      // There are no edits left to tighten.
      device.loose.delete(document)
      return sealed
    },
    unsent,
    inParts: async (updates) => inParts(updates),
    take,
    note,
    peer: (url) => store.read(['peers', 'meta'], (transaction) => readResumable(transaction, url)),
    head: () => store.read(['meta'], async (transaction) => (await findSelf(transaction))?.head ?? 0),
    async outbox(offset, relay, limit) {
      const bad: Bad[] = []
      const found = await store.read(['log', 'records', 'documents', 'checkpoints', 'meta'], (transaction) =>
        readOutbox(transaction, offset, relay, limit, fence.leads ? undefined : tab, bad),
      )
      await mendAll(bad)
      return found
    },
    async lacking(document, theirs) {
      const bad: Bad[] = []
      const found = await store.read(['documents', 'records'], (transaction) =>
        readLacking(transaction, document, theirs, bad),
      )
      await mendAll(bad)
      return found
    },
    answer: (document, theirs, strict = false) => answer({ store, mendAll, pause }, document, theirs, strict),
    async compared(document, relay, mends = false) {
      const found = await store.read(['documents', 'records', 'checkpoints', 'partials'], (transaction) =>
        readCompared(transaction, document, relay),
      )
      if (found === undefined) return undefined
      told.set(document, mends ? { ...found.told, mends } : found.told)
      return found.compare
    },
    doubted: (relay) =>
      store.read(['documents'], async (transaction) => {
        const found = new Map<DocumentId, OriginId>()
        for (const { value } of await transaction.range('documents', [])) {
          const doubt = value.doubted?.find((each) => each.relay === relay)
          if (doubt !== undefined) found.set(value.document, doubt.origin)
        }
        return found
      }),
    trust: (document, relay) =>
      store.write(['documents', 'meta'], async (transaction) => {
        await fence.check(transaction)
        const row = await transaction.get('documents', [document])
        const doubted = row?.doubted?.filter((each) => each.relay !== relay)
        if (row !== undefined) transaction.put('documents', [document], { ...row, doubted })
      }),
    wantsCompaction: async (document) => device.loose.has(document) || measuring.wantsFolding(document),
    async compact(document, pauseBetween) {
      if (device.loose.delete(document)) {
        await tighten(document)
        if (!(await measuring.wantsFolding(document))) return false
      }
      return compact({ store, environment, mendAll, pause: pauseBetween ?? pause, check: fence.check }, document)
    },
    async export(document) {
      if ((await device.held(document)) === undefined) {
        throw new RejoinError('closed', `there is no document ${JSON.stringify(document)} here`)
      }
      const { updates, away } = await device.load(document)
      if (away !== undefined) throw new RejoinError('not-here', `${JSON.stringify(document)} is not wholly here`)
      return joinUpdates(updates.flatMap(within))
    },
    pin: (document, pinned) =>
      store.write(['documents', 'edits'], (transaction) => pin(transaction, document, pinned, moment())),
    used: createUsing(store, environment),
    size: (document) => store.read(['records', 'pieces', 'edits'], (transaction) => sizeOf(transaction, document)),
    evict: (document) =>
      store.write(ALL_WRITTEN, async (transaction) => {
        const at = moment()
        await fence.check(transaction)
        return evict(transaction, document, at)
      }),
    spare: (kept) => store.write(['pieces'], (transaction) => spare(transaction, kept)),
    home: (document, relay) =>
      store.write(['documents', 'edits', 'peers', 'meta'], async (transaction) => {
        const at = moment()
        await fence.check(transaction)
        return home(transaction, document, relay, at)
      }),
    delete: deleteDocument,
    unseal: (document, origin) =>
      mending(document, async (transaction, found) => {
        const at = moment()
        await fence.check(transaction)
        found(await unseal(transaction, document, origin, mover))
        return readHeld(transaction, document, at)
      }),
    refuse: (document, code, detail) => refuse(document, { code, detail }),
    giveUp: (document) =>
      mending(document, async (transaction, found) => {
        const at = moment()
        await fence.check(transaction)
        const damage = await giveUpGroundless(transaction, document, mover)
        found(damage)
        return damage.isLost ? readHeld(transaction, document, at) : undefined
      }),
    async compensate(document) {
      if (await store.write(['documents'], (transaction) => stillLacks(transaction, document))) lost?.(document)
    },
  }
}

/** A transfer that nobody went on with for so long: its sender has folded anew since. */
const PARTIAL_MS_MAX = 24 * 3_600_000

/** Forgets such transfers. */
export async function dropStale({ store, environment }: OpenedLog): Promise<void> {
  const rows = await store.read(['partials'], (transaction) => transaction.range('partials', []))
  const isStale = ({ touchedAt }: PartialRow): boolean => environment.now() - touchedAt > PARTIAL_MS_MAX
  if (!rows.some(({ value }) => isStale(value))) return
  await store.write(['partials', 'pieces'], async (transaction) => {
    for (const { key, value } of await transaction.range('partials', [])) {
      if (isStale(value)) await dropPartial(transaction, String(key[0]))
    }
  })
}
