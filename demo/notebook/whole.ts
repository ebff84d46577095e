/** Notes that left this device to make room: which they are, and when one of them is here again. */
import type { DocumentHandle, Workspace } from '../../client/index.ts'

export const isAway = (workspace: Workspace, id: string): boolean =>
  (workspace.kept.get().get(id)?.at ?? 'device') !== 'device'

export const countAway = (workspace: Workspace): number =>
  [...workspace.kept.get().values()].filter(({ at }) => at !== 'device').length

/** Resolves when all of an open note is on this device; rejects where that takes a relay and none is reached. */
export async function whole(handle: DocumentHandle, title: string): Promise<void> {
  await handle.whenLoaded
  let unsubscribe: (() => void) | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      unsubscribe = handle.status.subscribe(({ kept, connection, error }) => {
        if (kept === 'device') resolve()
        else if (error !== undefined) reject(new Error(`“${title}” does not open: ${error.detail}`))
        else if (connection === 'offline')
          reject(new Error(`“${title}” is not on this device, and no relay is reached.`))
      })
    })
  } finally {
    unsubscribe?.()
  }
}
