/** The little of the DOM that every part of the page needs. */
import { type IconName, makeIcon } from './icons.ts'

/** The element of this id, which the page must have. */
export function find<T extends HTMLElement>(id: string, type: abstract new () => T): T {
  const found = document.getElementById(id)
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`)
  return found
}

/** A new element; text given as children stays text. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

export interface ButtonOptions {
  /** What it does, said to those who do not see the icon; shown where there is no icon. */
  label: string
  icon?: IconName
  /** Shown beside the icon. */
  text?: string
  class?: string
  testid?: string
  act(event: MouseEvent): void
}

export function makeButton({ label, icon, text, class: className, testid, act }: ButtonOptions): HTMLButtonElement {
  const button = make('button', { type: 'button' })
  if (className !== undefined) button.className = className
  if (testid !== undefined) button.dataset.testid = testid
  if (icon === undefined) button.append(text ?? label)
  else button.append(makeIcon(icon))
  if (icon !== undefined && text !== undefined) button.append(make('span', {}, text))
  if (icon !== undefined) button.ariaLabel = text ?? label
  if (icon !== undefined && text === undefined) button.title = label
  button.addEventListener('click', act)
  return button
}

/** `1 edit`, `3 edits`, `1,000 edits`. */
export const count = (number: number, noun: string): string =>
  `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`

/** Calls `act` once after a pause of `ms`; `now` does not wait for it. */
export function afterPause(ms: number, act: () => void): { later(): void; now(): void; cancel(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined
  const cancel = (): void => {
    clearTimeout(timer)
    timer = undefined
  }
  const now = (): void => {
    if (timer === undefined) return
    cancel()
    act()
  }
  return {
    later() {
      clearTimeout(timer)
      timer = setTimeout(now, ms)
    },
    now,
    cancel,
  }
}
