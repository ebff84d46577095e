/** Waiting for receipts: who asked for one is told when everything typed before is as safe as asked for (P2). */

import { backoff } from '../shared/backoff.ts'
import { covers } from '../shared/causality/version-vector.ts'
import { type Environment, pauseFor } from '../shared/environment.ts'
import { isOfStorage, RejoinError } from '../shared/errors.ts'
import type { DocumentId } from '../shared/ids.ts'
import type { DeviceLog, Outstanding } from './replica/log-types.ts'
import type { Confirmation } from './tabs/channel.ts'

/**
 * How far `saved` waits: written to this device, or acknowledged by a relay, which has it durably, or by so many relays: the loss of
 * all but one of those loses nothing.
 */
export type SavedLevel = 'device' | 'relay' | { relays: number }

export interface Receipts {
  /** Resolves when this many edits are stored, and those acknowledged where asked for. */
  saved(edits: number, level: SavedLevel, signal?: AbortSignal): Promise<void>
  /** Something may have come true: more is stored, or at a relay. */
  look(): void
  /** What the log holds has changed: only then something of it may be acknowledged that was not, and the store is read for that. */
  heldChanged(): void
  /** These records are at so many relays. */
  confirmed(confirmed: Confirmation): void
  /** Another conversation has begun: what is not confirmed is asked for anew. */
  reconnected(): void
  /** Whoever waits, or will, is told so. */
  end(error: Error): void
}

export function createReceipts(
  document: DocumentId,
  log: DeviceLog,
  environment: Environment,
  /** How many edits are in the log, and how many there or at a relay. */
  edits: (which: 'stored' | 'safe') => number,
  confirm: (asked: Confirmation) => void,
): Receipts {
  const waiters = new Set<() => void>()
  const asked = new Map<Confirmation, boolean>()
  let ended: Error | undefined
  let changes = 0
  /** Settled when all who waited for receipts of relays have theirs: one after the other, as each look reads the store (P7). */
  let relayReceipts: Promise<unknown> = Promise.resolve()

  /** Waits until `test` holds, looking again at every change, and when `turn` comes. */
  function until(test: () => boolean | Promise<boolean>, signal?: AbortSignal, turn?: Promise<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      let looking = false
      let again = false
      const settle = (finish: () => void): void => {
        waiters.delete(look)
        signal?.removeEventListener('abort', look)
        finish()
      }
      const look = (): void => {
        if (signal?.aborted) return settle(() => reject(signal.reason))
        if (ended !== undefined) return settle(() => reject(ended))
        if (looking) {
          again = true
          return
        }
        looking = true
        again = false
        const seen = (done: boolean): void => {
          looking = false
          if (done) settle(resolve)
          else if (again) look()
        }
        const result = test()
        if (typeof result === 'boolean') seen(result)
        else result.then(seen, (error) => settle(() => reject(error)))
      }
      waiters.add(look)
      signal?.addEventListener('abort', look)
      void turn?.then(look)
      look()
    })
  }

  /** The store may fail for a while: whoever waits for a receipt goes on waiting. */
  async function persistent<R>(read: () => Promise<R>): Promise<R> {
    for (let tries = 0; ; tries++) {
      try {
        return await read()
      } catch (error) {
        if (ended !== undefined || !(error instanceof RejoinError && isOfStorage(error))) throw error
        await pauseFor(environment, backoff(environment, tries))
      }
    }
  }

  async function saved(count: number, level: SavedLevel, signal?: AbortSignal): Promise<void> {
    if (level === 'device') return until(() => edits('stored') >= count, signal)
    // What only a relay holds, as this device is full, has no name here by which others could be asked for it.
    if (level !== 'relay') await until(() => edits('stored') >= count, signal)
    await atRelay(count, signal)
    if (level !== 'relay' && level.relays > 1) await atRelays(level.relays, signal)
  }

  async function atRelays(relays: number, signal?: AbortSignal): Promise<void> {
    const held = await persistent(() => log.held(document))
    if (held === undefined || held.vector.size === 0) return
    const confirmation = { where: held.ref, vector: held.vector, relays }
    asked.set(confirmation, false)
    confirm(confirmation)
    try {
      await until(() => asked.get(confirmation) === true, signal)
    } finally {
      asked.delete(confirmation)
    }
  }

  async function atRelay(count: number, signal?: AbortSignal): Promise<void> {
    await until(() => edits('safe') >= count, signal)
    const outstanding: Outstanding = await persistent(() => log.outstanding(document))
    let first = false
    const before = relayReceipts.then(() => {
      first = true
    })
    let looked: number | undefined
    const isAcknowledged = (): boolean | Promise<boolean> => {
      if (!first || looked === changes) return false
      looked = changes
      return persistent(() => log.isAcknowledged(document, outstanding))
    }
    const mine = until(isAcknowledged, signal, before)
    relayReceipts = Promise.allSettled([before, mine])
    await mine
  }

  const look = (): void => {
    for (const waiter of [...waiters]) waiter()
  }

  return {
    saved,
    look,
    heldChanged() {
      changes++
      look()
    },
    confirmed({ where, vector, relays }) {
      for (const each of asked.keys()) {
        const isMeant = each.where.epoch === where.epoch && each.relays <= relays
        if (isMeant && covers(vector, each.vector)) asked.set(each, true)
      }
      look()
    },
    reconnected() {
      for (const [each, isConfirmed] of asked) if (!isConfirmed) confirm(each)
    },
    end(error) {
      ended ??= error
      look()
    },
  }
}
