/** Fieldnotes on a device with little room: what leaves it, what stays, and what is said of both. */
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { seedNotebook } from '../../tools/seed.ts'
import {
  beginAnew,
  installed,
  launchDemo,
  newProfile,
  openByTitle,
  openNotebookPage,
  rowOf,
  tells,
  textOf,
} from '../support/fieldnotes.ts'
import { until } from '../support/lifetime.ts'
import { startRelayProcess } from '../support/relay-process.ts'

const { browser, demo } = await launchDemo()

describe('little room', () => {
  test('[P2][P6] notes leave for the relay, but those that are kept here; they say so, and come back', async () => {
    const relay = await startRelayProcess({ pages: demo })
    await seedNotebook(relay.url, 30)
    const page = await openNotebookPage(await newProfile(browser), relay.url, 'Alice')
    await tells(page, { connection: 'synced' }, 'status-all')
    await installed(page)
    expect(await page.locator('.place-of').count(), 'nothing is worth a sign').toBe(0)
    await choose(page, 'Curlews, five winters', 'Keep on this device')
    await until('it is kept', async () => (await placeOf(page, 'Curlews, five winters')) === 'device')

    // Less than any of the choices, so that thirty notes are too many.
    await page.evaluate(() => localStorage.setItem('fieldnotes.room demo', '2000'))
    await page.reload()
    await until('notes left', async () => (await placeOf(page, 'Letter to the parish')) === 'relay', {
      seen: () => page.locator('.place-of').count(),
    })
    expect(await placeOf(page, 'Curlews, five winters')).toBe('device')
    const device = (): Promise<string> => page.getByTestId('device').innerText()
    await page.getByTestId('status-all').click()
    await until(
      'the panel counts them',
      async () => /\d+ documents, \d+ of them at the relay only, 1 always kept here/.test(await device()),
      { seen: device },
    )
    await page.keyboard.press('Escape')

    await relay.kill()
    await page.reload()
    await tells(page, { connection: 'offline' }, 'status-all')
    await rowOf(page, 'Letter to the parish').locator('a').click()
    const absent = page.getByText('This note is not on this device; it comes back when you are online.')
    await absent.waitFor()
    await tells(page, { label: 'At the relay only' })
    expect(await page.getByTestId('editor').count(), 'what is not here is not edited').toBe(0)
    await choose(page, 'Letter to the parish', 'Export as Markdown')
    await page.getByText('“Letter to the parish” is not on this device, and no relay is reached.').waitFor()
    await openByTitle(page, 'Curlews, five winters')
    await until('what was kept is here', async () => (await textOf(page)).includes('Peak counts'))

    await rowOf(page, 'Letter to the parish').locator('a').click()
    await absent.waitFor()
    await relay.start()
    await page.getByTestId('editor').waitFor()
    await until('it came back', async () => (await textOf(page)).includes('Dear Mr Hollis'))
    await until('it says so', async () => (await placeOf(page, 'Letter to the parish')) === undefined)

    await page.getByTestId('settings-button').click()
    await page.getByRole('radio', { name: 'Every note' }).check()
    await beginAnew([page], () => page.getByTestId('use-room').click())
    await allAreHere(page, 'all of them here, 1 always kept here')
    await until('it is still kept', async () => (await placeOf(page, 'Curlews, five winters')) === 'device')
  })

  test.each([1, 2])(
    '[P2] in %d tabs every note comes back when all are chosen, also what leaves meanwhile',
    async (count) => {
      const relay = await startRelayProcess({ pages: demo })
      await seedNotebook(relay.url, 30)
      const profile = await newProfile(browser)
      const leader = await openNotebookPage(profile, relay.url, 'Alice')
      await tells(leader, { connection: 'synced' }, 'status-all')
      await installed(leader)
      // Nothing leaves while no relay is reached.
      await relay.kill()
      await leader.evaluate(() => localStorage.setItem('fieldnotes.room demo', '2000'))
      await leader.reload()
      const page = count === 1 ? leader : await openNotebookPage(profile, relay.url)
      await page.getByTestId('settings-button').click()
      await page.getByRole('radio', { name: 'Every note' }).check()
      await page.evaluate(() => {
        window.rejoin?.workspace.kept.subscribe((kept) => {
          // With the first one that leaves; the others do meanwhile.
          if (kept.size > 0) document.querySelector<HTMLButtonElement>('[data-testid=use-room]')?.click()
        })
      })
      const tabs = count === 1 ? [page] : [leader, page]
      await beginAnew(tabs, () => relay.start())
      for (const tab of tabs) await allAreHere(tab, 'all of them here')
    },
  )
})

async function allAreHere(page: Page, words: string): Promise<void> {
  await page.getByTestId('status-all').click()
  const device = (): Promise<string> => page.getByTestId('device').innerText()
  await until('the panel says so', async () => (await device()).includes(words), { seen: device })
  const elsewhere = page.locator('.place-of:not([data-at=device])')
  await until('the list says it of none', async () => (await elsewhere.count()) === 0, {
    seen: () => elsewhere.count(),
  })
}

/** The sign in the list, where there is one. */
const placeOf = async (page: Page, title: string): Promise<string | undefined> =>
  await rowOf(page, title)
    .locator('.place-of')
    .evaluateAll((signs) => signs.map((sign) => sign.getAttribute('data-at') ?? '')[0])

async function choose(page: Page, title: string, what: string): Promise<void> {
  await rowOf(page, title).hover()
  await rowOf(page, title).getByRole('button').click()
  await page.getByRole('menuitem', { name: what }).click()
}
