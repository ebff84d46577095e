/** Locks that the tabs of a replica share: as much of Web Locks as is used here. One who dies loses what it held. */

export interface Locks {
  /**
   * Calls `held` when nobody else has the lock; it is given back when that resolves. `steal` takes it at once: whoever had it is
   * rejected, and goes on running. Rejects where `signal` withdraws it before it is granted.
   */
  request(name: string, options: { steal?: boolean; signal?: AbortSignal }, held: () => Promise<void>): Promise<unknown>
}

/** The platform's; `undefined` where it has none, as on pages that were not loaded over https, or no channel to tell others. */
export function platformLocks(): Locks | undefined {
  const { navigator, BroadcastChannel: channel } = globalThis as {
    navigator?: { locks?: Locks }
    BroadcastChannel?: unknown
  }
  return channel === undefined ? undefined : navigator?.locks
}
