/** Who writes here, as others see it: a name and a colour, kept in this browser. It does not know where it is shown. */

/** What a person's awareness holds under `user`, as y-codemirror.next reads it. */
export interface Person {
  name: string
  /** `#rrggbb`, dark enough for white letters on it. */
  color: string
  /** The same with transparency, for what is selected. */
  colorLight: string
}

const NAME_LENGTH_MAX = 40
const STORED_UNDER = 'rejoin.person'

const COLORS = ['#b3472f', '#8f5a00', '#4a7023', '#0f766e', '#1b6d9e', '#5656cf', '#8b3fa8', '#b0336f']
const MANNERS = ['Calm', 'Bright', 'Quiet', 'Merry', 'Gentle', 'Swift', 'Kind', 'Clever', 'Sunny', 'Patient']
const ANIMALS = ['Otter', 'Heron', 'Badger', 'Swallow', 'Hare', 'Dolphin', 'Owl', 'Fox', 'Beaver', 'Robin']

const withColor = (name: string, color: string): Person => ({ name, color, colorLight: `${color}33` })

const oneOf = (choices: readonly string[]): string => choices[Math.floor(Math.random() * choices.length)] ?? ''

const randomPerson = (): Person => withColor(`${oneOf(MANNERS)} ${oneOf(ANIMALS)}`, oneOf(COLORS))

/** A person as another replica tells of it, or as it was stored: nothing in it is taken as it comes. */
export function readPerson(told: unknown): Person | undefined {
  if (typeof told !== 'object' || told === null || !('name' in told) || !('color' in told)) return undefined
  const { name, color } = told
  if (typeof name !== 'string' || typeof color !== 'string' || !/^#[\da-f]{6}$/i.test(color)) return undefined
  const short = tidyName(name)
  return short === '' ? undefined : withColor(short, color)
}

const tidyName = (name: string): string => [...name.trim()].slice(0, NAME_LENGTH_MAX).join('')

/** `Calm Otter` has `CO`. */
export function initials({ name }: Person): string {
  const words = name.split(/\s+/).filter((word) => word !== '')
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined].map((word) => [...(word ?? '')][0] ?? '')
  return letters.join('').toUpperCase()
}

export interface OwnPerson {
  get(): Person
  /** A blank name keeps the old one. */
  rename(name: string): void
  /** Calls `listener` at once and at every change, also from another tab; returns what ends it. */
  subscribe(listener: (person: Person) => void): () => void
}

/** Oneself: as this browser remembers, else by chance. */
export function createOwnPerson(): OwnPerson {
  const listeners = new Set<(person: Person) => void>()
  let person = readPerson(recall()) ?? randomPerson()
  remember(person)

  function become(next: Person): void {
    person = next
    for (const listener of listeners) listener(person)
  }

  addEventListener('storage', ({ key }) => {
    const stored = key === STORED_UNDER ? readPerson(recall()) : undefined
    if (stored !== undefined) become(stored)
  })
  return {
    get: () => person,
    rename(name) {
      const tidy = tidyName(name)
      if (tidy === '' || tidy === person.name) return
      become(withColor(tidy, person.color))
      remember(person)
    },
    subscribe(listener) {
      listeners.add(listener)
      listener(person)
      return () => listeners.delete(listener)
    },
  }
}

// A browser may refuse to keep anything for a page; the name then lasts as long as the page.
function recall(): unknown {
  try {
    return JSON.parse(localStorage.getItem(STORED_UNDER) ?? 'null')
  } catch {
    return undefined
  }
}

function remember(person: Person): void {
  try {
    localStorage.setItem(STORED_UNDER, JSON.stringify(person))
  } catch {}
}
