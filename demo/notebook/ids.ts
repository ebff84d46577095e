/** Names of documents in a notebook. The kind stands in the id: a link to a note opens before its card has arrived. */

export type NoteKind = 'note' | 'board'

/** The document that lists the others. */
export const INDEX_ID = 'index'

const LETTERS = '23456789abcdefghjkmnpqrstuvwxyz'
const LETTERS_PER_ID = 12

/** A new id of this kind, unlike any other. */
export function newNoteId(kind: NoteKind): string {
  const bytes = crypto.getRandomValues(new Uint8Array(LETTERS_PER_ID))
  return `${kind}/${[...bytes].map((byte) => LETTERS[byte % LETTERS.length]).join('')}`
}

export const kindOf = (id: string): NoteKind => (id.startsWith('board/') ? 'board' : 'note')

export const isNoteId = (id: string): boolean => /^(note|board)\/.{1,200}$/.test(id)
