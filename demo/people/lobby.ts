/** Who is in which note: everybody says it in the awareness of the index, which is open in every tab. */
import type { DocumentHandle } from '../../client/index.ts'
import { type OwnPerson, type Person, readPerson } from './person.ts'

export interface Lobby {
  /** Says where one is. */
  enter(note: string | undefined): void
  /** Others in a note, each once however many tabs they have open. */
  peopleIn(note: string): readonly Person[]
  /** Calls `listener` at every change; returns what ends it. */
  observe(listener: () => void): () => void
}

export function createLobby({ awareness }: DocumentHandle, self: OwnPerson): Lobby {
  let byNote = new Map<string, Person[]>()
  const listeners = new Set<() => void>()

  function read(): void {
    const next = new Map<string, Person[]>()
    const own = self.get()
    for (const [client, { user, note }] of awareness.getStates()) {
      const person = client === awareness.clientID || typeof note !== 'string' ? undefined : readPerson(user)
      if (person === undefined || (person.name === own.name && person.color === own.color)) continue
      const there = next.get(note) ?? []
      if (!there.some(({ name, color }) => name === person.name && color === person.color)) there.push(person)
      next.set(note, there)
    }
    byNote = next
    for (const listener of [...listeners]) listener()
  }

  awareness.on('change', read)
  self.subscribe((person) => awareness.setLocalStateField('user', person))
  read()
  return {
    enter: (note) => awareness.setLocalStateField('note', note ?? null),
    peopleIn: (note) => byNote.get(note) ?? [],
    observe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
