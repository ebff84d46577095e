/** The file of a workspace that does not open: its people are told, the others notice nothing, and it is there again when it opens. */
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startClient } from '../client/support.ts'
import { startRelay, temporaryFolder, until } from './support.ts'

test('[P5][P9][P10] a file that does not open is told, keeps nobody from other workspaces, and is used again once it opens', async () => {
  const data = temporaryFolder()
  const file = join(data, 'workspaces', 'acme.sqlite')
  const first = await startRelay({ data })
  const port = Number(new URL(first.url).port)
  const alice = await startClient(first)
  const note = alice.open()
  note.type('before ')
  await note.saved('relay')
  await first.relay.close()
  renameSync(file, `${file}.kept`)
  writeFileSync(file, 'a file of somebody else, which is longer than a header'.repeat(20))

  const again = await startRelay({ data }, port)
  note.type('meanwhile')
  const bob = await startClient(again, { id: 'other' })
  const other = bob.open()
  other.type('goes on')
  await other.saved('relay')
  await until('alice was told', () =>
    alice.errors.some((error) => error instanceof Error && /storage-failed/.test(error.message)),
  )
  expect(again.errors).toContainEqual(expect.objectContaining({ code: 'storage-failed' }))
  expect(note.status.get().receipt).not.toBe('relay')

  renameSync(`${file}.kept`, file)
  await note.saved('relay')
  const carol = await startClient(again)
  const read = carol.open()
  await until('all of it is there', () => read.read() === 'before meanwhile')
})
