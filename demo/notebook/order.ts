/**
 * Places in a list as text that sorts: a card that is moved gets a place between its new neighbours, and nothing else
 * changes. Two who move the same card at once agree on one of the places; a card is never doubled.
 */

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** Letters of chance at the end: two who insert at one spot at once get places that differ. */
const CHANCE_LETTERS = 2

/** A place after `before` and before `after`; nothing stands for the ends. */
export function orderBetween(before = '', after?: string, chance: () => number = Math.random): string {
  let place = ''
  let bounded = after !== undefined
  for (let at = 0; ; at++) {
    // Two places that are equal have nothing between them: then it goes behind both.
    if (at >= before.length && at >= (after?.length ?? 0)) bounded = false
    const low = digitAt(before, at)
    const high = bounded ? digitAt(after ?? '', at) : DIGITS.length
    if (high - low > 1) {
      place += DIGITS[low + Math.ceil((high - low) / 2)] ?? ''
      break
    }
    place += DIGITS[low] ?? ''
    if (low < high) bounded = false
  }
  for (let i = 0; i < CHANCE_LETTERS; i++) place += DIGITS[1 + Math.floor(chance() * (DIGITS.length - 1))] ?? ''
  return place
}

/** Sorts by place; the id decides where chance was not enough. */
export const compareOrder = (a: { order: string; id: string }, b: { order: string; id: string }): number =>
  a.order < b.order ? -1 : a.order > b.order ? 1 : a.id < b.id ? -1 : 1

const digitAt = (place: string, at: number): number => Math.max(0, DIGITS.indexOf(place[at] ?? '0'))
