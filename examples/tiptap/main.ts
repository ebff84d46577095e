/** A rich text editor with names at the cursors. Tiptap's extensions take the document and its awareness as they are. */
import { Editor } from '@tiptap/core'
import Collaboration from '@tiptap/extension-collaboration'
import CollaborationCaret from '@tiptap/extension-collaboration-caret'
import StarterKit from '@tiptap/starter-kit'
import { openWorkspace } from '../../client/index.ts'
import { relayOf } from '../relay.ts'

const workspace = await openWorkspace({ id: 'examples', relays: [relayOf(location.search)] })
const note = workspace.open('tiptap')
await note.whenLoaded

const element = document.getElementById('app') as HTMLElement
const user = { name: `guest ${note.doc.clientID % 100}`, color: '#2a6fdb' }
new Editor({
  element,
  extensions: [
    // Undo is Yjs' own: it takes back what this person did.
    StarterKit.configure({ undoRedo: false }),
    Collaboration.configure({ document: note.doc, field: 'body' }),
    CollaborationCaret.configure({ provider: { awareness: note.awareness }, user }),
  ],
})
note.status.subscribe(({ receipt }) => {
  element.dataset.receipt = receipt
})
