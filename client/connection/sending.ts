/**
 * What was edited here on its way to the relay: sealed into records and sent in the order of the log, as far as there is
 * room; or, by a replica without durable storage, submitted for the relay to name.
 */

import type { ErrorCode } from '../../shared/errors.ts'
import type { DocumentId } from '../../shared/ids.ts'
import { FRAME_BYTES_TARGET, UPDATE_BYTES_MAX } from '../../shared/limits.ts'
import { toEntries } from '../../shared/sync/runs.ts'
import { isNoUpdate } from '../../shared/update/no-update.ts'
import type { DocumentRef, UpdateRecord } from '../../shared/update/record.ts'
import type { Row } from '../replica/store.ts'
import type { Offered, Sealed, Transfer } from '../replica/update-log.ts'
import { refOf, type Talk } from './host.ts'
import { unlessBroken } from './progress.ts'

/** Edits of this long are joined into one record: a few keystrokes, and no delay that a person sees. */
const SEAL_AFTER_MS = 20
/** Records that may be on their way before more is sealed: several round trips of somebody who types. */
const RECORDS_ON_THE_WAY_MAX = 16
/** How often the store is asked for what a tab left behind that told nobody of it: only one that crashed does. */
const LOOK_EVERY_MS = 10_000
/** Rows of the log that are looked at in one go. */
const OUTBOX_ROWS = 256

/** Edits that were sent without a dot and are not stamped yet. */
export interface Submitted {
  document: DocumentId
  edits: Row<'edits'>[]
  bytes: Uint8Array
  /** Tells who holds them that the relay does too. */
  relayed?(): void
}

export interface Sending {
  /** Edits of this document are to be sent with the next `send`. */
  want(document: DocumentId): void
  /** Edits of this document are stored: seals and sends them soon; `atOnce` where timers may not run, as in a hidden tab. */
  edited(document: DocumentId, atOnce?: boolean): void
  /** From now on what is here is sent. */
  begin(): Promise<void>
  /** Seals what was edited and sends what the relay lacks, as far as there is room; `head`: where the log ends, as far as is known. */
  send(head?: number): Promise<void>
  /** Sends what other tabs left behind. */
  sweep(): Promise<void>
  sendRecords(where: DocumentRef, records: readonly UpdateRecord[]): void
  /** Sends the pieces of a document as the socket has room. False where they are gone meanwhile: what is new is to be compared. */
  sendPieces(where: DocumentRef, transfer: Transfer): Promise<boolean>
  /** Sends updates that say all that is here of a document, for the relay to name: it lacks content that these dots stand for. */
  submitContent(where: DocumentRef, updates: readonly Uint8Array[]): Promise<void>
  /** The document was deleted: what was submitted of it is not waited for. */
  forget(document: DocumentId): void
  /** The submit that this answer belongs to; it is over with that. */
  answered(request: number): Submitted | undefined
  /** Ends what the relay, or this side in its place, refuses for good. */
  refuse(document: DocumentId, code: ErrorCode, detail: string): Promise<void>
  /** Idempotent. */
  close(): void
}

