/** How much of the notebook this device keeps: every note, or those that were used last, up to so many bytes. Kept in this browser. */
import type { Workspace } from '../../client/index.ts'
import { workspaceInAddress } from '../address.ts'

const storedUnder = (): string => `fieldnotes.room ${workspaceInAddress()}`

/** There from the choice of every note until all that had left are asked for. */
const askingUnder = (): string => `fieldnotes.asking ${workspaceInAddress()}`

/** Bytes that the notes may take up here; `Infinity` where every note is to be here. */
export function ownRoom(): number {
  try {
    const bytes = Number(localStorage.getItem(storedUnder()))
    return bytes > 0 ? bytes : Infinity
  } catch {
    return Infinity
  }
}

/** False where the browser keeps nothing. */
export function keepRoom(bytes: number): boolean {
  try {
    if (bytes === Infinity) {
      // First: other tabs begin anew as soon as the room is another.
      localStorage.setItem(askingUnder(), 'all')
      localStorage.removeItem(storedUnder())
    } else {
      localStorage.setItem(storedUnder(), String(bytes))
      localStorage.removeItem(askingUnder())
    }
    return true
  } catch {
    return false
  }
}

/**
 * What left this device while it kept less is asked for, and comes as soon as a relay is reached. Only by a page that began with room for
 * every note: where there is less, notes leave while others come. Once: a device that is full is not filled anew at every start.
 */
export async function askForAll(workspace: Workspace): Promise<void> {
  if (!isAsking()) return
  const failures: unknown[] = []
  for (const id of workspace.documents.get()) {
    // One that was deleted meanwhile would begin anew.
    if (workspace.kept.get().get(id)?.at !== 'relay') continue
    const handle = workspace.open(id)
    await handle.whenLoaded.catch((error: unknown) => failures.push(error))
    handle.close()
  }
  if (failures.length > 0) throw new AggregateError(failures, 'not every note is asked for: the next start tries again')
  localStorage.removeItem(askingUnder())
}

function isAsking(): boolean {
  try {
    return ownRoom() === Infinity && localStorage.getItem(askingUnder()) !== null
  } catch {
    return false
  }
}

/** All tabs begin anew with another room: any of them may be the one that makes it. */
export function listenForRoom(): void {
  addEventListener('storage', ({ key }) => {
    if (key === storedUnder()) location.reload()
  })
}
