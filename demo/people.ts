/** Oneself, with a name to change, and who else is in the document. */
import type { DocumentHandle } from '../client/index.ts'
import { peopleIn } from './awareness.ts'
import { find, make } from './dom.ts'
import { initials, type OwnPerson, type Person } from './person.ts'

/** More faces than this become a number. */
const FACES_MAX = 5

export interface People {
  /** Shows oneself in another document from now on, and who is there. */
  enter(handle: DocumentHandle): void
}

export function createPeople(self: OwnPerson): People {
  const list = find('people', HTMLUListElement)
  const ownName = find('own-name', HTMLInputElement)
  const ownAvatar = find('own-avatar', HTMLElement)
  let leave: (() => void) | undefined

  self.subscribe((person) => {
    paint(ownAvatar, person)
    if (document.activeElement !== ownName) ownName.value = person.name
  })
  ownName.addEventListener('input', () => self.rename(ownName.value))
  ownName.addEventListener('blur', () => {
    ownName.value = self.get().name
  })
  ownName.addEventListener('keydown', ({ key }) => {
    if (key === 'Enter') ownName.blur()
  })

  return {
    enter({ awareness }) {
      leave?.()
      const show = (): void => showPeople(list, peopleIn(awareness), self.get())
      awareness.on('change', show)
      const unsubscribe = self.subscribe((person) => awareness.setLocalStateField('user', person))
      show()
      leave = () => {
        awareness.off('change', show)
        unsubscribe()
      }
    },
  }
}

function showPeople(list: HTMLUListElement, people: readonly Person[], self: Person): void {
  const faces = people.slice(0, FACES_MAX).map((person) => {
    const own = person.name === self.name && person.color === self.color
    const name = own ? `${person.name} (you)` : person.name
    const avatar = make('span', { class: 'avatar', 'aria-hidden': 'true' })
    paint(avatar, person)
    return make('li', { title: name, class: own ? 'own' : '' }, avatar, make('span', { class: 'name' }, name))
  })
  if (people.length > FACES_MAX) faces.push(make('li', { class: 'more' }, `and ${people.length - FACES_MAX} more`))
  list.replaceChildren(...faces)
}

function paint(avatar: HTMLElement, person: Person): void {
  avatar.textContent = initials(person)
  avatar.style.backgroundColor = person.color
}
