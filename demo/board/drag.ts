/** Dragging cards by mouse, pen and finger. A finger holds first, so that it can scroll; a marker shows where the card will be. */
import { make } from '../parts/dom.ts'
import type { BoardContext } from './context.ts'

export interface Dragging {
  listen(element: HTMLElement, card: string): void
  active(): boolean
  /** A click that ends a drag is none. */
  justEnded(): boolean
  close(): void
}

/** A mouse drags from here on. */
const MOVED_PX = 5
/** A finger that stays for so long means the card, not the page. */
const HELD_MS = 260
const FINGER_MOVED_PX = 9
/** So near to an edge the board scrolls by itself. */
const EDGE_PX = 56
const SCROLL_PX = 14

interface Drag {
  card: string
  element: HTMLElement
  ghost: HTMLElement
  offset: { x: number; y: number }
  target?: { column: string; at: number }
}

export function createDragging(root: HTMLElement, { board, presence }: BoardContext): Dragging {
  const marker = make('li', { class: 'drop-marker', 'aria-hidden': 'true' })
  let drag: Drag | undefined
  let endedAt = -Infinity
  let frame = 0
  let last = { x: 0, y: 0 }

  function listen(element: HTMLElement, card: string): void {
    element.addEventListener('pointerdown', (down) => {
      if (down.button !== 0 || drag !== undefined || element.classList.contains('editing')) return
      const finger = down.pointerType === 'touch'
      const from = { x: down.clientX, y: down.clientY }
      last = from
      const held = finger ? setTimeout(() => start(), HELD_MS) : undefined
      const start = (): void => begin(element, card, from)
      const moved = (event: PointerEvent): void => {
        if (event.pointerId !== down.pointerId) return
        last = { x: event.clientX, y: event.clientY }
        const far = Math.hypot(last.x - from.x, last.y - from.y)
        if (drag === undefined && finger && far > FINGER_MOVED_PX) over()
        if (drag === undefined && !finger && far > MOVED_PX) start()
        if (drag !== undefined) follow()
      }
      const over = (event?: PointerEvent): void => {
        clearTimeout(held)
        removeEventListener('pointermove', moved)
        removeEventListener('pointerup', over)
        removeEventListener('pointercancel', over)
        removeEventListener('keydown', cancel)
        if (drag !== undefined) end(event?.type === 'pointerup')
      }
      const cancel = ({ key }: KeyboardEvent): void => {
        if (key === 'Escape') over()
      }
      addEventListener('pointermove', moved)
      addEventListener('pointerup', over)
      addEventListener('pointercancel', over)
      addEventListener('keydown', cancel)
    })
  }

  function begin(element: HTMLElement, card: string, from: { x: number; y: number }): void {
    const box = element.getBoundingClientRect()
    const ghost = element.cloneNode(true)
    if (!(ghost instanceof HTMLElement)) return
    ghost.classList.add('ghost')
    ghost.removeAttribute('data-testid')
    ghost.style.width = `${box.width}px`
    document.body.append(ghost)
    drag = { card, element, ghost, offset: { x: from.x - box.left, y: from.y - box.top } }
    element.classList.add('dragged')
    document.body.classList.add('dragging')
    getSelection()?.removeAllRanges()
    presence.at(card)
    // Only now: until here a finger may scroll.
    document.addEventListener('touchmove', keepStill, { passive: false })
    if (navigator.vibrate !== undefined) navigator.vibrate(8)
    follow()
    frame = requestAnimationFrame(scroll)
  }

  function follow(): void {
    if (drag === undefined) return
    const { ghost, offset, element } = drag
    ghost.style.transform = `translate(${last.x - offset.x}px, ${last.y - offset.y}px) rotate(1.2deg)`
    const list = listAt(last.x)
    if (list === undefined) return
    const others = [...list.querySelectorAll<HTMLElement>('.card')].filter((other) => other !== element)
    const at = others.filter((other) => middleOf(other) < last.y).length
    list.insertBefore(marker, others[at] ?? null)
    marker.style.height = `${ghost.offsetHeight}px`
    drag.target = { column: list.dataset.column ?? '', at }
  }

  /** The column under this x, or the nearest. */
  function listAt(x: number): HTMLElement | undefined {
    const lists = [...root.querySelectorAll<HTMLElement>('.cards')]
    const distance = (list: HTMLElement): number => {
      const { left, right } = list.getBoundingClientRect()
      return x < left ? left - x : x > right ? x - right : 0
    }
    return lists.sort((a, b) => distance(a) - distance(b))[0]
  }

  function scroll(): void {
    if (drag === undefined) return
    const { left, right } = root.getBoundingClientRect()
    if (last.x < left + EDGE_PX) root.scrollLeft -= SCROLL_PX
    if (last.x > right - EDGE_PX) root.scrollLeft += SCROLL_PX
    const list = listAt(last.x)
    if (list !== undefined) {
      const { top, bottom } = list.getBoundingClientRect()
      if (last.y < top + EDGE_PX) list.scrollTop -= SCROLL_PX
      if (last.y > bottom - EDGE_PX) list.scrollTop += SCROLL_PX
    }
    follow()
    frame = requestAnimationFrame(scroll)
  }

  function end(drop: boolean): void {
    if (drag === undefined) return
    const { card, element, ghost, target } = drag
    drag = undefined
    endedAt = performance.now()
    cancelAnimationFrame(frame)
    ghost.remove()
    marker.remove()
    element.classList.remove('dragged')
    document.body.classList.remove('dragging')
    document.removeEventListener('touchmove', keepStill)
    presence.at(undefined)
    if (drop && target !== undefined) board.move(card, target.column, target.at)
  }

  return {
    listen,
    active: () => drag !== undefined,
    justEnded: () => performance.now() - endedAt < 50,
    close: () => end(false),
  }
}

const keepStill = (event: TouchEvent): void => event.preventDefault()

function middleOf(element: HTMLElement): number {
  const { top, height } = element.getBoundingClientRect()
  return top + height / 2
}
