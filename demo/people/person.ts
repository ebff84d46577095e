/** Who writes here, as others see it: a name and a colour, kept in this browser. It does not know where it is shown. */

/** What a person's awareness holds under `user`, as editors' cursors read it. */
export interface Person {
  name: string
  /** `#rrggbb`, dark enough that white letters can be read on it. */
  color: string
  /** The same with transparency, for what is selected. */
  colorLight: string
}

const NAME_LENGTH_MAX = 40
const STORED_UNDER = 'rejoin.person'

export const COLORS = ['#b3472f', '#8f5a00', '#4a7023', '#0f766e', '#1b6d9e', '#5656cf', '#8b3fa8', '#b0336f']
const MANNERS = ['Calm', 'Bright', 'Quiet', 'Merry', 'Gentle', 'Swift', 'Kind', 'Clever', 'Sunny', 'Patient']
/** Of those who give none that can be used. */
const NO_COLOR = '#5f6673'
const ANIMALS = ['Otter', 'Heron', 'Badger', 'Swallow', 'Hare', 'Dolphin', 'Owl', 'Fox', 'Beaver', 'Robin']

const withColor = (name: string, color: string): Person => ({ name, color, colorLight: `${color}33` })

const oneOf = (choices: readonly string[]): string => choices[Math.floor(Math.random() * choices.length)] ?? ''

const randomPerson = (): Person => withColor(`${oneOf(MANNERS)} ${oneOf(ANIMALS)}`, oneOf(COLORS))

/** A person as another replica tells of it, or as it was stored: nothing in it is taken as it comes. */
export function readPerson(told: unknown): Person | undefined {
  if (typeof told !== 'object' || told === null || !('name' in told) || typeof told.name !== 'string') return undefined
  const name = tidyName(told.name)
  if (name === '') return undefined
  return withColor(name, 'color' in told && typeof told.color === 'string' ? darken(told.color) : NO_COLOR)
}

/** The colour, as dark as white letters need it: a contrast of 4.5 to 1, as WCAG 2 reckons it. */
function darken(color: string): string {
  if (!/^#[\da-f]{6}$/i.test(color)) return NO_COLOR
  let parts = [1, 3, 5].map((from) => Number.parseInt(color.slice(from, from + 2), 16))
  while (contrastToWhite(parts) < 4.5) parts = parts.map((part) => Math.floor(part * 0.95))
  return `#${parts.map((part) => part.toString(16).padStart(2, '0')).join('')}`
}

function contrastToWhite(parts: readonly number[]): number {
  const [red = 0, green = 0, blue = 0] = parts.map((part) => {
    const share = part / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
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
  recolor(color: string): void
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
    recolor(color) {
      if (color === person.color) return
      become(withColor(person.name, darken(color)))
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
