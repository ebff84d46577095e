/** Whether all of a note is on this device, before it is copied. */
import { expect, test } from 'vitest'
import { whole } from '../../../demo/notebook/whole.ts'
import { startClient } from '../client/support.ts'
import { startRelay } from '../server/support.ts'

const card = (excerpt: string) => ({ title: 'Birds', excerpt, kind: 'note' as const })

test('[P2] a note whose card has come is not taken for whole before its text has', async () => {
  const relay = await startRelay()
  const alice = await startClient(relay)
  const written = alice.open('note')
  written.type('a heron')
  await written.saved('relay')
  const bob = await startClient(relay, { connect: false })
  const note = bob.open('note')
  await expect(whole(note, card('a heron'))).rejects.toThrow('“Birds” is not on this device, and no relay is reached.')
  await whole(note, card(''))
  bob.workspace.connect()
  await expect.poll(() => note.status.get().connection).not.toBe('offline')
  await whole(note, card('a heron'))
  expect(note.read()).toBe('a heron')
})