export function createSending(talk: Talk): Sending {
  const { log, host, offers, progress, put, later, ask, differ } = talk
  const edited = new Set<DocumentId>()
  const submits = new Map<number, Submitted>()
  /** Stored edits that were submitted as they could not be sealed: once is enough, unless that was refused. */
  const carried = new Map<DocumentId, string>()
  let requests = 0
  /** When the store was asked last what is not sealed; `undefined`: something could not be. */
  let lookedAt: number | undefined
  let cancelSeal: (() => void) | undefined

  async function begin(): Promise<void> {
    progress.sending = true
    for (const { ref, untold } of await log.documents()) {
      if (untold) put({ type: 'tombstone', ...refOf(ref), through: 0 })
    }
    for (const document of (await log.waiting()).unsealed) edited.add(document)
    for (const { document } of host.opened()) {
      if (host.unstored(document, progress.relay) !== undefined) edited.add(document)
    }
    await send(undefined)
  }

  /** `isOverdue`: also where the relay is slow to answer. */
  async function send(head: number | undefined, isOverdue = false): Promise<void> {
    const stuck = new Map<DocumentId, boolean>()
    const fresh: Offered[] = []
    let end = head
    // What is edited while this is sealed is sealed the next time: otherwise nothing would be sent for as long as people type.
    for (const document of [...edited]) {
      // While a document is being compared its records are sent as the answer; more would only cross it.
      if (talk.isComparing(document)) continue
      // Whoever types faster than the relay answers sends larger records instead of more.
      if (!isOverdue && offers.sent() >= RECORDS_ON_THE_WAY_MAX) break
      if (!log.durable) {
        await submit(document)
        continue
      }
      edited.delete(document)
      const sealed = await unlessRefused(document, unlessBroken(log.seal(document)))
      if (sealed === undefined || host.unstored(document, progress.relay) !== undefined)
        stuck.set(document, sealed === undefined)
      if (sealed === undefined) lookedAt = undefined
      end = sealed?.added.head
      if (sealed !== undefined) fresh.push(...offer(sealed))
      if (sealed !== undefined && sealed.records.length > 0) host.sealed(document, sealed.records)
      const held = sealed === undefined ? await log.held(document) : sealed.held
      if (held !== undefined) host.changed([held])
    }
    sendOffered(fresh)
    // What the log ends with has been offered: there is nothing to read there.
    if (end === progress.cursor) await progress.save()
    else await sendOutbox()
    // After the records that they may rest on.
    for (const [document, unsealed] of stuck) await submitUnstored(document, unsealed)
  }

  /** What was sealed is what comes next in the log, mostly: then it need not be read there. Returns what is to be sent. */
  function offer({ offered, added }: Sealed): readonly Offered[] {
    if (added.before !== progress.cursor || !offers.hasRoom()) return []
    for (const each of offered) offers.add(each, true)
    progress.cursor = added.head
    return offered
  }

  /**
   * What a full device cannot keep the relay does, and names it: no record of this replica's is made of it. `unsealed`: so
   * with edits that are stored but cannot be sealed now; what cannot be stored may rest on them.
   */
  async function submitUnstored(document: DocumentId, unsealed: boolean): Promise<void> {
    const unstored = host.unstored(document, progress.relay)
    if (isSubmitted(document)) return
    const stored = unsealed ? await unlessBroken(log.unsent(document)) : undefined
    const names = stored?.edits.map(({ key }) => key.join('/')).join() ?? ''
    const carries = stored !== undefined && carried.get(document) !== names
    // One that could not be noted either is known to whoever has it open.
    const opened = [...host.opened()].find((each) => each.document === document)
    const where = stored?.where ?? (await log.held(document))?.ref ?? opened
    const updates = [...(carries ? [stored.bytes] : []), ...(unstored === undefined ? [] : [unstored.bytes])]
    if (where === undefined || updates.length === 0) return
    // What was typed while nothing could be stored may be more than a frame can carry.
    const parts = await unlessRefused(document, log.inParts(updates))
    if (parts === undefined) return
    if (carries) carried.set(document, names)
    for (const [index, bytes] of parts.entries()) {
      // When the last one is at the relay all are: it takes them in their order.
      const relayed = index === parts.length - 1 ? unstored?.relayed : undefined
      submitAs(where, { document, edits: [], bytes, relayed })
    }
  }

  const isSubmitted = (document: DocumentId): boolean =>
    [...submits.values()].some((submitted) => submitted.document === document)

  async function submit(document: DocumentId): Promise<void> {
    if (isSubmitted(document)) return
    edited.delete(document)
    const unsent = await unlessRefused(document, log.unsent(document))
    if (unsent === undefined) return
    const { where, edits, bytes } = unsent
    submitAs(where, { document, edits, bytes })
    // The rest goes when this is stamped.
    if (unsent.more) edited.add(document)
  }

  function submitAs(where: DocumentRef, submitted: Submitted): void {
    const { document, bytes } = submitted
    if (!fits(document, bytes)) return
    const request = ++requests
    submits.set(request, submitted)
    put({ type: 'submit', ...refOf(where), request, kind: 'yjs-v1', bytes })
  }

  async function sendOutbox(): Promise<void> {
    for (let isMore = true; isMore && offers.hasRoom(); ) {
      const { offered, through, tombstones, compare } = await log.outbox(progress.cursor, progress.relay, OUTBOX_ROWS)
      if (through === progress.cursor) break
      // Fewer rows were all that there are: what is added later is sent then.
      isMore = through - progress.cursor >= OUTBOX_ROWS
      for (const { offset, ref } of tombstones) {
        offers.addTombstone(offset, ref.document)
        put({ type: 'tombstone', ...refOf(ref), through: 0 })
      }
      for (const where of compare) {
        if (!talk.isComparing(where.document)) differ([await ask(where)])
      }
      progress.cursor = through
      // What a replica without durable storage holds others gave it.
      if (!log.durable) continue
      for (const each of offered) offers.add(each, !each.foreign)
      sendOffered(offered.filter((each) => !each.foreign))
    }
    await progress.save()
  }

  async function sweep(): Promise<void> {
    sendOffered(offers.overdue())
    const now = talk.environment.now()
    if (lookedAt === undefined || Math.abs(now - lookedAt) >= LOOK_EVERY_MS) {
      // What a tab did not seal before it was closed, or cannot send, is sealed by whoever has a connection.
      const { unsealed, head } = await log.waiting()
      lookedAt = now
      if (log.durable) for (const document of unsealed) edited.add(document)
      await send(head, true)
    } else if (edited.size > 0) await send(undefined, true)
    if (offers.isEmpty()) await host.recount()
  }

  /** Records that follow one another in the log and are of one document share messages. */
  function sendOffered(offered: readonly { where: DocumentRef; record: UpdateRecord }[]): void {
    let batch: UpdateRecord[] = []
    let where: DocumentRef | undefined
    for (const each of offered) {
      if (where !== undefined && where.document !== each.where.document) {
        sendRecords(where, batch)
        batch = []
      }
      where = each.where
      batch.push(each.record)
    }
    if (where !== undefined) sendRecords(where, batch)
  }

  function sendRecords(where: DocumentRef, records: readonly UpdateRecord[]): void {
    if (!records.every((record) => fits(where.document, record.bytes))) return
    let batch: UpdateRecord[] = []
    let bytes = 0
    for (const record of records) {
      if (batch.length > 0 && bytes + record.bytes.length > FRAME_BYTES_TARGET) {
        put(toEntries(where, batch, 0))
        batch = []
        bytes = 0
      }
      batch.push(record)
      bytes += record.bytes.length
    }
    if (batch.length > 0) put(toEntries(where, batch, 0))
  }

  async function sendPieces(where: DocumentRef, transfer: Transfer): Promise<boolean> {
    for (let index = transfer.from; index < transfer.count; index++) {
      const piece = await transfer.read(index)
      if (piece === undefined) return false
      put(piece)
      await talk.room()
    }
    // Of all that the relay holds then, its receipt names one dot.
    const origin = transfer.vector.has(log.replica) ? log.replica : [...transfer.vector.keys()][0]
    const head = origin === undefined ? undefined : transfer.vector.get(origin)
    if (origin !== undefined && head !== undefined) offers.serve(where.document, origin, head.seq)
    return true
  }

  /** What no frame can carry is refused here: a relay would cut the connection again and again, for all documents (P9). */
  function fits(document: DocumentId, { length }: Uint8Array): boolean {
    if (length <= UPDATE_BYTES_MAX) return true
    const detail = `an update of ${length} bytes; the most is ${UPDATE_BYTES_MAX}`
    later(() => refuse(document, 'too-big', detail))
    return false
  }

  /** What an app typed may be more than any relay takes: it is refused here, and the other documents go on (P9). */
  async function unlessRefused<R>(document: DocumentId, work: Promise<R>): Promise<R | undefined> {
    try {
      return await work
    } catch (error) {
      if (!isNoUpdate(error)) throw error
      await refuse(document, error.code, error.detail)
      return undefined
    }
  }

  function refuse(document: DocumentId, code: ErrorCode, detail: string): Promise<void> {
    offers.forget(document)
    edited.delete(document)
    return host.refused(document, code, detail)
  }

  return {
    want(document) {
      edited.add(document)
      carried.delete(document)
    },
    edited(document, atOnce = false) {
      edited.add(document)
      if (!progress.sending) return
      if (atOnce) return later(() => send(undefined))
      if (cancelSeal !== undefined) return
      cancelSeal = talk.environment.setTimer(() => {
        cancelSeal = undefined
        later(() => send(undefined))
      }, SEAL_AFTER_MS)
    },
    begin,
    send: (head) => send(head),
    sweep,
    sendRecords,
    sendPieces,
    async submitContent(where, updates) {
      for (const bytes of updates) {
        submitAs(where, { document: where.document, edits: [], bytes })
        await talk.room()
      }
    },
    forget(document) {
      carried.delete(document)
      for (const [request, submitted] of submits) if (submitted.document === document) submits.delete(request)
    },
    answered(request) {
      const submit = submits.get(request)
      submits.delete(request)
      return submit
    },
    refuse,
    close() {
      cancelSeal?.()
    },
  }
}
