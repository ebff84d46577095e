/** People's edits from one seed, in one Y.Doc: everything that Yjs knows, undo and redo, deletions only, and typing. */
import * as Y from 'yjs'
import type { Chance } from '../time/chance.ts'
import { EDITS, ERASINGS, NESTINGS } from './kinds.ts'
import { between, WORDS } from './text.ts'

/** What somebody does: a bit of everything, only deletions, nested types and subdocuments, or typing letter by letter. */
export const EDIT_KINDS = ['edit', 'erase', 'nest', 'type'] as const

export type EditKind = (typeof EDIT_KINDS)[number]

/** Somebody who edits one Y.Doc. */
export interface Editor {
  /** One transaction, or none where chance finds nothing to do. */
  edit(kind: EditKind, chance: Chance): void
}

/** What somebody once typed: patches of a text, each transaction of its own. */
export type Recording = readonly {
  readonly patches: readonly (readonly [position: number, deleted: number, inserted: string])[]
}[]

const LETTERS = [...'etaoin shrdlu.\n']

export function createEditor(doc: Y.Doc, recording?: Recording): Editor {
  const here = Symbol('editor')
  const scope = [doc.getText('text'), doc.getText('rich'), doc.getArray('array'), doc.getMap('map')]
  // Without a capture time each transaction is a step of its own: Yjs would ask the real clock.
  const undo = new Y.UndoManager(scope, { captureTimeout: 0, trackedOrigins: new Set([here]) })
  let cursor = 0
  let replayed = 0

  function anything(chance: Chance): void {
    const kind = chance.below(16)
    if (kind === 0) undo.undo()
    else if (kind === 1) undo.redo()
    else {
      doc.transact(() => {
        if (kind < 7) writeWord(chance)
        else chance.one(EDITS)(doc, chance)
      }, here)
    }
  }

  function writeWord(chance: Chance): void {
    const text = doc.getText('text')
    const word = chance.one(WORDS)
    const at = between(text, chance.below(4) === 0 ? chance.below(text.length + 1) : Math.min(cursor, text.length))
    text.insert(at, word)
    cursor = at + word.length
  }

  /** The next of the recording, wherever others have moved its place to; else letters at a cursor that wanders. */
  function type(chance: Chance): void {
    const text = doc.getText('typed')
    const next = recording?.[replayed++ % recording.length]
    if (next !== undefined) {
      for (const [position, deleted, inserted] of next.patches) patch(text, position, deleted, inserted)
      return
    }
    if (chance.below(12) === 0) cursor = chance.below(text.length + 1)
    const back = chance.below(8) === 0 ? 1 : 0
    const at = Math.max(0, Math.min(cursor, text.length) - back)
    // No letter has two halves: the cursor is never within one.
    if (back > 0) text.delete(at, Math.min(back, text.length - at))
    else text.insert(at, chance.one(LETTERS))
    cursor = at + 1 - back
  }

  return {
    edit(kind, chance) {
      if (kind === 'edit') anything(chance)
      else if (kind === 'erase') doc.transact(() => chance.one(ERASINGS)(doc, chance), here)
      else if (kind === 'nest') doc.transact(() => chance.one(NESTINGS)(doc, chance), here)
      else doc.transact(() => type(chance), here)
    },
  }
}

function patch(text: Y.Text, position: number, deleted: number, inserted: string): void {
  const at = between(text, Math.min(position, text.length))
  const end = deleted === 0 ? at : between(text, Math.min(at + deleted, text.length))
  if (end > at) text.delete(at, end - at)
  if (inserted !== '') text.insert(at, inserted)
}
