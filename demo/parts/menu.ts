/** A menu that opens at a button: arrows move, Escape closes, and the button has the focus again. */
import { make } from './dom.ts'
import { type IconName, makeIcon } from './icons.ts'

export interface MenuItem {
  label: string
  icon?: IconName
  /** It takes something away. */
  danger?: boolean
  checked?: boolean
  act(): void
}

const MARGIN_PX = 8
let open: (() => void) | undefined

export function openMenu(anchor: HTMLElement, label: string, items: readonly MenuItem[]): void {
  open?.()
  const buttons = items.map((item) => makeItem(item))
  const menu = make('div', { class: 'menu', role: 'menu', 'aria-label': label, popover: 'auto' }, ...buttons)
  document.body.append(menu)

  function makeItem({ label: text, icon, danger, checked, act }: MenuItem): HTMLButtonElement {
    const role = checked === undefined ? 'menuitem' : 'menuitemradio'
    const button = make('button', { type: 'button', role, tabindex: '-1' })
    if (checked !== undefined) button.ariaChecked = String(checked)
    if (danger === true) button.classList.add('danger')
    if (icon !== undefined) button.append(makeIcon(icon))
    button.append(make('span', {}, text))
    button.addEventListener('click', () => {
      close()
      act()
    })
    return button
  }

  function close(): void {
    if (!menu.isConnected) return
    open = undefined
    menu.remove()
    anchor.setAttribute('aria-expanded', 'false')
    if (anchor.isConnected) anchor.focus()
  }

  menu.addEventListener('toggle', ({ newState }) => {
    if (newState === 'closed') close()
  })
  menu.addEventListener('keydown', (event) => {
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement)
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key]
    if (event.key === 'Tab') close()
    if (next === undefined) return
    event.preventDefault()
    buttons.at(next % buttons.length)?.focus()
  })
  anchor.setAttribute('aria-haspopup', 'menu')
  anchor.setAttribute('aria-expanded', 'true')
  menu.showPopover()
  place(menu, anchor)
  buttons[0]?.focus()
  open = close
}

/** Below the button, or above it where there is no room. */
export function place(floating: HTMLElement, anchor: HTMLElement): void {
  const at = anchor.getBoundingClientRect()
  const { width, height } = floating.getBoundingClientRect()
  const left = Math.min(Math.max(MARGIN_PX, at.right - width), innerWidth - width - MARGIN_PX)
  const below = at.bottom + 4
  const top = below + height > innerHeight - MARGIN_PX ? Math.max(MARGIN_PX, at.top - height - 4) : below
  Object.assign(floating.style, { left: `${left}px`, top: `${top}px` })
}
