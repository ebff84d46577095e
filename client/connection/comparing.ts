/**
 * Finding out what either side lacks: by digest or catalog of all documents, by fingerprint for what is opened, and by version
 * vector for each document that differs. What is found is fetched by the session and served from the log.
 */
import { conflicts } from '../../shared/causality/comparing.ts'
import { covers, type VersionVector } from '../../shared/causality/version-vector.ts'
import { documentVersion } from '../../shared/digest/version.ts'
import { toRejoinError } from '../../shared/errors.ts'
import { type DocumentId, FIRST_EPOCH, type OriginId } from '../../shared/ids.ts'
import type { Compared } from '../../shared/sync/action.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { Catalog, Vector } from '../../shared/wire/messages.ts'
import type { HeldDocument } from '../replica/update-log.ts'
import { createDigesting } from './digesting.ts'
import type { Forking } from './forking.ts'
import { refOf, type Talk } from './host.ts'
import { unlessBroken, unlessFull } from './progress.ts'
import type { Sending } from './sending.ts'

export interface Comparing {
  /** Asks for everything that is open here or was to be repaired, and offers what never got there. */
  begin(): Promise<void>
  /** Asks for a document; in scope `opened` also for what is missing here, by fingerprint where there is something. */
  open(where: DocumentRef): Promise<void>
  /** The session has compared this document: tells of it, and that it is whole again if it had left. */
  fetched(document: DocumentId): Promise<void>
  /** Tier 3 for all that a catalog shows to be different, and for what only this replica has. */
  compare(catalog: Catalog): Promise<void>
  /** Takes a message of the digest session; with the last one, tier 3 for all that differs. */
  digest(bytes: Uint8Array): Promise<void>
  /** Sends what the relay lacks of a document; asks for what it has beyond this replica. */
  serve(vector: Vector): Promise<void>
  /** Fetches what of a document was lost here; as soon as the relay has greeted. */
  repair(document: DocumentId): Promise<void>
  /** Tells once whether everything that the relay had when it greeted has arrived. */
  reached(): void
}

