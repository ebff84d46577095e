/** Who is at which card: their colour around it, and their name. */
import type { DocumentHandle } from '../../client/index.ts'
import { type Person, readPerson } from '../people/person.ts'

export interface BoardPresence {
  /** Says at which card one is. */
  at(card: string | undefined): void
  draw(): void
  close(): void
}

export function createPresence(
  awareness: DocumentHandle['awareness'],
  elementOf: (card: string) => HTMLElement | undefined,
): BoardPresence {
  let marked: HTMLElement[] = []

  function draw(): void {
    for (const element of marked) unmark(element)
    marked = []
    for (const [client, { user, card }] of awareness.getStates()) {
      const person = client === awareness.clientID ? undefined : readPerson(user)
      const element = typeof card === 'string' ? elementOf(card) : undefined
      if (person === undefined || element === undefined) continue
      mark(element, person)
      marked.push(element)
    }
  }

  awareness.on('change', draw)
  return {
    at: (card) => awareness.setLocalStateField('card', card ?? null),
    draw,
    close() {
      awareness.off('change', draw)
      awareness.setLocalStateField('card', null)
    },
  }
}

function mark(element: HTMLElement, { name, color }: Person): void {
  element.dataset.person = name
  element.style.setProperty('--person', color)
}

function unmark(element: HTMLElement): void {
  delete element.dataset.person
  element.style.removeProperty('--person')
}
