/** What the browser tells of its storage. */

export interface StorageUse {
  /** Bytes of this page's origin; `undefined` where the browser does not tell. */
  used?: number
  /** Bytes that it may have. */
  quota?: number
  /** The browser does not clear it by itself. */
  persisted: boolean
}

export async function readStorageUse(): Promise<StorageUse> {
  // Without a secure context there is none.
  if (navigator.storage === undefined) return { persisted: false }
  const [{ usage, quota }, persisted] = await Promise.all([navigator.storage.estimate(), navigator.storage.persisted()])
  return { used: usage, quota, persisted }
}

/** Asks the browser to keep the notes also when space is short; says whether it will. */
export const askToPersist = async (): Promise<boolean> => (await navigator.storage?.persist()) ?? false

/** `3.4 MB`, on one line. */
export function bytesInWords(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB']
  let [value, unit] = [bytes, 0]
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  const digits = value < 10 && !Number.isInteger(value) && unit > 0 ? value.toFixed(1) : Math.round(value)
  return `${digits}\u00a0${units[unit]}`
}
