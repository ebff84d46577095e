/** The text editor of a note: Tiptap on a Y.XmlFragment, with undo of one's own edits and the cursors of others. */
import { Editor } from '@tiptap/core'
import { Collaboration } from '@tiptap/extension-collaboration'
import { TaskItem, TaskList } from '@tiptap/extension-list'
import { StarterKit } from '@tiptap/starter-kit'
import { yUndoPluginKey } from '@tiptap/y-tiptap'
import type { DocumentHandle } from '../../client/index.ts'
import { TEXT_FIELD } from '../text/blocks.ts'
import { describeText } from '../text/describe-text.ts'
import { CheckRule } from './check-rule.ts'
import { createCursors } from './cursors.ts'
import { LinkRule } from './link-rule.ts'
import { createPlaceholder } from './placeholder.ts'
import type { Surface } from './surface.ts'
import { createToolbar } from './toolbar.ts'

/** An editor of `handle`, which must be loaded. */
export function openEditor(handle: DocumentHandle, parent: HTMLElement, tools: HTMLElement): Surface {
  const editor = new Editor({
    element: parent,
    injectCSS: false,
    extensions: [
      StarterKit.configure({
        // The history is that of Yjs; a line of its own at the end would be an edit that nobody made.
        undoRedo: false,
        trailingNode: false,
        heading: { levels: [1, 2, 3] },
        link: { openOnClick: false, autolink: false, defaultProtocol: 'https' },
      }),
      TaskList,
      TaskItem.configure({
        nested: true,
        a11y: { checkboxLabel: (node) => `Done: ${node.textContent || 'empty item'}` },
      }),
      CheckRule,
      LinkRule,
      createPlaceholder('Write something. It is kept on this device, network or not.'),
      Collaboration.configure({ document: handle.doc, field: TEXT_FIELD }),
      createCursors(handle.awareness),
    ],
    editorProps: {
      attributes: {
        class: 'prose',
        role: 'textbox',
        'aria-multiline': 'true',
        'aria-label': 'Text of the note',
        'data-testid': 'editor',
        spellcheck: 'true',
        autocapitalize: 'sentences',
      },
    },
  })
  // What a mouse or finger does is undone by itself, not together with what was typed before.
  parent.addEventListener('pointerdown', () => yUndoPluginKey.getState(editor.state)?.undoManager.stopCapturing(), true)
  const toolbar = createToolbar(editor, tools)
  return {
    focus: () => editor.view.focus(),
    // Tiptap's own command waits for the next frame: the letters until then would go elsewhere.
    begin() {
      editor.commands.setTextSelection(1)
      editor.view.focus()
    },
    freeze() {
      editor.setEditable(false)
      toolbar.close()
    },
    describe: () => describeText(handle.doc),
    close() {
      toolbar.close()
      editor.destroy()
    },
  }
}
