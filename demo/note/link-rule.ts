/**
 * An address that is typed becomes a link at the space or the end of the line after it. Tiptap's own autolink looks at every change, also
 * at those of others and at what is read: then opening a note could be an edit.
 */
import { Extension, InputRule } from '@tiptap/core'
import type { MarkType } from '@tiptap/pm/model'
import type { Transaction } from '@tiptap/pm/state'
import { find } from './linkify.ts'

export const LinkRule = Extension.create({
  name: 'linkRule',
  // Before what makes a new line.
  priority: 1_100,
  addInputRules() {
    return [
      new InputRule({
        find: /\S[ \u00a0]$/,
        handler({ range, match, state }) {
          const { tr } = state
          const type = state.schema.marks.link
          if (type === undefined || !linkLast(tr, type)) return null
          // The space that was typed has not been written yet.
          tr.insertText(match[0].slice(-1), range.to).removeStoredMark(type)
        },
      }),
    ]
  },
  addKeyboardShortcuts() {
    const link = (): boolean => {
      const { state, view } = this.editor
      const { tr } = state
      const type = state.schema.marks.link
      if (type !== undefined && state.selection.empty && linkLast(tr, type)) view.dispatch(tr)
      // The line is ended by who ends lines.
      return false
    }
    return { Enter: link, 'Shift-Enter': link }
  },
})

/** What may stand after an address, and is none of it, is left out. */
const LAST_WORD = /(?:^|[\s(\ufffc])([^\s(\ufffc]\S*?)[.,;:!?)]*$/

/** Makes the address before the cursor a link; false where none stands there, or it is one. */
function linkLast(tr: Transaction, type: MarkType): boolean {
  const { $from } = tr.selection
  if (!$from.parent.isTextblock || $from.parent.type.spec.code) return false
  const before = $from.parent.textBetween(0, $from.parentOffset, undefined, '\ufffc')
  const [found] = find(LAST_WORD.exec(before)?.[1] ?? '')
  if (found === undefined) return false
  const from = $from.start() + before.lastIndexOf(found.value)
  const to = from + found.value.length
  if (tr.doc.rangeHasMark(from, to, type)) return false
  tr.addMark(from, to, type.create({ href: found.href }))
  return true
}
