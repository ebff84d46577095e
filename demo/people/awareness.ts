/**
 * Awareness as the editor may read it. What another replica says of itself would end in style attributes and in Yjs'
 * positions as it is: so colours, names and cursors are checked here, and what does not fit is not shown.
 */
import * as Y from 'yjs'
import type { DocumentHandle } from '../../client/index.ts'
import { type Person, readPerson } from './person.ts'

type Awareness = DocumentHandle['awareness']
type States = Map<number, { user: Person; cursor: unknown }>

/** The people of a document, oneself first, each once however many tabs they have open. */
export function peopleIn(awareness: Awareness): Person[] {
  const states = [...awareness.getStates()].sort(([a], [b]) => rank(a) - rank(b))
  const people = new Map<string, Person>()
  for (const [, state] of states) {
    const person = readPerson(state.user)
    if (person !== undefined) people.set(`${person.color} ${person.name}`, person)
  }
  return [...people.values()]

  function rank(client: number): number {
    return client === awareness.clientID ? -1 : client
  }
}

/** What the editor asks of an awareness, over states that were checked. */
export const checkedAwareness = (awareness: Awareness) => ({
  doc: awareness.doc,
  on: awareness.on.bind(awareness),
  off: awareness.off.bind(awareness),
  getLocalState: () => awareness.getLocalState(),
  setLocalStateField: (field: string, value: unknown) => awareness.setLocalStateField(field, value),
  getStates(): States {
    const states: States = new Map()
    for (const [client, { user, cursor }] of awareness.getStates()) {
      const person = readPerson(user)
      if (person !== undefined) states.set(client, { user: person, cursor: readCursor(cursor, awareness.doc) })
    }
    return states
  },
})

/** A cursor whose positions Yjs can follow. */
function readCursor(cursor: unknown, doc: Y.Doc): unknown {
  if (typeof cursor !== 'object' || cursor === null || !('anchor' in cursor) || !('head' in cursor)) return undefined
  try {
    const [anchor, head] = [cursor.anchor, cursor.head].map(Y.createRelativePositionFromJSON)
    if (anchor === undefined || head === undefined) return undefined
    const within = [anchor, head].every((position) => Y.createAbsolutePositionFromRelativePosition(position, doc))
    return within ? { anchor, head } : undefined
  } catch {
    return undefined
  }
}
