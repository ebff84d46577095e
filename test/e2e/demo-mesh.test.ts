/** The demo in front of several relays: it says at how many a note is, and goes on when one is gone. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { createRelay, type Relay } from '../../server/index.ts'
import { launchBrowser } from '../support/browser.ts'
import {
  buildDemo,
  createNote,
  newProfile,
  openByTitle,
  openNotebookPage,
  shows,
  tells,
  type,
} from '../support/fieldnotes.ts'
import { cleanUp, until } from '../support/lifetime.ts'
import { freePort } from '../support/relay-process.ts'

let browser: Browser
let demo: string
beforeAll(async () => {
  browser = await launchBrowser()
  demo = await buildDemo()
})
afterAll(() => browser.close())

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
