/** The service worker, and what happens when a new version of the page is there: nothing, until somebody wants it. */
import { toast } from '../parts/toast.ts'

/** What the page says to a worker that waits; the same word stands in service-worker.ts. */
const TAKE_OVER = 'take over'
const LOOK_EVERY_MS = 60 * 60_000

export function registerServiceWorker(): void {
  if (!BUILT || navigator.serviceWorker === undefined) return
  const { serviceWorker } = navigator
  const first = serviceWorker.controller === null
  let wanted = false
  serviceWorker.addEventListener('controllerchange', () => {
    if (wanted) location.reload()
    else if (!first) offerReload('This page has been updated.', () => location.reload())
  })

  function offer(worker: ServiceWorker): void {
    offerReload('A new version is here.', () => {
      wanted = true
      worker.postMessage(TAKE_OVER)
    })
  }

  async function register(): Promise<void> {
    const registration = await serviceWorker.register('./service-worker.js', { updateViaCache: 'none' })
    if (registration.waiting !== null && !first) offer(registration.waiting)
    registration.addEventListener('updatefound', () => {
      const worker = registration.installing
      worker?.addEventListener('statechange', () => {
        if (worker.state === 'installed' && serviceWorker.controller !== null) offer(worker)
      })
    })
    const look = (): void => void registration.update().catch(() => {})
    setInterval(look, LOOK_EVERY_MS)
    addEventListener('online', look)
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) look()
    })
  }
  // Offline the page needs it, but the first sight of the page does not.
  const start = (): void =>
    void register().catch((error: unknown) => console.error('Fieldnotes: no service worker', error))
  if (document.readyState === 'complete') start()
  else addEventListener('load', start)
}

function offerReload(text: string, act: () => void): void {
  toast({ key: 'update', text, lasting: true, action: { label: 'Reload', act } })
}
