/** What an empty note says. It is drawn, not written. */
import { Extension } from '@tiptap/core'
import { Plugin } from '@tiptap/pm/state'
import { Decoration, DecorationSet } from '@tiptap/pm/view'

export const createPlaceholder = (text: string) =>
  Extension.create({
    name: 'placeholder',
    addProseMirrorPlugins: () => [
      new Plugin({
        props: {
          decorations({ doc }) {
            const only = doc.childCount === 1 ? doc.firstChild : null
            if (only?.type.name !== 'paragraph' || only.content.size > 0) return null
            return DecorationSet.create(doc, [
              Decoration.node(0, only.nodeSize, { class: 'is-empty', 'data-placeholder': text }),
            ])
          },
        },
      }),
    ],
  })
