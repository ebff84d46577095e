/** A person's initials on their colour. */
import { make } from '../parts/dom.ts'
import { initials, type Person } from './person.ts'

export function makeAvatar(person: Person): HTMLElement {
  const avatar = make('span', { class: 'avatar', 'aria-hidden': 'true', title: person.name })
  paintAvatar(avatar, person)
  return avatar
}

export function paintAvatar(avatar: HTMLElement, person: Person): void {
  // Drawn, not written: who listens hears the name.
  avatar.dataset.initials = initials(person)
  avatar.style.backgroundColor = person.color
}
