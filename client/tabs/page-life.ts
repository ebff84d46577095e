/** When a page is put to sleep and wakes: frozen in the background, or kept for the back button. Nothing of it elsewhere. */

export interface PageLife {
  /** Somebody may be looking at it. */
  isVisible(): boolean
  close(): void
}

/**
 * `sleeps` is told before nothing runs any more: what a sleeping page holds nobody else gets, and with a lock or a socket it is not
 * kept at all. `wakes`: what happened meanwhile was not heard.
 */
export function watchPage(sleeps: () => void, wakes: () => void): PageLife {
  const { window, document } = globalThis as { window?: Window; document?: Document }
  if (window?.addEventListener === undefined || document?.addEventListener === undefined) {
    return { isVisible: () => true, close() {} }
  }
  const hidden = ({ persisted }: PageTransitionEvent): void => {
    if (persisted) sleeps()
  }
  const shown = ({ persisted }: PageTransitionEvent): void => {
    if (persisted) wakes()
  }
  window.addEventListener('pagehide', hidden)
  window.addEventListener('pageshow', shown)
  document.addEventListener('freeze', sleeps)
  document.addEventListener('resume', wakes)
  return {
    isVisible: () => document.visibilityState === 'visible',
    close() {
      window.removeEventListener('pagehide', hidden)
      window.removeEventListener('pageshow', shown)
      document.removeEventListener('freeze', sleeps)
      document.removeEventListener('resume', wakes)
    },
  }
}
