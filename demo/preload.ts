/** The parts of the page that are loaded when they are needed; the editor in any case, as the network may go before the service worker has it. */
const SOON_MS = 300

export const loadEditor = () => import('./note/editor.ts')
export const loadBoard = () => import('./board/view.ts')

export function preload(): void {
  const load = (): void => {
    loadEditor().catch(() => {})
  }
  setTimeout(load, SOON_MS)
}
