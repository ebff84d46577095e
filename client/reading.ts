/**
 * From the update log into a Y.Doc: what this device holds when the document is opened, and what arrives later. What the Y.Doc
 * has been given is counted, so that nothing is read twice and a gap is noticed. Nothing here throws into Yjs.
 */
import * as Y from 'yjs'
import { backoff } from '../shared/backoff.ts'
import type { VersionVector } from '../shared/causality/version-vector.ts'
import { type Environment, pauseFor } from '../shared/environment.ts'
import { isOfStorage, type RejoinError, toRejoinError } from '../shared/errors.ts'
import type { OriginId } from '../shared/ids.ts'
import type { DocumentRef } from '../shared/update/record.ts'
import type { Arrived, ArrivedPieces, DeviceLog, HeldDocument, LoadedDocument } from './replica/log-types.ts'
import { mergeUpdates } from './replica/merging.ts'
import type { Waiting } from './replica/store.ts'

/** Origin of transactions in which stored updates are applied. */
export const STORED = Symbol('rejoin')

/** Bytes that are applied at a time: some tens of milliseconds of Yjs on a phone. */
const APPLIED_BYTES_TARGET = 256 * 1024

export interface ReadingOptions {
  where: DocumentRef
  doc: Y.Doc
  log: DeviceLog
  environment: Environment
  /** Whether the store answers, and why not. */
  storage(error: RejoinError | undefined): void
  /** For a second the Y.Doc has lacked something that what it was given builds on. */
  lacking(): void
  report(error: unknown): void
}

/** `undefined` where one of them is no update. */
function merged(updates: readonly Uint8Array[]): Uint8Array | undefined {
  try {
    return mergeUpdates(updates)
  } catch {
    return undefined
  }
}

/** What is missing mostly comes right after; what has not come by then is asked for. */
export const LACKING_MS = 1_000
/** Times in a row that it is asked for: where nobody has it, nothing helps. */
const LACKING_MAX = 5

export interface Reading {
  /** Whether the Y.Doc was given any record. */
  readonly isEmpty: boolean
  /** Tries again for as long as the store fails: what is typed meanwhile is kept and shown as degraded (P5, P6). */
  load(): Promise<LoadedDocument>
  /**
   * All that the log holds, for as long as it takes the store to give it. What waits in the Y.Doc for what it builds on waits for
   * that no more, unless the log holds it.
   */
  readAll(): Promise<LoadedDocument>
  /** Records that have just been stored. */
  arrived(records: readonly Arrived[]): void
  /** Pieces that have just been stored; where the Y.Doc lacks what was there before them, all of it is read. */
  arrivedPieces(pieces: ArrivedPieces): void
  /** Updates that are not stored. `shownLate`: the Y.Doc shows this one only now, and does not tell whose it is. */
  passed(updates: readonly Uint8Array[], shownLate: (update: Uint8Array) => void): void
  /** Edits have become records: their content is known. */
  sealed(records: readonly Waiting[]): void
  /** An edit of this tab was stored under this number. */
  wrote(n: number): void
  /** Another tab has stored its nth edit. */
  edited(tab: string, n: number, update: Uint8Array): void
  /** The replica's view of the document has changed. */
  changed(held: HeldDocument): void
  /** Under this origin the log may hold other records than the Y.Doc was given. */
  forget(origin: OriginId): void
  /** The log may hold more than the Y.Doc was given. */
  catchUp(): Promise<void>
  /** What the Y.Doc is being given, or is to be; `undefined`: nothing. */
  readonly whenCaughtUp: Promise<void> | undefined
  /** Nothing is applied any more. */
  end(): void
  /** Nothing is waited for any more. */
  hurry(): void
}

