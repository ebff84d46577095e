/** What stands in place of a note that left this device to make room, until it is here again. */
import type { DocumentHandle } from '../../client/index.ts'
import { make } from '../parts/dom.ts'
import { makeIcon } from '../parts/icons.ts'

/** Resolves when all of the note is here, and at once where it never left; shows in `place` that it has to come. */
export function untilHere({ status }: DocumentHandle, place: HTMLElement, signal: AbortSignal): Promise<void> {
  if (status.get().kept === 'device') return Promise.resolve()
  const text = make('p', { role: 'status' })
  const absent = make('div', { class: 'absent', 'data-testid': 'absent' }, makeIcon('cloud'), text)
  place.append(absent)
  return new Promise((resolve) => {
    const unsubscribe = status.subscribe(({ kept, connection }) => {
      const words =
        connection === 'syncing' || connection === 'synced'
          ? 'This note comes back from the relay…'
          : 'This note is not on this device; it comes back when you are online.'
      if (text.textContent !== words) text.textContent = words
      if (kept === 'device') end()
    })
    signal.addEventListener('abort', end)

    function end(): void {
      // The status tells once at once, before there is anything to unsubscribe.
      queueMicrotask(() => unsubscribe())
      absent.remove()
      resolve()
    }
  })
}
