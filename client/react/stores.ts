/** Values of Yjs as React takes them: the same object until something has changed. */
import type { Awareness } from 'y-protocols/awareness'

/** Any of Yjs' shared types, as far as it is read here. */
export interface Shared {
  toJSON(): unknown
  observeDeep(listener: () => void): void
  unobserveDeep(listener: () => void): void
}

export interface Store<T> {
  get(): T
  subscribe(listener: () => void): () => void
}

/** What a shared type holds. */
export function createValue<T extends Shared, R>(type: T, read: (type: T) => R): Store<R> {
  let value = read(type)
  let isWatched = false

  /** What happened before anybody listened was not heard. */
  function look(): R {
    const now = read(type)
    if (JSON.stringify(now) !== JSON.stringify(value)) value = now
    return value
  }

  return {
    get: () => (isWatched ? value : look()),
    subscribe(listener) {
      const changed = (): void => {
        value = read(type)
        listener()
      }
      type.observeDeep(changed)
      isWatched = true
      look()
      return () => {
        isWatched = false
        type.unobserveDeep(changed)
      }
    },
  }
}

/** Somebody in a document. */
export interface Person<S> {
  /** Yjs client id of their session. */
  client: number
  isSelf: boolean
  state: S
}

export function createPeople<S>(awareness: Awareness): Store<readonly Person<S>[]> {
  let people = read()

  function read(): readonly Person<S>[] {
    return [...awareness.getStates()]
      .map(([client, state]) => ({ client, isSelf: client === awareness.clientID, state: state as S }))
      .sort((a, b) => Number(b.isSelf) - Number(a.isSelf) || a.client - b.client)
  }

  return {
    get: () => people,
    subscribe(listener) {
      const changed = (): void => {
        people = read()
        listener()
      }
      awareness.on('change', changed)
      people = read()
      return () => awareness.off('change', changed)
    },
  }
}
