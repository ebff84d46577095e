/** The hooks in a real browser, under StrictMode. */
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { cleanUp, until } from '../support/lifetime.ts'
import { launchPages } from '../support/pages.ts'
import { type RelayProcess, startRelayProcess } from '../support/relay-process.ts'

const { browser, pages } = await launchPages(fileURLToPath(new URL('react-page', import.meta.url)))

async function open(relay: RelayProcess, name: string): Promise<Page> {
  const profile = await browser.newContext()
  cleanUp(() => profile.close())
  const page = await profile.newPage()
  await page.goto(relay.url)
  await page.evaluate(([url, who]) => window.mount({ id: 'acme', relays: [url], storage: 'indexeddb' }, who), [
    relay.socketUrl,
    name,
  ] as const)
  await page.waitForSelector('#lines', { state: 'attached' })
  return page
}

const lines = (page: Page): Promise<string[]> => page.locator('#lines li').allTextContents()
const shows = (page: Page, what: readonly string[]) =>
  until(`it shows ${what}`, async () => JSON.stringify(await lines(page)) === JSON.stringify(what), {
    seen: () => lines(page),
  })
const textOf = (page: Page, id: string): Promise<string | null> => page.locator(`#${id}`).textContent()

describe('React', () => {
  test('[P1][P6] shows what is here and elsewhere, and where it stands', async () => {
    const relay = await startRelayProcess({ pages })
    const [alice, bob] = [await open(relay, 'alice'), await open(relay, 'bob')]
    await alice.evaluate(() => window.add('from alice'))
    await shows(bob, ['from alice'])
    await bob.evaluate(() => window.add('from bob'))
    await shows(alice, ['from alice', 'from bob'])
    for (const page of [alice, bob]) {
      await until('it is in sync', async () => (await textOf(page, 'status')) === 'synced relay')
      expect(await page.evaluate(() => window.openSockets())).toBe(1)
    }
    const before = await alice.evaluate(() => window.renders)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(await alice.evaluate(() => window.renders)).toBe(before)
    for (const page of [alice, bob]) expect(await page.evaluate(() => window.problems)).toEqual([])
  })

  test('[P5] shows who is here', async () => {
    const relay = await startRelayProcess({ pages })
    const [alice, bob] = [await open(relay, 'alice'), await open(relay, 'bob')]
    await alice.click('#show')
    await bob.click('#show')
    await until('they see each other', async () => {
      return (await textOf(alice, 'people')) === 'alice bob' && (await textOf(bob, 'people')) === 'bob alice'
    })
    await bob.evaluate(() => window.unmount())
    await until('she is alone', async () => (await textOf(alice, 'people')) === 'alice')
  })

  test('goes to another document and back, and comes again after it was unmounted', async () => {
    const relay = await startRelayProcess({ pages })
    const page = await open(relay, 'alice')
    await page.evaluate(() => window.add('in the first'))
    await page.click('#switch')
    await until('it shows the second', async () => (await textOf(page, 'switch')) === 'second')
    await shows(page, [])
    await page.evaluate(() => window.add('in the second'))
    await shows(page, ['in the second'])
    await page.click('#switch')
    await shows(page, ['in the first'])
    await page.evaluate(() => window.unmount())
    await until('its socket is closed', async () => (await page.evaluate(() => window.openSockets())) === 0)
    await page.evaluate(
      (url) => window.mount({ id: 'acme', relays: [url], storage: 'indexeddb' }, 'alice'),
      relay.socketUrl,
    )
    await shows(page, ['in the first'])
    expect(await page.evaluate(() => window.problems)).toEqual([])
  })
})
