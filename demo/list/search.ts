/**
 * Finding notes: by title and beginning at once, and by all that is in them as they are read one after the other from this
 * device. What was read is remembered until the note changes.
 */
import type { Workspace } from '../../client/index.ts'
import { type Card, titleOf } from '../notebook/card.ts'
import { wordsOf } from '../text/describe.ts'

export interface Search {
  /** Calls `found` with all that is found so far, as often as there is more; a new search ends the old one. */
  find(query: string, cards: readonly Card[], found: (cards: readonly Card[]) => void): void
}

interface Read {
  editedAt: number
  words: string
}

/** Results are shown again after so many notes. */
const SHOWN_EVERY = 25

export function createSearch(workspace: Workspace): Search {
  const read = new Map<string, Read>()
  let round = 0

  async function wordsIn({ id, kind, editedAt }: Card): Promise<string> {
    const known = read.get(id)
    if (known?.editedAt === editedAt) return known.words
    const handle = workspace.open(id)
    try {
      await handle.whenLoaded
      const words = fold(wordsOf(kind, handle.doc))
      read.set(id, { editedAt, words })
      return words
    } finally {
      handle.close()
    }
  }

  async function look(
    words: readonly string[],
    cards: readonly Card[],
    found: (cards: readonly Card[]) => void,
  ): Promise<void> {
    const mine = ++round
    const hits = new Set(cards.filter((card) => hasAll(fold(`${titleOf(card)} ${card.excerpt}`), words)))
    const show = (): void => found(cards.filter((card) => hits.has(card)))
    show()
    let shown = hits.size
    for (const [index, card] of cards.entries()) {
      if (mine !== round) return
      if (!hits.has(card) && hasAll(`${fold(titleOf(card))} ${await wordsIn(card)}`, words)) hits.add(card)
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

const hasAll = (text: string, words: readonly string[]): boolean => words.every((word) => text.includes(word))

/** Without case and accents. */
const fold = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
