/** Stands for `prosemirror-history`, which Tiptap brings along: undo is Yjs's here, as others' edits are not one's own to take back. */
function left(): never {
  throw new Error('the editor was set up with a history of its own: undo is of the document')
}

export const history = left
export const undo = left
export const redo = left
