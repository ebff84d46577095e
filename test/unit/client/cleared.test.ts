/** A workspace that is cleared in one tab while others have it open. */
import 'fake-indexeddb/auto'
import { expect, test } from 'vitest'
import { openIndexedDbStore } from '../../../client/replica/indexeddb.ts'
import { openWorkspace } from '../../../client/workspace.ts'
import { cleanUp, startRelay, until } from '../server/support.ts'
import { coded, impatient } from './support.ts'

test('[P5][P10] the others end, say so, and type into nowhere no more', async () => {
  const relay = await startRelay()
  const open = () =>
    openWorkspace({
      id: 'acme',
      user: 'clears',
      relays: [relay.socketUrl],
      storage: 'indexeddb',
      environment: impatient,
    })
  const [alice, bob] = [await open(), await open()]
  cleanUp(() => bob.close())
  const errors: unknown[] = []
  bob.on('error', (error) => errors.push(error))
  const note = bob.open('note')
  note.doc.getText('text').insert(0, 'one ')
  await note.saved('relay')
  await until('all know', () => [alice, bob].every(({ status }) => status.get().unacknowledged === 0))
  await alice.clear()
  await until('the other was told', () => note.status.get().error !== undefined)
  expect(note.status.get().error).toMatchObject({ code: 'closed' })
  await expect(note.saved('device')).rejects.toThrow(coded('closed'))
  expect(() => bob.open('note')).toThrow(coded('closed'))
  expect(errors).toEqual([coded('closed')])
  await until('its status says why', () => bob.status.get().error?.code === 'closed')

  // Who opens it now has it from the relay, and stores it again.
  const again = await open()
  cleanUp(() => again.close())
  const read = again.open('note')
  await read.whenSynced
  expect(read.doc.getText('text').toString()).toBe('one ')
})

test('[P5] a database that was deleted is not made anew by who had it open', async () => {
  const [one, other] = [await openIndexedDbStore('deleted'), await openIndexedDbStore('deleted')]
  await one.destroy()
  await expect(other.write(['meta'], async () => {})).rejects.toThrow(coded('closed'))
  const after = await openIndexedDbStore('deleted')
  expect(await after.read(['meta'], (transaction) => transaction.get('meta', ['replica']))).toBeUndefined()
  after.close()
})
