/** The demo before a relay that asks for tokens: what it says, how a key comes in, and that it goes nowhere else. */
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { mintToken } from '../../server/auth/tokens.ts'
import { createRelay } from '../../server/index.ts'
import {
  beginAnew,
  createNote,
  launchDemo,
  newProfile,
  openByTitle,
  openNotebookPage,
  shows,
  tells,
} from '../support/fieldnotes.ts'
import { cleanUp, until } from '../support/lifetime.ts'

const SECRET = 'a secret of thirty-two bytes, or of more'

const { browser, demo } = await launchDemo()

describe('a relay that asks for tokens', () => {
  test('[P5] is said to ask for a key; a link brings one, which stays out of addresses and requests', async () => {
    const url = await startRelay()
    const alice = await openNotebookPage(await newProfile(browser), url, 'Alice')
    const asked: string[] = []
    alice.on('request', (request) => asked.push(request.url()))
    alice.on('websocket', (socket) => asked.push(socket.url()))
    await tells(alice, { label: 'Needs a key' }, 'status-all')
    await alice.getByTestId('status-all').click()
    await alice.getByText(/The relay asks for a key to this notebook/).waitFor()
    await alice.keyboard.press('Escape')

    const key = await keyFor('alice', 'write')
    await beginAnew([alice], () => alice.goto(`${url}/#?token=${key}`))
    await tells(alice, { label: 'At the relay' }, 'status-all')
    expect(alice.url()).not.toContain('token')
    await createNote(alice, 'Shared', 'for who may ')
    await tells(alice, { receipt: 'relay' })
    await alice.reload()
    await shows(alice, 'for who may ')
    await tells(alice, { label: 'At the relay' }, 'status-all')
    expect(asked.filter((address) => address.startsWith('ws'))).not.toEqual([])
    // The browser tells of the fragment, which it keeps to itself.
    expect(asked.filter((address) => address.split('#')[0]?.includes(key))).toEqual([])

    const bob = await openNotebookPage(
      await newProfile(browser),
      `${alice.url()}?token=${await keyFor('bob', 'write')}`,
    )
    await shows(bob, 'for who may ')
    expect(bob.url()).toBe(alice.url())
  })

  test('[P5] shows what a key for reading opens, and begins nothing that would be refused', async () => {
    const url = await startRelay()
    const alice = await openNotebookPage(await newProfile(browser), `${url}/#?token=${await keyFor('alice', 'write')}`)
    await createNote(alice, 'Read me', 'as it is')
    await tells(alice, { receipt: 'relay' })
    const bob = await openNotebookPage(await newProfile(browser), url)
    await putIn(bob, 'no key at all')
    await tells(bob, { label: 'Needs a key' }, 'status-all')
    await putIn(bob, await keyFor('bob', 'read'))
    await tells(bob, { label: 'To read' }, 'status-all')
    await openByTitle(bob, 'Read me')
    await until(
      'the text is not to be edited',
      async () => (await bob.getByTestId('editor').getAttribute('contenteditable')) === 'false',
    )
    expect(await bob.getByTestId('title').getAttribute('readonly')).not.toBeNull()
    await bob.getByTestId('new').click()
    await bob.getByRole('menuitem', { name: 'Note' }).click()
    await bob.getByText('Your key opens this notebook for reading.').waitFor()
    await tells(bob, { unacknowledged: '0' }, 'status-all')
  })
})

async function startRelay(): Promise<string> {
  const relay = createRelay({ auth: { secret: SECRET }, demo })
  cleanUp(() => relay.close())
  const { url } = await relay.listen(0)
  return url
}

const keyFor = (subject: string, role: 'read' | 'write'): Promise<string> =>
  mintToken(SECRET, { subject, workspaces: ['demo'], role, lifetimeMs: 600_000 })

async function putIn(page: Page, key: string): Promise<void> {
  await tells(page, { label: 'Needs a key' }, 'status-all')
  await page.getByTestId('settings-button').click()
  await page.getByTestId('key').fill(key)
  await beginAnew([page], () => page.getByTestId('use-key').click())
}
