/**
 * The quiet indicator: a dot and a few words, the same for one note and for all. Its element carries the plain values too,
 * for tests and the curious: `data-receipt`, `data-unacknowledged`, `data-connection`, `data-storage`.
 */
import type { DocumentHandle, Workspace } from '../../client/index.ts'
import { countAway } from '../notebook/whole.ts'
import { make } from '../parts/dom.ts'
import { watchSpread } from './spread.ts'
import { type Words, wordsOfAll, wordsOfNote } from './words.ts'

/** What is true of a shorter moment than this is not shown: words that flicker at every key tell nothing. */
const PASSING_MS = 700

export interface Indicator {
  readonly element: HTMLButtonElement
  close(): void
}

export interface IndicatorOptions {
  workspace: Workspace
  /** Tells of it, or of all notes. */
  note?: DocumentHandle
  /** How many relays there are. */
  relays: number
  act(): void
}

export function createIndicator({ workspace, note, relays, act }: IndicatorOptions): Indicator {
  const label = make('span', { class: 'indicator-label' })
  const element = make(
    'button',
    { type: 'button', class: 'indicator' },
    make('span', { class: 'dot', 'aria-hidden': 'true' }),
    label,
  )
  element.dataset.testid = note === undefined ? 'status-all' : 'status'
  element.addEventListener('click', act)
  let later: ReturnType<typeof setTimeout> | undefined

  function words(): Words {
    return note === undefined
      ? wordsOfAll(workspace.status.get(), countAway(workspace))
      : wordsOfNote(note.status.get(), workspace.status.get(), spread?.relays)
  }

  function show(): void {
    const { connection, storage, unacknowledged } = workspace.status.get()
    const of = note?.status.get()
    element.dataset.connection = connection
    element.dataset.storage = storage
    element.dataset.unacknowledged = String(of?.unacknowledged ?? unacknowledged)
    if (of !== undefined) element.dataset.receipt = of.receipt
    if (words().passing && label.textContent !== '') later ??= setTimeout(say, PASSING_MS)
    else say()
  }

  function say(): void {
    clearTimeout(later)
    later = undefined
    const { label: text, sentence, tone } = words()
    if (label.textContent !== text) label.textContent = text
    element.dataset.tone = tone
    element.title = sentence
    element.ariaLabel = `${note === undefined ? 'All notes' : 'This note'}: ${text}. Details`
  }

  const spread = note !== undefined && relays > 1 ? watchSpread(note, relays, () => show()) : undefined
  const unsubscribe = [workspace.status.subscribe(show), (note?.status ?? workspace.kept).subscribe(show)]
  return {
    element,
    close() {
      clearTimeout(later)
      spread?.close()
      for (const end of unsubscribe) end()
    },
  }
}
