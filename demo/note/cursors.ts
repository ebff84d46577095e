/** The cursors of others in a text: a line in their colour, with their name for as long as it is news. */
import { Extension } from '@tiptap/core'
import { yCursorPlugin } from '@tiptap/y-tiptap'
import type { Awareness } from 'y-protocols/awareness'
import { make } from '../parts/dom.ts'
import { checkedAwareness } from '../people/awareness.ts'
import { type Person, readPerson } from '../people/person.ts'

export function createCursors(awareness: Awareness) {
  const drawn = new Map<number, HTMLElement>()

  function drawCursor(user: unknown, client: number): HTMLElement {
    const cursor = make('span', { class: 'cursor' }, '\u2060', make('span', { class: 'cursor-name' }), '\u2060')
    drawn.set(client, cursor)
    paint(cursor, readPerson(user))
    return cursor
  }

  /** A cursor that stays where it is is not drawn anew, though its owner has another name. */
  function repaint(): void {
    const states = awareness.getStates()
    for (const [client, cursor] of drawn) {
      if (states.has(client)) paint(cursor, readPerson(states.get(client)?.user))
      else drawn.delete(client)
    }
  }

  return Extension.create({
    name: 'cursors',
    onCreate: () => awareness.on('change', repaint),
    onDestroy: () => awareness.off('change', repaint),
    addProseMirrorPlugins: () => [
      // The plugin names y-protocols' class; it uses no more than what is given here.
      yCursorPlugin(checkedAwareness(awareness) as unknown as Awareness, {
        cursorBuilder: drawCursor,
        selectionBuilder: (user: unknown) => {
          const person = readPerson(user)
          return person === undefined ? {} : { class: 'selected-by', style: `background-color: ${person.colorLight}` }
        },
      }),
    ],
  })
}

function paint(cursor: HTMLElement, person: Person | undefined): void {
  if (person === undefined) return
  const label = cursor.querySelector<HTMLElement>('.cursor-name')
  cursor.style.borderColor = person.color
  if (label === null || (label.textContent === person.name && label.style.backgroundColor !== '')) return
  label.textContent = person.name
  label.style.backgroundColor = person.color
}
