/** The parts of the page that are loaded when they are needed, and in any case once there is time: the network may go first. */
const SOON_MS = 300

export const loadEditor = () => import('./note/editor.ts')
export const loadBoard = () => import('./board/view.ts')

export function preload(): void {
  const load = (): void => {
    for (const part of [loadEditor, loadBoard]) part().catch(() => {})
  }
  setTimeout(load, SOON_MS)
}
