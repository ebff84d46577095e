/** Installing the page as an app, where the browser offers it. */
import { make, makeButton } from '../parts/dom.ts'

/** What browsers on Chromium's engine hand out when a page can be installed. */
interface InstallPrompt extends Event {
  prompt(): Promise<unknown>
}

let offer: InstallPrompt | undefined
const waiting = new Set<() => void>()

/** To be called early: the browser offers once. */
export function listenForInstall(): void {
  addEventListener('beforeinstallprompt', (event) => {
    event.preventDefault()
    offer = event as InstallPrompt
    for (const show of waiting) show()
  })
}

export function makeInstall(): HTMLElement {
  const button = makeButton({
    label: 'Install Fieldnotes as an app',
    icon: 'download',
    text: 'Install Fieldnotes as an app',
    class: 'wide',
    act: () => void offer?.prompt().then(() => section.remove()),
  })
  const section = make('section', {}, button)
  const show = (): void => {
    section.hidden = offer === undefined
  }
  waiting.add(show)
  show()
  return section
}
