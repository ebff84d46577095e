/**
 * From a Y.Doc into the update log: what is typed is kept in memory at once, and stored a few milliseconds later. What cannot
 * be stored is kept, shown as degraded, and tried again (P5, P6).
 */
import * as Y from 'yjs'
import { backoff } from '../shared/backoff.ts'
import type { Environment } from '../shared/environment.ts'
import { type ErrorCode, type RejoinError, toRejoinError } from '../shared/errors.ts'
import type { ReplicaId } from '../shared/ids.ts'
import type { DocumentRef } from '../shared/update/record.ts'
import type { DeviceLog } from './replica/log-types.ts'
import { mergeUpdates } from './replica/merging.ts'
import type { BranchRow } from './replica/store.ts'

/** Edits of this long share a transaction of the store. */
const APPEND_AFTER_MS = 4

export interface WritingOptions {
  /** The document as the log knows it; asked for from `begin` on. */
  where(): DocumentRef
  log: DeviceLog
  environment: Environment
  /** Something was typed, or stored. */
  changed(): void
  /** This tab's nth edit was stored, at this moment of the log; so many Yjs transactions in it no relay has. */
  stored(count: number, n: number, bytes: Uint8Array, at: number): void
  /** Whether what was last typed could be stored, and why not. */
  storage(error: RejoinError | undefined): void
  /** What was typed belongs to a document that was deleted: it is kept as this. */
  buried(branch: BranchRow): void
  /** Something is waiting that the store refuses. */
  stuck(): void
  report(error: unknown): void
}

/** An update that is not stored yet. */
interface Held {
  bytes: Uint8Array
  /** Who has it. Without any it is a transaction of this tab. */
  relays: Set<ReplicaId>
  /** The other tabs were told of it. */
  told?: boolean
}

/** What could not be stored, for a relay to keep. */
export interface Unstored {
  bytes: Uint8Array
  /** A relay has it: no receipt of this device, but one of a relay. */
  relayed(): void
}

export interface Writing {
  /** Yjs transactions that were typed, so far. */
  readonly typed: number
  /** How many of them are in the log. */
  readonly stored: number
  /** How many of them are in the log, or were handed to a relay without. */
  readonly safe: number
  /** All that is not stored, as one update. */
  held(): Uint8Array | undefined
  /** Resolves when nothing waits to be stored any more, or nothing is tried. */
  emptied(): Promise<void>
  /** What the store refuses and this relay does not have. */
  unstored(relay: ReplicaId): Unstored | undefined
  /** What the store refuses and this was not asked for before. */
  untold(): Uint8Array | undefined
  type(update: Uint8Array): void
  /** Keeps what a relay sent and the store refuses: what is typed may rest on it, and takes it along. */
  pass(update: Uint8Array, relay: ReplicaId): void
  /**
   * Takes what the Y.Doc holds, of before or of what was lost, as an edit, as far as these updates do not have it. `received`: a relay
   * has it all, and nobody waits for a receipt.
   */
  adopt(state: Uint8Array, held: readonly Uint8Array[], received?: boolean): void
  /** The document is known to the log: what is typed can be stored. */
  begin(): void
  /** Stores what is typed; resolves to the number of edits until then. */
  flush(): Promise<number>
  /** What fails from now on is not tried again. */
  end(): void
}

