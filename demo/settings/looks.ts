/** Light, dark, or as the device has it; kept in this browser. */

export type Looks = 'auto' | 'light' | 'dark'

const STORED_UNDER = 'fieldnotes.looks'

export function looks(): Looks {
  try {
    const stored = localStorage.getItem(STORED_UNDER)
    return stored === 'light' || stored === 'dark' ? stored : 'auto'
  } catch {
    return 'auto'
  }
}

export function setLooks(choice: Looks): void {
  try {
    localStorage.setItem(STORED_UNDER, choice)
  } catch {
    // A browser that keeps nothing forgets it with the page.
  }
  applyLooks(choice)
}

export function applyLooks(choice: Looks): void {
  document.documentElement.style.colorScheme = choice === 'auto' ? '' : choice
}
