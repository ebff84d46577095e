/** At how many relays a note is, where there are several: asked for one after the other, as far as they answer. */
import type { DocumentHandle } from '../../client/index.ts'

export interface Spread {
  /** Relays that are known to have everything that was written in the note; 0 while that is not known of any. */
  readonly relays: number
  close(): void
}

/** Watches a note; `changed` is called when the number is another. */
export function watchSpread(note: DocumentHandle, relaysMax: number, changed: () => void): Spread {
  let relays = 0
  let asking: AbortController | undefined

  function set(now: number): void {
    if (now === relays) return
    relays = now
    changed()
  }

  async function ask({ signal }: AbortController): Promise<void> {
    for (let count = 1; count <= relaysMax; count++) {
      await note.saved(count === 1 ? 'relay' : { relays: count }, { signal })
      set(count)
    }
  }

  const unsubscribe = note.status.subscribe(({ receipt, error }) => {
    if (receipt === 'relay' && error === undefined) {
      if (asking !== undefined) return
      const mine = new AbortController()
      asking = mine
      // It ends with the note, with the next edit, or with a relay that cannot tell: then it stays with what is known.
      ask(mine).catch(() => {})
      return
    }
    asking?.abort()
    asking = undefined
    set(0)
  })
  return {
    get relays() {
      return relays
    },
    close() {
      unsubscribe()
      asking?.abort()
    },
  }
}
