/** Documents that lie beside the one that is written: short notes with a little history, words put in and taken out. */
import * as Y from 'yjs'
import type { Chance } from '../../test/sim/time/chance.ts'

const LIBRARY_DOCUMENTS = 120
const WORDS = [
  'tide',
  'curlew',
  'sluice',
  'reed',
  'marsh',
  'harrier',
  'count',
  'morning',
  'wind',
  'north',
  'ditch',
  'gate',
]
const WORDS_WRITTEN = 60
const WORDS_DELETED = 15

export function makeLibrary(chance: Chance): readonly Y.Doc[] {
  return Array.from({ length: LIBRARY_DOCUMENTS }, () => {
    const doc = new Y.Doc()
    const text = doc.getText('text')
    for (let i = 0; i < WORDS_WRITTEN; i++) text.insert(chance.below(text.length + 1), `${chance.one(WORDS)} `)
    for (let i = 0; i < WORDS_DELETED; i++) text.delete(chance.below(text.length - 4), 4)
    return doc
  })
}
