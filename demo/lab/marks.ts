/** What is written in the lab: marks, each by somebody, in an order that all agree on. */
import type * as Y from 'yjs'

export interface Mark {
  by: string
  nth: number
}

export const readMarks = (doc: Y.Doc): readonly Mark[] => doc.getArray<Mark>('marks').toArray()

/** How many of each, as a version vector says it: `A3 B2`. */
export function vectorOf(marks: readonly Mark[]): string {
  const counts = new Map<string, number>()
  for (const { by } of marks) counts.set(by, (counts.get(by) ?? 0) + 1)
  return [...counts]
    .sort()
    .map(([by, count]) => `${by[0]}${count}`)
    .join(' ')
}

/** Equal marks in equal order, equal text. */
export const textOf = (marks: readonly Mark[]): string => marks.map(({ by, nth }) => `${by}${nth}`).join(',')
