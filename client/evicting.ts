/**
 * Makes room on this device: beyond the budget of the workspace, or where the store is full, the documents that were not used for
 * the longest time leave it, one transaction each. Only the tab that leads does this, and only with what may leave: see
 * `evict` of the update log. It also notes what is used, as that is what is kept.
 */
import { type Environment, pauseFor } from '../shared/environment.ts'
import { isOfStorage, RejoinError } from '../shared/errors.ts'
import type { DocumentId } from '../shared/ids.ts'
import type { HeldDocument, UpdateLog } from './replica/update-log.ts'

export interface EvictingOptions {
  log: Pick<UpdateLog, 'documents' | 'used' | 'size' | 'evict' | 'spare'>
  environment: Environment
  /** Bytes that the workspace may take up. */
  budgetBytes: number
  /** This tab may do what only one may. */
  leads(): boolean
  /** A relay is reached, and all that is here is there. */
  isSynced(): boolean
  /** Somebody has it open. */
  isOpen(document: DocumentId): boolean
  /** It has left. */
  left(held: HeldDocument): void
  report(error: unknown): void
}

export interface Evicting {
  /** The document is opened, written or closed here. */
  used(document: DocumentId): void
  /** The log has news of it: it may take up more. */
  touch(document: DocumentId): void
  /** The store has no room for what is written. */
  full(): void
  /** More may leave than before: all that is here is at a relay. */
  look(): void
  /** Nothing more is begun. Idempotent. */
  close(): void
}

/** How often it is looked whether anything may leave, for which bytes are kept in spare. */
const SPARE_EVERY_MS = 60_000
/** What comes together is looked at together. */
const LOOK_AFTER_MS = 1_000
/** Documents that were used and are not noted yet: those beyond it are a little older than they were. */
const WAITING_MAX = 10_000
/** What a full store is relieved of at a time: enough for a while, and not all that is here. */
const FREED_BYTES = 8 * 1024 * 1024
/** A budget that was passed is left by so much, or the next edit would pass it again. */
const SPARE = 0.1

export function createEvicting(options: EvictingOptions): Evicting {
  const { log, environment, budgetBytes, report } = options
  const usedNow = new Set<DocumentId>()
  /** What documents take up, as far as that was looked at; nothing is before it matters. */
  const sizes = new Map<DocumentId, number>()
  let total = 0
  let isFull = false
  /** When it is looked next whether bytes are to be kept in spare; `undefined`: they are. */
  let spareAt: number | undefined = 0
  let cancel: (() => void) | undefined
  let running = false
  /** There was news while room was made. */
  let again = false
  let closed = false

  function plan(): void {
    again = running
    if (closed || running || cancel !== undefined) return
    cancel = environment.setTimer(() => {
      cancel = undefined
      void work()
    }, LOOK_AFTER_MS)
  }

  async function work(): Promise<void> {
    running = true
    try {
      // First: a store that is full refuses notes as well.
      if (isFull && options.leads()) await relieve()
      await noteUsed()
      if (wantsSpare()) await keepSpare()
      if (budgetBytes < Infinity && options.leads() && options.isSynced()) await keepWithin()
    } catch (error) {
      // What failed is looked at with the next news.
      if (!(error instanceof RejoinError && isKnown(error))) report(error)
    } finally {
      running = false
    }
    if (again) plan()
  }

  async function noteUsed(): Promise<void> {
    if (usedNow.size === 0) return
    const those = [...usedNow]
    usedNow.clear()
    await log.used(those)
  }

  const wantsSpare = (): boolean =>
    spareAt !== undefined && environment.now() >= spareAt && options.leads() && options.isSynced()

  /** Before it is needed: then it is too late. */
  async function keepSpare(): Promise<void> {
    spareAt = environment.now() + SPARE_EVERY_MS
    if (!(await candidates()).some(({ ref }) => !options.isOpen(ref.document))) return
    await log.spare(true)
    spareAt = undefined
  }

  async function relieve(): Promise<void> {
    isFull = false
    spareAt = 0
    await log.spare(false)
    let freed = 0
    for (const held of await candidates()) {
      if (freed >= FREED_BYTES || closed) return
      freed += await evict(held)
    }
  }

  async function keepWithin(): Promise<void> {
    await measure()
    if (total <= budgetBytes) return
    for (const held of await candidates()) {
      if (total <= budgetBytes * (1 - SPARE) || closed) return
      await evict(held)
    }
  }

  async function measure(): Promise<void> {
    for (const { ref } of await log.documents()) {
      const { document } = ref
      if (closed) return
      if (sizes.has(document)) continue
      resize(document, await log.size(document))
      await pauseFor(environment)
    }
  }

  function resize(document: DocumentId, bytes: number | undefined): void {
    total += (bytes ?? 0) - (sizes.get(document) ?? 0)
    if (bytes === undefined) sizes.delete(document)
    else sizes.set(document, bytes)
  }

  /** What was not used for the longest time comes first; what never was, before it. */
  async function candidates(): Promise<HeldDocument[]> {
    const all = await log.documents()
    return all
      .filter((held) => !held.pinned && held.away === undefined && held.unacknowledged === 0)
      .sort((a, b) => (a.usedAt ?? 0) - (b.usedAt ?? 0))
  }

  async function evict({ ref: { document } }: HeldDocument): Promise<number> {
    if (options.isOpen(document) || usedNow.has(document)) return 0
    const gone = await log.evict(document)
    if (gone === undefined) return 0
    resize(document, 0)
    options.left(gone.held)
    await pauseFor(environment)
    return gone.freed
  }

  return {
    used(document) {
      if (usedNow.size < WAITING_MAX) usedNow.add(document)
      plan()
    },
    touch(document) {
      if (budgetBytes === Infinity) return
      resize(document, undefined)
      plan()
    },
    full() {
      isFull = true
      plan()
    },
    look() {
      if (budgetBytes < Infinity || wantsSpare()) plan()
    },
    close() {
      closed = true
      cancel?.()
    },
  }
}

/** A tab that closes, or leads no more, has no use for it; and of storage that fails the status tells. */
const isKnown = (error: RejoinError): boolean =>
  error.code === 'closed' || error.code === 'fenced' || isOfStorage(error)
