/** The list of a workspace's documents, and the field that makes a new one. A document's title is its id. */
import { RejoinError, type Workspace } from '../client/index.ts'
import { documentLink } from './address.ts'
import { find, make } from './dom.ts'

/** A shorter list is seen at a glance. */
const FILTER_FROM_DOCUMENTS = 9

export interface DocumentList {
  /** Marks the document that is open. */
  select(id: string): void
  /** Puts the keyboard's focus on it. */
  focus(): void
}

export interface DocumentListOptions {
  workspace: Workspace
  /** A name was given. Raises `invalid-id`. */
  create(id: string): void
}

export function createDocumentList({ workspace, create }: DocumentListOptions): DocumentList {
  const list = find('documents', HTMLUListElement)
  const filter = find('filter', HTMLElement)
  const filterText = find('filter-text', HTMLInputElement)
  const items = new Map<string, HTMLLIElement>()
  let selected: string | undefined

  function show(): void {
    const ids = workspace.documents.get()
    filter.hidden = ids.length < FILTER_FROM_DOCUMENTS
    const wanted = filter.hidden ? '' : filterText.value.trim().toLowerCase()
    for (const [index, id] of ids.entries()) {
      const item = itemOf(id)
      item.hidden = !id.toLowerCase().includes(wanted)
      if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null)
    }
  }

  function itemOf(id: string): HTMLLIElement {
    const item = items.get(id) ?? make('li', {}, makeLink(id))
    items.set(id, item)
    if (id === selected) item.firstElementChild?.setAttribute('aria-current', 'page')
    else item.firstElementChild?.removeAttribute('aria-current')
    return item
  }

  filterText.addEventListener('input', show)
  acceptNames(create)
  workspace.documents.subscribe(show)
  return {
    select(id) {
      selected = id
      show()
    },
    focus: () => list.querySelector<HTMLElement>('[aria-current]')?.focus(),
  }
}

/** The last part of a name says most, as in a path. */
function makeLink(id: string): HTMLAnchorElement {
  const end = id.lastIndexOf('/', id.length - 2) + 1
  return make(
    'a',
    { href: documentLink(id), title: id },
    make('span', { class: 'folder' }, id.slice(0, end)),
    id.slice(end),
  )
}

function acceptNames(create: (id: string) => void): void {
  const form = find('create', HTMLFormElement)
  const name = find('new-document', HTMLInputElement)
  const problem = find('create-problem', HTMLElement)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const id = name.value.trim()
    if (id === '') return name.focus()
    try {
      create(id)
      name.value = ''
      problem.textContent = ''
    } catch (error) {
      if (!(error instanceof RejoinError)) throw error
      problem.textContent = `That cannot be a name: ${error.message}`
    }
  })
  name.addEventListener('input', () => {
    problem.textContent = ''
  })
}
