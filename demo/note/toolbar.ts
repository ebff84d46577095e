/** The tools of the text editor, the same with mouse, finger and keyboard. */
import type { Editor } from '@tiptap/core'
import { make, makeButton } from '../parts/dom.ts'
import { type IconName, makeIcon } from '../parts/icons.ts'
import { type MenuItem, openMenu } from '../parts/menu.ts'
import { createLinkBubble } from './link-bubble.ts'

interface Tool {
  label: string
  icon: IconName
  /** It is pressed where this holds. */
  active?(): boolean
  enabled?(): boolean
  act(): void
}

export function createToolbar(editor: Editor, parent: HTMLElement): { close(): void } {
  const chain = () => editor.chain().focus()
  const link = createLinkBubble(editor)
  const marks: Tool[] = [
    { label: 'Bold', icon: 'bold', active: () => editor.isActive('bold'), act: () => chain().toggleBold().run() },
    {
      label: 'Italic',
      icon: 'italic',
      active: () => editor.isActive('italic'),
      act: () => chain().toggleItalic().run(),
    },
    { label: 'Link', icon: 'link', active: () => editor.isActive('link'), act: () => link.edit() },
  ]
  const lists: Tool[] = [
    {
      label: 'Check list',
      icon: 'tasks',
      active: () => editor.isActive('taskList'),
      act: () => chain().toggleTaskList().run(),
    },
    {
      label: 'Bullets',
      icon: 'bullets',
      active: () => editor.isActive('bulletList'),
      act: () => chain().toggleBulletList().run(),
    },
    {
      label: 'Numbers',
      icon: 'numbers',
      active: () => editor.isActive('orderedList'),
      act: () => chain().toggleOrderedList().run(),
    },
  ]
  const history: Tool[] = [
    { label: 'Undo', icon: 'undo', enabled: () => editor.can().undo(), act: () => chain().undo().run() },
    { label: 'Redo', icon: 'redo', enabled: () => editor.can().redo(), act: () => chain().redo().run() },
  ]
  const tools = [...marks, ...lists, ...history]
  const buttons = tools.map(({ label, icon, act }) => {
    const button = makeButton({
      label,
      icon,
      class: 'tool',
      testid: `tool-${label.toLowerCase().replace(' ', '-')}`,
      act,
    })
    // The text keeps its selection.
    button.addEventListener('pointerdown', (event) => event.preventDefault())
    return button
  })
  const style = makeStyleButton(editor)
  const group = (from: readonly Tool[]) =>
    make('span', { class: 'tools' }, ...from.map((tool) => buttons[tools.indexOf(tool)] ?? ''))
  const bar = make(
    'div',
    { class: 'toolbar', role: 'toolbar', 'aria-label': 'Format', 'data-testid': 'toolbar' },
    style.button,
    group(marks),
    group(lists),
    group(history),
  )
  moveWithArrows(bar)
  parent.append(bar)

  function show(): void {
    style.show()
    for (const [index, { active, enabled }] of tools.entries()) {
      const button = buttons[index]
      if (button === undefined) continue
      if (active !== undefined) button.ariaPressed = String(active())
      if (enabled !== undefined) button.ariaDisabled = String(!enabled())
    }
  }
  editor.on('transaction', show)
  show()
  return {
    close() {
      editor.off('transaction', show)
      link.close()
      bar.remove()
    },
  }
}

/** The kind of the paragraph, said in a word, with the others in a menu. */
function makeStyleButton(editor: Editor): { button: HTMLButtonElement; show(): void } {
  const chain = () => editor.chain().focus()
  const kinds: { label: string; icon: IconName; is(): boolean; act(): void }[] = [
    ...([1, 2, 3] as const).map((level) => ({
      label: ['Title', 'Heading', 'Subheading'][level - 1] ?? '',
      icon: 'heading' as const,
      is: () => editor.isActive('heading', { level }),
      act: () => chain().setHeading({ level }).run(),
    })),
    {
      label: 'Quote',
      icon: 'quote',
      is: () => editor.isActive('blockquote'),
      act: () => chain().toggleBlockquote().run(),
    },
    { label: 'Code', icon: 'code', is: () => editor.isActive('codeBlock'), act: () => chain().toggleCodeBlock().run() },
    { label: 'Text', icon: 'note', is: () => editor.isActive('paragraph'), act: () => chain().setParagraph().run() },
  ]
  const name = make('span', {}, 'Text')
  const button = make(
    'button',
    { type: 'button', class: 'tool style', 'data-testid': 'tool-style', title: 'Kind of paragraph' },
    makeIcon('heading'),
    name,
  )
  button.addEventListener('pointerdown', (event) => event.preventDefault())
  button.addEventListener('click', () => {
    const items: MenuItem[] = kinds.map(({ label, icon, is, act }) => ({ label, icon, checked: is(), act }))
    openMenu(button, 'Kind of paragraph', items)
  })
  return {
    button,
    show() {
      const label = kinds.find(({ is }) => is())?.label ?? 'Text'
      if (name.textContent !== label) name.textContent = label
      button.ariaLabel = `Kind of paragraph: ${label}`
    },
  }
}

/** One stop for Tab; arrows move inside. */
function moveWithArrows(bar: HTMLElement): void {
  const all = (): HTMLButtonElement[] => [...bar.querySelectorAll('button')]
  for (const [index, button] of all().entries()) button.tabIndex = index === 0 ? 0 : -1
  bar.addEventListener('keydown', (event) => {
    const buttons = all()
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement)
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1 + buttons.length, Home: 0, End: buttons.length - 1 }[event.key]
    if (to === undefined || at < 0) return
    event.preventDefault()
    buttons[at]?.setAttribute('tabindex', '-1')
    const next = buttons[to % buttons.length]
    next?.setAttribute('tabindex', '0')
    next?.focus()
  })
}
