/** What the reader must know and may act on: refused edits, failures, and what this device cannot do. */
import { type Branch, RejoinError, type Workspace } from '../client/index.ts'
import { documentLink } from './address.ts'
import { find, make } from './dom.ts'

/** More at once are not read; the oldest go first. */
const NOTICES_MAX = 4

export interface Notice {
  /** One notice a key: a later one takes its place. */
  key: string
  text: string
  /** Beside the button that puts the notice away. */
  actions?: readonly HTMLElement[]
}

export function notify({ key, text, actions = [] }: Notice): void {
  const area = find('notices', HTMLElement)
  const away = make('button', { type: 'button', class: 'away', 'aria-label': 'Put this notice away' }, '×')
  const notice = make('div', { class: 'notice', role: 'alert' }, make('p', {}, text), ...actions, away)
  notice.dataset.key = key
  away.addEventListener('click', () => notice.remove())
  for (const other of [...area.children]) {
    if (other instanceof HTMLElement && other.dataset.key === key) other.remove()
  }
  area.append(notice)
  while (area.childElementCount > NOTICES_MAX) area.firstElementChild?.remove()
}

/** Tells of everything that the workspace raises, and of the refused edits that were kept earlier. */
export function tellOfProblems(workspace: Workspace, reopen: (document: string) => void): void {
  workspace.on('refused', (branch) => notifyOfBranch(branch, reopen))
  workspace.on('forked', ({ document }) =>
    notify({
      key: `forked ${document}`,
      text: `This browser's data was copied or set back; in “${document}” both contents are kept.`,
    }),
  )
  workspace.on('error', (error) => {
    console.error('Rejoin:', error)
    if (error instanceof RejoinError && error.code.startsWith('storage-')) {
      const text = 'This browser could not store what was typed. It tries again; until then, keep this page open.'
      return notify({ key: 'storage', text })
    }
    const text = error instanceof Error ? error.message : String(error)
    notify({ key: `error ${text}`, text })
  })
  workspace.branches().then(
    (branches) => {
      for (const branch of branches) notifyOfBranch(branch)
    },
    (error: unknown) => console.error('Rejoin:', error),
  )
}

function notifyOfBranch(branch: Branch, reopen?: (document: string) => void): void {
  const { document, detail } = branch
  const actions: HTMLElement[] = [makeDownload(branch)]
  if (reopen !== undefined) {
    const again = make('a', { href: documentLink(document) }, 'Open what the relay has')
    again.addEventListener('click', () => reopen(document))
    actions.push(again)
  }
  const text = `The relay refused edits of “${document}”: ${detail}. They are kept on this device.`
  notify({ key: `refused ${document}`, text, actions })
}

/** A link to the refused edits, as one Yjs update. */
function makeDownload({ document, update }: Branch): HTMLAnchorElement {
  const link = make('a', { download: `${document.replace(/[^\p{L}\p{N}_-]+/gu, '-')}.yjs-update` }, 'Download them')
  link.href = URL.createObjectURL(new Blob([new Uint8Array(update)], { type: 'application/octet-stream' }))
  return link
}
