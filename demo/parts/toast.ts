/** Short news at the edge of the page, with at most one thing to do about it. */
import { find, make, makeButton } from './dom.ts'

export interface Toast {
  /** One toast a key: a later one takes its place. */
  key: string
  text: string
  action?: { label: string; act(): void }
  /** Stays until it is put away; else some seconds. */
  lasting?: boolean
}

const TOASTS_MAX = 3
/** Time to read it and to reach for the button; while somebody points at it, it stays. */
const SHOWN_MS = 8_000

export function toast({ key, text, action, lasting = false }: Toast): () => void {
  const area = find('toasts', HTMLElement)
  const box = make('div', { class: 'toast', 'data-key': key }, make('p', {}, text))
  let timer: ReturnType<typeof setTimeout> | undefined
  const remove = (): void => {
    clearTimeout(timer)
    box.remove()
  }
  if (action !== undefined) {
    const { label, act } = action
    box.append(
      makeButton({
        label,
        class: 'act',
        act: () => {
          remove()
          act()
        },
      }),
    )
  }
  box.append(makeButton({ label: 'Put away', icon: 'close', class: 'quiet', act: remove }))
  const leave = (): void => {
    clearTimeout(timer)
    if (!lasting) timer = setTimeout(remove, SHOWN_MS)
  }
  box.addEventListener('pointerenter', () => clearTimeout(timer))
  box.addEventListener('pointerleave', leave)
  box.addEventListener('focusin', () => clearTimeout(timer))
  box.addEventListener('focusout', leave)
  for (const other of [...area.children]) if (other instanceof HTMLElement && other.dataset.key === key) other.remove()
  area.append(box)
  while (area.childElementCount > TOASTS_MAX) area.firstElementChild?.remove()
  leave()
  return remove
}
