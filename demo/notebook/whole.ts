/** Notes that left this device to make room: which they are, and when one of them is here again. */
import type { DocumentHandle, Workspace } from '../../client/index.ts'
import { type Card, titleOf } from './card.ts'

export const isAway = (workspace: Workspace, id: string): boolean =>
  (workspace.kept.get().get(id)?.at ?? 'device') !== 'device'

export const countAway = (workspace: Workspace): number =>
  [...workspace.kept.get().values()].filter(({ at }) => at !== 'device').length

/**
 * Resolves when all of an open note is on this device; rejects where that takes a relay and none is reached. What its card tells of and
 * is not here has never been here.
 */
export async function whole(handle: DocumentHandle, card: Pick<Card, 'title' | 'excerpt' | 'kind'>): Promise<void> {
  await handle.whenLoaded
  const isMissing = card.excerpt !== '' && handle.doc.store.clients.size === 0
  let unsubscribe: (() => void) | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      unsubscribe = handle.status.subscribe(({ kept, connection, error, lastSyncedAt }) => {
        if (kept === 'device' && (!isMissing || lastSyncedAt > 0)) resolve()
        else if (error !== undefined) reject(new Error(`“${titleOf(card)}” does not open: ${error.detail}`))
        else if (connection === 'offline') {
          reject(new Error(`“${titleOf(card)}” is not on this device, and no relay is reached.`))
        }
      })
    })
  } finally {
    unsubscribe?.()
  }
}
