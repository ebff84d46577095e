/**
 * Finding notes: by title and beginning at once, and by all that is in them as they are read one after the other from this
 * device. What was read is remembered until the note changes. Notes that are at the relay only stay there: of those what the
 * notebook says is searched.
 */
import type { Workspace } from '../../client/index.ts'
import { type Card, titleOf } from '../notebook/card.ts'
import { isAway } from '../notebook/whole.ts'
import { wordsOf } from '../text/describe.ts'

export interface Search {
  /** Calls `found` with all that is found so far, as often as there is more; a new search ends the old one. */
  find(query: string, cards: readonly Card[], found: Found): void
}

/** What was found, and where it stands in the note, but for notes that only their title names. */
export type Found = (cards: readonly Card[], matches: ReadonlyMap<string, Match>) => void

export interface Match {
  before: string
  found: string
  after: string
}

interface Read {
  editedAt: number
  text: string
}

/** Results are shown again after so many notes. */
const SHOWN_EVERY = 25

export function createSearch(workspace: Workspace): Search {
  const read = new Map<string, Read>()
  let round = 0

  async function wordsIn({ id, kind, editedAt }: Card): Promise<string> {
    const known = read.get(id)
    if (known?.editedAt === editedAt || isAway(workspace, id)) return known?.text ?? ''
    const handle = workspace.open(id)
    try {
      await handle.whenLoaded
      const text = wordsOf(kind, handle.doc)
      read.set(id, { editedAt, text })
      return text
    } finally {
      handle.close()
    }
  }

  async function look(words: readonly string[], cards: readonly Card[], found: Found): Promise<void> {
    const mine = ++round
    const hits = new Set<Card>()
    const matches = new Map<string, Match>()
    const hit = (card: Card, text: string): void => {
      if (!hasAll(fold(`${titleOf(card)} ${text}`), words)) return
      hits.add(card)
      const match = matchIn(text, words)
      if (match !== undefined) matches.set(card.id, match)
    }
    const show = (): void =>
      found(
        cards.filter((card) => hits.has(card)),
        matches,
      )
    for (const card of cards) hit(card, card.excerpt)
    show()
    let shown = hits.size
    for (const [index, card] of cards.entries()) {
      if (mine !== round) return
      if (!hits.has(card)) hit(card, await wordsIn(card))
      if (mine !== round) return
      if ((index % SHOWN_EVERY === 0 || index === cards.length - 1) && hits.size > shown) {
        shown = hits.size
        show()
      }
    }
  }

  return {
    find(query, cards, found) {
      const words = fold(query)
        .split(/\s+/)
        .filter((word) => word !== '')
      look(words, cards, found).catch((error: unknown) => console.error('Fieldnotes: a note could not be read', error))
    },
  }
}

/** So much of the text stands before what was found. */
const BEFORE_LENGTH = 24
const AFTER_LENGTH = 80

/** Where the first of the words that is there stands; `undefined` where none is. */
export function matchIn(text: string, words: readonly string[]): Match | undefined {
  const folded = fold(text)
  // Letters that fold to more or fewer than one would show another place.
  if (folded.length !== text.length) return undefined
  const [word, at] = words
    .map((each): [string, number] => [each, folded.indexOf(each)])
    .reduce((best, each) => (each[1] >= 0 && (best[1] < 0 || each[1] < best[1]) ? each : best), ['', -1])
  if (at < 0) return undefined
  const start = at <= BEFORE_LENGTH ? 0 : startOfWord(text, at - BEFORE_LENGTH, at)
  const end = at + word.length
  return {
    before: `${start > 0 ? '…' : ''}${text.slice(start, at)}`,
    found: text.slice(at, end),
    after: text.slice(end, end + AFTER_LENGTH),
  }
}

function startOfWord(text: string, from: number, to: number): number {
  const space = text.slice(from, to).indexOf(' ')
  return space < 0 ? from : from + space + 1
}

const hasAll = (text: string, words: readonly string[]): boolean => words.every((word) => text.includes(word))

/** Without case and accents. */
export const fold = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
