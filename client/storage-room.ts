/** Room on this device, as the browser tells of it; for a page of settings. Everything here is of the whole origin. */

export interface StorageRoom {
  /** Bytes that the origin uses, about. */
  usedBytes: number
  /** Bytes that it may use, about. */
  quotaBytes: number
  /** The browser throws nothing away by itself, as it does with others when space runs out. */
  persisted: boolean
}

interface Manager {
  estimate?(): Promise<{ usage?: number; quota?: number }>
  persisted?(): Promise<boolean>
  persist?(): Promise<boolean>
}

const manager = (): Manager => (globalThis as { navigator?: { storage?: Manager } }).navigator?.storage ?? {}

/** How much room there is; `undefined` where the platform does not tell. */
export async function estimateStorage(): Promise<StorageRoom | undefined> {
  const storage = manager()
  const { usage = 0, quota } = (await storage.estimate?.()) ?? {}
  if (quota === undefined) return undefined
  return { usedBytes: usage, quotaBytes: quota, persisted: (await storage.persisted?.()) ?? false }
}

/**
 * Asks the browser to keep what is stored here when space runs out, best after somebody has shown that it matters to them: some
 * browsers ask the person. Resolves to whether it will.
 */
export async function persistStorage(): Promise<boolean> {
  return (await manager().persist?.()) ?? false
}
