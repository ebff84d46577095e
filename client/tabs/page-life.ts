/** When a page is put to sleep and wakes: frozen in the background, or kept for the back button. Nothing of it elsewhere. */

export interface PageLife {
  /** Somebody may be looking at it. */
  isVisible(): boolean
  close(): void
}

/**
 * `sleeps` is told before nothing runs any more: what a sleeping page holds nobody else gets, and with a lock or a socket it is not
 * kept at all. `wakes`: what happened meanwhile was not heard. `leaves`: it may be the last that runs here, so what waits for a
 * timer is done now.
 */
export function watchPage(sleeps: () => void, wakes: () => void, leaves: () => void): PageLife {
  const { window, document } = globalThis as { window?: Window; document?: Document }
  if (window?.addEventListener === undefined || document?.addEventListener === undefined) {
    return { isVisible: () => true, close() {} }
  }
  const hidden = ({ persisted }: PageTransitionEvent): void => {
    leaves()
    if (persisted) sleeps()
  }
  const covered = (): void => {
    if (document.visibilityState === 'hidden') leaves()
  }
  const shown = ({ persisted }: PageTransitionEvent): void => {
    if (persisted) wakes()
  }
  const listening = new AbortController()
  const { signal } = listening
  window.addEventListener('pagehide', hidden, { signal })
  window.addEventListener('pageshow', shown, { signal })
  document.addEventListener('visibilitychange', covered, { signal })
  document.addEventListener('freeze', sleeps, { signal })
  document.addEventListener('resume', wakes, { signal })
  return {
    isVisible: () => document.visibilityState === 'visible',
    close: () => listening.abort(),
  }
}