export function createComparing(talk: Talk, sending: Sending, forking: Forking): Comparing {
  const { log, host, scope, session, offers, progress, put, perform, ask, differ } = talk
  const digesting = createDigesting(log, talk.environment)
  const repairs = new Set<DocumentId>()
  /** Documents of which nothing could be brought, and what both sides held then. */
  const unproven = new Map<DocumentId, string>()
  /** Documents that left this device, and are wanted here again. */
  const coming = new Set<DocumentId>()
  /** Documents that the relay's catalog names. */
  const remote = new Set<DocumentId>()
  let caughtUp = false

  async function begin(): Promise<void> {
    const opened = new Set<DocumentId>()
    for (const where of host.opened()) {
      opened.add(where.document)
      await open(where)
    }
    for (const held of await log.documents()) {
      if (held.lacks) repairs.add(held.ref.document)
      else if (!opened.has(held.ref.document)) await beginClosed(held)
    }
    for (const document of repairs) await repair(document)
  }

  /**
   * In scope `opened` what is not open here is not followed, unless it is pinned; but what of it was never acknowledged is still
   * to be sent. What is to come back to this device comes in any case.
   */
  async function beginClosed(held: HeldDocument): Promise<void> {
    const { ref, vector, unacknowledged, waits, pinned, away } = held
    if (scope === 'opened' && pinned) await open(ref)
    else if (away === 'wanted') await bringBack(held)
    else if (scope === 'opened' && (unacknowledged > 0 || waits) && vector.size > 0) differ([await ask(ref)])
  }

  async function open(where: DocumentRef): Promise<void> {
    if (progress.welcome === undefined) return
    const ref = refOf(where)
    const held = await log.held(where.document)
    const isComing = held?.away === 'wanted'
    const vector = isComing || scope === 'all' ? undefined : (held?.vector ?? new Map())
    put({
      type: 'open',
      ...ref,
      fingerprint: vector && vector.size > 0 ? documentVersion(ref.epoch, vector) : undefined,
    })
    host.entered(where.document)
    if (isComing) await bringBack(held)
    else if (vector?.size === 0) differ([{ ref, vector }])
  }

  /** It left this device, and is wanted again. */
  async function bringBack(held: HeldDocument): Promise<void> {
    coming.add(held.ref.document)
    host.changed([held])
    await talk.differAgain(held.ref)
  }

  /** The document was compared with the relay. */
  async function fetched(document: DocumentId): Promise<void> {
    const held = coming.has(document) ? await unlessBroken(log.home(document, progress.relay)) : undefined
    if (held !== undefined) {
      coming.delete(document)
      host.changed([held])
    }
    host.fetched(document)
  }

  async function compare(catalog: Catalog): Promise<void> {
    const local = new Map((await log.documents()).map((held) => [held.ref.document, held]))
    const differing: Compared[] = []
    const equal: { where: DocumentRef; vector: VersionVector }[] = []
    for (const entry of catalog.documents) {
      remote.add(entry.document)
      const held = local.get(entry.document)
      if (held?.away === 'left') continue
      const vector = held?.vector ?? new Map()
      const differs = documentVersion(held?.ref.epoch ?? FIRST_EPOCH, vector) !== entry.fingerprint
      if (differs) differing.push(await ask(held?.ref ?? entry))
      else if (held?.waits) equal.push({ where: entry, vector })
    }
    if (equal.length > 0) await settleHeld(equal)
    if (catalog.last) {
      for (const { ref, vector } of local.values()) {
        if (!remote.has(ref.document) && vector.size > 0) differing.push(await ask(ref))
      }
    }
    differ(differing, catalog.last)
  }

  async function digest(bytes: Uint8Array): Promise<void> {
    try {
      const { send, differing } = await digesting.receive(bytes)
      perform(session.digest(send))
      if (differing !== undefined) await digested(differing)
    } catch (error) {
      const { code, detail } = toRejoinError(error, 'protocol', 'a digest')
      perform(session.end(code, detail))
    }
  }

  async function digested(differing: ReadonlySet<DocumentId>): Promise<void> {
    const local = new Map<DocumentId, DocumentRef>()
    const equal: { where: DocumentRef; vector: VersionVector }[] = []
    for (const { ref, vector, waits } of digesting.compared) {
      local.set(ref.document, ref)
      if (waits && !differing.has(ref.document)) equal.push({ where: ref, vector })
    }
    if (equal.length > 0) await settleHeld(equal)
    const asked: Compared[] = []
    for (const document of differing) {
      if (digesting.left.has(document)) continue
      // What is not known here is asked for as if it were new; the answer says in which epoch it is.
      const unknown = { document, epoch: FIRST_EPOCH, gc: true }
      const ref = local.get(document)
      asked.push(ref === undefined ? { ref: unknown, vector: new Map() } : await ask(ref))
    }
    differ(asked, true)
  }

  async function serve(message: Vector): Promise<void> {
    // What it holds it holds, whoever brought it.
    for (const [origin, { seq }] of message.vector) offers.held(message.document, origin, seq)
    const { transfer, records, unproven: origin } = await lacking(message)
    if (origin !== undefined) return separate(message, origin)
    if (transfer !== undefined && !(await sending.sendPieces(message, transfer))) return repair(message.document)
    for (const record of records) offers.serve(message.document, record.origin, record.seq)
    sending.sendRecords(message, records)
    const held = await log.held(message.document)
    const vector = held?.vector ?? new Map()
    if (held?.waits) await settleHeld([{ where: message, vector: message.vector }])
    if (message.reply) put({ type: 'vector', ...refOf(message), vector, reply: false })
    else if (covers(vector, message.vector) && conflicts(vector, message.vector).length === 0) {
      await fetched(message.document)
      if (held?.lacks) await unlessBroken(log.compensate(message.document))
    } else await talk.differAgain(message)
  }

  /**
   * The relay may hold what is not here, under names whose history is known here no more. Where it has told all that it has, its clocks
   * too, that is a fork: what was folded is given other names, and the relay's is fetched. So it is where what the relay has cannot be
   * taken here: it rests on what waits, and that on what cannot be brought.
   */
  async function separate(message: Vector, origin: OriginId): Promise<void> {
    const { document, epoch, stateVector } = message
    const vector = (await log.held(document))?.vector ?? new Map()
    const both = `${documentVersion(epoch, vector)} ${documentVersion(epoch, message.vector)}`
    const isStuck = unproven.get(document) === both && progress.lostAt === undefined
    unproven.set(document, both)
    if (stateVector !== undefined && (isStuck || covers(vector, message.vector))) await forking.forked(message, origin)
    await talk.differAgain(message)
  }

  /** What the relay lacks. Who may only read brings nothing of others'; what is its own the relay is to refuse, and say so. */
  async function lacking(message: Vector): ReturnType<typeof log.answer> {
    const { document } = message
    const isOwn = talk.permission.canWrite || ((await log.held(document))?.unacknowledged ?? 0) > 0
    return isOwn ? log.answer(document, message, true) : { transfer: undefined, records: [] }
  }

  /** What the relay holds already, brought by others or before a receipt got lost, is acknowledged. */
  async function settleHeld(documents: readonly { where: DocumentRef; vector: VersionVector }[]): Promise<void> {
    const held = documents.map(({ where, vector }) => ({ type: 'held' as const, where: refOf(where), vector }))
    const taken = await unlessFull(log.take(held, progress.note()))
    if (taken !== undefined) host.changed(taken.documents)
  }

  async function repair(document: DocumentId): Promise<void> {
    const held = await log.held(document)
    if (progress.welcome === undefined) repairs.add(document)
    if (held === undefined || progress.welcome === undefined) return
    if (scope === 'opened' && held.pinned) return open(held.ref)
    if (held.away === 'wanted') return bringBack(held)
    host.changed([held])
    await talk.differAgain(held.ref)
  }

  function reached(): void {
    const { welcome, place } = progress
    if (caughtUp || welcome === undefined || scope === 'opened') return
    if (place === undefined || place.offset < welcome.head) return
    caughtUp = true
    host.fetched(undefined)
  }

  return { begin, open, fetched, compare, digest, serve, repair, reached }
}
