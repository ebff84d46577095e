/** Coming from elsewhere: what another library has stored on this device becomes part of a workspace. */
import * as Y from 'yjs'
import type { DocumentId } from '../shared/ids.ts'
import { mergeUpdates } from './replica/merging.ts'
import { readYIndexeddb } from './replica/y-indexeddb.ts'
import type { Workspace } from './workspace.ts'

/**
 * Brings the document that y-indexeddb keeps under `database` into the workspace, as an edit of this replica. Doing it again adds
 * nothing, and the database stays as it is: delete it when nothing reads it any more. Resolves to whether there was one, when its
 * content is stored here. Rejects with `storage-unavailable`, `storage-failed`, `invalid-id` and `closed`.
 */
export async function importYIndexeddb(workspace: Workspace, database: string, document: DocumentId): Promise<boolean> {
  const updates = await readYIndexeddb(database)
  if (updates === undefined) return false
  const handle = workspace.open(document)
  try {
    await handle.whenLoaded
    if (updates.length > 0) Y.applyUpdate(handle.doc, mergeUpdates(updates))
    if (workspace.status.get().storage === 'ok') await handle.saved('device')
    return true
  } finally {
    handle.close()
  }
}
