/** What a client says of who is there, and when, over hours of which nobody waits for one. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Awareness, encodeAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { createPresence } from '../../../client/presence.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const HOUR_MS = 60 * 60_000

test('says what has changed, and not every few seconds that nothing has: a relay may sleep', () => {
  const sent: Uint8Array[] = []
  const presence = createPresence(new Y.Doc(), undefined, (bytes) => sent.push(bytes))
  presence.awareness.setLocalState({ name: 'ada' })
  expect(sent).toHaveLength(1)
  presence.connected()
  expect(sent).toHaveLength(2)
  vi.advanceTimersByTime(HOUR_MS)
  expect(sent).toHaveLength(2)
  presence.awareness.setLocalStateField('cursor', 1)
  expect(sent).toHaveLength(3)
  presence.close()
})

test('keeps seeing those of whom nothing new is heard, until the relay says that they have gone, or is gone itself', () => {
  const bob = new Awareness(new Y.Doc())
  bob.setLocalState({ name: 'bob' })
  const presence = createPresence(new Y.Doc(), undefined, () => {})
  presence.received(encodeAwarenessUpdate(bob, [bob.clientID]))
  vi.advanceTimersByTime(HOUR_MS)
  expect(presence.awareness.getStates().get(bob.clientID)).toEqual({ name: 'bob' })
  bob.setLocalState(null)
  presence.received(encodeAwarenessUpdate(bob, [bob.clientID]))
  expect(presence.awareness.getStates().has(bob.clientID)).toBe(false)
  bob.setLocalState({ name: 'bob again' })
  presence.received(encodeAwarenessUpdate(bob, [bob.clientID]))
  presence.disconnected()
  expect(presence.awareness.getStates().has(bob.clientID)).toBe(false)
  presence.close()
  bob.destroy()
})

test('shows itself again to those who were told that it had gone, also where the relay has forgotten that', () => {
  const sent: Uint8Array[] = []
  const presence = createPresence(new Y.Doc(), undefined, (bytes) => sent.push(bytes))
  const bob = createPresence(new Y.Doc(), undefined, () => {})
  const { clientID, meta } = presence.awareness
  presence.awareness.setLocalState({ name: 'ada' })
  const gone = new Awareness(new Y.Doc())
  for (const bytes of sent) bob.received(bytes)
  gone.meta.set(clientID, { clock: (meta.get(clientID)?.clock ?? 0) + 1, lastUpdated: 0 })
  bob.received(encodeAwarenessUpdate(gone, [clientID]))
  expect(bob.awareness.getStates().has(clientID)).toBe(false)
  presence.connected()
  bob.received(sent.at(-1) ?? new Uint8Array())
  expect(bob.awareness.getStates().get(clientID)).toEqual({ name: 'ada' })
  for (const each of [presence, bob]) each.close()
  gone.destroy()
})
