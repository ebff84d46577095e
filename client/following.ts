/** A store that shows what another one does, and may be turned to a third without those who listen noticing more than a change. */
import type { Readable } from './status.ts'

export interface Following<T> extends Readable<T> {
  /** Shows this one from now on. */
  turn(to: Readable<T>): void
  /** Stays as it is. */
  end(): void
}

export function follow<T>(first: Readable<T>, seen: (value: T) => T = (value) => value): Following<T> {
  const listeners = new Set<(value: T) => void>()
  let source = first
  let shown: { of: T; as: T } | undefined
  let told = get()
  let end = listen()

  function listen(): () => void {
    return source.subscribe(() => {
      const now = get()
      if (Object.is(told, now)) return
      told = now
      for (const listener of [...listeners]) listener(now)
    })
  }

  function get(): T {
    const of = source.get()
    if (shown === undefined || !Object.is(shown.of, of)) shown = { of, as: seen(of) }
    return shown.as
  }

  return {
    get,
    subscribe(listener) {
      listeners.add(listener)
      listener(get())
      return () => listeners.delete(listener)
    },
    turn(to) {
      end()
      source = to
      // What was shown of the other one may have been changed by what was true then.
      if (shown !== undefined && Object.is(shown.of, to.get())) shown = undefined
      end = listen()
    },
    end: () => end(),
  }
}
