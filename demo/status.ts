/**
 * The line that tells how safe the last edit is. Its element carries the plain values too, for tests: `data-receipt` and
 * `data-unacknowledged` of the document that is open, `data-connection` and `data-storage` of the workspace.
 */
import type { DocumentHandle, Workspace, WorkspaceStatus } from '../client/index.ts'
import { find } from './dom.ts'
import { connectionInWords, receiptInWords, type Words } from './words.ts'

/** What is true of a shorter moment than this is not shown: a line that flickers at every key tells nothing. */
const PASSING_MS = 500

export interface StatusLine {
  /** Tells of another document from now on. */
  follow(handle: DocumentHandle): void
}

export function createStatusLine(workspace: Workspace): StatusLine {
  const line = find('status', HTMLElement)
  const receipt = find('receipt', HTMLElement)
  const connection = find('connection', HTMLElement)
  const button = find('network', HTMLButtonElement)
  const announcement = find('announcement', HTMLElement)
  let handle: DocumentHandle | undefined
  let unfollow: (() => void) | undefined
  let wanted = true
  let later: ReturnType<typeof setTimeout> | undefined

  function show(): void {
    const status = workspace.status.get()
    line.dataset.connection = status.connection
    line.dataset.storage = status.storage
    button.textContent = offer(status)
    if (handle === undefined) return
    const document = handle.status.get()
    line.dataset.receipt = document.receipt
    line.dataset.unacknowledged = String(document.unacknowledged)
    if (words().passing) later ??= setTimeout(say, PASSING_MS)
    else say()
  }

  function offer({ connection, error }: WorkspaceStatus): string {
    if (error !== undefined) return 'Try again'
    if (!wanted) return 'Go online'
    return connection === 'offline' ? 'Stay offline' : 'Go offline'
  }

  function words(): Words {
    if (handle === undefined) return { text: '', tone: 'quiet', passing: false }
    const empty = handle.doc.getText('text').length === 0
    return receiptInWords(handle.status.get(), workspace.status.get(), empty)
  }

  function say(): void {
    clearTimeout(later)
    later = undefined
    const { text, tone } = words()
    const status = workspace.status.get()
    receipt.textContent = text
    line.dataset.tone = tone
    line.title = status.error?.detail ?? ''
    const here = handle?.status.get().unacknowledged ?? 0
    connection.textContent = connectionInWords(status, Math.max(0, status.unacknowledged - here))
    // Who listens hears what has changed, not each edit that is counted.
    const [news = ''] = text.split(' · ')
    if (announcement.textContent !== news) announcement.textContent = news
  }

  button.addEventListener('click', () => {
    wanted = !wanted || workspace.status.get().error !== undefined
    if (wanted) workspace.connect()
    else workspace.disconnect()
    show()
  })
  workspace.status.subscribe(show)
  return {
    follow(next) {
      unfollow?.()
      clearTimeout(later)
      later = undefined
      handle = next
      unfollow = next.status.subscribe(show)
    },
  }
}
