/** The editor of one document: CodeMirror on a Y.Text, with undo of one's own edits and the cursors of others. */
import { standardKeymap } from '@codemirror/commands'
import { Compartment, EditorState } from '@codemirror/state'
import { drawSelection, EditorView, highlightSpecialChars, keymap, placeholder } from '@codemirror/view'
import { yCollab, yUndoManagerKeymap } from 'y-codemirror.next'
import * as Y from 'yjs'
import type { DocumentHandle } from '../client/index.ts'
import { checkedAwareness } from './awareness.ts'

export interface Editor {
  focus(): void
  /** Says that the document is empty, if it is: asked for once that is known. */
  invite(): void
  /** From now on one reads and copies. */
  freeze(): void
  close(): void
}

/** An editor of `handle`, which must be loaded, in `parent`. */
export function openEditor(handle: DocumentHandle, parent: HTMLElement): Editor {
  const text = handle.doc.getText('text')
  const undoManager = new Y.UndoManager(text)
  const invitation = new Compartment()
  const writing = new Compartment()
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text.toString(),
      extensions: [
        // A position of the editor is a position of the Y.Text only where a line ends in one character.
        EditorState.lineSeparator.of('\n'),
        EditorView.clipboardInputFilter.of((pasted) => pasted.replace(/\r\n?/g, '\n')),
        keymap.of([...yUndoManagerKeymap, ...standardKeymap]),
        EditorView.lineWrapping,
        highlightSpecialChars(),
        drawSelection(),
        EditorView.contentAttributes.of({
          'aria-label': `Text of ${handle.id}`,
          'data-testid': 'editor',
          spellcheck: 'true',
          autocorrect: 'on',
          autocapitalize: 'sentences',
        }),
        invitation.of([]),
        writing.of([]),
        yCollab(text, checkedAwareness(handle.awareness), { undoManager }),
      ],
    }),
  })
  return {
    focus: () => view.focus(),
    invite: () =>
      view.dispatch({
        effects: invitation.reconfigure(placeholder('Write something. It is kept on this device, network or not.')),
      }),
    freeze: () =>
      view.dispatch({
        effects: [
          writing.reconfigure([EditorState.readOnly.of(true), EditorView.editable.of(false)]),
          invitation.reconfigure([]),
        ],
      }),
    close() {
      view.destroy()
      undoManager.destroy()
    },
  }
}
