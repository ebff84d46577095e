/** What is written in the lab: marks, each by somebody, in an order that all agree on. */
import type * as Y from 'yjs'

export interface Mark {
  by: string
  nth: number
}

/** Who may write, in the order of their colours; no two begin alike. */
export const WRITERS = ['Ada', 'Ben', 'Cleo', 'Dov', 'Eve', 'Fay', 'Gus', 'Hal']

export const readMarks = (doc: Y.Doc): readonly Mark[] => doc.getArray<Mark>('marks').toArray()

export function writeMark(doc: Y.Doc, by: string): void {
  const marks = doc.getArray<Mark>('marks')
  marks.push([{ by, nth: marks.toArray().filter((mark) => mark.by === by).length + 1 }])
}

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
