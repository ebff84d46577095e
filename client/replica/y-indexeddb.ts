/** Reads what y-indexeddb has stored: a database for each document, with updates in the order in which they were made. */
import { openDB } from 'idb'
import { RejoinError, toRejoinError } from '../../shared/errors.ts'

const UPDATES = 'updates'

/**
 * The updates in a database of y-indexeddb; `undefined` where there is none of this name. It is left as it is. Raises
 * `storage-unavailable` without IndexedDB, and `storage-failed`.
 */
export async function readYIndexeddb(name: string): Promise<Uint8Array[] | undefined> {
  if (typeof indexedDB === 'undefined') throw new RejoinError('storage-unavailable', 'there is no IndexedDB here')
  try {
    // Opened by chance, a database that is not there would be made.
    if (!(await indexedDB.databases()).some((database) => database.name === name)) return undefined
    const database = await openDB(name)
    const updates = database.objectStoreNames.contains(UPDATES) ? await database.getAll(UPDATES) : undefined
    database.close()
    return updates?.filter((update) => update instanceof Uint8Array)
  } catch (error) {
    throw toRejoinError(error, 'storage-failed', `the database ${name} cannot be read`)
  }
}
