/** `[ ] ` at the beginning of a list item makes a check list of the list, as it does of a paragraph. */
import { Extension, InputRule } from '@tiptap/core'

export const CheckRule = Extension.create({
  name: 'checkRule',
  // Before the rule of the check list itself, which knows paragraphs only.
  priority: 1_100,
  addInputRules() {
    return [
      new InputRule({
        find: /^\[([ x]?)\]\s$/i,
        handler: ({ range, match, chain, state }) => {
          const $from = state.doc.resolve(range.from)
          if ($from.node(-1)?.type.name !== 'listItem') return null
          const checked = match[1]?.toLowerCase() === 'x'
          chain().deleteRange(range).toggleTaskList().updateAttributes('taskItem', { checked }).run()
        },
      }),
    ]
  },
})
