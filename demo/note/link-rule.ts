/**
 * An address that is typed becomes a link at the space after it. Tiptap's own autolink looks at every change, also at those of others and
 * at what is read: then opening a note could be an edit.
 */
import { Extension, InputRule } from '@tiptap/core'
import { find } from './linkify.ts'

export const LinkRule = Extension.create({
  name: 'linkRule',
  addInputRules() {
    return [
      new InputRule({
        find: /(?:^|\s)\(?((?:https?:\/\/|www\.)\S+?)[.,;:!?)]*\s$/i,
        handler({ range, match, state }) {
          const [found] = find(match[1] ?? '')
          const type = state.schema.marks.link
          if (found === undefined || type === undefined) return null
          const from = range.from + match[0].indexOf(found.value)
          const to = from + found.value.length
          if (state.doc.rangeHasMark(from, to, type)) return null
          state.tr.addMark(from, to, type.create({ href: found.href }))
          // The space that was typed has not been written yet.
          state.tr.insertText(match[0].slice(-1), range.to).removeStoredMark(type)
        },
      }),
    ]
  },
})
