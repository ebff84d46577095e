/** Beside a link in the text: where it leads, to open, change or take it away. */
import type { Editor } from '@tiptap/core'
import { make, makeButton } from '../parts/dom.ts'

const MARGIN_PX = 8

export interface LinkBubble {
  /** Asks for the address of what is selected. */
  edit(): void
  close(): void
}

export function createLinkBubble(editor: Editor): LinkBubble {
  const input = make('input', {
    type: 'url',
    placeholder: 'https://',
    'aria-label': 'Address of the link',
    'data-testid': 'link-address',
    inputmode: 'url',
    autocomplete: 'off',
    spellcheck: 'false',
  })
  const anchor = make('a', { target: '_blank', rel: 'noopener noreferrer', class: 'link-open' })
  const form = make('form', {}, input, makeButton({ label: 'Set link', icon: 'check', class: 'quiet', act: set }))
  const shown = make(
    'div',
    { class: 'link-shown' },
    anchor,
    makeButton({ label: 'Change link', icon: 'pen', class: 'quiet', act: edit }),
    makeButton({ label: 'Remove link', icon: 'close', class: 'quiet', act: remove }),
  )
  const bubble = make('div', { class: 'bubble', role: 'group', 'aria-label': 'Link' }, shown, form)
  bubble.hidden = true
  document.body.append(bubble)
  let editing = false

  const chain = () => editor.chain().focus().extendMarkRange('link')
  const address = (): string => String(editor.getAttributes('link').href ?? '')

  function edit(): void {
    editing = true
    input.value = address()
    draw()
    input.focus()
    input.select()
  }

  function set(): void {
    const value = input.value.trim()
    editing = false
    const href = /^(https?:|mailto:|tel:|#|\/)/i.test(value) ? value : `https://${value}`
    if (value === '') chain().unsetLink().run()
    else if (!editor.state.selection.empty || address() !== '') chain().setLink({ href }).run()
    else
      chain()
        .insertContent({ type: 'text', text: value, marks: [{ type: 'link', attrs: { href } }] })
        .run()
    draw()
  }

  function remove(): void {
    chain().unsetLink().run()
    draw()
  }

  function draw(): void {
    const href = address()
    const inside = editor.isFocused || bubble.contains(document.activeElement)
    bubble.hidden = !editing && (href === '' || !inside || !editor.isEditable)
    if (bubble.hidden) return
    shown.hidden = editing
    form.hidden = !editing
    anchor.textContent = href.replace(/^https?:\/\//, '').slice(0, 60)
    if (/^(https?:|mailto:|tel:)/i.test(href)) anchor.href = href
    else anchor.removeAttribute('href')
    const { left, bottom, top } = editor.view.coordsAtPos(editor.state.selection.from)
    const { width, height } = bubble.getBoundingClientRect()
    const x = Math.min(Math.max(MARGIN_PX, left - width / 2), innerWidth - width - MARGIN_PX)
    const y = bottom + height + MARGIN_PX > innerHeight - 80 ? top - height - MARGIN_PX : bottom + MARGIN_PX
    Object.assign(bubble.style, { left: `${x}px`, top: `${y}px` })
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault()
    set()
  })
  bubble.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return
    editing = false
    editor.commands.focus()
    draw()
  })
  bubble.addEventListener('focusout', ({ relatedTarget }) => {
    if (relatedTarget instanceof Node && bubble.contains(relatedTarget)) return
    editing = false
    draw()
  })
  editor.on('selectionUpdate', draw)
  editor.on('focus', draw)
  editor.on('blur', () => setTimeout(draw))
  editor.view.dom.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (link !== null && (event.ctrlKey || event.metaKey)) open(link.href, '_blank', 'noopener')
  })
  return {
    edit,
    close: () => bubble.remove(),
  }
}
