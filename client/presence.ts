/**
 * Who is in a document: its awareness, fed by the relay and told to it. Nobody is seen without a connection. It is never
 * stored.
 */
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { STORED } from './reading.ts'
import { encodeGone } from './tabs/people.ts'

export interface Presence {
  /** Made at first use. */
  readonly awareness: Awareness
  /** The relay knows that the document is open here. */
  connected(): void
  disconnected(): void
  received(bytes: Uint8Array): void
  /** Leaves the document; awareness of the app's own goes on without it. */
  close(): void
}

export function createPresence(doc: Y.Doc, own: Awareness | undefined, send: (bytes: Uint8Array) => void): Presence {
  let awareness: Awareness | undefined
  let forget: (() => void) | undefined
  /** What the next `update` of the awareness tells of is not what was said before. */
  let isNew = false

  function made(): Awareness {
    awareness ??= listen(own ?? new Awareness(doc))
    return awareness
  }

  function listen(to: Awareness): Awareness {
    type Change = Record<'added' | 'updated' | 'removed', number[]>
    const changed = (): void => {
      isNew = true
    }
    const moved = ({ added, updated, removed }: Change, origin: unknown): void => {
      // The relay thought that this client had gone, as after a reconnect; its clock is past that now.
      const missed = origin === STORED && removed.includes(to.clientID) && to.getLocalState() !== null
      if (missed) send(encodeAwarenessUpdate(to, [to.clientID]))
      // y-protocols says every 15 s again what has not changed. A relay knows who is there by who is connected, and may sleep.
      if (origin !== STORED && isNew) send(encodeAwarenessUpdate(to, [...added, ...updated, ...removed]))
      isNew = false
    }
    to.on('change', changed)
    to.on('update', moved)
    forget = () => {
      to.off('change', changed)
      to.off('update', moved)
    }
    return to
  }
  if (own !== undefined) made()

  /** Clocks go too: the relay will send the states of the others as they were. */
  function forgetOthers(): void {
    if (awareness === undefined) return
    // Not the client id of the Y.Doc: an app may bring an awareness that it made of another one.
    const { clientID, meta } = awareness
    const others = [...awareness.getStates().keys()].filter((client) => client !== clientID)
    removeAwarenessStates(awareness, others, STORED)
    for (const client of meta.keys()) if (client !== clientID) meta.delete(client)
  }

  return {
    get awareness() {
      return made()
    },
    connected() {
      const state = awareness?.getLocalState()
      if (state == null) return
      // Set anew, its clock rises past that with which others have dropped it, one higher than the last they saw.
      awareness?.setLocalState(state)
      isNew = true
      awareness?.setLocalState(state)
    },
    disconnected: forgetOthers,
    received(bytes) {
      const { clientID, meta } = made()
      applyAwarenessUpdate(made(), bytes, STORED)
      // The relay says who has gone: nobody is taken for gone because nothing was heard of him for a while.
      for (const [client, known] of meta) if (client !== clientID) known.lastUpdated = Number.POSITIVE_INFINITY
    },
    close() {
      if (awareness === undefined) return
      forgetOthers()
      if (own === undefined) awareness.destroy()
      else send(encodeGone(new Map([[awareness.clientID, awareness.meta.get(awareness.clientID)?.clock ?? 0]])))
      forget?.()
    },
  }
}
