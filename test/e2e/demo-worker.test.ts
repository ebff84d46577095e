/** The demo as `npm run dev:worker` serves it: page and relay from wrangler, which is killed and started again. */
import { expect, test } from 'vitest'
import {
  createNote,
  installed,
  launchDemo,
  newProfile,
  openByTitle,
  openNotebookPage,
  shows,
  tells,
  textOf,
  type,
} from '../support/fieldnotes.ts'
import { until } from '../support/lifetime.ts'
import { startWranglerProcess } from '../support/wrangler-process.ts'

const { browser, demo } = await launchDemo()

test('[P1][P2][P6] Fieldnotes at a Worker: two profiles converge, start and write while it is gone, and join when it is back', async () => {
  const worker = await startWranglerProcess('--assets', demo)
  const [alice, bob] = [await newProfile(browser), await newProfile(browser)]
  const one = await openNotebookPage(alice, worker.url, 'Alice')
  await createNote(one, 'Birds', 'Birds at home. ')
  await tells(one, { unacknowledged: '0', connection: 'synced' }, 'status-all')
  await installed(one)
  const other = await openNotebookPage(bob, worker.url, 'Bob')
  await openByTitle(other, 'Birds')
  await shows(other, 'Birds at home. ')
  await type(other, 'Seen. ')
  await shows(one, 'Birds at home. Seen. ')

  await worker.kill()
  await one.reload()
  await openByTitle(one, 'Birds')
  await shows(one, 'Birds at home. Seen. ')
  await type(one, 'One. ')
  await tells(one, { receipt: 'device' })
  await type(other, 'Bob. ')

  await worker.start()
  for (const page of [one, other]) await tells(page, { unacknowledged: '0', connection: 'synced' }, 'status-all')
  const areBoth = /^Birds at home\. Seen\. (One\. Bob\. |Bob\. One\. )$/
  for (const page of [one, other]) await until('both are in it', async () => areBoth.test(await textOf(page)))
  expect(await textOf(one)).toBe(await textOf(other))
})
