/** How much of the notebook this device keeps: every note, or those that were used last, up to so many bytes. Kept in this browser. */
import { workspaceInAddress } from '../address.ts'

const storedUnder = (): string => `fieldnotes.room ${workspaceInAddress()}`

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
    if (bytes === Infinity) localStorage.removeItem(storedUnder())
    else localStorage.setItem(storedUnder(), String(bytes))
    return true
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