export function createWriting(options: WritingOptions): Writing {
  const { where, log, environment, report } = options
  /** What is not stored yet, in its order. */
  let waiting: Held[] = []
  let typed = 0
  let stored = 0
  let tries = 0
  /** Something among what waits was to be stored before. */
  let late = false
  let begun = false
  let ended = false
  /** Why the store refused last; told once for as long as it does. */
  let trouble: ErrorCode | undefined
  let storing = false
  let storingNow: Promise<void> = Promise.resolve()
  let cancelAppend: (() => void) | undefined
  /** What is being stored. */
  let onItsWay: readonly Held[] = []
  /** How many transactions in that no relay had when that began: they wait for a receipt of what is stored. */
  let counted = 0
  /** Told when nothing waits. */
  const listeners: (() => void)[] = []

  const isEmpty = (): boolean => ended || (waiting.length === 0 && onItsWay.length === 0)

  function tellIfEmpty(): void {
    if (!isEmpty()) return
    for (const listener of listeners.splice(0)) listener()
  }

  function appendSoon(): void {
    if (storing || cancelAppend !== undefined) return
    cancelAppend = environment.setTimer(() => {
      cancelAppend = undefined
      append().catch(report)
    }, APPEND_AFTER_MS)
  }

  function append(): Promise<void> {
    if (!storing && waiting.length > 0) storingNow = appendWaiting()
    return storingNow
  }

  async function appendWaiting(): Promise<void> {
    storing = true
    const held = waiting
    const all = typed
    const count = countOf(held)
    waiting = []
    onItsWay = held
    counted = count
    try {
      const n = log.nextEdit(where().document)
      const bytes = mergeUpdates(held.map((each) => each.bytes))
      const loose = held.length > 1
      const edit = { where: where(), n, bytes, count, late, loose }
      late = false
      const { branch, at } = await log.append(edit)
      if (branch !== undefined) options.buried(branch)
      tries = 0
      trouble = undefined
      options.storage(undefined)
      // Whoever is told looks at it together with what the log counts.
      stored = all
      counted = 0
      options.stored(count, n, bytes, at)
    } catch (error) {
      waiting = [...held, ...waiting]
      counted = 0
      late = true
      const problem = toRejoinError(error, 'storage-failed', 'edits cannot be stored')
      options.storage(problem)
      if (problem.code !== trouble) report(problem)
      trouble = problem.code
      if (!ended) environment.setTimer(appendSoon, backoff(environment, tries++))
    } finally {
      storing = false
      onItsWay = []
    }
    options.changed()
    if (trouble !== undefined) options.stuck()
    else if (waiting.length > 0) appendSoon()
    tellIfEmpty()
  }

  return {
    get typed() {
      return typed
    },
    get stored() {
      return stored
    },
    get safe() {
      return typed - counted - countOf(waiting)
    },
    held() {
      const all = [...onItsWay, ...waiting]
      return all.length === 0 ? undefined : mergeUpdates(all.map(({ bytes }) => bytes))
    },
    emptied: () =>
      new Promise((resolve) => {
        listeners.push(resolve)
        tellIfEmpty()
      }),
    unstored(relay) {
      const fresh = waiting.filter(({ relays }) => !relays.has(relay))
      if (trouble === undefined || storing || fresh.length === 0) return undefined
      return {
        bytes: mergeUpdates(fresh.map(({ bytes }) => bytes)),
        relayed() {
          for (const { relays } of fresh) relays.add(relay)
          options.changed()
        },
      }
    },
    untold() {
      const news = waiting.filter(({ told }) => !told)
      if (trouble === undefined || news.length === 0) return undefined
      for (const each of news) each.told = true
      return mergeUpdates(news.map(({ bytes }) => bytes))
    },
    type(update) {
      waiting.push({ bytes: update, relays: new Set() })
      typed++
      options.changed()
      if (begun) appendSoon()
    },
    pass(update, relay) {
      waiting.push({ bytes: update, relays: new Set([relay]), told: true })
      late = true
      if (begun) appendSoon()
    },
    adopt(state, held, received = false) {
      const bytes = beyond(held, state)
      if (bytes === undefined) return
      waiting.unshift({ bytes, relays: new Set(received ? ['some'] : []) })
      late = true
      typed++
      if (begun) appendSoon()
    },
    begin() {
      begun = true
      if (waiting.length > 0) appendSoon()
    },
    async flush() {
      cancelAppend?.()
      cancelAppend = undefined
      await storingNow
      await append()
      return typed
    },
    end() {
      ended = true
      tellIfEmpty()
    },
  }
}

/** How many transactions no relay has. */
function countOf(held: readonly Held[]): number {
  let count = 0
  for (const { relays } of held) if (relays.size === 0) count++
  return count
}

/** What a Y.Doc's state says that these updates do not; `undefined`: nothing. */
function beyond(held: readonly Uint8Array[], state: Uint8Array): Uint8Array | undefined {
  const doc = new Y.Doc({ gc: false })
  if (held.length > 0) Y.applyUpdate(doc, mergeUpdates(held))
  const vector = Y.encodeStateVector(doc)
  const before = Y.encodeStateAsUpdate(doc)
  Y.applyUpdate(doc, state)
  // Also what waits for something to come is said there.
  const after = Y.encodeStateAsUpdate(doc)
  doc.destroy()
  const isNews = before.length !== after.length || before.some((byte, at) => byte !== after[at])
  return isNews ? Y.diffUpdate(state, vector) : undefined
}
