/** The demo in front of several relays: it says at how many a note is, and goes on when one is gone. */

import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { createRelay, type Relay } from '../../server/index.ts'
import { freePort } from '../../tools/free-port.ts'
import { type LocalMesh, openLocalMesh } from '../../tools/mesh/mesh.ts'
import { startBlockingProxy } from '../support/blocking-proxy.ts'
import {
  createNote,
  launchDemo,
  newProfile,
  openByTitle,
  openNotebookPage,
  shows,
  tells,
  type,
} from '../support/fieldnotes.ts'
import { cleanUp, temporaryFolder, until } from '../support/lifetime.ts'

const { browser, demo } = await launchDemo()

describe('three relays', () => {
  test('[P2] the note is said to be at three relays, and the loss of one loses nothing', async () => {
    const ports = [await freePort(), await freePort(), await freePort()]
    const urls = ports.map((port) => `http://127.0.0.1:${port}`)
    const relays: Relay[] = []
    for (const [nth, port] of ports.entries()) {
      const relay = createRelay({ demo, peers: urls.filter((_, other) => other !== nth), allowedOrigins: urls })
      cleanUp(() => relay.close())
      await relay.listen(port)
      relays.push(relay)
    }
    const query = (first: number) =>
      `${urls[first]}/?${urls.map((url) => `relay=${encodeURIComponent(url)}`).join('&')}`
    const alice = await openNotebookPage(await newProfile(browser), query(0), 'Alice')
    await createNote(alice, 'Far', 'one ')
    await tells(alice, { receipt: 'relay', label: 'At 3 relays' })
    await alice.getByTestId('status').click()
    const peers = (): Promise<string[]> => alice.getByTestId('peers').locator('li').allTextContents()
    await until('all three answer', async () => (await peers()).filter((peer) => / answers/.test(peer)).length === 3, {
      seen: peers,
    })
    await relays[2]?.close()
    await until(
      'one does not',
      async () => (await peers()).some((peer) => peer.startsWith(`127.0.0.1:${ports[2]} does not`)),
      {
        seen: peers,
      },
    )
    await alice.keyboard.press('Escape')
    await type(alice, 'two ')
    await tells(alice, { receipt: 'relay', label: 'At 2 relays' })
    await relays[0]?.close()
    const bob = await openNotebookPage(await newProfile(browser), query(1), 'Bob')
    await openByTitle(bob, 'Far')
    await shows(bob, 'one two ')
  })
})

describe('another relay', () => {
  test('[P6] is reached by plain requests where its WebSockets are blocked', async () => {
    const port = await freePort()
    const own = createRelay({ demo })
    cleanUp(() => own.close())
    const { url } = await own.listen(port)
    const other = createRelay({ allowedOrigins: [url] })
    cleanUp(() => other.close())
    const proxy = await startBlockingProxy((await other.listen(0)).url)
    const query = `${url}/?relay=${encodeURIComponent(proxy.url)}`
    const alice = await openNotebookPage(await newProfile(browser), query, 'Alice')
    await createNote(alice, 'Far', 'one ')
    await tells(alice, { receipt: 'relay' })
    await own.close()
    await type(alice, 'two ')
    await tells(alice, { receipt: 'relay', unacknowledged: '0', connection: 'synced' })
    expect(proxy.requests).toContain('send')
  })
})