export function createReading(options: ReadingOptions): Reading {
  const { where, doc, log, environment, report } = options
  const seenVector = new Map<OriginId, number>()
  const seenEdits = new Map<string, number>()
  let loaded = false
  let ended = false
  let hurried = false
  let hurryLoad: () => void = () => {}
  let catching: Promise<void> | undefined
  /** When the log was to be read last, it could be. */
  let isRead = false
  /** There was more to read while the log was read. */
  let again = false
  /** The newest view of the document that was told of while it was loaded: the log may have been read before that. */
  let told: HeldDocument | undefined
  let cancelLacking: (() => void) | undefined
  let lackings = 0
  /** Pieces are being applied: what rests on them waits. */
  let isApplying = false
  /** What was passed and waits in the Y.Doc for what it builds on. */
  let shownLater: (() => void)[] = []
  /** Origins that were forgotten while the log was read: what was read of them may be of before. */
  const forgotten = new Set<OriginId>()

  function load(): Promise<LoadedDocument> {
    const loading = loadAll()
    // Where it fails whoever loads is told, and nothing more is read.
    catching = loading.then(
      () => catching,
      () => {},
    )
    return loading
  }

  async function loadAll(): Promise<LoadedDocument> {
    forgotten.clear()
    const held = await loadHeld()
    await applyAll(held.updates)
    see(held.seen)
    loaded = true
    catching = undefined
    const newest = told?.ref.epoch === held.ref.epoch ? told : held
    if (again || !hasSeen(newest.vector)) void catchUp()
    return { ...held, ...newest }
  }

  async function loadHeld(): Promise<LoadedDocument> {
    for (let failed = 0; ; failed++) {
      try {
        const held = await log.open(where)
        options.storage(undefined)
        return held
      } catch (error) {
        const problem = toRejoinError(error, 'storage-failed', 'the document does not load')
        if (hurried || !isOfStorage(problem)) throw error
        options.storage(problem)
        if (failed === 0) report(error)
        await new Promise<void>((resolve) => {
          hurryLoad = resolve
          environment.setTimer(resolve, backoff(environment, failed))
        })
      }
    }
  }

  /** All in one transaction: observers are told once, and Yjs tidies up once. */
  function apply(updates: readonly Uint8Array[]): void {
    if (updates.length === 0 || ended) return
    try {
      Y.transact(doc, () => applyEach(updates), STORED, false)
      // Batches that need each other can stick; the doc's own state, applied once more, frees them.
      if (doc.store.pendingStructs !== null) Y.applyUpdate(doc, Y.encodeStateAsUpdate(doc), STORED)
      if (isLacking()) return lookForLacking()
      lackings = 0
      for (const show of shownLater.splice(0)) show()
    } catch (error) {
      report(error)
    }
  }

  function applyEach(updates: readonly Uint8Array[]): void {
    for (const [at, update] of updates.entries()) {
      applyOne(update)
      if (doc.store.pendingStructs === null || at + 2 >= updates.length) continue
      // Yjs would merge what waits with each of those to come.
      const rest = merged(updates.slice(at + 1))
      if (rest !== undefined) return applyOne(rest)
    }
  }

  /** What is no update keeps none of the others away. */
  function applyOne(update: Uint8Array): void {
    try {
      Y.applyUpdate(doc, update, STORED)
    } catch (error) {
      report(toRejoinError(error, 'invalid-update', 'what was stored of the document'))
    }
  }

  const isLacking = (): boolean => doc.store.pendingStructs !== null || doc.store.pendingDs !== null

  function lookForLacking(): void {
    if (cancelLacking !== undefined || lackings >= LACKING_MAX) return
    cancelLacking = environment.setTimer(() => {
      cancelLacking = undefined
      if (ended || !isLacking()) return
      lackings++
      // First in the log: another tab may have brought it.
      void catchUp().then(() => isLacking() && !ended && options.lacking())
    }, LACKING_MS)
  }

  /** Much at a time would keep the page from everything else. */
  async function applyAll(updates: readonly Uint8Array[]): Promise<void> {
    let batch: Uint8Array[] = []
    let bytes = 0
    for (const update of updates) {
      if (bytes > 0 && bytes + update.length > APPLIED_BYTES_TARGET) {
        apply(batch)
        batch = []
        bytes = 0
        await pauseFor(environment)
      }
      batch.push(update)
      bytes += update.length
    }
    apply(batch)
  }

  function see(seen: LoadedDocument['seen']): void {
    for (const [origin, seq] of seen.vector) if (!forgotten.has(origin)) seenVector.set(origin, seq)
    for (const [tab, n] of seen.edits) seenEdits.set(tab, Math.max(n, seenEdits.get(tab) ?? 0))
  }

  function catchUp(): Promise<void> {
    if (hurried || ended) return Promise.resolve()
    if (catching !== undefined) {
      again = true
      return catching
    }
    again = false
    forgotten.clear()
    return alone(
      log.load(where.document, { vector: seenVector, edits: seenEdits }).then(async (held) => {
        await applyAll(held.updates)
        see(held.seen)
        isRead = true
      }),
    )
  }

  /** One thing at a time gives the Y.Doc more than a few records. */
  function alone(work: Promise<void>): Promise<void> {
    catching = work.catch(unlessEnded).finally(() => {
      catching = undefined
      isApplying = false
      if (again || forgotten.size > 0) return catchUp()
    })
    return catching
  }

  /** What is not to be shown any more does not have to be read. */
  function unlessEnded(error: unknown): void {
    isRead = false
    if (!ended) report(error)
  }

  function hasSeen(vector: VersionVector): boolean {
    for (const [origin, { seq }] of vector) if (seq > (seenVector.get(origin) ?? 0)) return false
    return true
  }

  return {
    get isEmpty() {
      return seenVector.size === 0
    },
    load,
    async readAll() {
      // What is being read now would be taken for seen again, and what waited in the Y.Doc for more is not in it.
      while (catching !== undefined) await catching
      if (isLacking()) {
        doc.store.pendingStructs = null
        doc.store.pendingDs = null
        shownLater = []
        seenVector.clear()
        seenEdits.clear()
        await catchUp()
      }
      return loadHeld()
    },
    catchUp,
    get whenCaughtUp() {
      return catching
    },
    arrived(all) {
      if (!loaded) return
      if (isApplying) return void catchUp()
      // What was read from the log meanwhile is no news.
      const records = all.filter(({ origin, seq }) => seq > (seenVector.get(origin) ?? 0))
      const connected = records.every(({ origin, seq }, index) => {
        const before = records.slice(0, index).findLast((each) => each.origin === origin)?.seq
        return seq === (before ?? seenVector.get(origin) ?? 0) + 1
      })
      if (!connected) return void catchUp()
      apply(records.filter(({ own }) => !own).map(({ bytes }) => bytes))
      for (const { origin, seq } of records) seenVector.set(origin, seq)
    },
    arrivedPieces({ updates, vector, before }) {
      if (hurried || catching !== undefined || !hasSeen(before)) return void catchUp()
      for (const [origin, { seq }] of vector) seenVector.set(origin, Math.max(seq, seenVector.get(origin) ?? 0))
      forgotten.clear()
      isApplying = true
      void alone(applyAll(updates))
    },
    passed(updates, shownLate) {
      if (!loaded) return
      apply(updates)
      if (isLacking()) shownLater.push(...updates.map((update) => () => shownLate(update)))
    },
    sealed(records) {
      for (const { origin, seq, edits } of records) {
        const all = edits.every(({ tab, to }) => (seenEdits.get(tab) ?? -1) >= to)
        if (all && seq === (seenVector.get(origin) ?? 0) + 1) seenVector.set(origin, seq)
      }
    },
    wrote: (n) => void seenEdits.set(log.tab, n),
    edited(tab, n, update) {
      const before = seenEdits.get(tab) ?? 0
      if (n <= before) return
      if (n > before + 1 || catching !== undefined) {
        // It is in the log, as an edit or already in a record: what is read from now on has it.
        return void catchUp().then(() => isRead && seenEdits.set(tab, Math.max(n, seenEdits.get(tab) ?? 0)))
      }
      seenEdits.set(tab, n)
      apply([update])
    },
    changed(held) {
      if (!loaded) told = held
      else if (!hasSeen(held.vector)) void catchUp()
    },
    forget(origin) {
      seenVector.delete(origin)
      forgotten.add(origin)
    },
    end() {
      ended = true
      cancelLacking?.()
    },
    hurry() {
      hurried = true
      hurryLoad()
    },
  }
}
