/** Two versions of the code: one after the other over one session, and both at once in regions of one workspace. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { SCHEMA_VERSION } from '../../server/storage/schema.ts'
import { makeNextVersion, NEXT_SCHEMA_VERSION } from '../support/next-version.ts'
import { startWorkerd } from '../support/workerd.ts'
import { isSynced, startClient } from '../unit/client/support.ts'
import { cleanUp, stockClient, until } from '../unit/server/support.ts'

test('[P2][P3] a session goes on through the next version, back to this one, and on, and nothing is lost', async () => {
  const next = join(makeNextVersion(), 'wrangler.toml')
  const relay = await startWorkerd()
  cleanUp(relay.close)
  const versionOf = async () => (await relay.query('upgraded', 'SELECT number FROM version'))[0]?.number
  const [ada, bob] = [await startClient(relay, { id: 'upgraded' }), await startClient(relay, { id: 'upgraded' })]
  const notes = [ada.open(), bob.open()] as const
  const stock = stockClient(`${relay.socketUrl}/y/upgraded`, 'note')
  await isSynced(ada, bob)
  const texts = () => [notes[0].read(), notes[1].read(), stock.text.toString()]
  let typed = 0
  const type = (word: string) => {
    notes[typed % 14 === 0 ? 0 : 1].type(word)
    typed += word.length
  }
  const isAllRead = async (): Promise<void> => {
    await until(
      'all read the same',
      () => texts().every((text) => text.length === typed && text === texts()[0]),
      30_000,
    )
    await isSynced(ada, bob)
  }
  type('of this')
  await isAllRead()
  expect(await versionOf()).toBe(SCHEMA_VERSION)
  type('unsent ')
  await relay.replace(next)
  type('of next')
  await isAllRead()
  expect(await versionOf()).toBe(NEXT_SCHEMA_VERSION)
  // A version that was taken back does not touch what it does not know: it says so, and people go on by themselves.
  await relay.replace('wrangler.toml')
  type('offline')
  await until(
    'it says so',
    () => relay.errors().some((line) => line.includes(`version ${NEXT_SCHEMA_VERSION}`)),
    30_000,
  )
  expect(notes.map((note) => note.status.get().unacknowledged > 0)).toContain(true)
  await relay.replace(next)
  type('at last')
  await isAllRead()
  for (const error of [...ada.errors, ...bob.errors]) expect(error).toMatchObject({ code: 'storage-failed' })
  expect([...ada.branches, ...bob.branches]).toEqual([])
})

test('[P1] a region that runs the next version, and one that does not yet, hand on what is written in either', async () => {
  const next = join(makeNextVersion(), 'test/workers/versions/enam.toml')
  const relay = await startWorkerd('test/workers/versions/weur.toml', next)
  cleanUp(relay.close)
  const ada = await startClient(relay, { id: 'halves' })
  const note = ada.open()
  note.type('this ')
  await isSynced(ada)
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(`${relay.socketUrl}/y/halves`, 'note', doc, {
    disableBc: true,
    params: { region: 'enam' },
  })
  cleanUp(() => {
    provider.destroy()
    provider.awareness.destroy()
  })
  const text = doc.getText('text')
  await until('the next version has what was there before', () => text.toString() === 'this ')
  text.insert(5, 'next ')
  await until('this one has what the next one took', () => note.read() === 'this next ')
  note.type('both')
  await note.saved({ relays: 2 })
  expect(text.toString()).toBe('this next both')
  expect(relay.errors()).toEqual([])
})