describe('the network lab before a mesh', () => {
  test('[P1][P10] shows its relays, who is connected, what is kept for a relay that was killed, and the moment of joining', async () => {
    const mesh = await startMesh()
    const profile = await newProfile(browser)
    const page = await openNotebookPage(profile, pageOf(mesh), 'Alice')
    await openNotebookPage(profile, pageOf(mesh))
    await openNotebookPage(await newProfile(browser), pageOf(mesh), 'Bob')
    await createNote(page, 'Seen', 'text')
    await page.getByTestId('status-all').click()
    await page.getByTestId('open-lab').click()
    const holds = async (name: string) =>
      (await page.locator(`.node[data-name="${name}"] .press`).getAttribute('aria-label')) ?? ''
    await page.locator('.node.own').waitFor()
    const nodes = (): Promise<number> => page.locator('.node').count()
    await until('all are there', async () => (await nodes()) === 3 + 2 + 2, { seen: nodes })
    await until('its two tabs are there', async () => (await page.locator('.node.own .tab').count()) === 2)
    await until('all three write', async () => /A\d+ B\d+ C\d+/.test(await holds('r3')), { seen: () => holds('r3') })
    expect(await holds('Dov')).toContain('does not tell what it holds')

    await page.locator('.node.own .press').click()
    await page.locator('.node[data-name="r2"] .press').click()
    await says(page, /^Parted: \d versions among 6 replicas/)
    await until('it is stopped', async () => /stopped/.test(await holds('r2')))
    expect(mesh.relays.map(({ isRunning }) => isRunning)).toEqual([true, false, true])
    await until('it is offline', async () => /offline/.test(await holds('Ada')))
    await until('others keep for it what it misses', async () =>
      (await page.locator('.owed').allTextContents()).some((owed) => /^\d+ kept$/.test(owed)),
    )
    await until('its edits wait', async () =>
      /^\d+ waiting$/.test((await page.locator('.node.own .node-waiting').textContent()) ?? ''),
    )

    await page.getByText('Everybody writes').click()
    await page.getByTestId('heal').click()
    await says(page, /^Joined: 6 replicas that held \d different versions hold one again/)
    const digests = (): Promise<string[]> => page.locator('.node.relay .node-within').allTextContents()
    await until('the digests meet', async () => new Set(await digests()).size === 1, { seen: digests })
    const costs = (): Promise<string> => page.locator('.costs').innerText()
    await until('the reconnect is measured', async () => /Ada to R\d/.test(await costs()), { seen: costs })

    await page.getByText('Everybody writes').click()
    await page.getByRole('radio', { name: 'Slow' }).check()
    const way = page.locator('.link[aria-label^="The way between Ada and"]').first()
    await way.press('Enter')
    await until('the way is slow', async () => (await way.getAttribute('data-state')) === 'slow')
    await says(page, /^Parted: /)
    await page.getByText('Everybody writes').click()
    await says(page, /^Joined: 6 replicas/)
    await page.getByTestId('heal').click()
    await until('no way is slow', async () => (await page.locator('.link[data-state="slow"]').count()) === 0)
    // Without the lab the ways are as they were, and the note arrives elsewhere.
    await page.keyboard.press('Escape')
    await tells(page, { unacknowledged: '0', connection: 'synced' }, 'status-all')
  })

  test('is told and heard by pages of its own only', async () => {
    const { urls } = await startMesh()
    const ask = async (path: string, method: string, origin?: string): Promise<number> => {
      const body = method === 'POST' ? JSON.stringify({ do: 'stop', relay: 'r1' }) : undefined
      const headers: Record<string, string> = origin === undefined ? {} : { Origin: origin }
      const answer = await fetch(`${urls[1]}${path}`, { method, headers, ...(body === undefined ? {} : { body }) })
      await answer.body?.cancel()
      return answer.status
    }
    expect(await ask('/lab/watch', 'GET', 'https://elsewhere.example')).toBe(403)
    expect(await ask('/lab/do', 'POST', 'https://elsewhere.example')).toBe(403)
    expect(await ask('/lab/do', 'POST')).toBe(404)
    expect(await ask('/lab/do', 'GET', urls[1])).toBe(404)
    expect(await ask('/lab/do', 'POST', urls[1])).toBe(204)
    expect(await ask('/lab/watch', 'GET')).toBe(200)
  })
})

async function startMesh(): Promise<LocalMesh> {
  const mesh = await openLocalMesh({
    ports: [await freePort(), await freePort(), await freePort()],
    data: temporaryFolder(),
    demo,
    workspace: 'demo',
    writers: ['Ben', 'Cleo'],
  })
  cleanUp(() => mesh.close())
  return mesh
}

const pageOf = ({ urls: [first, ...others] }: LocalMesh): string =>
  `${first}/?${others.map((url) => `relay=${encodeURIComponent(url)}`).join('&')}`

async function says(page: Page, what: RegExp): Promise<void> {
  const said = async (): Promise<string> => (await page.getByTestId('lab-verdict').textContent()) ?? ''
  await until(`the lab says ${what}`, async () => what.test(await said()), { withinMs: 90_000, seen: said })
}
